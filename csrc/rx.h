/* What an RTP receiver is, for the files behind it: rtprx.c (the stream), rtpsource.c (whom to believe), rtcp.c. */
#ifndef SW_RX_H
#define SW_RX_H

#include <stdatomic.h>

#include "sw.h"
#include "track.h"

#define SW_RX_KEEP 8         /* packets kept of each candidate */
#define SW_RX_CANDIDATES 3   /* sources in doubt at a time; the one unheard for longest makes room */
#define SW_RX_KEPT_OCTETS 2048
#define SW_RX_SEEN 4096      /* sequence numbers remembered, to know a packet that comes twice */
#define SW_RX_DROPOUT 3000   /* a jump ahead by more begins a new count (RFC 3550 A.1) */
#define SW_RX_MISORDER 100   /* so does one back by more */
#define SW_RX_NANO INT64_C(1000000000)
#define SW_RX_YIELD (2 * SW_RX_NANO) /* for so long another port of the expected address may turn out a stranger */

typedef struct {
    int64_t arrival;
    uint32_t octets;
    uint8_t data[SW_RX_KEPT_OCTETS];
} sw_kept_packet;

typedef struct {
    sw_address from;
    uint32_t ssrc;
    uint16_t last_seq;
    int64_t last_arrival;
    int count, oldest; /* packets kept, and which of the ring is the first */
    sw_kept_packet kept[SW_RX_KEEP];
} sw_candidate;

/* A sender report that came before its stream was believed. */
typedef struct {
    sw_address from;
    sw_rtcp_packet packet;
    int64_t arrival;
    int is_there;
} sw_early_report;

#define SW_DTMF_TOLD 16       /* timestamps of events that have been told, to know their repeated ends */
#define SW_RX_EVENTS_KEPT 64  /* events that wait to be taken */

typedef struct {
    int is_open;
    uint32_t segment;       /* timestamp of the packets that come now */
    uint32_t before;        /* duration of the segments before this one */
    sw_telephone_event now; /* its duration is this segment's, until it is told */
    int64_t last_arrival;
    uint32_t told[SW_DTMF_TOLD], told_count;
} sw_dtmf;

/* What every packet touches comes first: a packet finds none of it in the cache that other receivers went through. */
struct sw_rx {
    /* Set before the first packet. */
    sw_track *track;
    sw_queue *queue; /* for payloads that are decoded elsewhere; then nobody here writes to the track */
    int rate;

    _Atomic uint32_t tidings; /* from sw_rx_expect to the receiving thread: how far `told` has come */

    /* The receiving thread's own. */
    int payload_type, wide; /* of the audio that comes now; wide: two octets a sample */
    int has_current;
    int has_clock;         /* a packet of the current stream has been placed: ext_ts is its clock */
    int was_next;          /* the last datagram was the plain next packet */
    int in_noise;          /* what was placed last was comfort noise */
    int has_news;          /* something waits for sw_rx_events or sw_queue_take, or the track has ended */
    int has_transit;
    uint32_t transit;
    uint32_t step; /* timestamp units from the packet before the last to the last one */
    uint32_t ssrc;
    sw_address from;
    int64_t base, highest; /* extended sequence numbers */
    uint64_t expected_before;
    int64_t ext_ts;        /* extended timestamp of the highest */
    int64_t last_arrival;  /* of the current stream */
    int64_t left_at;       /* when the sender said goodbye; 0 if it has not */
    uint64_t jitter16;     /* interarrival jitter in timestamp units, times 16 as in A.8 */
    sw_dtmf dtmf;

    _Atomic uint64_t counters[SW_RX_COUNTERS]; /* read by all */

    /* The receiving thread's own. */
    uint64_t seen[SW_RX_SEEN / 64];
    int64_t floor;         /* of sequence numbers; below it the clock was another one */
    int64_t first_arrival; /* of the current stream */
    int has_expected, has_met; /* met: the expected address itself has been believed */
    sw_address expected;
    int64_t yields_until; /* another port of the expected address may turn out to be a stranger until then */

    /* Set before the first packet. */
    int has_filter, prefix, roaming;
    sw_address filter;
    uint8_t kinds[128]; /* SW_PAYLOAD_... by payload type */
    uint32_t refused[SW_RX_SSRCS];
    int refusals;

    /* Read by all, but for `told`, which is the one who tells' until `tidings` says so: addresses in three words, 16
       octets of address, then family, port. */
    _Atomic uint64_t told[3], where[3]; /* whom to expect; the current source */
    _Atomic uint32_t had[SW_RX_SSRCS];  /* the last SSRCs that were believed, in a ring */
    _Atomic uint32_t beliefs;
    _Atomic uint64_t payload_types[128];
    sw_telephone_event events[SW_RX_EVENTS_KEPT]; /* a ring; between events_taken and events_put the reader's */
    _Atomic uint32_t events_put, events_taken;
    _Atomic uint64_t reporting; /* odd while the reports are written: readers try again */
    _Atomic uint64_t reports[2 * SW_REPORT_WORDS]; /* the first and the last sw_sender_report of this clock */

    /* The receiving thread's own. */
    sw_early_report early;
    sw_candidate candidates[SW_RX_CANDIDATES];
};

static inline uint64_t sw_rx_counted(const sw_rx *rx, int counter)
{
    return atomic_load_explicit(&rx->counters[counter], memory_order_relaxed);
}

static inline void sw_rx_set(sw_rx *rx, int counter, uint64_t value)
{
    atomic_store_explicit(&rx->counters[counter], value, memory_order_relaxed);
}

static inline void sw_rx_count(sw_rx *rx, int counter, uint64_t by)
{
    sw_rx_set(rx, counter, sw_rx_counted(rx, counter) + by);
}

/* Two octet strings of 18 each: a loop of the compiler's own, no call. */
static inline int sw_same_host(const sw_address *a, const sw_address *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

static inline int sw_same_address(const sw_address *a, const sw_address *b)
{
    return a->port == b->port && sw_same_host(a, b);
}

/* An address in three words that one thread writes and others read. */
void sw_address_share(const sw_address *address, _Atomic uint64_t *words);
void sw_address_read(const _Atomic uint64_t *words, sw_address *out);

/* The extended timestamp of a packet of the current stream; the first one begins its clock. */
static inline int64_t sw_rx_extend_clock(sw_rx *rx, uint32_t timestamp, int *order)
{
    if (rx->has_clock)
        return rx->ext_ts + (int32_t)(timestamp - (uint32_t)rx->ext_ts);
    rx->has_clock = 1;
    *order = SW_ORDER_RESTART;
    return (int64_t)timestamp;
}

/* A time of the current clock as a place on the track; where somebody else writes that, its timestamp as it is. */
static inline int64_t sw_rx_position(const sw_rx *rx, int64_t timestamp)
{
    return rx->queue ? timestamp : sw_track_place_of(rx->track, timestamp);
}

/* rtprx.c. Ask the cache for what the next packet touches here; and for what that leads to. */
void sw_rx_foresee(const sw_rx *rx);
void sw_rx_foresee_track(const sw_rx *rx);

/* Whether more may have come within so many nanoseconds of the last datagram than its own time is for. */
int sw_rx_is_bunched(const sw_rx *rx, int64_t within);

void sw_rx_count_type(sw_rx *rx, uint8_t payload_type);
void sw_rx_accept(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *datagram, int64_t arrival, int restart);

/* rtpsource.c */
int sw_rx_is_admitted(const sw_rx *rx, const sw_address *from, int any_port);
void sw_rx_doubt(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *datagram, size_t octets, int64_t arrival,
                 const sw_address *from);

/* rtcp.c */
void sw_rx_take_rtcp(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from);
void sw_rx_begin_reports(sw_rx *rx, int64_t now); /* the stream has begun, or its clock is another one */
void sw_rx_read_reports(const sw_rx *rx, sw_rx_state *out);

/* dtmf.c */
void sw_rx_take_events(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *payload, int64_t arrival);
void sw_rx_end_event(sw_rx *rx); /* tell the event that is open, if there is one */
void sw_rx_age_event(sw_rx *rx, int64_t now);
int64_t sw_rx_event_alarm(const sw_rx *rx);

/* rtpqueue.c */
void sw_rx_enqueue(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *payload, int64_t arrival, int order);
uint64_t sw_rx_forget_track(sw_rx *rx);

#endif
