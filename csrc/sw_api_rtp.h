/* The C interface of swsync: RTP and RTCP packets, and what is counted of them. sw_api.h has the rules. */

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
