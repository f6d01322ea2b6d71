/*
 * One RTP receiver without its socket: whose packets count, in what order they were sent, and where they go.
 *
 * The first source is believed after four valid packets (or at once, where the user names it), which are kept, not
 * lost. The same doubt, with the same keeping, meets everything that claims to be a new beginning: another SSRC,
 * another port of the same address, sequence numbers that jump too far (RFC 3550 A.1). A new beginning is believed
 * only once the current stream has been silent for a moment, so nobody can push in beside a stream that goes on.
 */

#include <stdatomic.h>
#include <string.h>

#include "sw.h"

#define KEEP 8          /* packets kept of each candidate */
#define CANDIDATES 3    /* sources in doubt at a time; the one unheard for longest makes room */
#define KEPT_OCTETS 2048
#define PROBATION 4
#define HEADER 12       /* octets of a packet's fixed part */
#define PLAIN 0x80      /* its first octet: version 2, no padding, no extension, no CSRC */
#define SEEN 4096       /* sequence numbers remembered, to know a packet that comes twice */
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100
#define NANO INT64_C(1000000000)
#define YIELD (2 * NANO)
enum { TOLD_NOTHING, TOLD, TAKEN_UP };
#define SILENT (NANO / 20) /* the current stream counts as silent after 50 ms */

typedef struct {
    int64_t arrival;
    uint32_t octets;
    uint8_t data[KEPT_OCTETS];
} kept_packet;

typedef struct {
    sw_address from;
    uint32_t ssrc;
    uint16_t last_seq;
    int64_t last_arrival;
    int count, oldest; /* packets kept, and which of the ring is the first */
    kept_packet kept[KEEP];
} candidate;

struct sw_rx {
    /* Set before the first packet. */
    sw_track *track;
    int rate, payload_type, wide; /* wide: two octets a sample */
    int has_filter, prefix, roaming;
    sw_address filter;

    /* From sw_rx_expect to the receiving thread: an address as in `where`, and how far it has come. */
    _Atomic uint64_t told[3];
    _Atomic uint32_t tidings;
    uint32_t refused[SW_RX_SSRCS]; /* set before the first packet */
    int refusals;
    _Atomic uint32_t had[SW_RX_SSRCS]; /* the last SSRCs that were believed, in a ring */
    _Atomic uint32_t beliefs;

    /* The receiving thread's own. */
    int has_current;
    int has_expected, has_met; /* met: the expected address itself has been believed */
    sw_address expected;
    int64_t yields_until; /* another port of the expected address may turn out to be a stranger until then */
    sw_address from;
    uint32_t ssrc;
    int64_t base, highest, floor; /* extended sequence numbers; below floor the clock was another one */
    uint64_t expected_before;
    int64_t ext_ts; /* extended timestamp of the highest */
    int64_t last_arrival;
    uint32_t transit;
    int has_transit;
    uint64_t jitter16; /* interarrival jitter in timestamp units, times 16 as in A.8 */

    /* Read by all. What every packet touches comes first, on one page of memory if can be. */
    _Atomic uint64_t counters[SW_RX_COUNTERS];
    _Atomic uint64_t where[3]; /* the current source: 16 octets of address, then family, port */

    /* The receiving thread's own, but for payload_types. */
    uint64_t seen[SEEN / 64];
    _Atomic uint64_t payload_types[128];
    candidate candidates[CANDIDATES];
};

static void count(sw_rx *rx, int counter, uint64_t by)
{
    uint64_t before = atomic_load_explicit(&rx->counters[counter], memory_order_relaxed);
    atomic_store_explicit(&rx->counters[counter], before + by, memory_order_relaxed);
}

static void set(sw_rx *rx, int counter, uint64_t value)
{
    atomic_store_explicit(&rx->counters[counter], value, memory_order_relaxed);
}

size_t sw_rx_octets(void)
{
    return sizeof(sw_rx);
}

int sw_rx_init(void *memory, size_t octets, sw_track *track, int codec, int rate, int payload_type)
{
    sw_rx *rx = memory;
    if (!memory || octets < sizeof *rx || !track || rate < 1 || payload_type < 0 || payload_type > 127)
        return SW_EINVAL;
    if (sw_codec_octets(codec) < 0)
        return SW_ECODEC;
    memset(rx, 0, offsetof(sw_rx, candidates));
    rx->track = track;
    rx->rate = rate;
    rx->payload_type = payload_type;
    rx->wide = sw_codec_octets(codec) == 2;
    return SW_OK;
}

int sw_rx_pin(sw_rx *rx, const sw_address *source, int prefix, int roaming)
{
    rx->roaming = roaming;
    rx->has_filter = source != NULL;
    if (!source)
        return SW_OK;
    if ((source->family != 4 && source->family != 6) || prefix < 0 || prefix > (source->family == 4 ? 32 : 128))
        return SW_EINVAL;
    rx->filter = *source;
    rx->prefix = prefix;
    return SW_OK;
}

/* ---- sources ---------------------------------------------------------------------------------------------- */

static int same_host(const sw_address *a, const sw_address *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

static int same_address(const sw_address *a, const sw_address *b)
{
    return a->port == b->port && same_host(a, b);
}

static int passes_filter(const sw_rx *rx, const sw_address *from)
{
    int whole = rx->prefix / 8, rest = rx->prefix % 8;
    if (rx->has_expected && !rx->roaming && !same_host(from, &rx->expected))
        return 0;
    if (!rx->has_filter)
        return 1;
    if (from->family != rx->filter.family || (rx->filter.port && from->port != rx->filter.port))
        return 0;
    if (memcmp(from->octets, rx->filter.octets, (size_t)whole) != 0)
        return 0;
    return !rest || !((from->octets[whole] ^ rx->filter.octets[whole]) >> (8 - rest));
}

/* ---- the current stream ----------------------------------------------------------------------------------- */

/* Remember the numbers of (from, to] as not seen, but the last one: they have come round again. */
static void advance(sw_rx *rx, int64_t from, int64_t to)
{
    while (++from < to)
        rx->seen[(uint64_t)from % SEEN / 64] &= ~(UINT64_C(1) << ((uint64_t)from % 64));
    rx->seen[(uint64_t)to % SEEN / 64] |= UINT64_C(1) << ((uint64_t)to % 64);
}

/* Whether this number, at most the highest, is new; remembers it. */
static int is_first(sw_rx *rx, int64_t ext)
{
    uint64_t *word = &rx->seen[(uint64_t)ext % SEEN / 64], bit = UINT64_C(1) << ((uint64_t)ext % 64);
    int first = !(*word & bit);
    *word |= bit;
    return first;
}

static void update_jitter(sw_rx *rx, uint32_t ts, int64_t arrival)
{
    uint32_t transit = sw_clock(arrival, (uint32_t)rx->rate) - ts;
    int32_t d = (int32_t)(transit - rx->transit);
    uint64_t distance = d < 0 ? (uint64_t)(-(int64_t)d) : (uint64_t)d;
    if (rx->has_transit)
        rx->jitter16 += distance - ((rx->jitter16 + 8) >> 4);
    rx->transit = transit;
    rx->has_transit = 1;
    set(rx, SW_RX_JITTER16, rx->jitter16);
}

/* Another clock begins with this number, and with it the counting. */
static int64_t restart_numbers(sw_rx *rx, uint16_t seq)
{
    rx->expected_before = atomic_load_explicit(&rx->counters[SW_RX_EXPECTED], memory_order_relaxed);
    memset(rx->seen, 0, sizeof rx->seen);
    rx->base = rx->highest = seq + INT64_C(65536); /* room below it for those that it overtook */
    rx->floor = rx->base - MAX_MISORDER;
    return rx->highest;
}

/* Count the packet's sequence number. Returns its SW_ORDER_..., or a code below 0 if the packet is to be left. */
static int take_number(sw_rx *rx, uint16_t seq, int restart, int64_t *ext)
{
    int delta = restart ? 0 : (int16_t)(uint16_t)(seq - (uint16_t)rx->highest), order = SW_ORDER_OLDER;
    *ext = restart ? restart_numbers(rx, seq) : rx->highest + delta;
    if (delta > 0) {
        advance(rx, rx->highest, *ext);
        rx->highest = *ext;
        order = delta == 1 ? SW_ORDER_NEXT : SW_ORDER_LOST;
    } else {
        int first = is_first(rx, *ext);
        rx->base = *ext < rx->base ? *ext : rx->base;
        order = restart ? SW_ORDER_RESTART : first ? SW_ORDER_OLDER : -1;
    }
    set(rx, SW_RX_EXPECTED, rx->expected_before + (uint64_t)(rx->highest - rx->base + 1));
    count(rx, order < 0 ? SW_RX_DUPLICATE : SW_RX_UNIQUE, 1);
    return order;
}

/* Place what a packet of the current stream carries. */
static inline void place(sw_rx *rx, const uint8_t *payload, uint32_t octets, uint32_t timestamp, int64_t arrival,
                         int64_t ext, int order)
{
    int64_t ts = (int64_t)timestamp;
    update_jitter(rx, timestamp, arrival);
    if (order != SW_ORDER_RESTART)
        ts = rx->ext_ts + (int32_t)(timestamp - (uint32_t)rx->ext_ts);
    if (order == SW_ORDER_OLDER && ext < rx->floor) {
        count(rx, SW_RX_LATE, 1);
        return;
    }
    if (order != SW_ORDER_OLDER)
        rx->ext_ts = ts;
    if (sw_track_put(rx->track, payload, octets, ts, arrival, order) == SW_PUT_REBASED)
        rx->floor = ext;
}

/* One packet of the current stream: count it, place it. */
static void accept(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *datagram, int64_t arrival, int restart)
{
    int64_t ext = 0;
    int order = take_number(rx, p->sequence_number, restart, &ext);
    rx->last_arrival = arrival;
    if (order < 0)
        return;
    if (p->payload_type != rx->payload_type) {
        count(rx, SW_RX_PAYLOAD_TYPE, 1);
        atomic_fetch_add_explicit(&rx->payload_types[p->payload_type], 1, memory_order_relaxed);
        return;
    }
    if (rx->wide && p->payload_octets % 2) {
        count(rx, SW_RX_MALFORMED, 1);
        return;
    }
    place(rx, datagram + p->payload_offset, p->payload_octets, p->timestamp, arrival, ext, order);
}

/* What nearly every packet is: the next one of the current stream, with a header that says nothing else. */
static inline int is_plain_next(const sw_rx *rx, const uint8_t *p, size_t octets, const sw_address *from)
{
    if (octets < HEADER || octets > KEPT_OCTETS || !rx->has_current || p[0] != PLAIN || p[1] != rx->payload_type)
        return 0;
    if (sw_get16(p + 2) != (uint16_t)(rx->highest + 1) || sw_get32(p + 8) != rx->ssrc || (rx->wide && octets % 2))
        return 0;
    return same_address(from, &rx->from); /* whom the filter has let pass */
}

/* The same as accept() for such a packet. */
static inline void accept_next(sw_rx *rx, const uint8_t *p, size_t octets, int64_t arrival)
{
    int64_t ext = rx->highest + 1;
    advance(rx, rx->highest, ext);
    rx->highest = ext;
    rx->last_arrival = arrival;
    set(rx, SW_RX_EXPECTED, rx->expected_before + (uint64_t)(ext - rx->base + 1));
    count(rx, SW_RX_UNIQUE, 1);
    place(rx, p + HEADER, (uint32_t)octets - HEADER, sw_get32(p + 4), arrival, ext, SW_ORDER_NEXT);
}

/* ---- those in doubt --------------------------------------------------------------------------------------- */

static int reason(const sw_rx *rx, const candidate *c)
{
    if (!rx->has_current || !same_address(&c->from, &rx->from))
        return SW_RX_SOURCE;
    return c->ssrc == rx->ssrc ? SW_RX_SEQUENCE : SW_RX_SSRC;
}

static void drop(sw_rx *rx, candidate *c)
{
    if (c->count)
        count(rx, reason(rx, c), (uint64_t)c->count);
    c->count = c->oldest = 0;
}

/* The candidate that this packet continues, or room for a new one. */
static candidate *find(sw_rx *rx, const sw_rtp_packet *p, int64_t arrival, const sw_address *from)
{
    candidate *room = &rx->candidates[0];
    for (int i = 0; i < CANDIDATES; i++) {
        candidate *c = &rx->candidates[i];
        if (c->count && arrival - c->last_arrival > NANO)
            drop(rx, c);
        if (c->count && c->ssrc == p->ssrc && same_address(&c->from, from)) {
            int delta = (int16_t)(uint16_t)(p->sequence_number - c->last_seq);
            if (delta >= -MAX_MISORDER && delta <= MAX_MISORDER)
                return c;
            drop(rx, c);
            return c;
        }
        if (room->count && (!c->count || c->last_arrival < room->last_arrival))
            room = c;
    }
    drop(rx, room);
    return room;
}

/* Believe a candidate: it is the current stream, and what was kept of it is placed in the order it was sent. */
static void believe(sw_rx *rx, candidate *c)
{
    kept_packet *order[KEEP];
    sw_rtp_packet p, q;
    for (int i = 0; i < c->count; i++) {
        kept_packet *one = &c->kept[(c->oldest + i) % KEEP];
        int at = i;
        (void)sw_rtp_parse(one->data, one->octets, &p);
        for (; at > 0; at--) {
            (void)sw_rtp_parse(order[at - 1]->data, order[at - 1]->octets, &q);
            if ((int16_t)(uint16_t)(p.sequence_number - q.sequence_number) >= 0)
                break;
            order[at] = order[at - 1];
        }
        if (at < i)
            count(rx, SW_RX_REORDERED, 1);
        order[at] = one;
    }
    uint32_t beliefs = atomic_load_explicit(&rx->beliefs, memory_order_relaxed);
    atomic_store_explicit(&rx->had[beliefs % SW_RX_SSRCS], c->ssrc, memory_order_relaxed);
    atomic_store_explicit(&rx->beliefs, beliefs + 1, memory_order_release);
    rx->has_current = 1;
    rx->from = c->from;
    rx->ssrc = c->ssrc;
    rx->has_transit = 0;
    for (int i = 0; i < 2; i++) {
        uint64_t half;
        memcpy(&half, c->from.octets + 8 * i, 8);
        atomic_store_explicit(&rx->where[i], half, memory_order_relaxed);
    }
    atomic_store_explicit(&rx->where[2], ((uint64_t)c->from.family << 16) | c->from.port, memory_order_relaxed);
    set(rx, SW_RX_SSRC_NOW, (UINT64_C(1) << 32) | c->ssrc);
    for (int i = 0; i < c->count; i++) {
        (void)sw_rtp_parse(order[i]->data, order[i]->octets, &p);
        accept(rx, &p, order[i]->data, order[i]->arrival, i == 0);
    }
    c->count = c->oldest = 0;
}

/* The current stream was a stranger's: nothing of it remains but the count. */
static void forget_current(sw_rx *rx)
{
    static const int gone[] = {SW_RX_EXPECTED, SW_RX_UNIQUE,   SW_RX_DUPLICATE, SW_RX_LATE,
                               SW_RX_REORDERED, SW_RX_JITTER16, SW_RX_SSRC_NOW};
    uint64_t packets = sw_track_forget(rx->track);
    packets += atomic_load_explicit(&rx->counters[SW_RX_DUPLICATE], memory_order_relaxed);
    packets += atomic_load_explicit(&rx->counters[SW_RX_LATE], memory_order_relaxed);
    count(rx, SW_RX_SOURCE, packets);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        set(rx, gone[i], 0);
    rx->jitter16 = 0;
    rx->has_current = 0;
}

static int is_expected(const sw_rx *rx, const sw_address *from)
{
    return rx->has_expected && same_address(from, &rx->expected);
}

/* How many packets in sequence it takes to be believed. */
static int enough(const sw_rx *rx, const sw_address *from)
{
    return !rx->has_current && (rx->has_filter || is_expected(rx, from)) ? 1 : PROBATION;
}

/* Whether the current stream gives way: it is silent, or on a port beside the expected one. */
static int may_follow(const sw_rx *rx, const candidate *c)
{
    return !rx->has_current || c->last_arrival - rx->last_arrival >= SILENT ||
           (is_expected(rx, &c->from) && !same_address(&rx->from, &c->from));
}

static void consider_candidate(sw_rx *rx, candidate *c)
{
    if (c->count < enough(rx, &c->from) || !may_follow(rx, c))
        return;
    if (is_expected(rx, &c->from))
        rx->has_met = 1;
    else if (!rx->has_met && !rx->has_current)
        rx->yields_until = c->last_arrival + YIELD;
    believe(rx, c);
}

static void doubt(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *datagram, size_t octets, int64_t arrival,
                  const sw_address *from)
{
    candidate *c;
    kept_packet *one;
    if (p->payload_type != rx->payload_type) {
        count(rx, SW_RX_PAYLOAD_TYPE, 1);
        atomic_fetch_add_explicit(&rx->payload_types[p->payload_type], 1, memory_order_relaxed);
        return;
    }
    if (rx->has_current && !rx->has_met && is_expected(rx, from) && arrival < rx->yields_until)
        forget_current(rx);
    c = find(rx, p, arrival, from);
    if (!c->count) {
        c->from = *from;
        c->ssrc = p->ssrc;
    }
    if (c->count == KEEP) {
        count(rx, reason(rx, c), 1);
        c->oldest = (c->oldest + 1) % KEEP;
        c->count--;
    }
    one = &c->kept[(c->oldest + c->count++) % KEEP];
    one->arrival = arrival;
    one->octets = (uint32_t)octets;
    memcpy(one->data, datagram, octets);
    c->last_seq = p->sequence_number;
    c->last_arrival = arrival;
    consider_candidate(rx, c);
}

/* ---- who is expected -------------------------------------------------------------------------------------- */

int sw_rx_expect(sw_rx *rx, const sw_address *source)
{
    uint64_t half;
    if (source->family != 4 && source->family != 6)
        return SW_EINVAL;
    if (rx->has_filter || atomic_load(&rx->tidings) != TOLD_NOTHING)
        return SW_OK; /* the user's word, or the first one, holds */
    for (int i = 0; i < 2; i++) {
        memcpy(&half, source->octets + 8 * i, 8);
        atomic_store_explicit(&rx->told[i], half, memory_order_relaxed);
    }
    atomic_store_explicit(&rx->told[2], ((uint64_t)source->family << 16) | source->port, memory_order_relaxed);
    atomic_store_explicit(&rx->tidings, TOLD, memory_order_release);
    return SW_OK;
}

int sw_rx_attended(const sw_rx *rx)
{
    return atomic_load_explicit(&rx->tidings, memory_order_acquire) != TOLD;
}

static void read_address(const _Atomic uint64_t *words, sw_address *out)
{
    uint64_t word;
    for (int i = 0; i < 2; i++) {
        word = atomic_load_explicit(&words[i], memory_order_relaxed);
        memcpy(out->octets + 8 * i, &word, 8);
    }
    word = atomic_load_explicit(&words[2], memory_order_relaxed);
    out->family = (uint16_t)(word >> 16);
    out->port = (uint16_t)word;
}

void sw_rx_attend(sw_rx *rx)
{
    if (atomic_load_explicit(&rx->tidings, memory_order_acquire) != TOLD)
        return;
    read_address(rx->told, &rx->expected);
    rx->has_expected = 1;
    if (rx->has_current && !same_host(&rx->from, &rx->expected))
        forget_current(rx);
    rx->has_met = rx->has_current && is_expected(rx, &rx->from);
    rx->yields_until = rx->last_arrival + YIELD;
    for (int i = 0; i < CANDIDATES; i++) {
        candidate *c = &rx->candidates[i];
        if (c->count && !same_host(&c->from, &rx->expected) && !rx->roaming)
            drop(rx, c);
        if (c->count && is_expected(rx, &c->from)) {
            if (rx->has_current && !rx->has_met)
                forget_current(rx);
            consider_candidate(rx, c);
        }
    }
    atomic_store_explicit(&rx->tidings, TAKEN_UP, memory_order_release);
}

/* ---- the interface ---------------------------------------------------------------------------------------- */

static int refusal(int code)
{
    return code == SW_ESHORT ? SW_RX_SHORT : code == SW_EVERSION ? SW_RX_VERSION
         : code == SW_ETYPE ? SW_RX_RTCP : SW_RX_MALFORMED;
}

/* Whatever is not the plain next packet. */
static void consider(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    sw_rtp_packet p;
    int code, delta;
    if (octets > KEPT_OCTETS) {
        count(rx, SW_RX_SIZE, 1);
        return;
    }
    code = sw_rtp_parse(datagram, octets, &p);
    if (code != SW_OK) {
        count(rx, refusal(code), 1);
        return;
    }
    if (!passes_filter(rx, from) || (rx->has_current && !rx->roaming && !same_host(from, &rx->from))) {
        count(rx, SW_RX_SOURCE, 1);
        return;
    }
    for (int i = 0; i < rx->refusals; i++) {
        if (p.ssrc == rx->refused[i]) {
            count(rx, SW_RX_SSRC, 1);
            return;
        }
    }
    if (rx->has_current && p.ssrc == rx->ssrc && same_address(from, &rx->from)) {
        delta = (int16_t)(uint16_t)(p.sequence_number - (uint16_t)rx->highest);
        if (delta <= MAX_DROPOUT && delta >= -MAX_MISORDER) {
            accept(rx, &p, datagram, arrival, 0);
            return;
        }
    }
    doubt(rx, &p, datagram, octets, arrival, from);
}

static inline void take(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    count(rx, SW_RX_DATAGRAMS, 1);
    sw_rx_attend(rx);
    if (is_plain_next(rx, datagram, octets, from))
        accept_next(rx, datagram, octets, arrival);
    else
        consider(rx, datagram, octets, arrival, from);
}

void sw_rx_datagram(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    take(rx, datagram, octets, arrival, from);
}

int sw_rx_feed(sw_rx *rx, const void *datagrams, size_t octets, size_t stride, const uint32_t *lengths,
               const int64_t *arrivals, size_t count_, const sw_address *from)
{
    const uint8_t *at = datagrams;
    size_t used = 0;
    for (size_t i = 0; i < count_; i++) {
        if (stride ? lengths[i] > stride || i * stride + lengths[i] > octets : lengths[i] > octets - used)
            return SW_EINVAL;
        used += lengths[i];
    }
    for (size_t i = 0; i < count_; i++) {
        take(rx, at, lengths[i], arrivals[i], from);
        at += stride ? stride : lengths[i];
    }
    return SW_OK;
}

void sw_rx_flush(sw_rx *rx)
{
    candidate *only = NULL;
    int candidates = 0;
    sw_rx_attend(rx);
    for (int i = 0; i < CANDIDATES; i++) {
        if (rx->candidates[i].count) {
            only = &rx->candidates[i];
            candidates++;
        }
    }
    if (!rx->has_current && candidates == 1)
        believe(rx, only);
    for (int i = 0; i < CANDIDATES; i++)
        drop(rx, &rx->candidates[i]);
}

int sw_rx_refuse(sw_rx *rx, const uint32_t *ssrcs, int n)
{
    if (n < 0 || n > SW_RX_SSRCS)
        return SW_EINVAL;
    for (int i = 0; i < n; i++)
        rx->refused[i] = ssrcs[i];
    rx->refusals = n;
    return SW_OK;
}

int sw_rx_had(const sw_rx *rx, uint32_t *ssrcs)
{
    uint32_t n = atomic_load_explicit(&rx->beliefs, memory_order_acquire);
    n = n < SW_RX_SSRCS ? n : SW_RX_SSRCS;
    for (uint32_t i = 0; i < n; i++)
        ssrcs[i] = atomic_load_explicit(&rx->had[i], memory_order_relaxed);
    return (int)n;
}

void sw_rx_oversize(sw_rx *rx)
{
    count(rx, SW_RX_DATAGRAMS, 1);
    count(rx, SW_RX_SIZE, 1);
}

void sw_rx_kernel_drops(sw_rx *rx, uint32_t total)
{
    set(rx, SW_RX_KERNEL_DROPS, total);
}

void sw_rx_report(const sw_rx *rx, sw_rx_state *out)
{
    uint64_t now;
    for (int i = 0; i < SW_RX_COUNTERS; i++)
        out->counters[i] = atomic_load_explicit(&rx->counters[i], memory_order_relaxed);
    for (int i = 0; i < 128; i++)
        out->payload_types[i] = atomic_load_explicit(&rx->payload_types[i], memory_order_relaxed);
    read_address(rx->where, &out->source);
    now = out->counters[SW_RX_SSRC_NOW];
    out->ssrc = (uint32_t)now;
    out->has_source = now >> 32 ? 1 : 0;
}

_Static_assert(SW_RX_COUNTERS == sizeof(((sw_rx_state *)0)->counters) / sizeof(uint64_t), "counters");
