/*
 * Whose turn it is: in each round the sockets that have something are emptied, at once if somebody waits for their audio,
 * and else a few rounds later, when they have several packets: most of what a packet costs is the call that takes it.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/epoll.h>
#endif

#include "rtpio.h"

#define EVENTS 256
#define STEPS 3           /* sockets ahead for which the cache is asked, each step of sw_socket_foresee for one of them */
#define PATIENCE 6        /* rounds without a packet after which a socket is looked at: longer than most packets last */
#define PUT_OFF 12        /* rounds for which a socket is left alone that nobody waits for: three packets of most */
#define CROWD 16          /* datagrams in so many rounds that are too many for that */

void sw_engine_look_again(sw_engine *e, sw_socket *s, unsigned rounds)
{
    sw_socket **at = &e->looks[(e->round + rounds) % SW_ENGINE_ROUNDS];
    if (s->at_look) {
        *s->at_look = s->next_look;
        if (s->next_look)
            s->next_look->at_look = s->at_look;
        s->at_look = NULL;
    }
    if (!rounds)
        return;
    s->next_look = *at;
    s->at_look = at;
    if (*at)
        (*at)->at_look = &s->next_look;
    *at = s;
}

/* epoll tells once of what has come to a socket, and not whether all of that was taken. */
static void note_packets(sw_engine *e, sw_socket *s, int there_are_more)
{
    s->heard = there_are_more ? e->round - PATIENCE : e->round;
    if (there_are_more || !s->at_look)
        sw_engine_look_again(e, s, there_are_more ? 1 : PATIENCE);
}

#if HAVE_BATCHES
/* Whether what has come to a socket can stay in the kernel for a while: several packets are then one call, and the
   kernel says when they came. Not if somebody waits: for its audio as it comes, to be told the time, or, where a clock is
   scaled, to hear what was taken before he sends more. */
static int can_wait(const sw_engine *e, const sw_socket *s)
{
    return s->is_open && !s->share && s->speed == 1.0 && s->is_stamped && !s->is_timed && e->round > s->hurried &&
           !sw_track_is_hurried(s->track);
}

/* Leave it alone for some rounds, if that can be; whether it is so. */
static int put_off(sw_engine *e, sw_socket *s)
{
    if (s->is_put_off || e->portable || !can_wait(e, s))
        return s->is_put_off;
    s->is_put_off = 1;
    sw_socket_unwatch(e, s);
    sw_engine_look_again(e, s, PUT_OFF);
    return 1;
}

/* Its time has come: several packets. And so on for as long as they come. */
static int64_t drain_put_off(sw_engine *e, sw_socket *s)
{
    int packets = sw_socket_drain(e, s, e->budget);
    if (packets > CROWD)
        s->hurried = e->round + SW_ENGINE_HURRY;
    s->is_put_off = (packets && can_wait(e, s)) || !sw_socket_watch(e, s);
    sw_engine_look_again(e, s, s->is_put_off ? PUT_OFF : 0);
    return packets;
}
#endif

static int64_t drain_audio(sw_engine *e, sw_socket *s)
{
    int limit = s->share ? e->budget + 4 * sw_share_members(s->share) : e->budget, packets;
#if HAVE_BATCHES
    if (put_off(e, s))
        return 1; /* the engine must not go to sleep over it */
#endif
    packets = sw_socket_drain(e, s, limit);
    if (s->share)
        sw_engine_see_to_alarm(e, s);
    else if (packets && !e->portable)
        note_packets(e, s, packets >= limit);
    return packets;
}

/* Reports need not wait: what they say of the audio goes by the kernel's times, not by when it is taken. */
static int64_t drain(sw_engine *e, sw_socket *s, int is_rtcp)
{
    return is_rtcp ? sw_socket_drain_rtcp(e, s) : drain_audio(e, s);
}

static int64_t drain_polled(sw_engine *e)
{
    int64_t packets = 0;
    for (sw_socket *s = e->sockets; s; s = s->next)
        packets += drain(e, s, 0) + drain(e, s, 1);
    sw_engine_see_to_touched(e);
    return packets;
}

#if HAVE_BATCHES
static sw_socket *socket_of(const struct epoll_event *event)
{
    return (sw_socket *)(uintptr_t)(event->data.u64 & ~UINT64_C(1));
}

static int64_t drain_ready(sw_engine *e, const struct epoll_event *events, int n)
{
    int64_t packets = 0;
    for (int i = -STEPS; i < n; i++) {
        for (int step = 0; step < STEPS; step++) {
            int ahead = i + STEPS - step;
            if (ahead >= 0 && ahead < n)
                sw_socket_foresee(socket_of(&events[ahead]), step);
        }
        if (i >= 0)
            packets += drain(e, socket_of(&events[i]), events[i].data.u64 & 1);
    }
    sw_engine_see_to_touched(e);
    return packets;
}

/* One that has had something, and nothing since: there may be more, of which epoll does not tell again. */
static int64_t look_at(sw_engine *e, sw_socket *s)
{
    uint64_t silent = e->round - s->heard;
    if (s->is_put_off)
        return drain_put_off(e, s);
    sw_engine_look_again(e, s, silent < PATIENCE ? PATIENCE - (unsigned)silent : 0);
    return silent >= PATIENCE ? drain(e, s, 0) : 0;
}

static int64_t look_again(sw_engine *e)
{
    sw_socket **list = &e->looks[e->round % SW_ENGINE_ROUNDS], *due[EVENTS];
    int64_t packets = 0;
    while (*list) {
        int n = 0;
        for (sw_socket *s = *list; s && n < EVENTS; s = s->next_look)
            due[n++] = s;
        for (int i = 1 - STEPS; i < n; i++) {
            for (int step = 1; step < STEPS; step++)
                if (i + STEPS - step < n && i + STEPS - step >= 0)
                    sw_socket_foresee(due[i + STEPS - step], step);
            if (i >= 0)
                packets += look_at(e, due[i]);
        }
    }
    sw_engine_see_to_touched(e);
    return packets;
}
#endif

/* Every socket that has something gets its budget once. */
int64_t sw_engine_drain(sw_engine *e)
{
    int64_t packets = 0;
    int seen = 0, n = EVENTS;
    if (e->portable)
        return drain_polled(e);
#if HAVE_BATCHES
    struct epoll_event events[EVENTS];
    e->round++;
    while (n == EVENTS && seen < 2 * e->count) {
        n = epoll_wait(e->epoll, events, EVENTS, 0);
        packets += drain_ready(e, events, n);
        seen += n;
    }
    packets += look_again(e);
#else
    (void)seen;
    (void)n;
#endif
    return packets;
}
