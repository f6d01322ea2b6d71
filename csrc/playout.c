/*
 * Live reading: when a reader may have its next samples, what it gets for those that did not come, and how far behind
 * it stays for that.
 *
 * A sample is due when as much time has passed since it was sent, plus the quickest transit of late, as the playout
 * delay is long. What is missing then, though something newer has come, is MISSING and is concealed; if nothing newer
 * has come the track is EMPTY, and the reader waits: a sender that pauses loses nothing.
 *
 * The target of the delay is what all but one packet in a hundred of the last seconds kept to. The delay moves towards it
 * where nobody hears it: it grows at frames that are silent or concealed, or had to be waited for, and shrinks at
 * silent ones. Nothing that was sent is ever left out for it.
 */
#include "track.h"

#define SPANS 64
#define BUCKET (5 * SW_NANO / 1000 / 1024) /* 5 ms in the unit of sw_track's notes */
#define FORGET 1.004f                      /* what a packet counts more than the one before it: a memory of 5 s */
#define KNOWN 50                           /* packets before the target is believed */
#define OUTLIERS 0.01f
#define QUIETEST 64                        /* no sample larger: silence, 54 dB below the largest */

int sw_playout_init(sw_playout *p, const sw_track *t, int64_t begin, int64_t least, int64_t most)
{
    if (least < 0 || most < least || most > t->rate)
        return SW_EINVAL;
    memset(p, 0, sizeof *p);
    p->least = least;
    p->most = most;
    p->delay = p->target = begin < least ? least : begin > most ? most : begin;
    p->weight = 1;
    p->conceals = sw_plc_init(&p->plc, t->rate) == SW_OK;
    return SW_OK;
}

/* ---- the target ------------------------------------------------------------------------------------------- */

static void note(sw_playout *p, int32_t lateness)
{
    int64_t bucket = lateness / BUCKET;
    p->histogram[bucket < SW_PLAYOUT_BUCKETS ? bucket : SW_PLAYOUT_BUCKETS - 1] += p->weight;
    p->total += p->weight;
    p->weight *= FORGET;
    p->known += p->known < KNOWN;
    if (p->weight < 1e6f)
        return;
    for (int i = 0; i < SW_PLAYOUT_BUCKETS; i++)
        p->histogram[i] /= p->weight;
    p->total /= p->weight;
    p->weight = 1;
}

/* Take in how late the packets were that came since the last look. */
static void learn(const sw_track *t, sw_playout *p)
{
    uint32_t noted = atomic_load_explicit(&t->noted, memory_order_acquire), n = noted - p->noted;
    int64_t target;
    float later = 0;
    int bucket = SW_PLAYOUT_BUCKETS - 1;
    if (n == 0)
        return;
    for (n = n < SW_TRACK_NOTES ? n : SW_TRACK_NOTES; n > 0; n--)
        note(p, atomic_load_explicit(&t->lateness[(noted - n) % SW_TRACK_NOTES], memory_order_relaxed));
    p->noted = noted;
    if (p->known < KNOWN)
        return;
    for (; bucket > 0 && later + p->histogram[bucket] <= OUTLIERS * p->total; bucket--)
        later += p->histogram[bucket];
    target = (int64_t)(bucket + 1) * t->rate / 200;
    p->target = target < p->least ? p->least : target > p->most ? p->most : target;
}

static void grow(sw_playout *p, int64_t most)
{
    int64_t by = p->target - p->delay < most ? p->target - p->delay : most;
    if (by > 0) {
        p->delay += by;
        p->stretched += (uint64_t)by;
    }
}

/* ---- when ------------------------------------------------------------------------------------------------- */

/* When the sample at `end` is due, by the clock of the arrivals, with no delay. */
static int64_t sent(const sw_track *t, int64_t end)
{
    return sw_track_load(&t->anchor) + sw_track_nano(t, end - sw_track_load(&t->origin));
}

/* Whether the reader may have so many samples; else what it has to wait for. */
static int is_due(const sw_track *t, sw_playout *p, int64_t samples, int64_t now, sw_playout_frame *out)
{
    int started = (int)atomic_load_explicit(&t->started, memory_order_acquire);
    int ended = (int)atomic_load_explicit(&t->ended, memory_order_seq_cst);
    int64_t head = atomic_load_explicit(&t->head, memory_order_acquire), end, at;
    *out = (sw_playout_frame){.want = -(INT64_C(1) << 62), .wait = -1, .ended = ended};
    if (started && !p->placed) {
        p->reader.position = sw_track_oldest(t);
        p->placed = 1;
    }
    if (ended || !started)
        return ended;
    end = out->want = p->reader.position + samples;
    if (head < end) {
        p->starved = 1;
        return 0;
    }
    at = sent(t, end) + sw_track_nano(t, p->delay);
    p->is_live = now - at <= sw_track_nano(t, samples) && head <= end + p->delay + samples;
    if (p->starved && now > at)
        grow(p, sw_track_samples(t, now - at));
    p->starved = 0;
    out->want = end + p->delay;
    out->wait = at - now;
    return head >= out->want || now >= at;
}

/* ---- what was late ---------------------------------------------------------------------------------------- */

/* How many of these samples, which were concealed, came after all. */
static int64_t present(const sw_track *t, int64_t from, int64_t to)
{
    int64_t there = 0;
    for (int64_t at = from, n; at < to; at += n) {
        int kind;
        n = sw_ring_run(&t->ring, at, to, &kind);
        there += kind == 0 ? n : 0;
    }
    atomic_thread_fence(memory_order_acquire);
    return sw_track_load(&t->claimed) - (int64_t)t->ring.capacity > from ? 0 : there;
}

/* Whatever can no longer come is lost; what came too late for this reader is counted. */
static void settle(const sw_track *t, sw_playout *p, int64_t before, int32_t room)
{
    while (p->gaps && (p->gap[p->oldest].position + p->gap[p->oldest].samples <= before || p->gaps > room)) {
        const sw_span *gap = &p->gap[p->oldest];
        p->late += (uint64_t)present(t, gap->position, gap->position + gap->samples);
        p->oldest = (p->oldest + 1) % SW_PLAYOUT_GAPS;
        p->gaps--;
    }
}

static void conceal(const sw_track *t, sw_playout *p, unsigned char *pcm, const sw_span *span)
{
    if (p->conceals)
        sw_plc_conceal(&p->plc, pcm, (size_t)span->samples);
    p->concealed += (uint64_t)span->samples;
    settle(t, p, INT64_MIN, SW_PLAYOUT_GAPS - 1);
    p->gap[(p->oldest + p->gaps++) % SW_PLAYOUT_GAPS] = *span;
}

/* ---- what ------------------------------------------------------------------------------------------------- */

static void good(sw_playout *p, unsigned char *pcm, int64_t samples)
{
    if (p->conceals)
        sw_plc_good(&p->plc, pcm, (size_t)samples);
}

/* Read what is there, conceal what is missing, say what it was. */
static int64_t give(const sw_track *t, sw_playout *p, int64_t samples, unsigned char *pcm, sw_playout_frame *out)
{
    sw_span spans[SPANS];
    int32_t used;
    uint64_t before = p->reader.overruns;
    int64_t n = sw_track_read(t, &p->reader, samples, INT64_MAX, pcm, spans, SPANS, &used), done = 0;
    out->position = p->reader.position - n;
    out->state = used ? SW_PLAYOUT_SILENCE : SW_PLAYOUT_AUDIO;
    if (p->reader.overruns != before && p->conceals)
        sw_plc_reset(&p->plc);
    for (int i = 0; i < used; i++) {
        int64_t at = spans[i].position - out->position;
        good(p, pcm + 2 * done, at - done);
        done = at + spans[i].samples;
        if (spans[i].kind == SW_SPAN_MISSING) {
            conceal(t, p, pcm + 2 * at, &spans[i]);
            out->state = SW_PLAYOUT_CONCEALED;
        } else {
            good(p, pcm + 2 * at, spans[i].samples);
        }
    }
    good(p, pcm + 2 * done, n - done);
    return n;
}

static int is_silent(const unsigned char *pcm, int64_t samples)
{
    for (int64_t i = 0; i < samples; i++) {
        int16_t x;
        memcpy(&x, pcm + 2 * i, 2);
        if (x > QUIETEST || x < -QUIETEST)
            return 0;
    }
    return 1;
}

/* Move the delay where these samples let it. Whether they are to be left out. */
static int adapt(sw_playout *p, int64_t n, int silent, const sw_playout_frame *out)
{
    if (!p->is_live || out->ended || p->target == p->delay || !(silent || out->state == SW_PLAYOUT_CONCEALED))
        return 0;
    grow(p, n);
    if (!silent || p->delay - p->target < n)
        return 0;
    p->delay -= n;
    return out->state == SW_PLAYOUT_SILENCE;
}

int64_t sw_playout_take(const sw_track *t, sw_playout *p, int64_t samples, int64_t now, int may_skip, void *pcm,
                        sw_playout_frame *out)
{
    int64_t n, head;
    if (samples < 1)
        return SW_EINVAL;
    learn(t, p);
    if (!is_due(t, p, samples, now, out))
        return 0;
    for (;;) {
        n = give(t, p, samples, pcm, out);
        head = atomic_load_explicit(&t->head, memory_order_acquire);
        settle(t, p, out->ended ? INT64_MAX : head - t->window, SW_PLAYOUT_GAPS);
        if (n < samples || !adapt(p, n, out->state == SW_PLAYOUT_SILENCE || is_silent(pcm, n), out))
            return n;
        if (!may_skip || head < p->reader.position + samples)
            return n;
        p->skipped += (uint64_t)n;
    }
}
