/*
 * Keys as RTP sends them (RFC 4733 section 2): many packets, one event. It is told once, when its end has come, or when
 * it is clear that the end was lost: another event follows, or nothing for half a second.
 */
#include "rx.h"

#define BLOCK 4                        /* octets of one event in a packet */
#define BLOCKS 8                       /* events in a packet that are looked at */
#define QUIET (SW_RX_NANO / 2)         /* an event without news for so long has ended */
#define SEGMENT_LEAST 60000            /* a segment that another one follows ends near the longest duration, 65,535 */
#define OLDER (SW_RX_NANO * 5)         /* events begun so long ago are not told apart from new ones */

static int was_told(const sw_rx *rx, uint32_t timestamp)
{
    const sw_dtmf *d = &rx->dtmf;
    for (uint32_t i = 0; i < d->told_count && i < SW_DTMF_TOLD; i++)
        if (d->told[i] == timestamp)
            return 1;
    return 0;
}

static void note_told(sw_rx *rx, uint32_t timestamp)
{
    rx->dtmf.told[rx->dtmf.told_count % SW_DTMF_TOLD] = timestamp;
    rx->dtmf.told_count++;
}

static void tell(sw_rx *rx, const sw_telephone_event *event)
{
    uint32_t put = atomic_load_explicit(&rx->events_put, memory_order_relaxed);
    if (put - atomic_load_explicit(&rx->events_taken, memory_order_acquire) == SW_RX_EVENTS_KEPT) {
        sw_rx_count(rx, SW_RX_EVENTS_DROPPED, 1);
        return;
    }
    rx->events[put % SW_RX_EVENTS_KEPT] = *event;
    atomic_store_explicit(&rx->events_put, put + 1, memory_order_release);
    rx->has_news = 1;
}

void sw_rx_end_event(sw_rx *rx)
{
    sw_dtmf *d = &rx->dtmf;
    if (!d->is_open)
        return;
    d->is_open = 0;
    d->now.duration += d->before;
    note_told(rx, d->segment);
    tell(rx, &d->now);
}

/* Whether this is the event that is open, in a further segment: as it is longer than the field for its duration. */
static int goes_on(const sw_dtmf *d, uint32_t timestamp, int event, int marker)
{
    uint32_t apart = timestamp - d->segment;
    return !marker && event == d->now.event && apart >= SEGMENT_LEAST && apart <= 0xFFFF && apart >= d->now.duration;
}

static void open_event(sw_rx *rx, uint32_t timestamp, int64_t ts, int event, int64_t arrival)
{
    sw_dtmf *d = &rx->dtmf;
    sw_rx_end_event(rx);
    d->is_open = 1;
    d->segment = timestamp;
    d->before = 0;
    d->now = (sw_telephone_event){.position = sw_rx_position(rx, ts), .arrival = arrival, .event = (uint8_t)event};
}

static void take_block(sw_rx *rx, const uint8_t *block, uint32_t timestamp, int64_t arrival, int marker)
{
    sw_dtmf *d = &rx->dtmf;
    int event = block[0], is_end = block[1] >> 7;
    uint32_t duration = sw_get16(block + 2);
    int64_t ts = rx->has_clock ? rx->ext_ts + (int32_t)(timestamp - (uint32_t)rx->ext_ts) : (int64_t)timestamp;
    if (was_told(rx, timestamp))
        return;
    if (d->is_open && goes_on(d, timestamp, event, marker)) {
        note_told(rx, d->segment);
        d->before += timestamp - d->segment;
        d->segment = timestamp;
        d->now.duration = 0;
    } else if (!d->is_open || timestamp != d->segment || event != d->now.event) {
        open_event(rx, timestamp, ts, event, arrival);
    }
    d->now.duration = duration > d->now.duration ? duration : d->now.duration;
    d->now.volume = block[1] & 0x3F;
    d->last_arrival = arrival;
    if (is_end)
        sw_rx_end_event(rx);
}

void sw_rx_take_events(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *payload, int64_t arrival)
{
    uint32_t timestamp = p->timestamp;
    sw_rx_count(rx, SW_RX_EVENTS, 1);
    if (arrival - rx->dtmf.last_arrival > OLDER)
        rx->dtmf.told_count = 0;
    sw_rx_age_event(rx, arrival);
    for (uint32_t i = 0; i < BLOCKS && BLOCK * (i + 1) <= p->payload_octets; i++) { /* section 2.5.1.5 */
        take_block(rx, payload + BLOCK * i, timestamp, arrival, p->marker);
        timestamp += sw_get16(payload + BLOCK * i + 2);
    }
}

int64_t sw_rx_event_alarm(const sw_rx *rx)
{
    return rx->dtmf.is_open ? rx->dtmf.last_arrival + QUIET : INT64_MAX;
}

void sw_rx_age_event(sw_rx *rx, int64_t now)
{
    if (rx->dtmf.is_open && now - rx->dtmf.last_arrival >= QUIET)
        sw_rx_end_event(rx);
}

int sw_rx_events(sw_rx *rx, sw_telephone_event *out, int room)
{
    uint32_t taken = atomic_load_explicit(&rx->events_taken, memory_order_relaxed);
    uint32_t put = atomic_load_explicit(&rx->events_put, memory_order_acquire);
    int n = 0;
    for (; n < room && taken != put; n++, taken++)
        out[n] = rx->events[taken % SW_RX_EVENTS_KEPT];
    atomic_store_explicit(&rx->events_taken, taken, memory_order_release);
    return n;
}
