/*
 * Fuzzes playout.c with trackread.c and jitter.c below it: packets at any place, in any order and at any time, and two
 * live readers that ask for any lengths at any moment. Each sample says where it belongs.
 */
#include "fuzz.h"

enum { RATE = 8000, CAPACITY = 1 << 13, WINDOW = 2000, READERS = 2, MOST = 2000 };

typedef struct {
    sw_playout playout;
    uint64_t given; /* samples of states other than audio */
    int64_t after;  /* where the last frame ended */
    int faded;      /* samples that may differ after a loss */
} listener;

static uint8_t code(int64_t position)
{
    return (uint8_t)(position * 7 + (position >> 8));
}

static int16_t expected(int64_t position)
{
    uint8_t octet = code(position);
    int16_t pcm;
    sw_ulaw_decode(&octet, 1, &pcm);
    return pcm;
}

static void put(sw_track *t, int64_t position, size_t samples, int64_t now, int order)
{
    uint8_t *payload = exactly(samples);
    for (size_t i = 0; i < samples; i++)
        payload[i] = code(position + (int64_t)i);
    CHECK(sw_track_put(t, payload, samples, position, now, order) >= 0);
    free(payload);
}

/* Take one frame; whether there was one. */
static int take(const sw_track *t, listener *l, int64_t samples, int64_t now, int may_skip, int honest)
{
    int16_t *pcm = exactly(2 * (size_t)samples);
    sw_playout_frame out;
    uint64_t skipped = l->playout.skipped, overruns = l->playout.reader.overruns;
    int placed = l->playout.placed;
    int64_t n = sw_playout_take(t, &l->playout, samples, now, may_skip, pcm, &out);
    CHECK(n >= 0 && n <= samples);
    CHECK(l->playout.delay >= l->playout.least && l->playout.delay <= l->playout.most);
    CHECK(l->playout.target >= l->playout.least && l->playout.target <= l->playout.most);
    CHECK(l->playout.late <= l->playout.concealed && (may_skip || l->playout.skipped == skipped));
    if (n > 0 && placed) /* every sample between was skipped, or overwritten before it was read */
        CHECK(out.position == l->after + (int64_t)(l->playout.skipped - skipped + l->playout.reader.overruns - overruns));
    if (n == 0 && !out.ended)
        CHECK(out.want > l->playout.reader.position || !l->playout.placed);
    l->after = n > 0 ? out.position + n : l->playout.reader.position;
    if (out.state == SW_PLAYOUT_AUDIO && honest)
        for (int64_t i = 0; i < n; i++)
            if (i >= l->faded)
                CHECK(pcm[i] == expected(out.position + i));
    l->faded = out.state == SW_PLAYOUT_CONCEALED ? RATE / 100 : l->faded > n ? l->faded - (int)n : 0;
    free(pcm);
    return n > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    sw_track *t;
    listener *listeners[READERS];
    int64_t now = 1000000000, next = 0;
    int honest = 1; /* positions and samples agree until the clock jumps */
    if (octets < 8 || octets > 1200)
        return 0;
    t = zeroed(sw_track_octets(CAPACITY));
    CHECK(sw_track_init(t, sw_track_octets(CAPACITY), CAPACITY, RATE, SW_CODEC_PCMU, WINDOW, 0) == SW_OK);
    for (int i = 0; i < READERS; i++) {
        int64_t least = data[2 * i] * 16, most = least + data[2 * i + 1] * 14;
        listeners[i] = exactly(sizeof **listeners);
        memset(listeners[i], 0, sizeof **listeners);
        CHECK(sw_playout_init(&listeners[i]->playout, t, 480, least, most) == SW_OK);
    }
    for (size_t at = 4; at + 2 < octets; at += 3) {
        int what = data[at] & 7, by = data[at + 1], more = data[at + 2];
        if (what < 3) { /* the next packet, perhaps after a loss or a pause */
            next += what ? (int64_t)by * what * 40 : 0;
            put(t, next, 1 + (size_t)more, now, what == 0 ? SW_ORDER_NEXT : what == 1 ? SW_ORDER_LOST : SW_ORDER_NEXT);
            next += 1 + more;
        } else if (what == 3) {
            put(t, next - by * 24 - more, 1 + (size_t)more, now, SW_ORDER_OLDER);
        } else if (what == 4) {
            now += (int64_t)by * by * 50000 + more * 1000;
        } else if (what == 5 && more == 255) { /* a clock of its own, or nothing of what was */
            honest = 0;
            if (by & 1)
                (void)sw_track_forget(t);
            put(t, next + (int64_t)(by - 128) * 1000000, 160, now, SW_ORDER_RESTART);
        } else {
            int64_t samples = 1 + (int64_t)(what == 7 ? by * 8 % MOST : by);
            for (int most = 40; most && take(t, listeners[more % READERS], samples, now, what & 1, honest); most--)
                ;
        }
        if (honest) { /* a gap that time does not explain rebases, and so does what came in it */
            sw_track_state state;
            sw_track_report(t, &state);
            honest = state.counters[SW_TRACK_REBASED] == 0;
        }
    }
    sw_track_end(t);
    for (int i = 0; i < READERS; i++) {
        for (int most = 100; most && take(t, listeners[i], 160, now, 0, honest); most--)
            ;
        free(listeners[i]);
    }
    free(t);
    return 0;
}
