/* RTCP: compound packets read (RFC 3550 section 6, RFC 5506), and what a receiver takes from them. */
#include "rx.h"

enum { HEADER = 4, REPORT_BLOCK = 24, PADDING_BIT = 0x20 };

/* ---- packets ---------------------------------------------------------------------------------------------- */

/* The octets that a packet of this type must have at least, its header included. */
static size_t least(uint8_t payload_type, uint8_t count)
{
    switch (payload_type) {
    case SW_RTCP_SR:
        return 28 + REPORT_BLOCK * (size_t)count;
    case SW_RTCP_RR:
        return 8 + REPORT_BLOCK * (size_t)count;
    case SW_RTCP_SDES: /* each chunk: SSRC and an end of its items, filled up to a word */
        return HEADER + 8 * (size_t)count;
    case SW_RTCP_BYE:
        return HEADER + 4 * (size_t)count;
    default:
        return HEADER;
    }
}

static void read_parts(const uint8_t *p, size_t octets, sw_rtcp_packet *packet)
{
    if (packet->payload_type == SW_RTCP_BYE) {
        for (size_t i = 0; i < packet->count; i++)
            packet->sources[i] = sw_get32(p + HEADER + 4 * i);
        return;
    }
    if (octets >= 8)
        packet->ssrc = sw_get32(p + 4);
    if (packet->payload_type == SW_RTCP_SR) {
        packet->ntp = (uint64_t)sw_get32(p + 8) << 32 | sw_get32(p + 12);
        packet->rtp_timestamp = sw_get32(p + 16);
        packet->packet_count = sw_get32(p + 20);
        packet->octet_count = sw_get32(p + 24);
    }
}

int sw_rtcp_parse(const void *datagram, size_t octets, size_t *at, sw_rtcp_packet *packet)
{
    const uint8_t *p = (const uint8_t *)datagram + *at;
    size_t left, length;
    memset(packet, 0, sizeof *packet);
    if (*at > octets || octets - *at < HEADER)
        return SW_ESHORT;
    left = octets - *at;
    if ((p[0] & 0xC0) != 0x80)
        return SW_EVERSION;
    if (p[1] < 192 || p[1] > 223)
        return SW_ETYPE;
    length = 4 * ((size_t)sw_get16(p + 2) + 1);
    if (length > left)
        return SW_ELENGTH;
    *at += length;
    if (p[0] & PADDING_BIT) { /* the last one only, by whole words */
        uint8_t padding = p[length - 1];
        if (length != left || padding == 0 || padding % 4 || padding > length - HEADER)
            return SW_EPADDING;
        length -= padding;
    }
    packet->payload_type = p[1];
    packet->count = p[0] & 0x1F;
    if (length < least(packet->payload_type, packet->count))
        return SW_ELENGTH;
    read_parts(p, length, packet);
    return SW_OK;
}

/* ---- what a stream's sender says of itself ---------------------------------------------------------------- */

static void read_report(const _Atomic uint64_t *words, sw_sender_report *out)
{
    uint64_t w[SW_REPORT_WORDS];
    for (int i = 0; i < SW_REPORT_WORDS; i++)
        w[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
    memcpy(&out->position, &w[0], 8);
    out->ntp = w[1];
    memcpy(&out->arrival, &w[2], 8);
    out->packets = (uint32_t)(w[3] >> 32);
    out->octets = (uint32_t)w[3];
}

static void write_report(_Atomic uint64_t *words, const sw_sender_report *report)
{
    const uint64_t w[SW_REPORT_WORDS] = {(uint64_t)report->position, report->ntp, (uint64_t)report->arrival,
                                         (uint64_t)report->packets << 32 | report->octets};
    for (int i = 0; i < SW_REPORT_WORDS; i++)
        atomic_store_explicit(&words[i], w[i], memory_order_relaxed);
}

/* One thread writes; a reader that meets it tries again. */
static void store_report(sw_rx *rx, const sw_sender_report *report)
{
    uint64_t count = sw_rx_counted(rx, SW_RX_REPORTS);
    uint64_t turn = atomic_load_explicit(&rx->reporting, memory_order_relaxed);
    atomic_store_explicit(&rx->reporting, turn + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    if (!count)
        write_report(rx->reports, report);
    write_report(rx->reports + SW_REPORT_WORDS, report);
    sw_rx_set(rx, SW_RX_REPORTS, count + 1);
    atomic_store_explicit(&rx->reporting, turn + 2, memory_order_release);
}

void sw_rx_read_reports(const sw_rx *rx, sw_rx_state *out)
{
    uint64_t turn;
    do {
        turn = atomic_load_explicit(&rx->reporting, memory_order_acquire);
        out->counters[SW_RX_REPORTS] = sw_rx_counted(rx, SW_RX_REPORTS);
        read_report(rx->reports, &out->first_report);
        read_report(rx->reports + SW_REPORT_WORDS, &out->last_report);
        atomic_thread_fence(memory_order_acquire);
    } while (turn % 2 || turn != atomic_load_explicit(&rx->reporting, memory_order_relaxed));
}

/* A sender report of the current stream, which has a clock: its timestamp as a place on the track. */
static void take_report(sw_rx *rx, const sw_rtcp_packet *p, int64_t arrival)
{
    int64_t ts = rx->ext_ts + (int32_t)(p->rtp_timestamp - (uint32_t)rx->ext_ts);
    sw_sender_report report = {.position = sw_rx_position(rx, ts), .ntp = p->ntp, .arrival = arrival,
                               .packets = p->packet_count, .octets = p->octet_count};
    store_report(rx, &report);
}

void sw_rx_begin_reports(sw_rx *rx, int64_t now)
{
    const sw_early_report *e = &rx->early;
    sw_rx_set(rx, SW_RX_REPORTS, 0);
    if (e->is_there && e->packet.ssrc == rx->ssrc && sw_same_host(&e->from, &rx->from) &&
        now - e->arrival < 10 * SW_RX_NANO)
        take_report(rx, &e->packet, e->arrival);
    rx->early.is_there = 0;
}

/* Anybody on the sender's host could say goodbye for it, were he to know its SSRC; and while nobody has named the
   source, a stranger may be the one who is believed. So the first two seconds of such a stream do not end. */
static int may_leave(const sw_rx *rx, int64_t arrival)
{
    return rx->has_filter || rx->has_expected || arrival - rx->first_arrival >= SW_RX_YIELD;
}

static void take_packet(sw_rx *rx, const sw_rtcp_packet *p, int64_t arrival, const sw_address *from)
{
    int is_ours = rx->has_current && rx->has_clock && sw_same_host(from, &rx->from);
    if (p->payload_type == SW_RTCP_SR) {
        if (is_ours && p->ssrc == rx->ssrc)
            take_report(rx, p, arrival);
        else
            rx->early = (sw_early_report){.from = *from, .packet = *p, .arrival = arrival, .is_there = 1};
    }
    if (p->payload_type != SW_RTCP_BYE || !is_ours || !may_leave(rx, arrival))
        return;
    for (int i = 0; i < p->count; i++) {
        if (p->sources[i] == rx->ssrc) {
            rx->left_at = arrival ? arrival : 1;
            sw_rx_count(rx, SW_RX_BYES, 1);
            return;
        }
    }
}

void sw_rx_take_rtcp(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    sw_rtcp_packet p;
    size_t at = 0;
    int code;
    do /* all of it is looked at before any of it counts (RFC 3550 A.2) */
        code = sw_rtcp_parse(datagram, octets, &at, &p);
    while (code == SW_OK && at < octets);
    if (code != SW_OK || !sw_rx_is_admitted(rx, from, 1)) {
        sw_rx_count(rx, SW_RX_RTCP, 1);
        return;
    }
    sw_rx_count(rx, SW_RX_RTCP_TAKEN, 1);
    for (at = 0; at < octets;) {
        (void)sw_rtcp_parse(datagram, octets, &at, &p);
        take_packet(rx, &p, arrival, from);
    }
}

void sw_rx_rtcp(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    sw_rx_count(rx, SW_RX_DATAGRAMS, 1);
    sw_rx_attend(rx);
    sw_rx_take_rtcp(rx, datagram, octets, arrival, from);
}

_Static_assert(SW_REPORT_WORDS * 8 == sizeof(sw_sender_report), "words");
