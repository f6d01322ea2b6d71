/*
 * The engine: one thread that lives in sw_engine_run. Every tick it drains the sockets that have something, so that many
 * packets cost few wake-ups (rtpturns.c); while nothing comes it sleeps until something does. Other threads talk to it
 * through a stack of sockets whose wish has changed (rtpwishes.c), and a descriptor that wakes it. It takes no lock and
 * needs none of Python's.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/epoll.h>
#endif

#include <errno.h>
#include <unistd.h>

#include "rtpio.h"

#define IDLE_TICKS 100    /* ticks without a packet before the engine sleeps until one comes */
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
void sw_engine_see_to_alarm(sw_engine *e, sw_socket *s)
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
        sw_engine_see_to_alarm(e, s);
        e->has_news |= sw_rx_news(s->rx);
    }
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
        idle = sw_engine_drain(e) ? 0 : idle < IDLE_TICKS ? idle + 1 : idle;
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
