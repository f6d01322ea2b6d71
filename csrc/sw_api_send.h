/* The C interface of swsync: RTP senders and their sockets. sw_api.h has the rules. */

/* ---- rtptx.c: an RTP sender without its socket: what leaves next, when, and what its reports say ------------ */

/* A queue of packets with one thread that puts and one that takes. Zeroed memory of the caller's, aligned to 64 octets.
   Times are nanoseconds of the clock that sw_tx_take is given. */
typedef struct sw_tx sw_tx;

typedef struct {
    uint32_t slots;          /* frames that the queue holds: a power of two from 2 to 2^20 */
    uint32_t payload_octets; /* of the longest payload, 1 to 1200 */
    uint32_t clock_rate;     /* timestamp units a second */
    uint32_t ssrc;
    uint32_t timestamp;       /* of the first packet */
    uint16_t sequence_number; /* of the first packet */
    int64_t lead;             /* from the first frame, or the first after a lapse, until it leaves */
    int64_t lapse;            /* with nothing queued for longer it starts anew from now; else it catches up */
} sw_tx_config;

/* One frame. Without payload it is a pause: nothing leaves, the next packet begins a talkspurt. */
typedef struct {
    uint32_t advance;     /* timestamp units from this frame to the next */
    uint32_t back;        /* how far before the clock its timestamp lies: telephone-events keep that of their start */
    uint16_t skip;        /* sequence numbers left out before it: packets that are known to be lost */
    uint8_t payload_type; /* 0..127 */
    uint8_t marker;       /* 1: the marker bit is set in any case */
} sw_tx_frame;

typedef struct {
    uint64_t packets, octets; /* sent: octets are those of payloads */
    uint64_t restarts;        /* times that the queue was empty for longer than `lapse` */
    uint64_t cleared;         /* frames dropped by sw_tx_clear */
    uint64_t room;            /* frames that the queue would take now */
    int64_t left;             /* nanoseconds until all that is queued has left, and its time is over */
    uint32_t timestamp;       /* of the next packet, unless it comes later than now */
    uint16_t sequence_number;
} sw_tx_state;

enum { SW_TX_LARGEST = 1200, SW_TX_REPORT = 512 };

size_t sw_tx_octets(uint32_t slots, uint32_t payload_octets);

/* Make `memory` a sender. SW_EINVAL. */
int sw_tx_init(void *memory, size_t octets, const sw_tx_config *config);

/* Queue one frame. SW_EROOM: the queue is full. SW_EINVAL. */
int sw_tx_put(sw_tx *tx, const sw_tx_frame *frame, const void *payload, size_t octets);

/* Encode `samples` int16 into frames of `frame_samples` and queue those for which there is room; what fills no frame is
   left. Returns how many were queued. SW_ECODEC, SW_EINVAL. */
int64_t sw_tx_put_audio(sw_tx *tx, int codec, int payload_type, const void *pcm, size_t samples, uint32_t frame_samples);

/* Drop what is queued; takes effect when the next packet would be taken. By the thread that puts. */
void sw_tx_clear(sw_tx *tx);

/* When sw_tx_take has to be called next; INT64_MAX: not before something is queued. By the thread that takes. */
int64_t sw_tx_due(sw_tx *tx, int64_t now);

/* Write the packet whose time has come to `out`, which has room for 12 octets and the longest payload. Returns its
   octets; 0: none is due. SW_EROOM. */
int64_t sw_tx_take(sw_tx *tx, int64_t now, void *out, size_t room);

/* Write an RTCP compound packet (RFC 3550 section 6.4): a sender report, or an empty receiver report if nothing has been
   sent since the last but one, the CNAME, and with `bye` the goodbye. `wall`: nanoseconds since 1970 at `now`. Returns its
   octets; 0: a goodbye of somebody who never sent. SW_EROOM, SW_EINVAL. By the thread that takes. */
int64_t sw_tx_report(sw_tx *tx, int64_t now, int64_t wall, int bye, const void *cname, size_t cname_octets, void *out,
                     size_t room);

void sw_tx_state_at(const sw_tx *tx, int64_t now, sw_tx_state *out);

/* ---- rtppace.c: packets of many senders, each at its time --------------------------------------------------- */

/* Zeroed memory of the caller's. An outlet's, and that of its sender, stays until sw_outlet_done says so, or
   sw_pacer_run has returned. */
typedef struct sw_pacer sw_pacer;
typedef struct sw_outlet sw_outlet;

enum { SW_PACER_OUTLETS = 8192 };

/* What the sockets said. */
typedef struct {
    uint64_t refused;    /* ICMP messages: nobody listened there */
    uint64_t dropped;    /* packets that the system did not take */
    uint64_t reports;    /* RTCP packets sent */
    int64_t latest;      /* nanoseconds by which the latest packet left after its time */
    int32_t error;       /* errno of the last failure but those; 0 if there was none */
} sw_outlet_state;

size_t sw_pacer_octets(void);
size_t sw_outlet_octets(void);

/* `wake_fd`: reading end of an eventfd or pipe, not blocking. Packets are sent at most every `grain` nanoseconds.
   SW_EINVAL. */
int sw_pacer_init(void *memory, size_t octets, int wake_fd, int64_t grain);

/* Run until sw_pacer_stop; then every outlet says goodbye. SW_OK. */
int sw_pacer_run(sw_pacer *pacer);

/* Ask for the end; as after sw_pacer_attend, the caller then writes to the wake descriptor. */
void sw_pacer_stop(sw_pacer *pacer);

/* Connected UDP sockets: one for RTP, one for RTCP (the same one to multiplex, below 0 for none). `speed`: seconds of
   the sender's clock in a second of the machine. SW_EINVAL. */
int sw_outlet_init(void *memory, size_t octets, sw_tx *tx, int rtp_fd, int rtcp_fd, double speed, const void *cname,
                   size_t cname_octets);

/* Whether the pacer sleeps on this outlet: then what was put needs sw_pacer_attend. */
int sw_outlet_rests(sw_outlet *outlet);

/* Have the pacer look at an outlet, from any thread; with `end` it says goodbye and lets go. */
void sw_pacer_attend(sw_pacer *pacer, sw_outlet *outlet, int end);

/* Whether the pacer has let go of it. */
int sw_outlet_done(const sw_outlet *outlet);

void sw_outlet_report(const sw_outlet *outlet, sw_outlet_state *out);

/* ---- datagrams.c: many datagrams to many addresses ------------------------------------------------------------ */

/* Send `count` datagrams, which lie one after the other in `octets` octets, from one socket (IPv4). Never waits: what
   the system does not take is dropped. Returns how many it took; SW_EINVAL if the lengths pass the end, or if an
   address is not IPv4. */
int64_t sw_send_many(int fd, const void *datagrams, size_t octets, const uint32_t *lengths, const sw_address *to,
                     size_t count);
