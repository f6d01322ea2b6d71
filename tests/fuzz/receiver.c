/*
 * Fuzzes rtprx.c, rtpsource.c, rtcp.c, dtmf.c and rtpqueue.c: a receiver with audio, telephone-events and comfort noise, to
 * which anybody sends anything at any time.
 *
 * The first octet chooses: decoded here or handed on, which source is named, roaming, refused SSRCs. Then steps: what
 * happens (3 bits), from whom (3 bits), and how long it is, or how much time passes. Each datagram is counted once.
 */
#include "fuzz.h"

enum { RATE = 8000, CAPACITY = 1 << 12, QUEUE = 4096, SMALL = 8 };

static sw_address address(int who)
{
    sw_address from = {.octets = {127, 0, 0, 1}, .family = 4, .port = (uint16_t)(4000 + (who & 1))};
    from.octets[3] = (uint8_t)(1 + (who >> 1 & 1));
    if (who & 4)
        from.family = 6;
    return from;
}

static void take_events(sw_rx *rx)
{
    sw_telephone_event *events = exactly(SMALL * sizeof *events);
    int n = sw_rx_events(rx, events, SMALL);
    CHECK(n >= 0 && n <= SMALL);
    for (int i = 0; i < n; i++)
        CHECK(events[i].volume <= 63);
    free(events);
}

static void take_payloads(sw_queue *queue, size_t room)
{
    sw_payload *heads = exactly(SMALL * sizeof *heads);
    uint8_t *data = exactly(room);
    size_t sum = 0;
    int n = sw_queue_take(queue, heads, SMALL, data, room);
    CHECK(n >= 0 && n <= SMALL);
    for (int i = 0; i < n; i++)
        sum += heads[i].octets;
    CHECK(sum <= room);
    free(data);
    free(heads);
}

static void set_up(sw_rx *rx, sw_queue *queue, int how)
{
    static const uint32_t refused[] = {0, 0x30303030};
    const sw_address named = address(how >> 2 & 1);
    if (how & 1)
        sw_rx_hand_on(rx, queue);
    CHECK(sw_rx_map(rx, 0, how & 1 ? SW_PAYLOAD_QUEUED : SW_PAYLOAD_AUDIO + SW_CODEC_PCMU) == SW_OK);
    CHECK(sw_rx_map(rx, 101, SW_PAYLOAD_EVENT) == SW_OK && sw_rx_map(rx, 13, SW_PAYLOAD_NOISE) == SW_OK);
    if (how & 2)
        CHECK(sw_rx_pin(rx, &named, how & 8 ? 24 : 32, how >> 4 & 1) == SW_OK);
    else
        CHECK(sw_rx_pin(rx, NULL, 0, how >> 4 & 1) == SW_OK);
    if (how & 32)
        CHECK(sw_rx_refuse(rx, refused, 2) == SW_OK);
}

static void check_end(sw_rx *rx, const sw_track *track, uint64_t sent, int *is_over)
{
    sw_rx_state state;
    sw_track_state timeline;
    sw_rx_report(rx, &state);
    sw_track_report(track, &timeline);
    CHECK(state.counters[SW_RX_DATAGRAMS] == sent);
    CHECK(timeline.head >= timeline.start && timeline.head - timeline.start < INT64_C(1) << 40);
    CHECK(state.counters[SW_RX_UNIQUE] <= sent && state.counters[SW_RX_DUPLICATE] <= sent);
    *is_over = timeline.ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    sw_track *track;
    sw_rx *rx;
    sw_queue *queue;
    uint64_t sent = 0;
    int64_t now = 1000000000;
    int over = 0;
    if (octets < 4 || octets > 8192)
        return 0;
    track = zeroed(sw_track_octets(CAPACITY));
    rx = zeroed(sw_rx_octets());
    queue = zeroed(sw_queue_octets(QUEUE));
    CHECK(sw_track_init(track, sw_track_octets(CAPACITY), CAPACITY, RATE, SW_CODEC_PCMU, 2000, 0) == SW_OK);
    CHECK(sw_rx_init(rx, sw_rx_octets(), track, SW_CODEC_PCMU, RATE, 0) == SW_OK);
    CHECK(sw_queue_init(queue, sw_queue_octets(QUEUE), QUEUE) == SW_OK);
    set_up(rx, queue, data[0]);
    for (size_t at = 1; at + 2 <= octets;) {
        int what = data[at] & 7;
        size_t by = data[at + 1], left;
        const sw_address from = address(data[at] >> 3 & 7);
        at += 2;
        left = octets - at;
        if (what < 5) { /* mostly audio: a datagram of its own memory */
            size_t n = by < left ? by : left;
            uint8_t *datagram = exactly(n);
            memcpy(datagram, data + at, n);
            at += n;
            now += 20000000;
            sent++;
            if (what == 4)
                sw_rx_rtcp(rx, datagram, n, now, &from);
            else
                sw_rx_datagram(rx, datagram, n, now, &from);
            free(datagram);
        } else if (what == 5) {
            now += (int64_t)by * 10000000;
            if (sw_rx_alarm(rx) <= now)
                (void)sw_rx_tick(rx, now);
        } else if (what == 6) {
            take_events(rx);
            take_payloads(queue, by * 16);
        } else if (by < 8) {
            (void)sw_rx_expect(rx, &from);
            sw_rx_attend(rx);
        } else if (by == 255) {
            sw_rx_flush(rx);
        }
        (void)sw_rx_news(rx);
    }
    sw_rx_flush(rx);
    take_events(rx);
    take_payloads(queue, QUEUE);
    check_end(rx, track, sent, &over);
    sw_rx_end(rx);
    if (!(data[0] & 1)) {
        check_end(rx, track, sent, &over);
        CHECK(over);
    }
    free(queue);
    free(rx);
    free(track);
    return 0;
}
