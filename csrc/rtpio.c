/*
 * RTP from sockets into tracks: the only file that touches descriptors and clocks.
 *
 * One thread lives in sw_engine_run. Every tick it drains all sockets that have something, so that many packets cost
 * few wake-ups; while nothing comes it sleeps until something does. Other threads talk to it through a stack of
 * sockets whose wish has changed, and a descriptor that wakes it. It takes no lock and needs none of Python's.
 */

#if defined(__linux__)
#define _GNU_SOURCE
#define HAVE_BATCHES 1 /* epoll, recvmmsg */
#include <sys/epoll.h>
#else
#define HAVE_BATCHES 0
#endif

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sw.h"

#define BATCH 32          /* datagrams a call */
#define ROOM 2560         /* octets for each; what is longer is refused by sw_rx_datagram or arrives truncated */
#define CONTROL 128       /* octets of ancillary data for each */
#define EVENTS 256
#define POLLED 1024       /* sockets a call of poll() */
#define LAST_WORDS 65536  /* datagrams taken at most when a socket is ended */
#define IDLE_TICKS 100    /* ticks without a packet before the engine sleeps until one comes */
#define NANO INT64_C(1000000000)

enum { WANT_NOTHING, WANT_OPEN, WANT_END };

struct sw_socket {
    /* Set before sw_engine_wish, constant afterwards. */
    sw_rx *rx;
    sw_track *track;
    int fd;
    double speed;

    _Atomic int32_t wish, queued, done;
    struct sw_socket *next_queued; /* belongs to whoever set `queued` until the engine takes the stack */

    /* The engine's own. */
    struct sw_socket *next, *previous;
    int is_open;
};

struct sw_engine {
    int wake_fd, portable, budget;
    int64_t tick;
    _Atomic uint32_t stop, running;
    _Atomic(sw_socket *) queue;
    _Atomic uint64_t ticks;
    _Atomic uint64_t lateness[SW_ENGINE_LATENESS]; /* nanoseconds, of the last ticks */

    /* The engine's own. */
    sw_socket *sockets;
    int count, epoll;
    int64_t now, to_monotonic; /* of this tick: CLOCK_MONOTONIC, and what makes CLOCK_REALTIME it */
    struct pollfd polled[POLLED + 1];
    struct iovec vectors[BATCH];
    struct sockaddr_in6 names[BATCH];
#if HAVE_BATCHES
    struct mmsghdr messages[BATCH];
#endif
    _Alignas(16) unsigned char controls[BATCH][CONTROL];
    unsigned char data[BATCH][ROOM];
};

/* ---- waking readers --------------------------------------------------------------------------------------- */

void sw_track_wake(sw_track *track)
{
    static const uint8_t one[8] = {1};
    int32_t fds[8];
    int due = sw_track_due(track, fds, 8);
    for (int i = 0; i < due; i++) {
        /* Full means that it is ringing already; an eventfd takes the eight octets as a number in any order. */
        ssize_t written = write(fds[i], one, sizeof one);
        (void)written;
    }
}

/* ---- one datagram ----------------------------------------------------------------------------------------- */

static int64_t read_clock(clockid_t clock)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(clock, &t);
    return t.tv_sec * NANO + t.tv_nsec;
}

static void read_address(const struct sockaddr_in6 *name, sw_address *out)
{
    memset(out, 0, sizeof *out);
    if (name->sin6_family == AF_INET6) {
        memcpy(out->octets, &name->sin6_addr, 16);
        out->family = 6;
        out->port = ntohs(name->sin6_port);
    } else {
        struct sockaddr_in v4;
        memcpy(&v4, name, sizeof v4);
        memcpy(out->octets, &v4.sin_addr, 4);
        out->family = 4;
        out->port = ntohs(v4.sin_port);
    }
}

/* When the kernel received it, on the monotonic clock; the tick's time where the kernel does not say. */
static int64_t read_control(const sw_engine *e, sw_socket *s, struct msghdr *header)
{
    int64_t arrival = e->now;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
#ifdef SCM_TIMESTAMPNS
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            arrival = t.tv_sec * NANO + t.tv_nsec + e->to_monotonic;
        }
#endif
#ifdef SO_RXQ_OVFL
        if (c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t total;
            memcpy(&total, CMSG_DATA(c), sizeof total);
            sw_rx_kernel_drops(s->rx, total);
        }
#endif
    }
    return arrival;
}

/* Hand it on. Returns when it came. */
static int64_t take(const sw_engine *e, sw_socket *s, struct msghdr *header, size_t octets)
{
    int64_t came = read_control(e, s, header);
    int64_t arrival = s->speed == 1.0 ? came : (int64_t)((double)came * s->speed);
    sw_address from;
    if (header->msg_flags & MSG_TRUNC) {
        sw_rx_oversize(s->rx);
        return came;
    }
    read_address(header->msg_name, &from);
    sw_rx_datagram(s->rx, header->msg_iov->iov_base, octets, arrival, &from);
    return came;
}

/* ---- one socket ------------------------------------------------------------------------------------------- */

static void prepare(sw_engine *e, struct msghdr *header, int i)
{
    e->vectors[i] = (struct iovec){.iov_base = e->data[i], .iov_len = ROOM};
    memset(header, 0, sizeof *header);
    header->msg_name = &e->names[i];
    header->msg_namelen = sizeof e->names[i];
    header->msg_iov = &e->vectors[i];
    header->msg_iovlen = 1;
    header->msg_control = e->controls[i];
    header->msg_controllen = CONTROL;
}

/* Up to `limit` datagrams in one call, or one by one. Returns how many there were. */
static int receive_plain(sw_engine *e, sw_socket *s, int limit)
{
    int n = 0;
    for (; n < limit; n++) {
        struct msghdr header;
        ssize_t octets;
        prepare(e, &header, 0);
        octets = recvmsg(s->fd, &header, MSG_DONTWAIT);
        if (octets < 0 && errno == EINTR)
            continue;
        if (octets < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (octets >= 0) /* else an ICMP error that belongs to nothing we sent: it is cleared by being read */
            (void)take(e, s, &header, (size_t)octets);
    }
    return n;
}

#if HAVE_BATCHES
static int64_t take_batched(sw_engine *e, sw_socket *s, int i, size_t octets)
{
    struct msghdr *header = &e->messages[i].msg_hdr;
    int64_t came = take(e, s, header, octets);
    header->msg_namelen = sizeof e->names[i];
    header->msg_controllen = CONTROL;
    header->msg_flags = 0;
    return came;
}

static int receive_batch(sw_engine *e, sw_socket *s, int limit)
{
    int total = 0;
    while (total < limit) {
        int n = recvmmsg(s->fd, e->messages, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0) {
            total++; /* as above; the budget ends what repeats */
            continue;
        }
        for (int i = 0; i < n; i++)
            (void)take_batched(e, s, i, e->messages[i].msg_len);
        total += n;
        if (n < BATCH)
            break;
    }
    return total;
}

/* A stream at its pace has one datagram: take that, and do not pay for asking whether there is another. If it has
   waited for longer than a tick there may be more behind it; if not, but there is, epoll says so at the next tick. */
static int receive_paced(sw_engine *e, sw_socket *s, int limit)
{
    ssize_t octets = recvmsg(s->fd, &e->messages[0].msg_hdr, MSG_DONTWAIT);
    if (octets < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : 1; /* an error is cleared by being read */
    if (take_batched(e, s, 0, (size_t)octets) >= e->now - e->tick)
        return 1;
    return 1 + receive_batch(e, s, limit - 1);
}
#endif

static int drain(sw_engine *e, sw_socket *s, int limit)
{
    int n;
#if HAVE_BATCHES
    if (e->portable)
        n = receive_plain(e, s, limit);
    else
        n = s->is_open ? receive_paced(e, s, limit) : receive_batch(e, s, limit);
#else
    n = receive_plain(e, s, limit);
#endif
    if (n)
        sw_track_wake(s->track);
    return n;
}

static void open_socket(sw_engine *e, sw_socket *s)
{
    if (s->is_open)
        return;
#if HAVE_BATCHES
    if (!e->portable) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = s}};
        (void)epoll_ctl(e->epoll, EPOLL_CTL_ADD, s->fd, &event);
    }
#endif
    s->previous = NULL;
    s->next = e->sockets;
    if (s->next)
        s->next->previous = s;
    e->sockets = s;
    e->count++;
    s->is_open = 1;
}

/* What the kernel still holds for it is taken; then nothing of it is touched any more. */
static void end_socket(sw_engine *e, sw_socket *s)
{
    if (s->is_open) {
#if HAVE_BATCHES
        if (!e->portable)
            (void)epoll_ctl(e->epoll, EPOLL_CTL_DEL, s->fd, NULL);
#endif
        if (s->next)
            s->next->previous = s->previous;
        if (s->previous)
            s->previous->next = s->next;
        else
            e->sockets = s->next;
        e->count--;
        s->is_open = 0;
    }
    (void)drain(e, s, LAST_WORDS); /* also if it never was open: what has come is the user's */
    sw_rx_flush(s->rx);
    sw_track_end(s->track);
    sw_track_wake(s->track);
    atomic_store_explicit(&s->done, 1, memory_order_release);
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

static void look_at_clocks(sw_engine *e)
{
    e->now = read_clock(CLOCK_MONOTONIC);
    e->to_monotonic = e->now - read_clock(CLOCK_REALTIME);
}

/* Open and end the sockets whose wish has changed. */
static void take_wishes(sw_engine *e)
{
    sw_socket *s = atomic_exchange_explicit(&e->queue, NULL, memory_order_acquire);
    while (s) {
        sw_socket *next = s->next_queued;
        atomic_store(&s->queued, 0);
        sw_rx_attend(s->rx);
        if (atomic_load(&s->wish) == WANT_OPEN)
            open_socket(e, s);
        else if (!atomic_load_explicit(&s->done, memory_order_relaxed))
            end_socket(e, s);
        s = next;
    }
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
    } else if (forever && e->count <= POLLED) {
        for (sw_socket *s = e->sockets; s; s = s->next)
            e->polled[n++] = (struct pollfd){.fd = s->fd, .events = POLLIN};
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

static int64_t drain_polled(sw_engine *e)
{
    int64_t packets = 0;
    for (sw_socket *s = e->sockets; s; s = s->next)
        packets += drain(e, s, e->budget);
    return packets;
}

/* Every socket that has something gets its budget once. */
static int64_t drain_all(sw_engine *e)
{
    int64_t packets = 0;
    int seen = 0, n = EVENTS;
    if (e->portable)
        return drain_polled(e);
#if HAVE_BATCHES
    struct epoll_event events[EVENTS];
    while (n == EVENTS && seen < e->count) {
        n = epoll_wait(e->epoll, events, EVENTS, 0);
        for (int i = 0; i < n; i++)
            packets += drain(e, events[i].data.ptr, e->budget);
        seen += n;
    }
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

static void loop(sw_engine *e)
{
    int idle = 0;
    int64_t next = read_clock(CLOCK_MONOTONIC) + e->tick;
    while (!atomic_load_explicit(&e->stop, memory_order_acquire)) {
        int sleeping = idle >= IDLE_TICKS || !e->count;
        int64_t left = next - read_clock(CLOCK_MONOTONIC);
        if (sleeping || left > 0)
            rest(e, sleeping ? -1 : left);
        look_at_clocks(e);
        take_wishes(e);
        if (!sleeping && e->now < next)
            continue; /* woken by a wish: the tick is not over */
        if (!sleeping)
            note_lateness(e, e->now - next);
        idle = drain_all(e) ? 0 : idle < IDLE_TICKS ? idle + 1 : idle;
        next = sleeping || next + e->tick < e->now ? e->now + e->tick : next + e->tick;
    }
    look_at_clocks(e);
    take_wishes(e);
    while (e->sockets)
        end_socket(e, e->sockets);
}

int sw_engine_run(sw_engine *e)
{
#if HAVE_BATCHES
    for (int i = 0; i < BATCH; i++)
        prepare(e, &e->messages[i].msg_hdr, i);
#endif
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

void sw_engine_stop(sw_engine *e)
{
    atomic_store_explicit(&e->stop, 1, memory_order_release);
}

size_t sw_socket_octets(void)
{
    return sizeof(sw_socket);
}

int sw_socket_init(void *memory, size_t octets, int fd, sw_rx *rx, sw_track *track, double speed)
{
    sw_socket *s = memory;
    if (!memory || octets < sizeof *s || fd < 0 || !rx || !track || !(speed > 0))
        return SW_EINVAL;
    memset(s, 0, sizeof *s);
    s->fd = fd;
    s->rx = rx;
    s->track = track;
    s->speed = speed;
    return SW_OK;
}

int sw_socket_options(int fd)
{
    int on = 1, flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return SW_EINVAL;
#ifdef SO_TIMESTAMPNS
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
#endif
#ifdef SO_RXQ_OVFL
    (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
#endif
    (void)on;
    return SW_OK;
}

static void queue(sw_engine *e, sw_socket *s)
{
    int32_t not_queued = 0;
    if (!atomic_compare_exchange_strong(&s->queued, &not_queued, 1))
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

int64_t sw_engine_lateness(const sw_engine *e, uint64_t *nanoseconds, int room)
{
    uint64_t n = atomic_load_explicit(&e->ticks, memory_order_acquire);
    for (int i = 0; i < room && i < SW_ENGINE_LATENESS && (uint64_t)i < n; i++)
        nanoseconds[i] = atomic_load_explicit(&e->lateness[i], memory_order_relaxed);
    return (int64_t)n;
}
