/*
 * The timeline of one direction of audio: a ring of decoded samples, placed by the media clock.
 *
 * One thread writes (the engine, or the WebSocket thread), any number read, each with a cursor of its own, and
 * nobody locks. A bit a sample says whether it is there: a sample that never came (MISSING) is not the same as one
 * that has not come yet (past `head`), nor as a pause that the sender itself made (QUIET). What was missing may
 * still be filled while it is within the reorder window.
 *
 * Readers and the writer meet as in a sequence lock. The writer announces in `claimed` how far it will write before
 * it overwrites anything; a reader (trackread.c) copies, then looks at `claimed`, and throws away what may have changed
 * under it. All shared words but the samples are C11 atomics; of the samples, ring.h tells.
 */
#include "track.h"

#define BLOCK 2048 /* samples decoded at a time, on the stack */
#define NANO SW_NANO
#define MILLI INT64_C(1000000)
#define LINE 64       /* octets that a cache takes at a time */
#define FORESEEN 640  /* octets of samples: 20 ms at 16 kHz */

static void count(sw_track *t, int counter, uint64_t by)
{
    uint64_t before = atomic_load_explicit(&t->counters[counter], memory_order_relaxed);
    atomic_store_explicit(&t->counters[counter], before + by, memory_order_relaxed);
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

static size_t header_octets(void)
{
    return (sizeof(sw_track) + 63) & ~(size_t)63;
}

size_t sw_track_octets(uint64_t capacity)
{
    if (capacity < 64 || capacity > (UINT64_C(1) << 32) || (capacity & (capacity - 1)))
        return 0;
    return header_octets() + sw_ring_octets(capacity);
}

int sw_track_init(void *memory, size_t octets, uint64_t capacity, int rate, int codec, int64_t window, int64_t snap)
{
    size_t need = sw_track_octets(capacity);
    sw_track *t = memory;
    if (!memory || !need || octets < need || rate < 1 || rate > 1000000 || ((uintptr_t)memory & 63))
        return SW_EINVAL;
    if (window < 0 || (uint64_t)window > capacity / 2 || snap < 0 || snap > window)
        return SW_EINVAL;
    if (sw_codec_octets(codec) < 0)
        return SW_ECODEC;
    memset(t, 0, sizeof *t);
    t->mute_to = t->mute_until = INT64_MIN;
    sw_ring_init(&t->ring, (unsigned char *)memory + header_octets(), capacity);
    t->rate = rate;
    t->codec = codec;
    t->wide = sw_codec_octets(codec) == 2;
    t->nano_per_sample = NANO % rate == 0 ? NANO / rate : 0;
    t->window = window;
    t->snap = snap;
    return SW_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

/* Move head to `to`; what lies between is quiet or missing. */
static void extend(sw_track *t, int64_t to, int quiet)
{
    int64_t head = sw_track_load(&t->head);
    int64_t from = to - head > (int64_t)t->ring.capacity ? to - (int64_t)t->ring.capacity : head;
    if (to <= head)
        return;
    atomic_store_explicit(&t->claimed, to, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    sw_ring_mark_gap(&t->ring, from, to, quiet);
    atomic_store_explicit(&t->head, to, memory_order_release);
}

/* Write samples that are not there yet into [position, position + n), which lies within the ring. */
static void fill(sw_track *t, int64_t position, const int16_t *samples, int64_t n)
{
    int64_t done = 0;
    while (done < n) {
        int kind;
        int64_t length = sw_ring_run(&t->ring, position + done, position + n, &kind);
        if (kind != 0) {
            sw_ring_store(&t->ring, position + done, samples + done, length);
            sw_ring_mark_audio(&t->ring, position + done, position + done + length);
            count(t, SW_TRACK_SAMPLES, (uint64_t)length);
        }
        done += length;
    }
}

/* Decode and write at the head. The ring is claimed before, head moves after. */
static inline void push_part(sw_track *t, const uint8_t *payload, int64_t n)
{
    int64_t head = sw_track_load(&t->head);
    atomic_store_explicit(&t->claimed, head + n, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    sw_ring_decode(&t->ring, head, t->codec, payload, n);
    sw_ring_mark_audio(&t->ring, head, head + n);
    atomic_store_explicit(&t->head, head + n, memory_order_release);
    count(t, SW_TRACK_SAMPLES, (uint64_t)n);
}

/* The same of any length: never so much at once that a reader near the oldest sample loses all that it has. */
static inline void push(sw_track *t, const uint8_t *payload, int64_t n)
{
    int64_t most = (int64_t)(t->ring.capacity >> 3);
    for (; n > most; n -= most, payload += most << t->wide)
        push_part(t, payload, most);
    push_part(t, payload, n);
}

/* Nobody may hear this packet: it becomes a pause of the sender's. */
static void hush(sw_track *t, int64_t position, int64_t n)
{
    int64_t head = sw_track_load(&t->head);
    count(t, SW_TRACK_MUTED, (uint64_t)n);
    if (position < head)
        sw_ring_mark_gap(&t->ring, position, position + n, 1);
    else
        extend(t, position + n, 1);
}

static void begin(sw_track *t, int64_t wire, int64_t arrival)
{
    int64_t position = t->is_afresh ? sw_track_load(&t->head) : wire;
    t->shift = position - wire;
    atomic_store_explicit(&t->origin, position, memory_order_relaxed);
    atomic_store_explicit(&t->start, position, memory_order_relaxed);
    atomic_store_explicit(&t->claimed, position, memory_order_relaxed);
    atomic_store_explicit(&t->head, position, memory_order_relaxed);
    atomic_store_explicit(&t->anchor, arrival, memory_order_relaxed);
    sw_ring_mark_gap(&t->ring, position - t->window, position, 0); /* what may yet be filled in before the first */
    t->bucket_since = arrival;
    t->bucket = t->bucket_before = t->baseline = INT64_MAX;
    atomic_store_explicit(&t->last_arrival, arrival, memory_order_relaxed);
    atomic_store_explicit(&t->started, 1, memory_order_release);
}

static int64_t since_last(const sw_track *t, int64_t arrival)
{
    int64_t elapsed = arrival - sw_track_load(&t->last_arrival);
    return elapsed > 0 ? elapsed : 0;
}

/* When the media clock cannot be believed, the time between arrivals says how much silence lies between. */
static int64_t rebase(sw_track *t, int64_t position, int64_t arrival)
{
    int64_t head = sw_track_load(&t->head);
    int64_t gap = sw_track_samples(t, since_last(t, arrival)) - t->last_count;
    if (gap < t->rate / 10) /* jitter, not a pause */
        gap = 0;
    t->shift += head + gap - position;
    count(t, SW_TRACK_REBASED, 1);
    return head + gap;
}

/* For the readers' playout delay (playout.c): how much later than the quickest of late a packet came. */
static inline void note_lateness(sw_track *t, int64_t nanoseconds)
{
    uint64_t late = nanoseconds > 0 ? (uint64_t)nanoseconds >> 10 : 0;
    uint32_t n = atomic_load_explicit(&t->noted, memory_order_relaxed);
    int32_t noted = late < INT32_MAX ? (int32_t)late : INT32_MAX;
    atomic_store_explicit(&t->lateness[n % SW_TRACK_NOTES], noted, memory_order_relaxed);
    atomic_store_explicit(&t->noted, n + 1, memory_order_release);
}

/* The smallest difference of a few seconds, not of all: clocks drift, and what matters is how they stand now. */
static void note_arrival(sw_track *t, int64_t position, int64_t n, int64_t arrival)
{
    int64_t difference = arrival - sw_track_nano(t, position + n - sw_track_load(&t->origin)), anchor;
    if (since_last(t, arrival) >= 2 * NANO) { /* a clock that stood still meanwhile must show at once */
        t->bucket = t->bucket_before = INT64_MAX;
        t->bucket_since = arrival;
    } else if (arrival - t->bucket_since >= 2 * NANO) {
        t->bucket_before = arrival - t->bucket_since < 4 * NANO ? t->bucket : INT64_MAX;
        t->bucket = INT64_MAX;
        t->bucket_since = arrival;
    }
    t->bucket = difference < t->bucket ? difference : t->bucket;
    anchor = t->bucket < t->bucket_before ? t->bucket : t->bucket_before;
    atomic_store_explicit(&t->anchor, anchor, memory_order_relaxed);
    atomic_store_explicit(&t->last_arrival, arrival, memory_order_relaxed);
    t->last_count = n;
    note_lateness(t, difference - anchor);
}

/* A packet that belongs before the head: fill what is missing there, if it is not too late for that. */
static int put_behind(sw_track *t, const uint8_t *payload, int64_t n, int64_t position, int64_t arrival)
{
    int16_t block[BLOCK];
    int64_t head = sw_track_load(&t->head), start = sw_track_load(&t->start);
    int kind;
    if (position < head - t->window || position + n > head) {
        count(t, SW_TRACK_LATE, 1);
        return SW_PUT_LATE;
    }
    if (position >= start && sw_ring_run(&t->ring, position, position + n, &kind) == n && kind == 0) {
        count(t, SW_TRACK_DUPLICATE, 1);
        return SW_PUT_DUPLICATE;
    }
    note_lateness(t, arrival - sw_track_nano(t, position + n - sw_track_load(&t->origin)) - sw_track_load(&t->anchor));
    if (sw_track_is_mute(t, position, arrival)) {
        hush(t, position, n);
        return SW_OK;
    }
    for (int64_t done = 0; done < n; done += BLOCK) {
        int64_t part = n - done < BLOCK ? n - done : BLOCK;
        (void)sw_decode(t->codec, payload + (done << t->wide), (size_t)part << t->wide, block, BLOCK);
        fill(t, position + done, block, part);
    }
    if (position < start)
        atomic_store_explicit(&t->start, position, memory_order_release);
    count(t, SW_TRACK_REORDERED, 1);
    return SW_OK;
}

/* The position in the ring of a packet that is not behind: by its clock where that can be true, else rebased. */
static int64_t settle(sw_track *t, int64_t position, int64_t arrival, int order, int *rebased)
{
    int64_t head = sw_track_load(&t->head);
    int64_t ahead = position - head;
    if (ahead >= -t->snap && ahead <= t->snap)
        return head;
    if (ahead > sw_track_samples(t, since_last(t, arrival)) + t->rate || ahead < 0 || order == SW_ORDER_RESTART) {
        *rebased = 1;
        return rebase(t, position, arrival);
    }
    return position;
}

void sw_track_foresee(const sw_track *t)
{
    uint64_t at = (uint64_t)sw_track_load(&t->head) & t->ring.mask;
    const unsigned char *pcm = t->ring.pcm + 2 * at;
    __builtin_prefetch(&t->ring.marks[(at >> 6) * 2], 1);
    __builtin_prefetch(&t->lateness[atomic_load_explicit(&t->noted, memory_order_relaxed) % SW_TRACK_NOTES], 1);
    for (int64_t octets = 0; octets < 2 * t->last_count && octets < FORESEEN; octets += LINE)
        __builtin_prefetch(pcm + octets, 1);
}

int sw_track_put(sw_track *t, const uint8_t *payload, size_t octets, int64_t position, int64_t arrival, int order)
{
    int64_t n = (int64_t)(octets >> t->wide), head, at;
    int rebased = 0;
    if (atomic_load_explicit(&t->ended, memory_order_relaxed))
        return SW_PUT_ENDED;
    if ((t->wide && octets % 2) || octets > INT32_MAX)
        return SW_ECODEC;
    if (position > INT64_MAX / 4 || position < INT64_MIN / 4)
        return SW_EINVAL;
    count(t, SW_TRACK_PACKETS, 1);
    count(t, SW_TRACK_OCTETS, octets);
    if (n == 0)
        return SW_OK;
    if (!atomic_load_explicit(&t->started, memory_order_relaxed))
        begin(t, position, arrival);
    head = sw_track_load(&t->head);
    at = position + t->shift;
    if (order == SW_ORDER_OLDER)
        return put_behind(t, payload, n, at, arrival);
    if (order == SW_ORDER_UNKNOWN && at < head - t->snap && at + n <= head && at >= head - t->window)
        return put_behind(t, payload, n, at, arrival);
    at = settle(t, at, arrival, order, &rebased);
    if (at > head) {
        count(t, order == SW_ORDER_LOST ? SW_TRACK_MISSING : SW_TRACK_QUIET, (uint64_t)(at - head));
        extend(t, at, order != SW_ORDER_LOST);
    }
    if (sw_track_is_mute(t, at, arrival))
        hush(t, at, n);
    else
        push(t, payload, n);
    note_arrival(t, at, n, arrival);
    return rebased ? SW_PUT_REBASED : SW_OK;
}

/* A stall that has caught up within two seconds was only a stall; what is still missing then was never sent. */
static void fill_deficit(sw_track *t, int64_t n, int64_t arrival)
{
    int64_t head = sw_track_load(&t->head);
    int64_t sent = arrival - sw_track_nano(t, head + n - sw_track_load(&t->origin)), late;
    if (t->baseline == INT64_MAX) {
        t->baseline = sent;
        return;
    }
    t->baseline += since_last(t, arrival) / 1000; /* follow a sender whose clock is slow, up to 1,000 ppm */
    t->baseline = sent < t->baseline ? sent : t->baseline;
    late = sent - t->baseline;
    if (late < 100 * MILLI) {
        t->in_deficit = 0;
        return;
    }
    if (!t->in_deficit) {
        t->in_deficit = 1;
        t->deficit_since = arrival;
        t->deficit = late;
    }
    t->deficit = late < t->deficit ? late : t->deficit;
    if (arrival - t->deficit_since >= 2 * NANO) {
        int64_t gap = sw_track_samples(t, t->deficit);
        extend(t, head + gap, 0);
        count(t, SW_TRACK_ESTIMATED, (uint64_t)gap);
        t->in_deficit = 0;
    }
}

int sw_track_append(sw_track *t, const uint8_t *payload, size_t octets, int64_t arrival)
{
    int64_t n = (int64_t)(octets >> t->wide);
    if (atomic_load_explicit(&t->ended, memory_order_relaxed))
        return SW_PUT_ENDED;
    if ((t->wide && octets % 2) || octets > INT32_MAX)
        return SW_ECODEC;
    count(t, SW_TRACK_PACKETS, 1);
    count(t, SW_TRACK_OCTETS, octets);
    if (n == 0)
        return SW_OK;
    if (!atomic_load_explicit(&t->started, memory_order_relaxed))
        begin(t, 0, arrival);
    fill_deficit(t, n, arrival);
    int64_t head = sw_track_load(&t->head);
    if (sw_track_is_mute(t, head, arrival))
        hush(t, head, n);
    else
        push(t, payload, n);
    note_arrival(t, head, n, arrival);
    return SW_OK;
}

void sw_track_mute(sw_track *t)
{
    (void)atomic_fetch_add(&t->muted, 1);
    atomic_store(&t->is_hushing, 1);
}

/* The larger of the two, whoever else raises it too. */
static void raise_to(_Atomic int64_t *value, int64_t to)
{
    int64_t was = atomic_load(value);
    while (was < to && !atomic_compare_exchange_weak(value, &was, to))
        ;
}

void sw_track_unmute(sw_track *t, int64_t now, int64_t guard)
{
    if (atomic_load_explicit(&t->started, memory_order_acquire)) {
        int64_t head = atomic_load_explicit(&t->head, memory_order_acquire), to;
        /* What would come now by the shortest way; the media clock may be behind it, and what follows then in between. */
        to = sw_track_load(&t->origin) + sw_track_samples(t, now - sw_track_load(&t->anchor));
        to = (to > head ? to : head) + sw_track_samples(t, guard);
        raise_to(&t->mute_to, to);
    }
    raise_to(&t->mute_until, now + guard);
    (void)atomic_fetch_sub(&t->muted, 1);
}

void sw_track_recode(sw_track *t, int codec)
{
    t->codec = codec;
    t->wide = sw_codec_octets(codec) == 2;
}

int sw_track_quiet(sw_track *t, int64_t position, int64_t arrival, int order)
{
    int64_t head = sw_track_load(&t->head), ahead = position + t->shift - head;
    if (atomic_load_explicit(&t->ended, memory_order_relaxed))
        return SW_PUT_ENDED;
    if (!atomic_load_explicit(&t->started, memory_order_relaxed) || ahead <= t->snap)
        return SW_OK;
    if (ahead > sw_track_samples(t, since_last(t, arrival)) + t->rate)
        return SW_PUT_LATE; /* no pause can be so long: what comes next says where it belongs */
    count(t, order == SW_ORDER_LOST ? SW_TRACK_MISSING : SW_TRACK_QUIET, (uint64_t)ahead);
    extend(t, head + ahead, order != SW_ORDER_LOST);
    atomic_store_explicit(&t->last_arrival, arrival, memory_order_relaxed);
    return SW_OK;
}

uint64_t sw_track_forget(sw_track *t)
{
    int64_t head = sw_track_load(&t->head), from = sw_track_load(&t->start);
    uint64_t packets = atomic_load_explicit(&t->counters[SW_TRACK_PACKETS], memory_order_relaxed);
    if (!atomic_load_explicit(&t->started, memory_order_relaxed))
        return 0;
    atomic_store_explicit(&t->started, 0, memory_order_release);
    if (head - from > (int64_t)t->ring.capacity)
        from = head - (int64_t)t->ring.capacity;
    sw_ring_mark_gap(&t->ring, from, head, 1);
    atomic_store_explicit(&t->start, head, memory_order_release);
    for (int i = 0; i < SW_TRACK_COUNTERS; i++)
        atomic_store_explicit(&t->counters[i], 0, memory_order_relaxed);
    t->is_afresh = 1;
    return packets;
}

void sw_track_end(sw_track *t)
{
    atomic_store_explicit(&t->ended, 1, memory_order_seq_cst);
}
