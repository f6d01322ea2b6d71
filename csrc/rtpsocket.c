/*
 * Datagrams from one socket: in batches where the system has them, with the time at which the kernel received each.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "rtpio.h"
#include "rx.h"

enum { OF_AUDIO, OF_RTCP };

#define STEPS 4 /* datagrams ahead for which the cache is asked: sw_share_foresee, and what sw_socket_foresee does in three */

#define REPORTS 16 /* datagrams of RTCP that one socket may have of one tick */
#define LONGEST (600 * NANO) /* that a datagram may have waited: the process was stopped */

/* ---- waking readers --------------------------------------------------------------------------------------- */

void sw_ring_bell(int fd)
{
    static const uint8_t one[8] = {1};
    /* Full means that it is ringing already; an eventfd takes the eight octets as a number in any order. */
    ssize_t written = write(fd, one, sizeof one);
    (void)written;
}

void sw_track_wake_due(sw_track *track)
{
    int32_t fds[8];
    int due = sw_track_due(track, fds, 8);
    for (int i = 0; i < due; i++)
        sw_ring_bell(fds[i]);
}

void sw_track_wake(sw_track *track)
{
    atomic_thread_fence(memory_order_seq_cst);
    sw_track_wake_due(track);
}

/* ---- one datagram ----------------------------------------------------------------------------------------- */

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

/* Whether a kernel's time can be true: the wall clock that it was read from may be set at any moment. */
static int is_credible(const sw_engine *e, int64_t arrival)
{
    return e->now >= e->stamped_from && arrival < e->now + NANO && arrival > e->now - LONGEST;
}

/* When the kernel received it, on the monotonic clock; the tick's time where the kernel does not say. */
static int64_t read_control(const sw_engine *e, sw_socket *s, struct msghdr *header, int what)
{
    int64_t arrival = e->now;
    s->is_stamped = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
#ifdef SCM_TIMESTAMPNS
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            int64_t stamp = t.tv_sec * NANO + t.tv_nsec + e->to_monotonic;
            s->is_stamped = is_credible(e, stamp);
            arrival = s->is_stamped ? stamp : e->now;
        }
#endif
#ifdef SO_RXQ_OVFL
        if (c->cmsg_type == SO_RXQ_OVFL && what == OF_AUDIO) {
            uint32_t total;
            memcpy(&total, CMSG_DATA(c), sizeof total);
            if (s->share)
                sw_share_drops(s->share, total);
            else
                sw_rx_kernel_drops(s->rx, total);
        }
#endif
    }
    return arrival;
}

void sw_socket_touch(sw_engine *e, sw_socket *member)
{
    if (!member || member->is_touched)
        return;
    member->is_touched = 1;
    member->next_touched = e->touched;
    e->touched = member;
}

/* Hand it on. Returns when it came. */
static inline int64_t take(sw_engine *e, sw_socket *s, struct msghdr *header, size_t octets, int what)
{
    int64_t came = read_control(e, s, header, what);
    int64_t arrival = sw_socket_time(s, came);
    sw_address from;
    if (header->msg_flags & MSG_TRUNC && !s->share) {
        sw_rx_oversize(s->rx);
        return came;
    }
    read_address(header->msg_name, &from);
    if (s->share) {
        sw_socket_touch(e, sw_share_take(s->share, header->msg_iov->iov_base, octets, came, &from));
        return came;
    }
    if (what == OF_AUDIO)
        sw_rx_datagram(s->rx, header->msg_iov->iov_base, octets, arrival, &from);
    else
        sw_rx_rtcp(s->rx, header->msg_iov->iov_base, octets, arrival, &from);
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
static int receive_plain(sw_engine *e, sw_socket *s, int fd, int limit, int what)
{
    int n = 0;
    for (; n < limit; n++) {
        struct msghdr header;
        ssize_t octets;
        prepare(e, &header, 0);
        octets = recvmsg(fd, &header, MSG_DONTWAIT);
        if (octets < 0 && errno == EINTR)
            continue;
        if (octets < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (octets >= 0) /* else an ICMP error that belongs to nothing we sent: it is cleared by being read */
            (void)take(e, s, &header, (size_t)octets, what);
    }
    return n;
}

void sw_socket_foresee(const sw_socket *s, int step)
{
    if (step == 0) {
        __builtin_prefetch(s, 1);
        __builtin_prefetch((const unsigned char *)s + 64, 1);
    } else if (s->rx && step == 1) {
        sw_rx_foresee(s->rx);
    } else if (s->rx) {
        sw_rx_foresee_track(s->rx);
    }
}

#if HAVE_BATCHES
static int64_t take_batched(sw_engine *e, sw_socket *s, int i, size_t octets)
{
    struct msghdr *header = &e->messages[i].msg_hdr;
    int64_t came = take(e, s, header, octets, OF_AUDIO);
    header->msg_namelen = sizeof e->names[i];
    header->msg_controllen = CONTROL;
    header->msg_flags = 0;
    return came;
}

/* The same for a datagram of a port that many receivers share: first of all, whose it is. */
static void foresee_shared(const sw_engine *e, const sw_share *share, int i, int step)
{
    const sw_socket *member;
    sw_address from;
    read_address(&e->names[i], &from);
    member = sw_share_foresee(share, &from, step == 0);
    if (member)
        sw_socket_foresee(member, step - 1);
}

static void take_all(sw_engine *e, sw_socket *s, int n)
{
    for (int i = s->share ? -STEPS : 0; i < n; i++) {
        for (int step = 0; step < STEPS && s->share; step++)
            if (i + STEPS - step >= 0 && i + STEPS - step < n)
                foresee_shared(e, s->share, i + STEPS - step, step);
        if (i >= 0)
            (void)take_batched(e, s, i, e->messages[i].msg_len);
    }
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
        take_all(e, s, n);
        total += n;
        if (n < BATCH)
            break;
    }
    return total;
}

/* Whether the next packet's time comes within a tick, of its own clock. */
static int is_bunched(const sw_engine *e, const sw_socket *s)
{
    return sw_rx_is_bunched(s->rx, sw_socket_time(s, e->tick));
}

/* A stream at its pace has one datagram: take that, and do not pay for asking whether there is another, unless it has
   waited for longer than a tick, or another one's time has come. What is there all the same is found with the next one,
   or when the socket is looked at again. */
static int receive_paced(sw_engine *e, sw_socket *s, int limit)
{
    long octets = recvmsg(s->fd, &e->messages[0].msg_hdr, MSG_DONTWAIT);
    if (octets < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (octets >= 0 && take_batched(e, s, 0, (size_t)octets) >= e->now - e->tick && !is_bunched(e, s))
        return 1;
    return 1 + receive_batch(e, s, limit - 1); /* an error is cleared by being read */
}
#endif

void sw_socket_prepare(sw_engine *e)
{
#if HAVE_BATCHES
    for (int i = 0; i < BATCH; i++)
        prepare(e, &e->messages[i].msg_hdr, i);
#else
    (void)e;
#endif
}

int sw_socket_drain(sw_engine *e, sw_socket *s, int limit)
{
    int n;
    if (s->fd < 0)
        return 0;
#if HAVE_BATCHES
    if (e->portable)
        n = receive_plain(e, s, s->fd, limit, OF_AUDIO);
    else
        n = s->is_open && !s->share && !s->is_put_off ? receive_paced(e, s, limit) : receive_batch(e, s, limit);
#else
    n = receive_plain(e, s, s->fd, limit, OF_AUDIO);
#endif
    if (n && s->rx)
        sw_socket_touch(e, s);
    return n;
}

int sw_socket_drain_rtcp(sw_engine *e, sw_socket *s)
{
    int n = s->rtcp_fd < 0 ? 0 : receive_plain(e, s, s->rtcp_fd, REPORTS, OF_RTCP);
    if (n)
        sw_socket_touch(e, s);
    return n;
}

/* ---- from other threads ----------------------------------------------------------------------------------- */

size_t sw_socket_octets(void)
{
    return sizeof(sw_socket);
}

int sw_socket_init(void *memory, size_t octets, int fd, int rtcp_fd, sw_rx *rx, sw_track *track, double speed)
{
    sw_socket *s = memory;
    if (!memory || octets < sizeof *s || fd < 0 || !rx || !track || !(speed > 0))
        return SW_EINVAL;
    memset(s, 0, sizeof *s);
    s->fd = fd;
    s->rtcp_fd = rtcp_fd;
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

int sw_socket_init_port(void *memory, size_t octets, int fd, sw_share *share)
{
    sw_socket *s = memory;
    if (!memory || octets < sizeof *s || fd < 0 || !share)
        return SW_EINVAL;
    memset(s, 0, sizeof *s);
    s->fd = fd;
    s->rtcp_fd = -1;
    s->share = share;
    s->speed = 1.0;
    return SW_OK;
}

int sw_socket_init_member(void *memory, size_t octets, sw_socket *port, sw_rx *rx, sw_track *track, double speed)
{
    sw_socket *s = memory;
    if (!memory || octets < sizeof *s || !port || !port->share || !rx || !track || !(speed > 0))
        return SW_EINVAL;
    memset(s, 0, sizeof *s);
    s->fd = s->rtcp_fd = -1;
    s->port = port;
    s->rx = rx;
    s->track = track;
    s->speed = speed;
    return SW_OK;
}

void sw_socket_ask(sw_socket *s)
{
    int64_t not_yet = 0;
    (void)atomic_compare_exchange_strong(&s->asked, &not_yet, sw_read_clock(CLOCK_MONOTONIC));
}

int sw_socket_reckoned(const sw_socket *s)
{
    return atomic_load_explicit(&s->reckoned, memory_order_acquire) || sw_socket_joined(s) != SW_JOIN_WAITS;
}

int sw_socket_joined(const sw_socket *s)
{
    return atomic_load_explicit(&s->joined, memory_order_acquire);
}
