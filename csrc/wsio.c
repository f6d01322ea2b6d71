/*
 * Sockets of plain media WebSockets, read many a call.
 *
 * A hundred streams send five thousand messages a second, and each would cost several steps of Python to be read. Here a
 * call reads every socket that has something and takes its messages; it comes back at the first one that has anything
 * else, and with the octets that came; it may wait from tick to tick itself. Linux only: elsewhere Python reads the
 * sockets itself, to the same end.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/epoll.h>
#endif

#include <errno.h>

#include "rtpio.h"
#include "track.h"

#if defined(__linux__)

enum { EVENTS = 256 };

/* One read, and the messages in it. 1: this was not all that there is to do for the socket. */
static int sweep_one(sw_ws_socket *s, void *buffer, size_t room, int64_t now, sw_ws_stop *out)
{
    ssize_t came;
    out->done = 0;
    memset(&out->taken, 0, sizeof out->taken);
    out->octets = SW_WS_UNREAD;
    if (!s->ws)
        return 1;
    came = recv(s->fd, buffer, room, MSG_DONTWAIT);
    if (came < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    out->octets = came < 0 ? -errno : came;
    if (came <= 0)
        return 1;
    s->heard = now;
    s->octets += (uint64_t)came;
    out->done = sw_ws_take(s->ws, buffer, (size_t)came, (int64_t)((double)now * s->speed), &out->taken);
    for (int lane = 0; lane < 2; lane++)
        if (out->taken.lanes >> lane & 1)
            sw_ws_wake(s->ws, lane);
    return out->done < came || out->taken.refused != SW_OK;
}

/* Behind which of them the sweep before came back; epoll gives them in the same order again. */
static int find_begin(const struct epoll_event *events, int ready, int fd)
{
    for (int i = 0; i < ready; i++)
        if (events[i].data.fd == fd)
            return i + 1;
    return 0;
}

int sw_ws_sweep(int epoll, sw_ws_socket *const *sockets, int count, void *buffer, size_t room, int64_t now,
                sw_ws_stop *out)
{
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(epoll, events, EVENTS, 0), begin = find_begin(events, ready, out->fd);
    for (int i = 0; i < ready; i++) {
        int fd = events[(begin + i) % ready].data.fd;
        if (fd < 0 || fd >= count || !sockets[fd])
            continue;
        out->fd = fd;
        if (sweep_one(sockets[fd], buffer, room, now, out))
            return 1;
    }
    return 0;
}

/* Wait until then. 1: the bell rang before. */
static int rest(int bell, int64_t until)
{
    struct pollfd polled = {.fd = bell, .events = POLLIN};
    int64_t left = until - sw_read_clock(CLOCK_MONOTONIC);
    struct timespec t = {.tv_sec = left / NANO, .tv_nsec = left % NANO};
    return left > 0 && ppoll(&polled, 1, &t, NULL) != 0;
}

/* Whether the sockets that are read here have something, and nobody else. */
static int is_alone(const sw_ws_watch *watch)
{
    struct epoll_event events[2];
    return epoll_wait(watch->others, events, 2, 0) == 1 && events[0].data.fd == watch->epoll;
}

int sw_ws_keep_sweeping(const sw_ws_watch *watch, sw_ws_socket *const *sockets, int count, void *buffer, size_t room,
                        int64_t until, sw_ws_stop *out)
{
    int64_t now;
    do {
        now = sw_read_clock(CLOCK_MONOTONIC);
        if (sw_ws_sweep(watch->epoll, sockets, count, buffer, room, now, out))
            return 1;
    } while (now < until && !rest(watch->bell, now + watch->tick) && is_alone(watch));
    return 0;
}

#else

int sw_ws_keep_sweeping(const sw_ws_watch *watch, sw_ws_socket *const *sockets, int count, void *buffer, size_t room,
                        int64_t until, sw_ws_stop *out)
{
    (void)watch, (void)sockets, (void)count, (void)buffer, (void)room, (void)until, (void)out;
    return SW_EINVAL;
}

int sw_ws_sweep(int epoll, sw_ws_socket *const *sockets, int count, void *buffer, size_t room, int64_t now,
                sw_ws_stop *out)
{
    (void)epoll, (void)sockets, (void)count, (void)buffer, (void)room, (void)now, (void)out;
    return SW_EINVAL;
}

#endif
