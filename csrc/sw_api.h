/*
 * The C interface of swsync: everything that Python may call, and nothing else.
 *
 * cffi reads this file as it is, so it holds declarations and comments only: no #include, no macros with
 * arguments, no include guard (C files include "sw.h", which has one).
 *
 * Rules for every function here and for the files behind them:
 *  - Names begin with sw_ and then say their file: sw_ulaw_decode, sw_rtp_parse.
 *  - A function that can fail returns SW_OK or a negative SW_E... code; sw_strerror() turns any code into words.
 *  - The caller owns all memory. Nothing allocates, logs or keeps a pointer after it returns (an object that
 *    does says so). There is no global state but constant tables and the choice of CPU path, so any number of
 *    threads may be inside: cffi drops Python's lock around each call.
 *  - Time is an argument. Only rtpio.c, rtpwishes.c, rtpsocket.c, rtppace.c and wsio.c touch sockets and clocks, and
 *    datagrams.c sockets.
 *  - Arguments come in this order: the object, the inputs, their lengths, the outputs.
 *  - Each length is checked before the read that it protects.
 *  - The wire's byte order is made by shifts. PCM is int16 in the machine's order behind a void pointer of any
 *    alignment; inputs and outputs do not overlap.
 *  - Sequence numbers and timestamps wrap: their arithmetic is uint16_t and uint32_t.
 *  - Calls take blocks. Crossing from Python into C costs more than decoding a frame, so nothing here is meant
 *    to be called once a sample, and the hot paths take many frames a call.
 */

/* Codes. Zero is success; every failure is negative. */
enum {
    SW_OK = 0,
    SW_EINVAL = -1,   /* an argument makes no sense */
    SW_EROOM = -2,    /* the output has not enough room */
    SW_ECODEC = -3,   /* no such codec, or octets that are no whole number of its samples */
    SW_ESHORT = -4,   /* shorter than an RTP header */
    SW_EVERSION = -5, /* the RTP version is not 2 */
    SW_ECSRC = -6,    /* the CSRC list passes the end */
    SW_EEXT = -7,     /* the header extension passes the end */
    SW_EPADDING = -8, /* the padding is zero or more than the packet holds */
    SW_ETYPE = -9,    /* an RTCP packet where RTP belongs, or the other way round (RFC 5761 section 4) */
    SW_ELENGTH = -10, /* an RTCP packet that is longer than its datagram, or shorter than what it must hold */
    SW_EBASE64 = -11  /* no base64 (RFC 4648 section 4) */
};

/* What a code means, as a constant string; never NULL. */
const char *sw_strerror(int code);

/* ---- cpu.c: which instructions the codecs use ------------------------------------------------------------- */

enum {
    SW_CPU_AUTO = 0,  /* the best one that this machine has */
    SW_CPU_PLAIN = 1, /* portable C */
    SW_CPU_SSE2 = 2,
    SW_CPU_AVX2 = 3,
    SW_CPU_NEON = 4
};

/* Choose the path of all later calls in this process (the results are the same bits). For tests and benchmarks.
   SW_EINVAL: this machine or this build does not have it; the choice stays as it was. */
int sw_cpu_select(int path);

/* The path in use: SW_CPU_PLAIN ... SW_CPU_NEON. */
int sw_cpu_path(void);

/* ---- g711.c: G.711 and L16 in blocks ---------------------------------------------------------------------- */

enum {
    SW_CODEC_PCMU = 0, /* mu-law, one octet a sample */
    SW_CODEC_PCMA = 1, /* A-law, one octet a sample */
    SW_CODEC_L16 = 2,  /* 16 bit linear, big-endian (RFC 3551 section 4.5.11) */
    SW_CODEC_L16LE = 3 /* 16 bit linear, little-endian (WebSocket media) */
};

/* ITU-T G.711 as the ITU's own tool library (G.191) computes it. `samples` int16 in, as many octets out.
   `pcm` and `out` have any alignment. */
void sw_ulaw_encode(const void *pcm, size_t samples, uint8_t *out);
void sw_alaw_encode(const void *pcm, size_t samples, uint8_t *out);

/* `octets` codes in, as many int16 out. */
void sw_ulaw_decode(const uint8_t *codes, size_t octets, void *pcm);
void sw_alaw_decode(const uint8_t *codes, size_t octets, void *pcm);

/* Exchange the two octets of each of `samples` 16 bit values. */
void sw_swap16(const void *in, size_t samples, void *out);

/* Octets that one sample takes on the wire: 1 or 2; SW_ECODEC for an unknown codec. */
int sw_codec_octets(int codec);

/* Encode `samples` int16 into `out`, which has room for `room` octets. SW_ECODEC, SW_EROOM. */
int sw_encode(int codec, const void *pcm, size_t samples, uint8_t *out, size_t room);

/* Decode `octets` into int16; `pcm` has room for `room` samples. SW_ECODEC, SW_EROOM. */
int sw_decode(int codec, const void *payload, size_t octets, void *pcm, size_t room);

/* ---- rtp.c: RTP packets (RFC 3550 section 5.1; header extension as in 5.3.1 and RFC 8285) ----------------- */

/* One packet's header, and where its parts lie, in octets from the packet's first one. */
typedef struct {
    uint8_t marker;              /* 0 or 1 */
    uint8_t payload_type;        /* 0..127 */
    uint8_t has_extension;       /* 0 or 1 */
    uint8_t csrc_count;          /* 0..15 */
    uint16_t sequence_number;
    uint16_t extension_profile;  /* the extension's first 16 bits: 0xBEDE is RFC 8285's one-byte form */
    uint32_t timestamp;
    uint32_t ssrc;
    uint32_t csrcs[15];
    uint32_t extension_offset;   /* of the extension's data, after its own 4 octets */
    uint32_t extension_octets;   /* a multiple of 4 */
    uint32_t payload_offset;
    uint32_t payload_octets;     /* without padding */
    uint32_t padding_octets;     /* 0 if the padding bit is clear; else with the octet that counts them */
} sw_rtp_packet;

/* Read one packet. SW_ESHORT, SW_EVERSION, SW_ETYPE, SW_ECSRC, SW_EEXT, SW_EPADDING; `packet` is all zeros then. */
int sw_rtp_parse(const void *datagram, size_t octets, sw_rtp_packet *packet);

/* Read `count` packets. Packet i is lengths[i] octets long and begins at datagrams + i * stride; with a stride of 0
   each one begins where the one before it ends, `octets` in all. `packets` and `codes` have `count` entries; codes[i]
   is what sw_rtp_parse gave. SW_EINVAL: a packet reaches past `octets`, or is longer than the stride; nothing is
   written then. Otherwise the number of packets that are valid. */
int64_t sw_rtp_parse_many(const void *datagrams, size_t octets, size_t stride, const uint32_t *lengths, size_t count,
                          sw_rtp_packet *packets, int32_t *codes);

/* Octets that sw_rtp_write will need for the packet and its payload; SW_EINVAL as there. */
int64_t sw_rtp_size(const sw_rtp_packet *packet);

/* Write a packet. The header's fields, the octet counts of its parts (the offsets are not looked at) and the
   parts themselves: `extension` of packet->extension_octets, `payload` of packet->payload_octets. Returns the octets
   written. SW_EINVAL: a field is out of range, or the extension is no multiple of 4 octets. SW_EROOM. */
int64_t sw_rtp_write(const sw_rtp_packet *packet, const void *extension, const void *payload, void *out, size_t room);

/* What a sender keeps between packets. */
typedef struct {
    int32_t codec;             /* SW_CODEC_... */
    uint32_t frame_samples;    /* samples a packet: clock rate * ptime / 1000 */
    uint32_t ssrc;
    uint32_t timestamp;        /* of the next packet */
    uint16_t sequence_number;  /* of the next packet */
    uint8_t payload_type;      /* 0..127 */
    uint8_t marker;            /* 1: the next packet gets the marker (a talkspurt begins, RFC 3551 section 4.1) */
} sw_rtp_source;

/* Octets of each packet that sw_rtp_packetize makes for this source: 12 and the frame. SW_ECODEC, SW_EINVAL. */
int64_t sw_rtp_packet_octets(const sw_rtp_source *source);

/* Encode `samples` int16 into RTP packets of one frame each, back to back in `out`, and move the source on. The last
   frame is filled up with silence. All packets have sw_rtp_packet_octets() octets. Returns how many there are.
   SW_ECODEC, SW_EINVAL, SW_EROOM: nothing is written and the source stays. */
int64_t sw_rtp_packetize(sw_rtp_source *source, const void *pcm, size_t samples, void *out, size_t room);

/* ---- rtcp.c: RTCP packets (RFC 3550 section 6; without a report in front too, RFC 5506) --------------------- */

enum { SW_RTCP_SR = 200, SW_RTCP_RR = 201, SW_RTCP_SDES = 202, SW_RTCP_BYE = 203, SW_RTCP_APP = 204 };

/* One packet of a compound one. What its type does not have is 0. */
typedef struct {
    uint8_t payload_type;   /* 192..223 */
    uint8_t count;          /* 0..31: report blocks, chunks, or sources that leave */
    uint32_t ssrc;          /* whose packet it is; not of SDES and BYE */
    uint64_t ntp;           /* SR: wall clock, seconds since 1900 times 2^32 */
    uint32_t rtp_timestamp; /* SR: the same moment on the media clock */
    uint32_t packet_count;  /* SR: sent so far */
    uint32_t octet_count;   /* SR: of payload in them */
    uint32_t sources[31];   /* BYE: `count` SSRCs */
} sw_rtcp_packet;

/* Read the packet that begins at *at, and move *at to the next one, or to `octets` after the last. SW_ESHORT,
   SW_EVERSION, SW_ETYPE, SW_ELENGTH, SW_EPADDING. */
int sw_rtcp_parse(const void *datagram, size_t octets, size_t *at, sw_rtcp_packet *packet);

/* ---- rtpstats.c: is a sequence number valid, what was lost, how even is arrival (RFC 3550 A.1, A.3, A.8) --- */

enum {
    SW_RTP_MAX_DROPOUT = 3000,  /* a jump ahead by fewer packets is loss */
    SW_RTP_MAX_MISORDER = 100,  /* a step back by fewer packets is reordering */
    SW_RTP_MIN_SEQUENTIAL = 2   /* packets in sequence before a source is believed */
};

/* What sw_rtp_stats_update says of a packet, besides failing. */
enum {
    SW_RTP_PROBATION = 0, /* not yet believed: not counted */
    SW_RTP_VALID = 1,     /* in order, or ahead; also the highest once more, which the RFC counts too */
    SW_RTP_REORDERED = 2, /* behind the highest, by fewer than MAX_MISORDER */
    SW_RTP_JUMP = 3,      /* too far ahead or behind: not counted; believed if the next one follows it */
    SW_RTP_RESTART = 4    /* it follows a jump: the source began again, and so did the counts of this round */
};

/* One source, in the RFC's names. All fields may be read; only the functions write them. */
typedef struct {
    uint16_t max_seq;        /* highest sequence number seen */
    uint16_t reserved;
    uint32_t cycles;         /* wraps of the sequence number, times 65536 */
    uint32_t base_seq;       /* first sequence number of this round */
    uint32_t bad_seq;        /* the one that would follow a jump; 65537 if none */
    uint32_t probation;      /* packets still wanted in sequence */
    uint32_t started;        /* 0 until the first packet */
    uint32_t received;       /* packets counted in this round */
    uint32_t expected_prior; /* at the last sw_rtp_stats_fraction */
    uint32_t received_prior;
    uint32_t transit;        /* of the last packet, in clock units */
    uint32_t has_transit;
    uint32_t clock_rate;     /* timestamp units a second */
    uint32_t restarts;       /* rounds after the first */
    uint64_t jitter;         /* interarrival jitter in clock units, times 16 */
    uint64_t reordered;      /* totals over all rounds from here on */
    uint64_t invalid;        /* packets of probation and jumps */
    uint64_t packets_before; /* received in the rounds before this one */
    uint64_t expected_before;
} sw_rtp_stats;

/* Begin, before the first packet of a source. SW_EINVAL: the clock rate is 0. */
int sw_rtp_stats_init(sw_rtp_stats *stats, uint32_t clock_rate);

/* Nanoseconds of any clock in timestamp units modulo 2^32, to compare with RTP timestamps. */
uint32_t sw_rtp_clock(int64_t nanoseconds, uint32_t clock_rate);

/* Count one packet that arrived at `arrival` (sw_rtp_clock of the arrival time). SW_RTP_PROBATION ... RESTART. */
int sw_rtp_stats_update(sw_rtp_stats *stats, uint16_t sequence_number, uint32_t timestamp, uint32_t arrival);

/* The same for `count` packets as sw_rtp_parse_many leaves them: those whose code is not SW_OK are passed over.
   `arrivals` has `count` entries. Returns how many were counted. */
int64_t sw_rtp_stats_update_many(sw_rtp_stats *stats, const sw_rtp_packet *packets, const int32_t *codes,
                                 const uint32_t *arrivals, size_t count);

/* The highest sequence number of this round, with its wraps. */
uint32_t sw_rtp_stats_highest(const sw_rtp_stats *stats);

/* Packets expected and received, over all rounds. */
uint64_t sw_rtp_stats_expected(const sw_rtp_stats *stats);
uint64_t sw_rtp_stats_received(const sw_rtp_stats *stats);

/* Expected less received: below 0 if packets came twice. */
int64_t sw_rtp_stats_lost(const sw_rtp_stats *stats);

/* Interarrival jitter in timestamp units, as reports carry it. */
uint32_t sw_rtp_stats_jitter(const sw_rtp_stats *stats);

/* The fraction lost since the last call, in 1/256, as receiver reports carry it; 0 if packets came twice. */
uint32_t sw_rtp_stats_fraction(sw_rtp_stats *stats);

/* ---- jitter.c, trackread.c: the timeline of one direction of audio ---------------------------------------- */

/* A ring of decoded samples placed by the media clock. One thread writes, any number read. It lives in memory of
   the caller's (zeroed, aligned to 64 octets), which outlives every call on it. */
typedef struct sw_track sw_track;

enum {
    SW_TRACK_PACKETS = 0, /* that carried audio, whatever became of them */
    SW_TRACK_OCTETS,      /* of payload in them */
    SW_TRACK_SAMPLES,     /* placed */
    SW_TRACK_LATE,        /* packets that came after the reorder window had passed them */
    SW_TRACK_REORDERED,   /* packets placed behind the newest */
    SW_TRACK_DUPLICATE,   /* packets whose samples were all there */
    SW_TRACK_REBASED,     /* times that the media clock jumped and the timeline went on by arrival */
    SW_TRACK_QUIET,       /* samples of silence where the sender paused */
    SW_TRACK_MISSING,     /* samples of silence where packets were missing when later ones came */
    SW_TRACK_ESTIMATED,   /* samples of silence put in by sw_track_append */
    SW_TRACK_MUTED,       /* samples of silence in place of what came while the track was mute */
    SW_TRACK_COUNTERS
};

/* How a packet lies to the newest one before it. */
enum {
    SW_ORDER_UNKNOWN = 0, /* the wire does not number its packets */
    SW_ORDER_NEXT = 1,    /* directly after it: a gap of the clock is a pause of the sender's */
    SW_ORDER_LOST = 2,    /* after it, others between have not come: a gap is missing audio */
    SW_ORDER_OLDER = 3,   /* before it */
    SW_ORDER_RESTART = 4  /* its clock has nothing to do with what was before */
};

/* What became of a packet, beside SW_OK. */
enum { SW_PUT_LATE = 1, SW_PUT_DUPLICATE = 2, SW_PUT_REBASED = 3, SW_PUT_ENDED = 4 };

enum { SW_SPAN_MISSING = 1, SW_SPAN_QUIET = 2 };

/* Samples that are not there: they read as zero. */
typedef struct {
    int64_t position, samples;
    int32_t kind; /* SW_SPAN_MISSING, SW_SPAN_QUIET */
} sw_span;

/* Where one reader is, and how many samples it has lost because it was too slow. */
typedef struct {
    int64_t position;
    uint64_t overruns;
} sw_reader;

/* A snapshot. Positions are samples of the media clock, times are nanoseconds. */
typedef struct {
    int64_t origin, start, head; /* first packet placed; lowest position; one past the highest */
    int64_t anchor;              /* when `origin` was sent plus the shortest transit seen */
    int64_t last_arrival;
    int32_t started, ended;
    uint64_t counters[11]; /* SW_TRACK_COUNTERS of them */
} sw_track_state;

/* Octets of memory for a ring of `capacity` samples, a power of two from 64 to 2^32; 0 for another one. */
size_t sw_track_octets(uint64_t capacity);

/* Make `memory` a track. `window` (samples, at most half the capacity) is how far behind the newest sample one may
   still be filled in; positions within `snap` samples of the head are taken as next to it. SW_EINVAL, SW_ECODEC. */
int sw_track_init(void *memory, size_t octets, uint64_t capacity, int rate, int codec, int64_t window, int64_t snap);

/* Place one packet at `position` of the media clock. A gap is filled by no more than the time since the last packet
   plus 1 s; a larger jump, or one back, goes on by arrival (SW_PUT_REBASED). SW_PUT_..., SW_ECODEC, SW_EINVAL. */
int sw_track_put(sw_track *track, const uint8_t *payload, size_t octets, int64_t position, int64_t arrival, int order);

/* Place one packet after the last: the sample count is the clock. A deficit against arrival times that is still
   there after two seconds is filled once (SW_TRACK_ESTIMATED). SW_PUT_ENDED, SW_ECODEC. */
int sw_track_append(sw_track *track, const uint8_t *payload, size_t octets, int64_t arrival);

/* The sender is silent up to `position`: that much is known to be silence, bounded as a gap is. SW_PUT_... */
int sw_track_quiet(sw_track *track, int64_t position, int64_t arrival, int order);

/* From now on nothing that comes is kept: silence takes its place. Any thread; as many unmutes as mutes end it. */
void sw_track_mute(sw_track *track);

/* At `now`: what is sent after that is kept again. What was sent before, or within `guard` nanoseconds after, is not, by
   its place on the media clock, however late it comes. Any thread. */
void sw_track_unmute(sw_track *track, int64_t now, int64_t guard);

/* What comes next is encoded as `codec`; for the one who writes. */
void sw_track_recode(sw_track *track, int codec);

/* Forget all that was placed, as if nothing had come; for the one who writes. What a reader has taken already it has;
   positions only go on. Returns how many packets it was. */
uint64_t sw_track_forget(sw_track *track);

/* No more will come. */
void sw_track_end(sw_track *track);

/* The lowest position that the ring still holds, with some distance to what is overwritten next. */
int64_t sw_track_oldest(const sw_track *track);

/* Copy up to `samples` int16 from the reader's position, none at or past `until`, and move the reader on. Up to
   `room` (at least 1) spans say what was not there; with more of them the call returns less. Returns the samples
   copied. If the ring has overwritten the reader's position, it is moved on first, and `overruns` grows by as much. */
int64_t sw_track_read(const sw_track *track, sw_reader *reader, int64_t samples, int64_t until, void *pcm,
                      sw_span *spans, int32_t room, int32_t *used);

void sw_track_report(const sw_track *track, sw_track_state *out);

/* A slot for a reader that blocks: `fd` is an eventfd or the writing end of a pipe, and stays open as long as the
   track is written to. SW_EROOM: eight readers block already. */
int sw_track_listen(sw_track *track, int fd);
void sw_track_unlisten(sw_track *track, int slot);

/* Ask to be woken once, when head has reached `want` or the track has ended. 1: that is so already. */
int sw_track_arm(sw_track *track, int slot, int64_t want);

/* ---- plc.c: what was lost goes on as it was before (ITU-T G.711 Appendix I) -------------------------------- */

/* The concealment of one reader of one stream. Only the functions write it; it has no pointers and may be copied. */
typedef struct {
    int32_t rate, step;        /* samples a second, and in 10 ms */
    int32_t shortest, longest; /* pitch, in samples: 5 and 15 ms */
    int32_t length;            /* samples of history: 48.75 ms */
    int32_t phase;
    int32_t lost;              /* samples made since the last good one, up to 60 ms */
    int32_t pitch, overlap;    /* of this loss: the pitch period, and a quarter of it */
    int32_t periods, offset;   /* how many periods are repeated, and where in them it is */
    int32_t faded;             /* samples of `fade` used */
    int32_t merge, merged;     /* samples over which good audio fades in, and how many of them are done */
    float fade[180];           /* what the periods that are repeated fade in over */
    int16_t tail[180];         /* the last quarter period before the loss */
    int16_t history[2340], cycle[2340];
} sw_plc;

/* Begin: before it there was silence. SW_EINVAL: the rate is not from 8,000 to 48,000. */
int sw_plc_init(sw_plc *plc, int rate);

/* The next samples have nothing to do with those before. */
void sw_plc_reset(sw_plc *plc);

/* `samples` int16 that came. They stay as they are, but for up to 10 ms after a loss, which fade in. */
void sw_plc_good(sw_plc *plc, void *pcm, size_t samples);

/* Make `samples` int16 in place of lost ones: the last pitch periods again, after 10 ms 20 % less with each 10 ms,
   after 60 ms silence. Adds no delay. */
void sw_plc_conceal(sw_plc *plc, void *pcm, size_t samples);

/* ---- playout.c: live reading: a playout delay of the reader's own, and concealment ------------------------- */

enum { SW_PLAYOUT_AUDIO = 0, SW_PLAYOUT_CONCEALED = 1, SW_PLAYOUT_SILENCE = 2 };
enum { SW_PLAYOUT_BUCKETS = 200, SW_PLAYOUT_GAPS = 64 };

/* One live reader of one track. Only the functions write it; it has no pointers and may be copied. Lengths are samples. */
typedef struct {
    sw_reader reader;
    int32_t placed, conceals;       /* whether it has a place; whether it can conceal at this rate */
    int64_t delay, target;          /* how far behind it stays now, and how far it should */
    int64_t least, most;            /* limits of both */
    uint64_t concealed, late;       /* made because they were missing; of these, those that came afterwards */
    uint64_t skipped, stretched;    /* silence left out so that the delay shrinks; time added so that it grows */
    int32_t is_live, starved;       /* not behind by its own slowness; waiting for what has not come */
    uint32_t noted, known;          /* packets whose lateness it has looked at */
    float weight, total, histogram[200]; /* that lateness in 5 ms, newer ones weighing more */
    int32_t oldest, gaps;
    sw_span gap[64];                /* what was concealed and may yet come */
    sw_plc plc;
} sw_playout;

typedef struct {
    int64_t position;    /* of the first sample */
    int64_t want, wait;  /* if nothing is due: until head reaches this, or so many nanoseconds pass (below 0: no limit) */
    int32_t state;       /* SW_PLAYOUT_CONCEALED if any of it was missing; SILENCE if the sender paused in it */
    int32_t ended;       /* with 0 samples: there will be no more */
} sw_playout_frame;

/* Begin with a delay of `begin`, kept from `least` to `most` samples (at most a second); equal limits fix it. SW_EINVAL. */
int sw_playout_init(sw_playout *playout, const sw_track *track, int64_t begin, int64_t least, int64_t most);

/* Take `samples` int16 if they are due at `now` (nanoseconds of the arrivals' clock), fewer at the end: the samples
   taken. 0: nothing is due, `out` says what to wait for, or that the end has come. `may_skip`: silence that nobody sent may
   be left out, to shorten the delay. SW_EINVAL. */
int64_t sw_playout_take(const sw_track *track, sw_playout *playout, int64_t samples, int64_t now, int may_skip, void *pcm,
                        sw_playout_frame *out);

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
   gives up to about `budget` datagrams. `portable`: poll() and recvmsg() instead of epoll and recvmmsg(). SW_EINVAL,
   or -errno if epoll is not to be had. */
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

/* Have it call sw_rx_attend for a socket that was opened and not ended. */
void sw_engine_attend(sw_engine *engine, sw_socket *socket);

/* Whether the engine has let go of it. */
int sw_socket_done(const sw_socket *socket);

/* Write to the descriptors of those whose wait for this track is over. */
void sw_track_wake(sw_track *track);

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

/* ---- level.c: how loud, and who speaks ---------------------------------------------------------------------- */

/* What blocks of one direction have shown; zeroed before the first. */
typedef struct {
    uint64_t samples;
    uint64_t energy;   /* sum of the squares */
    uint64_t clipped;  /* samples at either end of the range */
    uint64_t talk;     /* samples of frames in which somebody spoke, with the hangover */
    uint64_t active;   /* samples of frames above the threshold, without it */
    uint64_t active_energy;
    uint32_t peak;     /* largest magnitude, up to 32768 */
    uint32_t frame_samples; /* of the frame under way */
    uint64_t frame_energy;
    uint32_t hangover; /* samples that still count as talk */
    uint32_t reserved;
} sw_level;

/* Look at `samples` int16. Frames of 20 ms whose power is above `threshold` (mean square) are speech, and so is
   what follows them for 200 ms (the hangover of ITU-T P.56). `rate`: samples a second, 1000 to 192000. SW_EINVAL. */
int sw_level_add(sw_level *level, const void *pcm, size_t samples, uint32_t rate, uint32_t threshold);

/* ---- base64.c: RFC 4648 section 4, without line breaks, with padding, whose spare bits are zero --------------- */

/* Decode `octets` characters. Returns the octets written. SW_EBASE64; SW_EROOM. */
int64_t sw_base64_decode(const void *text, size_t octets, void *out, size_t room);

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

/* The socket at which a sweep came back. `octets` of it lie in the buffer, of which `done` have been taken; 0: its peer
   sends no more; SW_WS_UNREAD: nothing was read; else -errno. */
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
