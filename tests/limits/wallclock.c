/*
 * LD_PRELOAD: a wall clock that is set while a program runs. The offset, int64 nanoseconds, lies in the file that
 * WALLCLOCK names. A datagram is stamped as if it had come just before the program looked, so that one which is taken
 * right after a step was stamped before it. A thread's first look takes what is set then: no step goes before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define NANO INT64_C(1000000000)

static const volatile int64_t *offset;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_many)(int, struct mmsghdr *, unsigned, int, struct timespec *);
static ssize_t (*real_one)(int, struct msghdr *, int);

__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("WALLCLOCK"), O_RDONLY | O_CLOEXEC);
    offset = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
    real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_many = (int (*)(int, struct mmsghdr *, unsigned, int, struct timespec *))dlsym(RTLD_NEXT, "recvmmsg");
    real_one = (ssize_t(*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
    if (offset == MAP_FAILED || !real_clock || !real_many || !real_one)
        abort();
}

static void shift(struct timespec *t, int64_t by)
{
    int64_t all = (int64_t)t->tv_sec * NANO + t->tv_nsec + by;
    t->tv_sec = all / NANO;
    t->tv_nsec = all % NANO;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int failed = real_clock(clock, t);
    if (!failed && clock == CLOCK_REALTIME)
        shift(t, *offset);
    return failed;
}

time_t time(time_t *out)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *out, void *zone)
{
    struct timespec t;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    out->tv_sec = t.tv_sec;
    out->tv_usec = t.tv_nsec / 1000;
    return 0;
}

/* What the wall clock was ahead by when this thread last looked for datagrams. */
static int64_t before(void)
{
    static _Thread_local int64_t last;
    static _Thread_local int has_looked;
    int64_t was = has_looked ? last : *offset;
    has_looked = 1;
    last = *offset;
    return was;
}

static void stamp(struct msghdr *m, int64_t by)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct timespec t;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        shift(&t, by);
        memcpy(CMSG_DATA(c), &t, sizeof t);
    }
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    int64_t by = before();
    int taken = real_many(fd, messages, count, flags, timeout);
    for (int i = 0; i < taken; i++)
        stamp(&messages[i].msg_hdr, by);
    return taken;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    int64_t by = before();
    ssize_t octets = real_one(fd, message, flags);
    if (octets >= 0)
        stamp(message, by);
    return octets;
}
