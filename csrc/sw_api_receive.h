/* The C interface of swsync: RTP receivers and their sockets. sw_api.h has the rules. */

/* ---- rtprx.c, rtpsource.c: an RTP receiver without its socket: whose packets count, their order, their place - */

/* Zeroed memory of the caller's, for one receiving thread. sw_rx_report may be called by any. */
typedef struct sw_rx sw_rx;

typedef struct {
    uint8_t octets[16]; /* as on the wire; an IPv4 address takes the first four, the others are 0 */
    uint16_t family;    /* 4 or 6 */
    uint16_t port;      /* in a filter 0 is any */
} sw_address;

/* What a payload type means to a receiver. */
enum {
    SW_PAYLOAD_UNKNOWN = 0,
    SW_PAYLOAD_EVENT = 1,  /* telephone-event (RFC 4733) */
    SW_PAYLOAD_NOISE = 2,  /* comfort noise (RFC 3389) */
    SW_PAYLOAD_QUEUED = 3, /* decoded elsewhere: see sw_rx_hand_on */
    SW_PAYLOAD_AUDIO = 16 /* and an SW_CODEC_... added */
};

enum {
    SW_RX_DATAGRAMS = 0, /* all that came */
    SW_RX_EXPECTED,      /* packets, by the sequence numbers */
    SW_RX_UNIQUE,        /* different ones received */
    SW_RX_DUPLICATE,     /* sequence number seen before */
    SW_RX_LATE,          /* from before the last change of the clock */
    SW_RX_REORDERED,     /* put right among the first packets, before they were placed */
    SW_RX_JITTER16,      /* RFC 3550 A.8, in 1/16 timestamp units */
    SW_RX_KERNEL_DROPS,
    SW_RX_SSRC_NOW,      /* the current one, with bit 32 set */
    SW_RX_FRAME,         /* timestamp units from one packet to the next, as learned; 0 until then */
    SW_RX_RTCP_TAKEN,    /* RTCP datagrams that were well-formed and from the right host */
    SW_RX_REPORTS,       /* sender reports of the current clock */
    SW_RX_BYES,          /* goodbyes of the current stream */
    SW_RX_LEFT,          /* 1 once no more will come */
    SW_RX_NOISE,         /* packets of comfort noise */
    SW_RX_EVENTS,        /* packets of telephone-events */
    SW_RX_EVENTS_DROPPED, /* events that nobody took in time */
    /* Not used, and why: */
    SW_RX_SHORT,
    SW_RX_VERSION,
    SW_RX_MALFORMED,    /* CSRC list, extension, padding, half a sample */
    SW_RX_RTCP,         /* RTCP that is malformed, or of another host */
    SW_RX_SOURCE,       /* another address than the one that is believed or named */
    SW_RX_SSRC,         /* another stream beside the current one */
    SW_RX_SEQUENCE,     /* a jump of the sequence number that was not confirmed */
    SW_RX_PAYLOAD_TYPE, /* counted by number too */
    SW_RX_SIZE,         /* more than 2,048 octets */
    SW_RX_ENDED,        /* after the end of the track */
    SW_RX_QUEUE,        /* the queue of payloads was full */
    SW_RX_COUNTERS
};

/* A sender report (RFC 3550 section 6.4.1) of the current stream. */
typedef struct {
    int64_t position; /* of its RTP timestamp, on the track's timeline; with sw_rx_hand_on that timestamp */
    uint64_t ntp;     /* the sender's wall clock at that moment: seconds since 1900 times 2^32 */
    int64_t arrival;  /* when it came, nanoseconds */
    uint32_t packets; /* sent so far, and octets of payload in them */
    uint32_t octets;
} sw_sender_report;

enum { SW_REPORT_WORDS = 4 };

typedef struct {
    uint64_t counters[28]; /* SW_RX_COUNTERS of them */
    uint64_t payload_types[128];
    sw_address source;
    uint32_t ssrc;
    int32_t has_source;
    sw_sender_report first_report, last_report; /* since the media clock last changed; if SW_RX_REPORTS is not 0 */
} sw_rx_state;

size_t sw_rx_octets(void);

/* Make `memory` a receiver that places into `track`, which it keeps. SW_EINVAL, SW_ECODEC. */
int sw_rx_init(void *memory, size_t octets, sw_track *track, int codec, int rate, int payload_type);

/* What packets of a payload type are: SW_PAYLOAD_... Before the first packet. SW_EINVAL. */
int sw_rx_map(sw_rx *rx, int payload_type, int kind);

/* A key (RFC 4733 section 3.2), once it is over. */
typedef struct {
    int64_t position;  /* where it began, as of a sender report */
    int64_t arrival;   /* when its first packet came, nanoseconds */
    uint32_t duration; /* in timestamp units, over all segments */
    uint8_t event;     /* 0..9 those digits, 10 *, 11 #, 12..15 A to D, others no keys */
    uint8_t volume;    /* 0..63: dBm0 below zero */
} sw_telephone_event;

/* Take up to `room` events that wait, the oldest first; one thread at a time, any one. Up to 64 wait. */
int sw_rx_events(sw_rx *rx, sw_telephone_event *out, int room);

/* ---- rtpqueue.c: payloads that are decoded elsewhere -------------------------------------------------------- */

enum { SW_ORDER_FORGET = -1 }; /* no payload: all before was a stranger's, and does not count */

typedef struct {
    int64_t timestamp; /* of the media clock, carried on over its wraps; another clock begins with SW_ORDER_RESTART */
    int64_t arrival;   /* nanoseconds */
    uint32_t octets;
    uint16_t sequence_number;
    uint8_t payload_type;
    int8_t order; /* SW_ORDER_..., as for sw_track_put */
} sw_payload;

/* Memory of the caller's for `capacity` octets of payloads and 24 octets for each, a power of two from 4,096 to 2^30. */
typedef struct sw_queue sw_queue;
size_t sw_queue_octets(uint32_t capacity);
int sw_queue_init(void *memory, size_t octets, uint32_t capacity);

/* One thread puts, one takes: up to `room` payloads, their octets one after the other in `data`. Returns how many.
   SW_EROOM: it is full. */
int sw_queue_put(sw_queue *queue, const sw_payload *head, const void *data);
int sw_queue_take(sw_queue *queue, sw_payload *heads, int room, void *data, size_t octets);

/* Hand on what is mapped to SW_PAYLOAD_QUEUED, and comfort noise; no payload type means anything before sw_rx_map.
   Whoever takes it writes the track, alone, and ends it once SW_RX_LEFT is set. Before the first packet. */
void sw_rx_hand_on(sw_rx *rx, sw_queue *queue);

/* Whether there is something new to take, or the track has ended, since this was last asked; the receiving thread. */
int sw_rx_news(sw_rx *rx);

/* Whom to believe: `source` (NULL: whoever is first to send four packets) with so many bits of its address, and
   whether the stream may move to another address. Before the first packet. SW_EINVAL. */
int sw_rx_pin(sw_rx *rx, const sw_address *source, int prefix, int roaming);

/* The same once it is known, at any time and by any thread: from the next datagram on, or sw_rx_attend, only this
   address counts, and what another one has sent is forgotten, the track's too. Another port of it is in doubt like any
   newcomer, and gives way when `source` itself comes. Without effect beside a source given to sw_rx_pin. SW_EINVAL. */
int sw_rx_expect(sw_rx *rx, const sw_address *source);

/* The address and port that were named, by either; 0 if none was. The receiving thread. */
int sw_rx_expected(const sw_rx *rx, sw_address *out);

/* Take up what sw_rx_expect was told; the receiving thread. And whether that has happened. */
void sw_rx_attend(sw_rx *rx);
int sw_rx_attended(const sw_rx *rx);

/* Take one datagram that came from `from`; `arrival` in nanoseconds. Whatever is wrong with it is counted. */
void sw_rx_datagram(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from);

/* Take many from one address, laid out as for sw_rtp_parse_many. SW_EINVAL: one lies outside; none is taken then. */
int sw_rx_feed(sw_rx *rx, const void *datagrams, size_t octets, size_t stride, const uint32_t *lengths,
               const int64_t *arrivals, size_t count, const sw_address *from);

/* Take one datagram of the RTCP port. Sender reports are kept. A goodbye of the current stream ends the track, once
   nothing has followed it for half a second. */
void sw_rx_rtcp(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from);

/* When sw_rx_tick has something to do, in nanoseconds of the arrival times; INT64_MAX: never. And have it done, which
   gives 1 if the track has ended with it. */
int64_t sw_rx_alarm(const sw_rx *rx);
int sw_rx_tick(sw_rx *rx, int64_t now);

/* The current stream: its SSRC and 1 << 32; 0 while there is none. Any thread. */
uint64_t sw_rx_stream(const sw_rx *rx);

/* The end: believe what is in doubt if there is only one candidate, drop the others. */
void sw_rx_flush(sw_rx *rx);

/* No more will come: end the track, unless somebody else writes it (sw_rx_hand_on). */
void sw_rx_end(sw_rx *rx);

enum { SW_RX_SSRCS = 8 };

/* Take nothing of these SSRCs, at most SW_RX_SSRCS: a port's last stream may still be sending. Before the first packet;
   counted as SW_RX_SSRC. SW_EINVAL. */
int sw_rx_refuse(sw_rx *rx, const uint32_t *ssrcs, int n);

/* The last SSRCs that were believed, up to SW_RX_SSRCS of them; any thread. Returns how many. */
int sw_rx_had(const sw_rx *rx, uint32_t *ssrcs);

/* Count a datagram that did not fit, and what the kernel says it has dropped so far. */
void sw_rx_oversize(sw_rx *rx);
void sw_rx_kernel_drops(sw_rx *rx, uint32_t total);

void sw_rx_report(const sw_rx *rx, sw_rx_state *out);

/* ---- rtpio.c, rtpwishes.c, rtpsocket.c: RTP sockets into tracks ------------------------------------------ */

/* Zeroed memory of the caller's, aligned to 64 octets. A socket's, and that of its receiver and track, stays until
   sw_socket_done says so, or sw_engine_run has returned. */
typedef struct sw_engine sw_engine;
typedef struct sw_socket sw_socket;

enum { SW_ENGINE_LATENESS = 4096 };

size_t sw_engine_octets(void);

/* `wake_fd`: reading end of an eventfd or pipe, not blocking. Every `tick` nanoseconds each socket that has something
   gives up to about `budget` datagrams; every few ticks, if nobody has asked to hurry (sw_track_hurry). `portable`:
   poll() and recvmsg() instead of epoll and recvmmsg(). SW_EINVAL, or -errno if epoll is not to be had. */
int sw_engine_init(void *memory, size_t octets, int wake_fd, int64_t tick, int budget, int portable);

/* A descriptor, or -1, that is written to (as for sw_track_listen) after a tick in which sw_rx_news was so of any
   receiver; by any thread. It stays open as long as the engine runs. */
void sw_engine_news(sw_engine *engine, int fd);

/* Run until sw_engine_stop. Then all sockets are ended. SW_OK. */
int sw_engine_run(sw_engine *engine);

/* Give back what sw_engine_init took, if sw_engine_run was never called. */
void sw_engine_discard(sw_engine *engine);

/* Ask for the end; as after sw_engine_open and sw_engine_end, the caller then writes to the wake descriptor. */
void sw_engine_stop(sw_engine *engine);

/* How late each of the last ticks was, in nanoseconds and in no order; returns the number of ticks so far. */
int64_t sw_engine_lateness(const sw_engine *engine, uint64_t *nanoseconds, int room);

/* Make a UDP socket not block, and tell receive times and drops. SW_EINVAL. */
int sw_socket_options(int fd);

size_t sw_socket_octets(void);

/* `rtcp_fd`: of the port for RTCP, or -1. `speed`: seconds of the track's clock in a second of the machine. SW_EINVAL. */
int sw_socket_init(void *memory, size_t octets, int fd, int rtcp_fd, sw_rx *rx, sw_track *track, double speed);

/* ---- rtpshare.c: one port for many receivers, told apart by who sends to them, and then by SSRC ------------- */

enum {
    SW_SHARE_DATAGRAMS = 0, /* all that came */
    SW_SHARE_UNMATCHED,     /* held for a second, or too many or too long for that: nobody expected their address */
    SW_SHARE_REFUSED,       /* receivers that cannot be told from another one, or for which there was no room */
    SW_SHARE_KERNEL_DROPS,
    SW_SHARE_COUNTERS
};

/* Zeroed memory of the caller's, for up to so many receivers, 65,536 at most (0 octets: more). SW_EINVAL. */
typedef struct sw_share sw_share;
size_t sw_share_octets(uint32_t receivers);
int sw_share_init(void *memory, size_t octets, uint32_t receivers);
uint64_t sw_share_counter(const sw_share *share, int counter);

/* A socket whose datagrams go to those who have joined it. SW_EINVAL. */
int sw_socket_init_port(void *memory, size_t octets, int fd, sw_share *share);

/* A receiver of such a port, which outlives it. It gets what comes from the address that sw_rx_expect, or sw_rx_pin with a
   port, has named, once it is open, and what is held of it. RTCP only where that shares the port. SW_EINVAL. */
int sw_socket_init_member(void *memory, size_t octets, sw_socket *port, sw_rx *rx, sw_track *track, double speed);

/* From now on somebody may know the port from this receiver: what comes that is no other one's is held for it. Without
   that it is so from when it was opened. Then sw_engine_attend. Any thread; the first time counts. */
void sw_socket_ask(sw_socket *member);

/* Whether the engine reckons with that, or has no need to any more. Any thread. */
int sw_socket_reckoned(const sw_socket *member);

enum {
    SW_JOIN_FULL = -2,  /* there are as many receivers as there may be */
    SW_JOIN_DOUBT = -1, /* another one expects the same address, and its stream began later than this one was asked for */
    SW_JOIN_WAITS = 0,  /* nobody has said yet whose datagrams it is to get */
    SW_JOIN_DONE = 1
};

/* SW_JOIN_... of a receiver of a shared port; any thread. */
int sw_socket_joined(const sw_socket *member);

/* Have the engine receive from it, from any thread. */
void sw_engine_open(sw_engine *engine, sw_socket *socket);

/* Have it take what has come already, end the track, and let go. */
void sw_engine_end(sw_engine *engine, sw_socket *socket);

/* Have it call sw_rx_attend for a socket that was opened and not ended, and see whether its track is to be hurried. */
void sw_engine_attend(sw_engine *engine, sw_socket *socket);

/* Whether the engine has let go of it. */
int sw_socket_done(const sw_socket *socket);

/* Write to the descriptors of those whose wait for this track is over. */
void sw_track_wake(sw_track *track);
