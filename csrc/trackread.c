/*
 * A track from the readers' side: copying what is there, and waiting for what is not there yet.
 *
 * A reader copies, then looks how far the writer has claimed the ring meanwhile, and throws away what may have changed
 * under it (jitter.c, ring.h). It writes nothing to the track but its own place to wait.
 */
#include "track.h"

/* ---- reading ---------------------------------------------------------------------------------------------- */

int64_t sw_track_oldest(const sw_track *t)
{
    int64_t start = atomic_load_explicit(&t->start, memory_order_acquire);
    int64_t kept = sw_track_load(&t->claimed) - (int64_t)(t->ring.capacity - t->ring.capacity / 8);
    return start > kept ? start : kept;
}

static int64_t copy(const sw_track *t, int64_t from, int64_t to, unsigned char *pcm, sw_span *spans, int32_t room,
                    int32_t *used)
{
    int64_t at = from, start = sw_track_load(&t->start);
    *used = 0;
    while (at < to) {
        int kind = SW_SPAN_MISSING;
        int64_t n = at < start ? (to < start ? to : start) - at : sw_ring_run(&t->ring, at, to, &kind);
        if (kind == 0) {
            sw_ring_load(&t->ring, at, pcm + (at - from) * 2, n);
        } else if (*used == room) {
            break; /* no room to say so: the rest is for the next call */
        } else {
            memset(pcm + (at - from) * 2, 0, (size_t)n * 2);
            spans[*used] = (sw_span){.position = at, .samples = n, .kind = kind};
            ++*used;
        }
        at += n;
    }
    return at - from;
}

int64_t sw_track_read(const sw_track *t, sw_reader *reader, int64_t samples, int64_t until, void *pcm, sw_span *spans,
                      int32_t room, int32_t *used)
{
    *used = 0;
    if (samples < 0 || room < 1)
        return SW_EINVAL;
    if (!atomic_load_explicit(&t->started, memory_order_acquire))
        return 0;
    for (int attempt = 0; attempt < 8; attempt++) {
        int64_t head = atomic_load_explicit(&t->head, memory_order_acquire);
        int64_t end = until < head ? until : head, n, lost;
        if (end - reader->position > samples)
            end = reader->position + samples;
        if (end <= reader->position)
            return 0;
        lost = sw_track_load(&t->claimed) - (int64_t)t->ring.capacity - reader->position;
        n = lost > 0 ? 0 : copy(t, reader->position, end, pcm, spans, room, used);
        atomic_thread_fence(memory_order_acquire);
        lost = sw_track_load(&t->claimed) - (int64_t)t->ring.capacity - reader->position;
        if (lost <= 0) {
            reader->position += n;
            return n;
        }
        lost += (int64_t)t->ring.capacity / 8; /* and some distance, or it happens again at once */
        reader->position += lost;
        reader->overruns += (uint64_t)lost;
    }
    *used = 0;
    return 0;
}

void sw_track_report(const sw_track *t, sw_track_state *out)
{
    out->started = (int32_t)atomic_load_explicit(&t->started, memory_order_acquire);
    /* In this order: if ended is set, head is the last one. */
    out->ended = (int32_t)atomic_load_explicit(&t->ended, memory_order_seq_cst);
    out->head = atomic_load_explicit(&t->head, memory_order_acquire);
    out->start = sw_track_load(&t->start);
    out->origin = sw_track_load(&t->origin);
    out->anchor = sw_track_load(&t->anchor);
    out->last_arrival = sw_track_load(&t->last_arrival);
    for (int i = 0; i < SW_TRACK_COUNTERS; i++)
        out->counters[i] = atomic_load_explicit(&t->counters[i], memory_order_relaxed);
}

/* ---- waiting: a reader names a descriptor, the writer's side writes to it (sw_track_wake) ------------------- */

int sw_track_hurry(sw_track *t)
{
    return atomic_exchange(&t->listening, 1) == 0;
}

int sw_track_is_hurried(const sw_track *t)
{
    return atomic_load_explicit(&t->listening, memory_order_relaxed) != 0;
}

int sw_track_listen(sw_track *t, int fd)
{
    for (int slot = 0; slot < SW_TRACK_SLOTS; slot++) {
        int32_t is_free = SW_LISTENER_FREE;
        if (atomic_compare_exchange_strong(&t->listeners[slot].state, &is_free, SW_LISTENER_IDLE)) {
            atomic_store(&t->listeners[slot].fd, fd);
            atomic_store(&t->listening, 1);
            return slot;
        }
    }
    return SW_EROOM;
}

void sw_track_unlisten(sw_track *t, int slot)
{
    if (slot >= 0 && slot < SW_TRACK_SLOTS)
        atomic_store(&t->listeners[slot].state, SW_LISTENER_FREE);
}

int sw_track_arm(sw_track *t, int slot, int64_t want)
{
    if (slot < 0 || slot >= SW_TRACK_SLOTS)
        return SW_EINVAL;
    atomic_store(&t->listeners[slot].want, want);
    atomic_store(&t->listeners[slot].state, SW_LISTENER_ARMED);
    /* Armed first, then looked: the writer moves head first, then looks who is armed. One of the two sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&t->ended))
        return 1;
    return atomic_load(&t->started) && atomic_load(&t->head) >= want;
}

int sw_track_due(sw_track *t, int32_t *fds, int room)
{
    int due = 0, slots = atomic_load_explicit(&t->listening, memory_order_relaxed) ? SW_TRACK_SLOTS : 0;
    for (int slot = 0; slot < slots && due < room; slot++) {
        sw_listener *l = &t->listeners[slot];
        int32_t armed = SW_LISTENER_ARMED;
        if (atomic_load_explicit(&l->state, memory_order_relaxed) != SW_LISTENER_ARMED)
            continue;
        if (!atomic_load(&t->ended) && atomic_load(&t->head) < atomic_load(&l->want))
            continue;
        if (atomic_compare_exchange_strong(&l->state, &armed, SW_LISTENER_IDLE))
            fds[due++] = atomic_load(&l->fd);
    }
    return due;
}

_Static_assert(SW_TRACK_COUNTERS == sizeof(((sw_track_state *)0)->counters) / sizeof(uint64_t), "counters");
