/* The C interface of swsync: media WebSockets. sw_api.h has the rules. */

/* ---- wsmedia.c, streamscan.c: media WebSockets (RFC 6455) into tracks --------------------------------------- */

/* What one socket has come to. Zeroed memory of the caller's, for one receiving thread; sw_ws_report is for any. */
typedef struct sw_ws sw_ws;

enum { SW_WS_TAP = 0, SW_WS_STREAM = 1 };

enum { SW_WS_PLAIN = 16384 }; /* octets of the longest message that is taken here: 256 ms of L16 at 24 kHz */

/* Why sw_ws_place has not placed a message, beside SW_OK and SW_EINVAL. */
enum { SW_WS_UNEXPECTED_TRACK = 1, SW_WS_HALF_SAMPLE = 2, SW_WS_NO_AUDIO = 3, SW_WS_REPLAYED = 4 };

/* What one sw_ws_take came to. */
typedef struct {
    uint64_t foreign; /* octets behind those taken that are one frame for others; some may not have come yet */
    int32_t lanes;    /* bit n: audio was placed in lane n */
    int32_t refused;  /* SW_WS_...: why the last message was not placed, which ended the call */
    int32_t lane;     /* that message's */
} sw_ws_taken;

typedef struct {
    uint64_t messages_missing, messages_repeated; /* by their sequence numbers */
    uint64_t messages_taken;                      /* by sw_ws_take */
    uint64_t missing[2], replayed[2], restarted[2]; /* chunks, of each lane */
} sw_ws_state;

size_t sw_ws_octets(void);

/* `max_size`: octets of the largest message. SW_EINVAL. */
int sw_ws_init(void *memory, size_t octets, int kind, size_t max_size);

/* Have audio placed: a tap's in lane 0; a stream's inbound track in lane 0, its outbound one in lane 1. SW_EINVAL,
   SW_ECODEC. */
int sw_ws_lane(sw_ws *ws, int lane, sw_track *track, int rate, int codec);

/* The stream's start message has come, with this streamSid (maybe empty), of up to 256 octets. SW_EINVAL. */
int sw_ws_start(sw_ws *ws, const void *sid, size_t octets);

/* Whether half a sample of a tap waits for its other half: then all messages are for others. */
void sw_ws_carry(sw_ws *ws, int has_carry);

/* Count the sequence number of a stream's message; below 0: it has none. */
void sw_ws_follow(sw_ws *ws, int64_t number);

/* Place one media message of a stream, whoever has read it; chunk and timestamp (milliseconds) below 0 are not told.
   Chunks that follow each other are joined without a seam while the timestamp agrees within half a chunk (2 to 20 ms);
   else the timestamp holds. SW_OK, SW_WS_..., SW_EINVAL. */
int sw_ws_place(sw_ws *ws, int lane, int64_t chunk, int64_t timestamp, const void *payload, size_t octets,
                int64_t arrival);

/* Take all plain messages that `data` begins with: whole, final, masked data frames of bounded length, with audio (tap),
   or with a `media` message in the usual form (stream). `data` begins with a frame, and is written to. Returns the octets
   of the frames taken. What is behind them is a frame for others (`foreign`), a message after one that was refused, or
   the beginning of a frame. */
int64_t sw_ws_take(sw_ws *ws, void *data, size_t octets, int64_t arrival, sw_ws_taken *out);

void sw_ws_report(const sw_ws *ws, sw_ws_state *out);

/* sw_track_wake for a lane's track. */
void sw_ws_wake(sw_ws *ws, int lane);

/* ---- wsio.c: the sockets of plain media, many a call (Linux) ------------------------------------------------ */

typedef struct {
    sw_ws *ws;       /* NULL: what comes is for others */
    int32_t fd;
    double speed;    /* seconds of its tracks' clock in a second of the machine */
    int64_t heard;   /* the machine's nanoseconds when it was last read here; 0: never */
    uint64_t octets; /* read here so far */
} sw_ws_socket;

enum { SW_WS_UNREAD = -10000 };

/* The socket at which a sweep came back, behind which the next begins; zeroed before the first. `octets` of it lie in
   the buffer, of which `done` have been taken; 0: its peer sends no more; SW_WS_UNREAD: nothing was read; else -errno. */
typedef struct {
    int32_t fd;
    int64_t octets, done;
    sw_ws_taken taken;
} sw_ws_stop;

/* Read each socket once that `epoll` finds readable, take its plain messages and wake readers of its tracks.
   `sockets` has `count` entries, by descriptor. 0: that was all. 1: `out` says which socket has something else, or
   a message without a place; call again after it has been seen to. SW_EINVAL: not on this system. */
int sw_ws_sweep(int epoll, sw_ws_socket *const *sockets, int count, void *buffer, size_t room, int64_t now,
                sw_ws_stop *out);

/* Where sw_ws_keep_sweeping looks for something else to do. */
typedef struct {
    int32_t epoll;  /* of the sockets that are read here */
    int32_t others; /* an epoll of that epoll and of all else there is to see to */
    int32_t bell;   /* becomes readable when somebody has something to do at once */
    int64_t tick;   /* nanoseconds from one sweep to the next */
} sw_ws_watch;

/* Sweep now and each tick after, for as long as sockets have something, nothing else has, and CLOCK_MONOTONIC is before
   `until`. 1 and SW_EINVAL: as above. */
int sw_ws_keep_sweeping(const sw_ws_watch *watch, sw_ws_socket *const *sockets, int count, void *buffer, size_t room,
                        int64_t until, sw_ws_stop *out);
