/* What the engine's files share: rtpio.c (the loop), rtpturns.c (whose turn it is), rtpwishes.c, rtpsocket.c (a socket) and
   rtpshare.c (a port of many). */
#ifndef SW_RTPIO_H
#define SW_RTPIO_H

#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "sw.h"

#if defined(__linux__)
#define HAVE_BATCHES 1 /* epoll, recvmmsg; the file that includes this has defined _GNU_SOURCE */
#else
#define HAVE_BATCHES 0
#endif

#define BATCH 32          /* datagrams a call */
#define ROOM 2560         /* octets for each; what is longer is refused by sw_rx_datagram or arrives truncated */
#define CONTROL 128       /* octets of ancillary data for each */
#define POLLED 1024       /* descriptors a call of poll() */
#define NANO INT64_C(1000000000)
#define SW_ENGINE_ROUNDS 16 /* more than the rounds after which a socket is looked at again */
#define SW_ENGINE_HURRY 200 /* rounds in which a socket is emptied at once: when it is new, and when much comes */

struct sw_socket {
    /* Set before sw_engine_open, constant afterwards. */
    sw_rx *rx;
    sw_track *track;
    int fd, rtcp_fd; /* -1 if there is none */
    double speed;
    sw_share *share;        /* of a port that many receivers share; it has no rx and no track then */
    struct sw_socket *port; /* the port that this one is a receiver of; it has no descriptor then */

    /* The engine's own. What every packet touches is in front, as in sw_rx. */
    int is_open, is_timed, is_touched, is_awaited;
    int is_stamped; /* the kernel has said when the last datagram came */
    struct sw_socket *next_touched; /* of those that have had something in this round */
    struct sw_socket *next_timed;   /* of those that want sw_rx_tick */
    struct sw_socket *next_look, **at_look; /* of those that are looked at again in the same round; at_look: NULL in none */
    uint64_t heard;                         /* the last round in which it had something */
    uint64_t hurried;                       /* up to this round it is emptied at once */
    int is_put_off;                         /* epoll tells nothing of it: it is emptied when it is looked at */
    struct sw_socket *next, *previous;
    int64_t opened;
    sw_address source; /* whose datagrams it gets from its port, once it has joined */

    _Atomic int32_t wish, queued, done;
    _Atomic int32_t joined; /* SW_JOIN_... */
    _Atomic int64_t asked;  /* when somebody first may have known of it, on the engine's clock; 0: not yet */
    _Atomic int32_t reckoned; /* whether the engine knows of `asked` */
    struct sw_socket *next_queued; /* belongs to whoever set `queued` until the engine takes the stack */
};

struct sw_engine {
    int wake_fd, portable, budget;
    int64_t tick;
    _Atomic uint32_t stop, running;
    _Atomic int32_t news_fd;
    _Atomic(sw_socket *) queue;
    _Atomic uint64_t ticks;
    _Atomic uint64_t lateness[SW_ENGINE_LATENESS]; /* nanoseconds, of the last ticks */

    /* The engine's own. */
    sw_socket *sockets, *timed, *touched;
    int count, epoll, has_news;
    uint64_t round;                     /* how often all sockets have been drained */
    sw_socket *looks[SW_ENGINE_ROUNDS]; /* by the round in which they are looked at again, modulo */
    int64_t now, to_monotonic; /* of this tick: CLOCK_MONOTONIC, and what makes CLOCK_REALTIME it */
    int64_t stamped_from;      /* from when the kernel's times can be told in CLOCK_MONOTONIC: the wall clock was set */
    struct pollfd polled[POLLED + 1];
    struct iovec vectors[BATCH];
    struct sockaddr_in6 names[BATCH];
#if HAVE_BATCHES
    struct mmsghdr messages[BATCH];
#endif
    _Alignas(16) unsigned char controls[BATCH][CONTROL];
    unsigned char data[BATCH][ROOM];
};

static inline int64_t sw_read_clock(clockid_t clock)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(clock, &t);
    return t.tv_sec * NANO + t.tv_nsec;
}

/* A time of the machine on a socket's clock. */
static inline int64_t sw_socket_time(const sw_socket *s, int64_t nanoseconds)
{
    return s->speed == 1.0 ? nanoseconds : (int64_t)((double)nanoseconds * s->speed);
}

/* rtpshare.c: give a datagram to its receiver, or hold it (NULL). Have the cache look for whom that may be, the first
   time; then say it (NULL: not that easily). Whether anything is held. */
sw_socket *sw_share_take(sw_share *share, const void *datagram, size_t octets, int64_t arrival, const sw_address *from);
const sw_socket *sw_share_foresee(const sw_share *share, const sw_address *from, int is_first);
int sw_share_holds(const sw_share *share);
int sw_share_members(const sw_share *share);
void sw_share_drops(sw_share *share, uint32_t total);

/* Drop what was held too long, up to what is somebody's after all: it is given to him, who is returned. NULL: no more. */
sw_socket *sw_share_age(sw_share *share, int64_t now);

/* So many receivers more (below 0: less) may be sent to, from where nobody knows yet. */
void sw_share_await(sw_share *share, int by);

/* Give a receiver what comes from an address, and what is held of it. SW_JOIN_... And no more. `asked`: when its sender
   may first have known of it. */
int sw_share_join(sw_share *share, sw_socket *member, const sw_address *from, int64_t asked);
void sw_share_leave(sw_share *share, const sw_socket *member, const sw_address *from);

/* sw_track_wake, after a sequentially consistent fence: one is enough for many tracks. */
void sw_track_wake_due(sw_track *track);

/* Write to a descriptor whose reading end somebody waits for. */
void sw_ring_bell(int fd);

/* Where the datagrams of the engine's calls go; once before the first. */
void sw_socket_prepare(sw_engine *e);

/* A receiver has had something: it is looked after once all that came with it has been taken. NULL: nobody has. */
void sw_socket_touch(sw_engine *e, sw_socket *member);

/* rtpwishes.c: open and end the sockets whose wish has changed. And end one: what the kernel still holds is taken first. */
void sw_engine_take_wishes(sw_engine *e);
void sw_engine_let_go(sw_engine *e, sw_socket *s);

/* Have epoll tell of a socket's audio, or no more. 0: it cannot. */
int sw_socket_watch(const sw_engine *e, sw_socket *s);
void sw_socket_unwatch(const sw_engine *e, const sw_socket *s);

/* rtpio.c: look after the receivers that have had something. And tell one the time from now on, if it waits for that. */
void sw_engine_see_to_touched(sw_engine *e);
void sw_engine_see_to_alarm(sw_engine *e, sw_socket *s);

/* rtpturns.c: take what has come; returns how many packets it was, or more than 0 if some are left for later. And look at
   a socket again after so many rounds; 0: not. */
int64_t sw_engine_drain(sw_engine *e);
void sw_engine_look_again(sw_engine *e, sw_socket *s, unsigned rounds);

/* The cache has nothing of a receiver that others came after. Ask for what its next packet touches, in three steps, each
   of which has to be there for the next: the socket, what it points to, and what that points to. */
void sw_socket_foresee(const sw_socket *s, int step);

/* Take up to about `limit` datagrams of audio; some of RTCP. They return how many it was. */
int sw_socket_drain(sw_engine *e, sw_socket *s, int limit);
int sw_socket_drain_rtcp(sw_engine *e, sw_socket *s);

#endif
