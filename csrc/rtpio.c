/*
 * The engine: one thread that lives in sw_engine_run. Every tick it drains the sockets that have something, so that many
 * packets cost few wake-ups, and a stream that nobody waits for only every few ticks, so that they cost few calls, which
 * is most of what a packet costs; while nothing comes it sleeps until something does. Other threads talk to it through a
 * stack of sockets whose wish has changed, and a descriptor that wakes it. It takes no lock and needs none of Python's.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/epoll.h>
#endif

#include <errno.h>
#include <unistd.h>

#include "rtpio.h"

#define EVENTS 256
#define IDLE_TICKS 100    /* ticks without a packet before the engine sleeps until one comes */
#define STEPS 3           /* sockets ahead for which the cache is asked, each step of sw_socket_foresee for one of them */
#define PATIENCE 6        /* rounds without a packet after which a socket is looked at: longer than most packets last */
#define PUT_OFF 12        /* rounds for which a socket is left alone that nobody waits for: three packets of most */
#define CROWD 16          /* datagrams in so many rounds that are too many for that */
#define STEP (NANO / 20)  /* by which the wall clock does not move against the monotonic one unless it is set */
#define SLEW 1000         /* at least this many times as long it takes to slew it by as much */

/* ---- the loop --------------------------------------------------------------------------------------------- */

/* The kernel stamps with the wall clock. When that was set, stamps from before and after it come together for a while. */
static void look_at_clocks(sw_engine *e)
{
    int64_t last = e->now, was = e->to_monotonic;
    e->now = sw_read_clock(CLOCK_MONOTONIC);
    e->to_monotonic = e->now - sw_read_clock(CLOCK_REALTIME);
    int64_t moved = e->to_monotonic > was ? e->to_monotonic - was : was - e->to_monotonic;
    if (last && moved > STEP + (e->now - last) / SLEW)
        e->stamped_from = e->now + NANO;
}

static void clear_wake(const sw_engine *e)
{
    unsigned char octets[64];
    ssize_t got = read(e->wake_fd, octets, sizeof octets);
    (void)got;
}

/* Sleep until woken or for `nanoseconds`; for less than nothing: until woken or a socket has something. */
static void rest(sw_engine *e, int64_t nanoseconds)
{
    nfds_t n = 1;
    int forever = nanoseconds < 0;
    e->polled[0] = (struct pollfd){.fd = e->wake_fd, .events = POLLIN};
    if (forever && !e->portable) {
        e->polled[n++] = (struct pollfd){.fd = e->epoll, .events = POLLIN};
    } else if (forever && 2 * e->count <= POLLED) {
        for (sw_socket *s = e->sockets; s; s = s->next) {
            e->polled[n++] = (struct pollfd){.fd = s->fd, .events = POLLIN};
            if (s->rtcp_fd >= 0)
                e->polled[n++] = (struct pollfd){.fd = s->rtcp_fd, .events = POLLIN};
        }
    } else if (forever) {
        forever = 0; /* more than one poll() takes: look at them by ticks */
        nanoseconds = e->tick;
    }
#if HAVE_BATCHES
    struct timespec t = {.tv_sec = nanoseconds / NANO, .tv_nsec = nanoseconds % NANO};
    (void)ppoll(e->polled, n, forever ? NULL : &t, NULL);
#else
    (void)poll(e->polled, n, forever ? -1 : (int)((nanoseconds + 999999) / 1000000));
#endif
    if (e->polled[0].revents)
        clear_wake(e);
}

/* Whether something waits for time to pass. */
static int is_waiting(const sw_socket *s)
{
    return s->share ? sw_share_holds(s->share) : sw_rx_alarm(s->rx) != INT64_MAX;
}

/* Give a socket's receiver the time, once there is something that waits for it. */
static void see_to_alarm(sw_engine *e, sw_socket *s)
{
    if (s->is_timed || !is_waiting(s))
        return;
    s->is_timed = 1;
    s->next_timed = e->timed;
    e->timed = s;
}

static void look_at_alarms(sw_engine *e)
{
    sw_socket **at = &e->timed;
    while (*at) {
        sw_socket *s = *at;
        if (s->share) {
            for (sw_socket *got; (got = sw_share_age(s->share, e->now));)
                sw_socket_touch(e, got);
        } else {
            if (sw_rx_tick(s->rx, sw_socket_time(s, e->now)))
                sw_track_wake(s->track);
            e->has_news |= sw_rx_news(s->rx);
        }
        s->is_timed = is_waiting(s);
        if (s->is_timed)
            at = &s->next_timed;
        else
            *at = s->next_timed;
    }
    sw_engine_see_to_touched(e);
}

void sw_engine_see_to_touched(sw_engine *e)
{
    if (e->touched)
        atomic_thread_fence(memory_order_seq_cst);
    while (e->touched) {
        sw_socket *s = e->touched;
        e->touched = s->next_touched;
        s->is_touched = 0;
        sw_track_wake_due(s->track);
        see_to_alarm(e, s);
        e->has_news |= sw_rx_news(s->rx);
    }
}

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

/* Whether what has come to a socket can stay in the kernel for a while: several packets are then one call, and the
   kernel says when they came. Not if somebody waits for its audio as it comes, or has to be told what time it is. */
static int can_wait(const sw_engine *e, const sw_socket *s)
{
    return !e->portable && s->is_open && !s->share && s->speed == 1.0 && s->is_stamped && !s->is_timed &&
           e->round > s->hurried && !sw_track_is_hurried(s->track);
}

/* Several packets at a time, for as long as they come. */
static int64_t drain_put_off(sw_engine *e, sw_socket *s)
{
    int packets = sw_socket_drain(e, s, e->budget);
    if (packets > CROWD)
        s->hurried = e->round + SW_ENGINE_HURRY;
    s->is_put_off = (packets && can_wait(e, s)) || !sw_socket_watch(e, s);
    sw_engine_look_again(e, s, s->is_put_off ? PUT_OFF : 0);
    return packets;
}

static int64_t drain_audio(sw_engine *e, sw_socket *s)
{
    int limit = s->share ? e->budget + 4 * sw_share_members(s->share) : e->budget, packets;
    if (s->is_put_off)
        return 0; /* epoll has told of it before */
    if (can_wait(e, s)) {
        s->is_put_off = 1;
        sw_socket_unwatch(e, s);
        sw_engine_look_again(e, s, PUT_OFF);
        return 1; /* the engine must not go to sleep over it */
    }
    packets = sw_socket_drain(e, s, limit);
    if (s->share)
        see_to_alarm(e, s);
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
#endif

#if HAVE_BATCHES
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
static int64_t drain_all(sw_engine *e)
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

static void note_lateness(sw_engine *e, int64_t late)
{
    uint64_t n = atomic_load_explicit(&e->ticks, memory_order_relaxed);
    atomic_store_explicit(&e->lateness[n % SW_ENGINE_LATENESS], late > 0 ? (uint64_t)late : 0, memory_order_relaxed);
    atomic_store_explicit(&e->ticks, n + 1, memory_order_release);
}

/* Once a tick, for all receivers that have something which is handled outside C. */
static void tell_news(sw_engine *e)
{
    int fd = atomic_load_explicit(&e->news_fd, memory_order_acquire);
    if (e->has_news && fd >= 0)
        sw_ring_bell(fd);
    e->has_news = 0;
}

static void loop(sw_engine *e)
{
    int idle = 0;
    int64_t next = sw_read_clock(CLOCK_MONOTONIC) + e->tick;
    while (!atomic_load_explicit(&e->stop, memory_order_acquire)) {
        int sleeping = (idle >= IDLE_TICKS && !e->timed) || !e->count;
        int64_t left = next - sw_read_clock(CLOCK_MONOTONIC);
        if (sleeping || left > 0)
            rest(e, sleeping ? -1 : left);
        look_at_clocks(e);
        sw_engine_take_wishes(e);
        tell_news(e);
        if (!sleeping && e->now < next)
            continue; /* woken by a wish: the tick is not over */
        if (!sleeping)
            note_lateness(e, e->now - next);
        idle = drain_all(e) ? 0 : idle < IDLE_TICKS ? idle + 1 : idle;
        look_at_alarms(e);
        tell_news(e);
        next = sleeping || next + e->tick < e->now ? e->now + e->tick : next + e->tick;
    }
    look_at_clocks(e);
    sw_engine_take_wishes(e);
    while (e->sockets)
        sw_engine_let_go(e, e->sockets);
}

int sw_engine_run(sw_engine *e)
{
    sw_socket_prepare(e);
    atomic_store(&e->running, 1);
    loop(e);
    atomic_store(&e->running, 0);
    sw_engine_discard(e);
    return SW_OK;
}

/* ---- from other threads ----------------------------------------------------------------------------------- */

size_t sw_engine_octets(void)
{
    return sizeof(sw_engine);
}

int sw_engine_init(void *memory, size_t octets, int wake_fd, int64_t tick, int budget, int portable)
{
    sw_engine *e = memory;
    if (!memory || octets < sizeof *e || ((uintptr_t)memory & 63) || tick < 1000 || budget < 1)
        return SW_EINVAL;
    memset(e, 0, sizeof *e);
    e->wake_fd = wake_fd;
    e->tick = tick;
    e->budget = budget;
    e->portable = portable || !HAVE_BATCHES;
    e->epoll = -1;
    atomic_store(&e->news_fd, -1);
#if HAVE_BATCHES
    if (!e->portable) {
        e->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (e->epoll < 0)
            return -errno;
    }
#endif
    return SW_OK;
}

void sw_engine_discard(sw_engine *e)
{
    if (e->epoll >= 0)
        (void)close(e->epoll);
    e->epoll = -1;
}

void sw_engine_news(sw_engine *e, int fd)
{
    atomic_store_explicit(&e->news_fd, fd, memory_order_release);
}

void sw_engine_stop(sw_engine *e)
{
    atomic_store_explicit(&e->stop, 1, memory_order_release);
}

int64_t sw_engine_lateness(const sw_engine *e, uint64_t *nanoseconds, int room)
{
    uint64_t n = atomic_load_explicit(&e->ticks, memory_order_acquire);
    for (int i = 0; i < room && i < SW_ENGINE_LATENESS && (uint64_t)i < n; i++)
        nanoseconds[i] = atomic_load_explicit(&e->lateness[i], memory_order_relaxed);
    return (int64_t)n;
}
