/* What a track is, for the file that writes it (jitter.c) and the one that reads it (trackread.c). */
#ifndef SW_TRACK_H
#define SW_TRACK_H

#include "ring.h"

#define SW_TRACK_SLOTS 8  /* readers of one track that may block at once */
#define SW_TRACK_NOTES 64 /* packets of which it is known how late they were */
#define SW_NANO INT64_C(1000000000)

enum { SW_LISTENER_FREE, SW_LISTENER_IDLE, SW_LISTENER_ARMED };

typedef struct {
    _Atomic int32_t state;
    _Atomic int32_t fd;
    _Atomic int64_t want; /* wake when head reaches this */
} sw_listener;

/* What every packet touches comes first, as in sw_rx. */
struct sw_track {
    /* Written by sw_track_init only; codec and wide by sw_track_recode too. */
    sw_ring ring;
    int64_t snap;
    int64_t nano_per_sample; /* 0 if it is no whole number: then there is dividing to do */
    int32_t rate, codec, wide; /* wide: two octets a sample */

    _Atomic int32_t is_hushing; /* written by any thread (sw_track_mute): whether `muted` and what follows were ever set */

    /* Written by the one writer, read by all. */
    _Atomic int64_t origin;  /* position of the first packet placed */
    _Atomic int64_t head;    /* one past the highest */
    _Atomic int64_t claimed; /* head, but stored before the ring is touched */
    _Atomic int64_t anchor;  /* the smallest (arrival - media time) of late: when `origin` was sent by this clock */
    _Atomic int64_t last_arrival;
    _Atomic uint32_t started, ended, listening; /* listening: somebody has waited once, or means to */
    _Atomic uint32_t noted;                     /* packets so far, whose lateness is in `lateness` */

    /* The writer's own. */
    int64_t shift;      /* what rebasing has added to the wire's positions */
    int64_t last_count; /* samples of the newest packet */
    int64_t bucket_since, bucket, bucket_before; /* smallest difference of these two seconds, and of those before */

    /* Written by the one writer, read by all. */
    _Atomic uint64_t counters[SW_TRACK_COUNTERS];
    _Atomic int64_t start;                    /* the lowest position placed */
    _Atomic int32_t lateness[SW_TRACK_NOTES]; /* one after the other, in 1,024 ns, against the quickest of late */

    /* Written by any thread (sw_track_mute). */
    _Atomic int32_t muted;               /* how many want it mute */
    _Atomic int64_t mute_to, mute_until; /* after it: what lies before this position, or came before this time */

    /* The writer's own. */
    int64_t window;     /* written by sw_track_init only */
    uint32_t is_afresh; /* sw_track_forget: positions go on where they were, nothing else does */
    int64_t baseline;               /* sw_track_append: the smallest difference of all, slowly forgotten */
    int64_t deficit_since, deficit; /* the same: a stall that has not caught up yet */
    uint32_t in_deficit;

    sw_listener listeners[SW_TRACK_SLOTS];
};

/* Nanoseconds to samples and back; within a day of 2^63 neither overflows at the rates that init accepts. */
static inline int64_t sw_track_samples(const sw_track *t, int64_t nano)
{
    return nano / SW_NANO * t->rate + nano % SW_NANO * t->rate / SW_NANO;
}

static inline int64_t sw_track_nano(const sw_track *t, int64_t samples)
{
    if (t->nano_per_sample)
        return samples * t->nano_per_sample;
    return samples / t->rate * SW_NANO + samples % t->rate * SW_NANO / t->rate;
}

static inline int64_t sw_track_load(const _Atomic int64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* Whether a packet at `position` of the timeline must not be kept; for the one who writes. */
static inline int sw_track_is_mute(const sw_track *t, int64_t position, int64_t arrival)
{
    if (!atomic_load_explicit(&t->is_hushing, memory_order_acquire))
        return 0;
    /* In this order: whoever unmutes sets the limits first. */
    return atomic_load_explicit(&t->muted, memory_order_acquire) > 0 || position < sw_track_load(&t->mute_to) ||
           arrival < sw_track_load(&t->mute_until);
}

/* Where the wire's position lies on the timeline; for the one who writes. */
static inline int64_t sw_track_place_of(const sw_track *track, int64_t position)
{
    return position + track->shift;
}

/* trackread.c: the descriptors of those who are due, who are thereby disarmed. Up to `room` of them; returns how many. A
   sequentially consistent fence comes between what was written and this: one is enough for many tracks. */
int sw_track_due(sw_track *track, int32_t *fds, int room);

/* Ask the cache for what the next packet overwrites; for the one who writes. */
void sw_track_foresee(const sw_track *track);

/* Whether the sender may have sent another packet within so many nanoseconds of the last one: it is so late, or so
   short, that the next one's own time has come. */
static inline int sw_track_is_bunched(const sw_track *t, int64_t within)
{
    uint32_t last = atomic_load_explicit(&t->noted, memory_order_relaxed) - 1;
    int64_t late = (int64_t)atomic_load_explicit(&t->lateness[last % SW_TRACK_NOTES], memory_order_relaxed) << 10;
    return late + within >= sw_track_nano(t, t->last_count);
}

#endif
