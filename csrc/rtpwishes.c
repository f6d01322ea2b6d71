/*
 * What other threads want of the engine: sockets to be opened and ended, receivers of a shared port to be told whom to
 * expect. They put a socket on a stack; the engine takes it off, and all else here is its thread's.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/epoll.h>
#endif

#include "rtpio.h"

#define LAST_WORDS 65536 /* datagrams taken at most when a socket is ended */

enum { WANT_NOTHING, WANT_OPEN, WANT_END };

/* ---- sockets that come and go ----------------------------------------------------------------------------- */

#if HAVE_BATCHES
/* What epoll gives back: the socket, and in the lowest bit whether it is its RTCP descriptor. It tells of a stream's
   packets once (EPOLLET): else it looks at each socket again, after it was read, only to find that nothing is left. */
static int watch(const sw_engine *e, sw_socket *s, int fd, int is_rtcp)
{
    struct epoll_event event = {.events = is_rtcp || s->share ? EPOLLIN : EPOLLIN | EPOLLET,
                                .data = {.u64 = (uint64_t)(uintptr_t)s | (uint64_t)is_rtcp}};
    return epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void unwatch(const sw_engine *e, int fd)
{
    if (fd >= 0)
        (void)epoll_ctl(e->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int sw_socket_watch(const sw_engine *e, sw_socket *s)
{
    return watch(e, s, s->fd, 0);
}

void sw_socket_unwatch(const sw_engine *e, const sw_socket *s)
{
    unwatch(e, s->fd);
}

/* A stream that epoll has no room for is looked at again and again. */
static void watch_both(sw_engine *e, sw_socket *s)
{
    if (s->fd >= 0 && !sw_socket_watch(e, s) && !s->share) {
        s->is_put_off = 1;
        sw_engine_look_again(e, s, 1);
    }
    if (s->rtcp_fd >= 0)
        (void)watch(e, s, s->rtcp_fd, 1);
}
#endif

/* Whether its port has to reckon with it: somebody may send to it, and nobody knows from where. */
static void await_source(sw_socket *s, int is_awaited)
{
    if (s->is_awaited != is_awaited)
        sw_share_await(s->port->share, is_awaited - s->is_awaited);
    s->is_awaited = is_awaited;
}

/* A receiver of a shared port gets its datagrams once it is known who sends them. */
static void join_port(sw_socket *s)
{
    int64_t asked = atomic_load_explicit(&s->asked, memory_order_acquire);
    if (!s->port || atomic_load_explicit(&s->joined, memory_order_relaxed) != SW_JOIN_WAITS)
        return;
    await_source(s, asked != 0);
    atomic_store_explicit(&s->reckoned, asked != 0, memory_order_release);
    if (!sw_rx_expected(s->rx, &s->source))
        return;
    await_source(s, 0);
    atomic_store_explicit(&s->joined, sw_share_join(s->port->share, s, &s->source, asked ? asked : s->opened),
                          memory_order_release);
}

static void open_socket(sw_engine *e, sw_socket *s)
{
    s->opened = s->is_open ? s->opened : e->now;
    join_port(s);
    if (s->is_open)
        return;
#if HAVE_BATCHES
    if (!e->portable)
        watch_both(e, s);
#endif
    s->previous = NULL;
    s->next = e->sockets;
    if (s->next)
        s->next->previous = s;
    e->sockets = s;
    e->count++;
    s->is_open = 1;
    s->hurried = e->round + SW_ENGINE_HURRY;
}

static void leave_timed(sw_engine *e, sw_socket *s)
{
    sw_socket **at = &e->timed;
    while (s->is_timed && *at != s)
        at = &(*at)->next_timed;
    if (s->is_timed)
        *at = s->next_timed;
    s->is_timed = 0;
}

/* A receiver takes what its port has for it, and is no more to be found. */
static void leave_port(sw_engine *e, sw_socket *s)
{
    if (s->port->is_open) {
        (void)sw_socket_drain(e, s->port, LAST_WORDS);
        sw_engine_see_to_touched(e);
    }
    await_source(s, 0);
    if (atomic_load_explicit(&s->joined, memory_order_relaxed) == SW_JOIN_DONE)
        sw_share_leave(s->port->share, s, &s->source);
}

/* What the kernel still holds for it is taken; then nothing of it is touched any more. */
void sw_engine_let_go(sw_engine *e, sw_socket *s)
{
    if (s->is_open) {
#if HAVE_BATCHES
        if (!e->portable) {
            unwatch(e, s->fd);
            unwatch(e, s->rtcp_fd);
        }
#endif
        if (s->next)
            s->next->previous = s->previous;
        if (s->previous)
            s->previous->next = s->next;
        else
            e->sockets = s->next;
        e->count--;
        s->is_open = 0;
        sw_engine_look_again(e, s, 0);
    }
    if (s->port)
        leave_port(e, s);
    (void)sw_socket_drain(e, s, LAST_WORDS); /* also if it never was open: what has come is the user's */
    (void)sw_socket_drain_rtcp(e, s);
    sw_engine_see_to_touched(e);
    leave_timed(e, s);
    if (s->rx) {
        sw_rx_flush(s->rx);
        sw_rx_end(s->rx);
        e->has_news |= sw_rx_news(s->rx);
        sw_track_wake(s->track);
    }
    atomic_store_explicit(&s->done, 1, memory_order_release);
}

/* Take its one place on the stack. 0: it is there already. */
static int claim_place(sw_socket *s)
{
    int32_t not_queued = 0;
    return atomic_compare_exchange_strong(&s->queued, &not_queued, 1);
}

/* What a socket's receiver was told, and whom its port expects, may bring audio and news with it. */
static void look_after(sw_engine *e, sw_socket *s)
{
    if (s->rx)
        sw_rx_attend(s->rx);
    if (atomic_load(&s->wish) == WANT_OPEN) {
        open_socket(e, s);
        if (s->is_put_off)
            sw_engine_look_again(e, s, 1); /* somebody waits for it from now on */
        sw_socket_touch(e, s->rx ? s : NULL);
        sw_engine_see_to_touched(e);
    } else if (claim_place(s)) { /* for good: its memory may go now. Else it is there again, and this waits for that */
        sw_engine_let_go(e, s);
    }
}

/* Open and end the sockets whose wish has changed. */
void sw_engine_take_wishes(sw_engine *e)
{
    sw_socket *s = atomic_exchange_explicit(&e->queue, NULL, memory_order_acquire);
    while (s) {
        sw_socket *next = s->next_queued;
        atomic_store(&s->queued, 0);
        atomic_thread_fence(memory_order_seq_cst); /* as in queue() */
        look_after(e, s);
        s = next;
    }
}

/* ---- from other threads ----------------------------------------------------------------------------------- */

static void queue(sw_engine *e, sw_socket *s)
{
    /* What is wished first, then `queued`; the engine does it the other way round. One of the two sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!claim_place(s))
        return; /* the engine will see the newer wish */
    s->next_queued = atomic_load(&e->queue);
    while (!atomic_compare_exchange_weak(&e->queue, &s->next_queued, s))
        ;
}

static void wish(sw_engine *e, sw_socket *s, int what)
{
    atomic_store(&s->wish, what);
    queue(e, s);
}

void sw_engine_open(sw_engine *e, sw_socket *s)
{
    wish(e, s, WANT_OPEN);
}

void sw_engine_end(sw_engine *e, sw_socket *s)
{
    wish(e, s, WANT_END);
}

void sw_engine_attend(sw_engine *e, sw_socket *s)
{
    queue(e, s);
}

int sw_socket_done(const sw_socket *s)
{
    return atomic_load_explicit(&s->done, memory_order_acquire);
}
