/*
 * Whom an RTP receiver believes.
 *
 * The first source is believed after four valid packets (or at once, where the user names it), which are kept, not
 * lost. The same doubt, with the same keeping, meets everything that claims to be a new beginning: another SSRC,
 * another port of the same address, sequence numbers that jump too far (RFC 3550 A.1). A new beginning is believed
 * only once the current stream has been silent for a moment, so nobody can push in beside a stream that goes on.
 */
#include "rx.h"

#define PROBATION 4
#define SILENT (SW_RX_NANO / 20) /* the current stream counts as silent after 50 ms */

enum { TOLD_NOTHING, TOLD, TAKEN_UP };

/* ---- addresses -------------------------------------------------------------------------------------------- */

void sw_address_share(const sw_address *address, _Atomic uint64_t *words)
{
    for (int i = 0; i < 2; i++) {
        uint64_t half;
        memcpy(&half, address->octets + 8 * i, 8);
        atomic_store_explicit(&words[i], half, memory_order_relaxed);
    }
    atomic_store_explicit(&words[2], ((uint64_t)address->family << 16) | address->port, memory_order_relaxed);
}

void sw_address_read(const _Atomic uint64_t *words, sw_address *out)
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

static int passes_filter(const sw_rx *rx, const sw_address *from, int any_port)
{
    int whole = rx->prefix / 8, rest = rx->prefix % 8;
    if (rx->has_expected && !rx->roaming && !sw_same_host(from, &rx->expected))
        return 0;
    if (!rx->has_filter)
        return 1;
    if (from->family != rx->filter.family || (!any_port && rx->filter.port && from->port != rx->filter.port))
        return 0;
    if (memcmp(from->octets, rx->filter.octets, (size_t)whole) != 0)
        return 0;
    return !rest || !((from->octets[whole] ^ rx->filter.octets[whole]) >> (8 - rest));
}

int sw_rx_is_admitted(const sw_rx *rx, const sw_address *from, int any_port)
{
    return passes_filter(rx, from, any_port) && (!rx->has_current || rx->roaming || sw_same_host(from, &rx->from));
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

/* ---- those in doubt --------------------------------------------------------------------------------------- */

static int reason(const sw_rx *rx, const sw_candidate *c)
{
    if (!rx->has_current || !sw_same_address(&c->from, &rx->from))
        return SW_RX_SOURCE;
    return c->ssrc == rx->ssrc ? SW_RX_SEQUENCE : SW_RX_SSRC;
}

static void drop(sw_rx *rx, sw_candidate *c)
{
    if (c->count)
        sw_rx_count(rx, reason(rx, c), (uint64_t)c->count);
    c->count = c->oldest = 0;
}

/* The candidate that this packet continues, or room for a new one. */
static sw_candidate *find(sw_rx *rx, const sw_rtp_packet *p, int64_t arrival, const sw_address *from)
{
    sw_candidate *room = &rx->candidates[0];
    for (int i = 0; i < SW_RX_CANDIDATES; i++) {
        sw_candidate *c = &rx->candidates[i];
        if (c->count && arrival - c->last_arrival > SW_RX_NANO)
            drop(rx, c);
        if (c->count && c->ssrc == p->ssrc && sw_same_address(&c->from, from)) {
            int delta = (int16_t)(uint16_t)(p->sequence_number - c->last_seq);
            if (delta >= -SW_RX_MISORDER && delta <= SW_RX_MISORDER)
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

/* From now on this is whose packets count. */
static void become_current(sw_rx *rx, const sw_candidate *c)
{
    uint32_t beliefs = atomic_load_explicit(&rx->beliefs, memory_order_relaxed);
    atomic_store_explicit(&rx->had[beliefs % SW_RX_SSRCS], c->ssrc, memory_order_relaxed);
    atomic_store_explicit(&rx->beliefs, beliefs + 1, memory_order_release);
    rx->has_current = 1;
    rx->has_clock = 0;
    rx->from = c->from;
    rx->ssrc = c->ssrc;
    rx->has_transit = 0;
    rx->left_at = 0;
    rx->in_noise = 0;
    sw_rx_end_event(rx);
    rx->dtmf.told_count = 0; /* another clock */
    rx->first_arrival = c->kept[c->oldest].arrival;
    sw_address_share(&c->from, rx->where);
    sw_rx_set(rx, SW_RX_SSRC_NOW, (UINT64_C(1) << 32) | c->ssrc);
}

/* Believe a candidate: it is the current stream, and what was kept of it is placed in the order it was sent. */
static void believe(sw_rx *rx, sw_candidate *c)
{
    sw_kept_packet *order[SW_RX_KEEP];
    sw_rtp_packet p, q;
    for (int i = 0; i < c->count; i++) {
        sw_kept_packet *one = &c->kept[(c->oldest + i) % SW_RX_KEEP];
        int at = i;
        (void)sw_rtp_parse(one->data, one->octets, &p);
        for (; at > 0; at--) {
            (void)sw_rtp_parse(order[at - 1]->data, order[at - 1]->octets, &q);
            if ((int16_t)(uint16_t)(p.sequence_number - q.sequence_number) >= 0)
                break;
            order[at] = order[at - 1];
        }
        if (at < i)
            sw_rx_count(rx, SW_RX_REORDERED, 1);
        order[at] = one;
    }
    become_current(rx, c);
    for (int i = 0; i < c->count; i++) {
        (void)sw_rtp_parse(order[i]->data, order[i]->octets, &p);
        sw_rx_accept(rx, &p, order[i]->data, order[i]->arrival, i == 0);
    }
    c->count = c->oldest = 0;
    sw_rx_begin_reports(rx, rx->last_arrival);
}

/* The current stream was a stranger's: nothing of it remains but the count. */
static void forget_current(sw_rx *rx)
{
    static const int gone[] = {SW_RX_EXPECTED, SW_RX_UNIQUE,   SW_RX_DUPLICATE, SW_RX_LATE,
                               SW_RX_REORDERED, SW_RX_JITTER16, SW_RX_SSRC_NOW, SW_RX_REPORTS};
    uint64_t packets = sw_rx_forget_track(rx);
    packets += atomic_load_explicit(&rx->counters[SW_RX_DUPLICATE], memory_order_relaxed);
    packets += atomic_load_explicit(&rx->counters[SW_RX_LATE], memory_order_relaxed);
    sw_rx_count(rx, SW_RX_SOURCE, packets);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        sw_rx_set(rx, gone[i], 0);
    rx->jitter16 = 0;
    rx->left_at = 0;
    rx->dtmf = (sw_dtmf){0};
    rx->has_current = 0;
}

static int is_expected(const sw_rx *rx, const sw_address *from)
{
    return rx->has_expected && sw_same_address(from, &rx->expected);
}

/* How many packets in sequence it takes to be believed. */
static int enough(const sw_rx *rx, const sw_address *from)
{
    return !rx->has_current && (rx->has_filter || is_expected(rx, from)) ? 1 : PROBATION;
}

/* Whether the current stream gives way: it is silent, or on a port beside the expected one. */
static int may_follow(const sw_rx *rx, const sw_candidate *c)
{
    return !rx->has_current || rx->left_at || c->last_arrival - rx->last_arrival >= SILENT ||
           (is_expected(rx, &c->from) && !sw_same_address(&rx->from, &c->from));
}

static void consider_candidate(sw_rx *rx, sw_candidate *c)
{
    if (c->count < enough(rx, &c->from) || !may_follow(rx, c))
        return;
    if (is_expected(rx, &c->from))
        rx->has_met = 1;
    else if (!rx->has_met && !rx->has_current)
        rx->yields_until = c->last_arrival + SW_RX_YIELD;
    believe(rx, c);
}

void sw_rx_doubt(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *datagram, size_t octets, int64_t arrival,
                 const sw_address *from)
{
    sw_candidate *c;
    sw_kept_packet *one;
    if (rx->kinds[p->payload_type] == SW_PAYLOAD_UNKNOWN) {
        sw_rx_count_type(rx, p->payload_type);
        return;
    }
    if (rx->has_current && !rx->has_met && is_expected(rx, from) && arrival < rx->yields_until)
        forget_current(rx);
    c = find(rx, p, arrival, from);
    if (!c->count) {
        c->from = *from;
        c->ssrc = p->ssrc;
    }
    if (c->count == SW_RX_KEEP) {
        sw_rx_count(rx, reason(rx, c), 1);
        c->oldest = (c->oldest + 1) % SW_RX_KEEP;
        c->count--;
    }
    one = &c->kept[(c->oldest + c->count++) % SW_RX_KEEP];
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
    if (source->family != 4 && source->family != 6)
        return SW_EINVAL;
    if (rx->has_filter || atomic_load(&rx->tidings) != TOLD_NOTHING)
        return SW_OK; /* the user's word, or the first one, holds */
    sw_address_share(source, rx->told);
    atomic_store_explicit(&rx->tidings, TOLD, memory_order_release);
    return SW_OK;
}

int sw_rx_attended(const sw_rx *rx)
{
    return atomic_load_explicit(&rx->tidings, memory_order_acquire) != TOLD;
}

void sw_rx_attend(sw_rx *rx)
{
    if (atomic_load_explicit(&rx->tidings, memory_order_acquire) != TOLD)
        return;
    sw_address_read(rx->told, &rx->expected);
    rx->has_expected = 1;
    if (rx->has_current && !sw_same_host(&rx->from, &rx->expected))
        forget_current(rx);
    rx->has_met = rx->has_current && is_expected(rx, &rx->from);
    rx->yields_until = rx->last_arrival + SW_RX_YIELD;
    for (int i = 0; i < SW_RX_CANDIDATES; i++) {
        sw_candidate *c = &rx->candidates[i];
        if (c->count && !sw_same_host(&c->from, &rx->expected) && !rx->roaming)
            drop(rx, c);
        if (c->count && is_expected(rx, &c->from)) {
            if (rx->has_current && !rx->has_met)
                forget_current(rx);
            consider_candidate(rx, c);
        }
    }
    atomic_store_explicit(&rx->tidings, TAKEN_UP, memory_order_release);
}

int sw_rx_expected(const sw_rx *rx, sw_address *out)
{
    *out = rx->has_filter ? rx->filter : rx->expected;
    return out->port && (rx->has_filter || rx->has_expected);
}

void sw_rx_flush(sw_rx *rx)
{
    sw_candidate *only = NULL;
    int candidates = 0;
    sw_rx_attend(rx);
    for (int i = 0; i < SW_RX_CANDIDATES; i++) {
        if (rx->candidates[i].count) {
            only = &rx->candidates[i];
            candidates++;
        }
    }
    if (!rx->has_current && candidates == 1)
        believe(rx, only);
    for (int i = 0; i < SW_RX_CANDIDATES; i++)
        drop(rx, &rx->candidates[i]);
    sw_rx_end_event(rx);
}
