/*
 * The ring of samples behind a track: what lies where, without knowing why; and a bit for each sample that
 * says whether it is there. In a header, so that what a packet costs has no calls in it.
 *
 * The bits are atomic: a sample is written before its bit is set, and read after it was seen. That leaves one case in
 * which a sample is read while it is written: a reader so slow that the writer has come round and overtakes it. Its
 * copy is worth nothing, and sw_track_read finds that out after the copying and throws it away, as the reader of a
 * sequence lock does. So the samples themselves are moved in whole blocks, by memcpy and by the decoders; the fences on
 * both sides (jitter.c, trackread.c) keep the blocks between the positions that announce them. It is this one copy
 * that ThreadSanitizer is told not to look at; the test that runs under it compares every sample instead.
 */
#ifndef SW_RING_H
#define SW_RING_H

#include <stdatomic.h>

#include "sw.h"

typedef struct {
    unsigned char *pcm;      /* int16 each */
    _Atomic uint64_t *marks; /* for every 64 samples two words, a bit each: it is not there; the sender was silent */
    uint64_t capacity, mask;
} sw_ring;

/* Octets for so many samples. */
static inline size_t sw_ring_octets(uint64_t capacity)
{
    return (size_t)(capacity * 2 + capacity / 4);
}

/* Make `memory`, aligned to 64 octets, a ring of that capacity. */
static inline void sw_ring_init(sw_ring *ring, void *memory, uint64_t capacity)
{
    ring->marks = memory;
    ring->pcm = (unsigned char *)memory + capacity / 4;
    ring->capacity = capacity;
    ring->mask = capacity - 1;
}

/* ---- samples ---------------------------------------------------------------------------------------------- */

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if __has_feature(thread_sanitizer) || defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread"))) static inline void sw_ring_copy_out(void *to, const void *from, size_t octets)
{
    const volatile unsigned char *source = from; /* volatile: or it becomes the memcpy that the sanitizer watches */
    for (size_t i = 0; i < octets; i++)
        ((volatile unsigned char *)to)[i] = source[i];
}
#else
static inline void sw_ring_copy_out(void *to, const void *from, size_t octets)
{
    memcpy(to, from, octets);
}
#endif

/* How many of `count` samples lie in the ring before its end, when the first is at `at`. */
static inline size_t sw_ring_before_end(const sw_ring *ring, uint64_t at, int64_t count)
{
    return (uint64_t)count < ring->capacity - at ? (size_t)count : (size_t)(ring->capacity - at);
}

/* Decode `count` samples of a payload to one piece of the ring; returns where the payload goes on. */
static inline const uint8_t *sw_ring_decode_piece(const sw_ring *ring, uint64_t at, int codec, const uint8_t *payload,
                                                  size_t count)
{
    unsigned char *to = ring->pcm + 2 * at;
    if (codec == SW_CODEC_PCMU) {
        sw_ulaw_decode(payload, count, to);
        return payload + count;
    }
    if (codec == SW_CODEC_PCMA) {
        sw_alaw_decode(payload, count, to);
        return payload + count;
    }
    (void)sw_decode(codec, payload, 2 * count, to, count);
    return payload + 2 * count;
}

/* The same to where they belong: one piece, or two at the ring's end. `count` is at most the capacity, here and below. */
static inline void sw_ring_decode(const sw_ring *ring, int64_t position, int codec, const uint8_t *payload, int64_t count)
{
    uint64_t at = (uint64_t)position & ring->mask;
    size_t n = sw_ring_before_end(ring, at, count);
    payload = sw_ring_decode_piece(ring, at, codec, payload, n);
    if (n < (size_t)count)
        (void)sw_ring_decode_piece(ring, 0, codec, payload, (size_t)count - n);
}

/* Copy samples to the ring. */
static inline void sw_ring_store(const sw_ring *ring, int64_t position, const void *samples, int64_t count)
{
    uint64_t at = (uint64_t)position & ring->mask;
    size_t n = sw_ring_before_end(ring, at, count);
    memcpy(ring->pcm + 2 * at, samples, 2 * n);
    memcpy(ring->pcm, (const unsigned char *)samples + 2 * n, 2 * ((size_t)count - n));
}

/* Copy samples out of it. */
static inline void sw_ring_load(const sw_ring *ring, int64_t position, void *samples, int64_t count)
{
    uint64_t at = (uint64_t)position & ring->mask;
    size_t n = sw_ring_before_end(ring, at, count);
    sw_ring_copy_out(samples, ring->pcm + 2 * at, 2 * n);
    sw_ring_copy_out((unsigned char *)samples + 2 * n, ring->pcm, 2 * ((size_t)count - n));
}

/* ---- whether they are there ------------------------------------------------------------------------------- */

static inline void sw_ring_set(_Atomic uint64_t *w, uint64_t bits)
{
    uint64_t old = atomic_load_explicit(w, memory_order_relaxed);
    atomic_store_explicit(w, old | bits, memory_order_release);
}

static inline void sw_ring_clear(_Atomic uint64_t *w, uint64_t bits)
{
    uint64_t old = atomic_load_explicit(w, memory_order_relaxed);
    if (old & bits) /* seldom: bits stand only where there was a gap, now or a round ago */
        atomic_store_explicit(w, old & ~bits, memory_order_release);
}

/* The words of the marks that [from, to) touches, one after the other, and which of their bits. */
typedef struct {
    _Atomic uint64_t *absent, *quiet;
    uint64_t bits;
} sw_ring_some_marks;

static inline int64_t sw_ring_next_marks(const sw_ring *ring, int64_t from, int64_t to, sw_ring_some_marks *out)
{
    uint64_t at = (uint64_t)from & ring->mask, first = at & 63, left = (uint64_t)(to - from);
    uint64_t n = 64 - first < left ? 64 - first : left;
    out->absent = &ring->marks[(at >> 6) * 2];
    out->quiet = out->absent + 1;
    out->bits = (~UINT64_C(0) >> (64 - n)) << first;
    return from + (int64_t)n;
}

/* Length of what begins at `from` and is certainly audio: up to the first word of marks with any bit set. */
static inline int64_t sw_ring_plain(const sw_ring *ring, int64_t from, int64_t to)
{
    int64_t position = from;
    while (position < to) {
        uint64_t at = (uint64_t)position & ring->mask;
        if (atomic_load_explicit(&ring->marks[(at >> 6) * 2], memory_order_acquire))
            break;
        position = (position | 63) + 1;
    }
    return (position < to ? position : to) - from;
}

/* Say of the samples of [from, to) that they are there. */
static inline void sw_ring_mark_audio(const sw_ring *ring, int64_t from, int64_t to)
{
    sw_ring_some_marks m;
    from += sw_ring_plain(ring, from, to);
    while (from < to) {
        from = sw_ring_next_marks(ring, from, to, &m);
        sw_ring_clear(m.absent, m.bits);
    }
}

/* Say that they are not, and whether the sender was silent. */
static inline void sw_ring_mark_gap(const sw_ring *ring, int64_t from, int64_t to, int quiet)
{
    sw_ring_some_marks m;
    while (from < to) {
        from = sw_ring_next_marks(ring, from, to, &m);
        if (quiet)
            sw_ring_set(m.quiet, m.bits);
        else
            sw_ring_clear(m.quiet, m.bits);
        sw_ring_set(m.absent, m.bits);
    }
}

/* What two words of marks say of the sample whose bits are the lowest: 0 (audio) or SW_SPAN_... */
static inline int sw_ring_kind(uint64_t absent, uint64_t quiet)
{
    return !(absent & 1) ? 0 : quiet & 1 ? SW_SPAN_QUIET : SW_SPAN_MISSING;
}

/* Length of the run of equal state that begins at `from`, and which state that is. */
static inline int64_t sw_ring_run(const sw_ring *ring, int64_t from, int64_t to, int *kind)
{
    int64_t position = from + sw_ring_plain(ring, from, to);
    *kind = position > from ? 0 : -1;
    while (position < to) {
        uint64_t at = (uint64_t)position & ring->mask, first = at & 63, other;
        const _Atomic uint64_t *w = &ring->marks[(at >> 6) * 2];
        uint64_t absent = atomic_load_explicit(w, memory_order_acquire) >> first;
        uint64_t quiet = atomic_load_explicit(w + 1, memory_order_acquire) >> first;
        if (*kind < 0)
            *kind = sw_ring_kind(absent, quiet);
        other = *kind == 0 ? absent : *kind == SW_SPAN_QUIET ? ~(absent & quiet) : ~absent | quiet;
        other &= ~UINT64_C(0) >> first; /* the bits that the shift brought in belong to nobody */
        if (other) {
            position += __builtin_ctzll(other);
            break;
        }
        position += (int64_t)(64 - first);
    }
    return (position < to ? position : to) - from;
}

#endif
