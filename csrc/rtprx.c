/*
 * One RTP receiver without its socket: in what order the packets of the current stream were sent, and where they go.
 * Whose packets count is rtpsource.c's.
 */
#include "rx.h"

#define HEADER 12       /* octets of a packet's fixed part */
#define LINE 64         /* octets that a cache takes at a time */
#define PLAIN 0x80      /* its first octet: version 2, no padding, no extension, no CSRC */
#define GRACE (SW_RX_NANO / 2)       /* a goodbye is believed when nothing has followed it for so long */
#define STRAGGLERS (SW_RX_NANO / 10) /* for so long after it, what follows was only slower */

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
    rx->kinds[payload_type] = (uint8_t)(SW_PAYLOAD_AUDIO + codec);
    return SW_OK;
}

void sw_rx_count_type(sw_rx *rx, uint8_t payload_type)
{
    sw_rx_count(rx, SW_RX_PAYLOAD_TYPE, 1);
    atomic_fetch_add_explicit(&rx->payload_types[payload_type], 1, memory_order_relaxed);
}

/* ---- numbers ---------------------------------------------------------------------------------------------- */

/* Remember the numbers of (from, to] as not seen, but the last one: they have come round again. */
static void advance(sw_rx *rx, int64_t from, int64_t to)
{
    while (++from < to)
        rx->seen[(uint64_t)from % SW_RX_SEEN / 64] &= ~(UINT64_C(1) << ((uint64_t)from % 64));
    rx->seen[(uint64_t)to % SW_RX_SEEN / 64] |= UINT64_C(1) << ((uint64_t)to % 64);
}

/* Whether this number, at most the highest, is new; remembers it. */
static int is_first(sw_rx *rx, int64_t ext)
{
    uint64_t *word = &rx->seen[(uint64_t)ext % SW_RX_SEEN / 64], bit = UINT64_C(1) << ((uint64_t)ext % 64);
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
    sw_rx_set(rx, SW_RX_JITTER16, rx->jitter16);
}

/* Another clock begins with this number, and with it the counting. */
static int64_t restart_numbers(sw_rx *rx, uint16_t seq)
{
    rx->expected_before = sw_rx_counted(rx, SW_RX_EXPECTED);
    memset(rx->seen, 0, sizeof rx->seen);
    rx->base = rx->highest = seq + INT64_C(65536); /* room below it for those that it overtook */
    rx->floor = rx->base - SW_RX_MISORDER;
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
    sw_rx_set(rx, SW_RX_EXPECTED, rx->expected_before + (uint64_t)(rx->highest - rx->base + 1));
    sw_rx_count(rx, order < 0 ? SW_RX_DUPLICATE : SW_RX_UNIQUE, 1);
    return order;
}

/* ---- the current stream ----------------------------------------------------------------------------------- */

/* Two packets in sequence that are equally far apart as the two before say how long a packet is. */
static inline void learn_frame(sw_rx *rx, int64_t step, int order)
{
    if (order != SW_ORDER_NEXT || step <= 0 || step > rx->rate / 5)
        return;
    if (rx->step == (uint32_t)step)
        sw_rx_set(rx, SW_RX_FRAME, (uint64_t)step);
    rx->step = (uint32_t)step;
}

/* Place what a packet of the current stream carries. */
static inline void place(sw_rx *rx, const uint8_t *payload, uint32_t octets, uint32_t timestamp, int64_t arrival,
                         int64_t ext, int order)
{
    int put;
    int64_t ts = sw_rx_extend_clock(rx, timestamp, &order);
    update_jitter(rx, timestamp, arrival);
    if (order == SW_ORDER_OLDER && ext < rx->floor) {
        sw_rx_count(rx, SW_RX_LATE, 1);
        return;
    }
    if (order != SW_ORDER_OLDER) {
        learn_frame(rx, ts - rx->ext_ts, order);
        rx->ext_ts = ts;
    }
    rx->in_noise = 0;
    put = sw_track_put(rx->track, payload, octets, ts, arrival, order);
    if (put == SW_PUT_ENDED)
        sw_rx_count(rx, SW_RX_ENDED, 1);
    if (put == SW_PUT_REBASED) {
        rx->floor = ext;
        sw_rx_begin_reports(rx, arrival);
    }
}

/* A stream that goes on was not left: what said so was a mistake, or somebody else's. */
static inline void note_arrival(sw_rx *rx, int64_t arrival)
{
    rx->last_arrival = arrival;
    if (rx->left_at && arrival - rx->left_at > STRAGGLERS)
        rx->left_at = 0;
}

/* Audio goes on as another payload type: what follows is decoded as that. */
static void change_audio(sw_rx *rx, uint8_t payload_type)
{
    int codec = rx->kinds[payload_type] - SW_PAYLOAD_AUDIO;
    rx->payload_type = payload_type;
    rx->wide = sw_codec_octets(codec) == 2;
    sw_track_recode(rx->track, codec);
}

/* `lost`: how many packets between the one before and this one have not come. */
static void accept_audio(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *payload, int64_t arrival, int64_t ext, int order,
                         int64_t lost)
{
    if (p->payload_type != rx->payload_type)
        change_audio(rx, p->payload_type);
    if (rx->wide && p->payload_octets % 2) {
        sw_rx_count(rx, SW_RX_MALFORMED, 1);
        return;
    }
    if (rx->in_noise && order == SW_ORDER_LOST) { /* the pause went on; only the last of it are those packets */
        int64_t ts = rx->ext_ts + (int32_t)(p->timestamp - (uint32_t)rx->ext_ts);
        (void)sw_track_quiet(rx->track, ts - lost * (int64_t)sw_rx_counted(rx, SW_RX_FRAME), arrival, SW_ORDER_NEXT);
    }
    place(rx, payload, p->payload_octets, p->timestamp, arrival, ext, order);
}

/* Comfort noise (RFC 3389): the sender is silent, and its clock goes on. */
static void accept_noise(sw_rx *rx, const sw_rtp_packet *p, int64_t arrival, int order)
{
    sw_rx_count(rx, SW_RX_NOISE, 1);
    if (!rx->has_clock || order == SW_ORDER_OLDER)
        return;
    rx->ext_ts += (int32_t)(p->timestamp - (uint32_t)rx->ext_ts);
    rx->in_noise = 1;
    (void)sw_track_quiet(rx->track, rx->ext_ts, arrival, order);
}

/* What is decoded elsewhere is measured here as all else. */
static void hand_on(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *payload, int64_t arrival, int order)
{
    int64_t before = rx->ext_ts;
    if (rx->kinds[p->payload_type] == SW_PAYLOAD_NOISE)
        sw_rx_count(rx, SW_RX_NOISE, 1);
    else
        update_jitter(rx, p->timestamp, arrival);
    sw_rx_enqueue(rx, p, payload, arrival, order);
    learn_frame(rx, rx->ext_ts - before, order);
}

void sw_rx_accept(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *datagram, int64_t arrival, int restart)
{
    int64_t ext = 0, before = rx->highest;
    int order = take_number(rx, p->sequence_number, restart, &ext), kind = rx->kinds[p->payload_type];
    note_arrival(rx, arrival);
    if (order < 0)
        return;
    if (kind >= SW_PAYLOAD_AUDIO)
        accept_audio(rx, p, datagram + p->payload_offset, arrival, ext, order, ext - before - 1);
    else if (kind == SW_PAYLOAD_QUEUED || (kind == SW_PAYLOAD_NOISE && rx->queue))
        hand_on(rx, p, datagram + p->payload_offset, arrival, order);
    else if (kind == SW_PAYLOAD_NOISE)
        accept_noise(rx, p, arrival, order);
    else if (kind == SW_PAYLOAD_EVENT && p->payload_octets >= 4)
        sw_rx_take_events(rx, p, datagram + p->payload_offset, arrival);
    else if (kind == SW_PAYLOAD_EVENT)
        sw_rx_count(rx, SW_RX_MALFORMED, 1);
    else
        sw_rx_count_type(rx, p->payload_type);
}

/* What nearly every packet is: the next one of the current stream, with a header that says nothing else. */
static inline int is_plain_next(const sw_rx *rx, const uint8_t *p, size_t octets, const sw_address *from)
{
    if (octets < HEADER || octets > SW_RX_KEPT_OCTETS || !rx->has_current || p[0] != PLAIN || p[1] != rx->payload_type)
        return 0;
    if (sw_get16(p + 2) != (uint16_t)(rx->highest + 1) || sw_get32(p + 8) != rx->ssrc || (rx->wide && octets % 2))
        return 0;
    return sw_same_address(from, &rx->from); /* whom the filter has let pass */
}

/* The same as sw_rx_accept() for such a packet. */
static inline void accept_next(sw_rx *rx, const uint8_t *p, size_t octets, int64_t arrival)
{
    int64_t ext = rx->highest + 1;
    advance(rx, rx->highest, ext);
    rx->highest = ext;
    note_arrival(rx, arrival);
    sw_rx_set(rx, SW_RX_EXPECTED, rx->expected_before + (uint64_t)(ext - rx->base + 1));
    sw_rx_count(rx, SW_RX_UNIQUE, 1);
    place(rx, p + HEADER, (uint32_t)octets - HEADER, sw_get32(p + 4), arrival, ext, SW_ORDER_NEXT);
}

/* ---- datagrams -------------------------------------------------------------------------------------------- */

static int refusal(int code)
{
    return code == SW_ESHORT ? SW_RX_SHORT : code == SW_EVERSION ? SW_RX_VERSION : SW_RX_MALFORMED;
}

static int is_refused(const sw_rx *rx, uint32_t ssrc)
{
    for (int i = 0; i < rx->refusals; i++)
        if (ssrc == rx->refused[i])
            return 1;
    return 0;
}

/* RTCP may be shorter than any RTP: a goodbye has eight octets. */
static int is_short_rtcp(const uint8_t *p, size_t octets)
{
    return octets >= 4 && (p[0] & 0xC0) == PLAIN && p[1] >= 192 && p[1] <= 223;
}

/* Whatever is not the plain next packet. */
static void consider(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    sw_rtp_packet p;
    int code, delta;
    if (octets > SW_RX_KEPT_OCTETS) {
        sw_rx_count(rx, SW_RX_SIZE, 1);
        return;
    }
    code = sw_rtp_parse(datagram, octets, &p);
    if (code == SW_ETYPE || (code == SW_ESHORT && is_short_rtcp(datagram, octets))) { /* both on a port (RFC 5761) */
        sw_rx_take_rtcp(rx, datagram, octets, arrival, from);
        return;
    }
    if (code != SW_OK || !sw_rx_is_admitted(rx, from, 0)) {
        sw_rx_count(rx, code != SW_OK ? refusal(code) : SW_RX_SOURCE, 1);
        return;
    }
    if (is_refused(rx, p.ssrc)) {
        sw_rx_count(rx, SW_RX_SSRC, 1);
        return;
    }
    if (rx->has_current && p.ssrc == rx->ssrc && sw_same_address(from, &rx->from)) {
        delta = (int16_t)(uint16_t)(p.sequence_number - (uint16_t)rx->highest);
        if (delta <= SW_RX_DROPOUT && delta >= -SW_RX_MISORDER) {
            sw_rx_accept(rx, &p, datagram, arrival, 0);
            return;
        }
    }
    sw_rx_doubt(rx, &p, datagram, octets, arrival, from);
}

static inline void take(sw_rx *rx, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    sw_rx_count(rx, SW_RX_DATAGRAMS, 1);
    sw_rx_attend(rx);
    rx->was_next = is_plain_next(rx, datagram, octets, from);
    if (rx->was_next)
        accept_next(rx, datagram, octets, arrival);
    else
        consider(rx, datagram, octets, arrival, from);
}

void sw_rx_foresee(const sw_rx *rx)
{
    const unsigned char *hot = (const unsigned char *)rx, *track = (const unsigned char *)rx->track;
    for (size_t at = 0; at < offsetof(sw_rx, seen); at += LINE)
        __builtin_prefetch(hot + at, 1);
    for (size_t at = 0; at < offsetof(sw_track, start); at += LINE)
        __builtin_prefetch(track + at, 1);
}

void sw_rx_foresee_track(const sw_rx *rx)
{
    __builtin_prefetch(&rx->seen[(uint64_t)(rx->highest + 1) % SW_RX_SEEN / 64], 1);
    if (!rx->queue) /* else somebody else writes the track */
        sw_track_foresee(rx->track);
}

int sw_rx_is_bunched(const sw_rx *rx, int64_t within)
{
    return !rx->was_next || sw_track_is_bunched(rx->track, within);
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

int sw_rx_map(sw_rx *rx, int payload_type, int kind)
{
    if (payload_type < 0 || payload_type > 127)
        return SW_EINVAL;
    if (kind == SW_PAYLOAD_QUEUED && !rx->queue)
        return SW_EINVAL;
    if (kind >= SW_PAYLOAD_AUDIO && (rx->queue || sw_codec_octets(kind - SW_PAYLOAD_AUDIO) < 0))
        return SW_EINVAL; /* a track has one writer */
    if (kind < SW_PAYLOAD_UNKNOWN || (kind > SW_PAYLOAD_QUEUED && kind < SW_PAYLOAD_AUDIO))
        return SW_EINVAL;
    rx->kinds[payload_type] = (uint8_t)kind;
    return SW_OK;
}

void sw_rx_hand_on(sw_rx *rx, sw_queue *queue)
{
    rx->queue = queue;
    rx->payload_type = 256; /* none: no packet is plain audio */
    memset(rx->kinds, SW_PAYLOAD_UNKNOWN, sizeof rx->kinds);
}

int sw_rx_news(sw_rx *rx)
{
    int news = rx->has_news;
    rx->has_news = 0;
    return news;
}

int64_t sw_rx_alarm(const sw_rx *rx)
{
    int64_t event = sw_rx_event_alarm(rx), end = rx->left_at ? rx->left_at + GRACE : INT64_MAX;
    return event < end ? event : end;
}

int sw_rx_tick(sw_rx *rx, int64_t now)
{
    sw_rx_age_event(rx, now);
    if (!rx->left_at || now - rx->left_at < GRACE)
        return 0;
    rx->left_at = 0;
    sw_rx_end_event(rx);
    sw_rx_end(rx);
    return 1;
}

void sw_rx_oversize(sw_rx *rx)
{
    sw_rx_count(rx, SW_RX_DATAGRAMS, 1);
    sw_rx_count(rx, SW_RX_SIZE, 1);
}

void sw_rx_kernel_drops(sw_rx *rx, uint32_t total)
{
    sw_rx_set(rx, SW_RX_KERNEL_DROPS, total);
}

uint64_t sw_rx_stream(const sw_rx *rx)
{
    return sw_rx_counted(rx, SW_RX_SSRC_NOW);
}

void sw_rx_report(const sw_rx *rx, sw_rx_state *out)
{
    uint64_t now;
    for (int i = 0; i < SW_RX_COUNTERS; i++)
        out->counters[i] = sw_rx_counted(rx, i);
    for (int i = 0; i < 128; i++)
        out->payload_types[i] = atomic_load_explicit(&rx->payload_types[i], memory_order_relaxed);
    sw_address_read(rx->where, &out->source);
    now = out->counters[SW_RX_SSRC_NOW];
    out->ssrc = (uint32_t)now;
    out->has_source = now >> 32 ? 1 : 0;
    sw_rx_read_reports(rx, out);
}

_Static_assert(SW_RX_COUNTERS == sizeof(((sw_rx_state *)0)->counters) / sizeof(uint64_t), "counters");
