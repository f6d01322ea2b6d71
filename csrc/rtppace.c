/*
 * Packets of many senders, each at its time: with rtpio.c the only file that touches descriptors and clocks.
 *
 * One thread lives in sw_pacer_run. It sleeps until the earliest time at which one of its outlets has something to do (a
 * heap keeps them in order) or until it is woken. Times are absolute, so lateness does not add up. An outlet with
 * nothing queued rests; whoever puts something asks for it to be looked at, through a stack as in rtpio.c.
 */

#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sw.h"

#define NANO INT64_C(1000000000)
#define REPORT_EVERY (5 * NANO) /* RFC 3550 section 6.2: the minimum for few members */
#define ROOM (12 + SW_TX_LARGEST)
#define BURST 64 /* packets that a late outlet may send before the others have their turn */
#define NEVER INT64_MAX

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

struct sw_outlet {
    /* Set by sw_outlet_init, constant afterwards. */
    sw_tx *tx;
    int rtp_fd, rtcp_fd;
    double speed;
    uint32_t cname_octets;
    uint8_t cname[256];

    _Atomic int32_t resting, ending, queued, done;
    sw_outlet *next_queued; /* belongs to whoever set `queued` until the pacer takes the stack */

    _Atomic uint64_t refused, dropped, reports;
    _Atomic int64_t latest;
    _Atomic int32_t error;

    /* The pacer's own. */
    int64_t wake, next_report; /* of the machine's clock */
    uint32_t random;
    int place; /* in the heap, from 1; 0 if not there */
};

struct sw_pacer {
    int wake_fd;
    int64_t grain;
    _Atomic uint32_t stop;
    _Atomic(sw_outlet *) queue;
    int count;
    sw_outlet *heap[SW_PACER_OUTLETS + 1]; /* from 1: the children of i are 2 i and 2 i + 1 */
    uint8_t datagram[ROOM];
};

static int64_t read_clock(clockid_t clock)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(clock, &t);
    return t.tv_sec * NANO + t.tv_nsec;
}

/* ---- the heap --------------------------------------------------------------------------------------------- */

static void put_at(sw_pacer *p, int i, sw_outlet *o)
{
    p->heap[i] = o;
    o->place = i;
}

static void sift(sw_pacer *p, int i, sw_outlet *o)
{
    while (i > 1 && p->heap[i / 2]->wake > o->wake) {
        put_at(p, i, p->heap[i / 2]);
        i /= 2;
    }
    for (int child = 2 * i; child <= p->count; child = 2 * i) {
        if (child < p->count && p->heap[child + 1]->wake < p->heap[child]->wake)
            child++;
        if (p->heap[child]->wake >= o->wake)
            break;
        put_at(p, i, p->heap[child]);
        i = child;
    }
    put_at(p, i, o);
}

static void leave_heap(sw_pacer *p, sw_outlet *o)
{
    int i = o->place;
    sw_outlet *last = p->heap[p->count--];
    o->place = 0;
    if (last != o)
        sift(p, i, last);
}

static void plan(sw_pacer *p, sw_outlet *o, int64_t wake)
{
    o->wake = wake;
    if (wake == NEVER) {
        if (o->place)
            leave_heap(p, o);
    } else {
        sift(p, o->place ? o->place : ++p->count, o);
    }
}

/* ---- one outlet ------------------------------------------------------------------------------------------- */

static int64_t scaled(const sw_outlet *o, int64_t now)
{
    return o->speed == 1.0 ? now : (int64_t)((double)now * o->speed);
}

static void send_packet(sw_outlet *o, int fd, const uint8_t *datagram, size_t octets)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (send(fd, datagram, octets, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return;
        if (errno != ECONNREFUSED && errno != EINTR)
            break;
        /* Nobody listened when an earlier packet came there; this one has not left yet. */
        if (errno == ECONNREFUSED && fd == o->rtp_fd)
            atomic_fetch_add_explicit(&o->refused, 1, memory_order_relaxed);
    }
    if (fd != o->rtp_fd)
        return; /* reports are a courtesy */
    atomic_fetch_add_explicit(&o->dropped, 1, memory_order_relaxed);
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ECONNREFUSED)
        atomic_store_explicit(&o->error, errno, memory_order_relaxed);
}

static void send_report(sw_outlet *o, int64_t now, int bye)
{
    uint8_t report[SW_TX_REPORT];
    int64_t octets;
    if (o->rtcp_fd < 0)
        return;
    octets = sw_tx_report(o->tx, scaled(o, now), read_clock(CLOCK_REALTIME), bye, o->cname, o->cname_octets, report,
                          sizeof report);
    if (octets <= 0)
        return;
    send_packet(o, o->rtcp_fd, report, (size_t)octets);
    atomic_fetch_add_explicit(&o->reports, 1, memory_order_relaxed);
}

/* Between half and one and a half times the interval, so that senders that began together do not stay so. */
static int64_t report_pause(sw_outlet *o)
{
    o->random = o->random * UINT32_C(1664525) + UINT32_C(1013904223);
    return REPORT_EVERY / 2 + (int64_t)(o->random >> 8) * (REPORT_EVERY >> 8) / (1 << 16);
}

/* Send what is due; returns whether there may be more. */
static int send_due(sw_pacer *p, sw_outlet *o, int64_t now)
{
    for (int n = 0; n < BURST; n++) {
        int64_t at = scaled(o, now), late = at - sw_tx_due(o->tx, at);
        int64_t octets = sw_tx_take(o->tx, at, p->datagram, sizeof p->datagram);
        if (octets <= 0)
            return 0;
        if (late > atomic_load_explicit(&o->latest, memory_order_relaxed))
            atomic_store_explicit(&o->latest, late, memory_order_relaxed);
        send_packet(o, o->rtp_fd, p->datagram, (size_t)octets);
        if (!o->next_report && o->rtcp_fd >= 0)
            o->next_report = now; /* the first report may go at once to a single receiver (RFC 3550 section 6.2) */
    }
    return 1;
}

/* When the next packet of it is due, by the machine's clock. */
static int64_t next_packet(sw_outlet *o, int64_t now)
{
    int64_t at = scaled(o, now), due = sw_tx_due(o->tx, at);
    if (due == NEVER) {
        /* Rest, then look again: what is put after this look finds it resting. Both are in one order with the head. */
        atomic_store(&o->resting, 1);
        due = sw_tx_due(o->tx, at);
        if (due == NEVER)
            return NEVER;
        atomic_store(&o->resting, 0);
    }
    return due <= at ? now : now + (o->speed == 1.0 ? due - at : (int64_t)((double)(due - at) / o->speed));
}

static void serve(sw_pacer *p, sw_outlet *o, int64_t now)
{
    int64_t next;
    int more = send_due(p, o, now);
    if (o->next_report && o->next_report <= now) {
        send_report(o, now, 0);
        o->next_report = now + report_pause(o);
    }
    next = more ? now : next_packet(o, now);
    if (o->next_report && o->next_report < next)
        next = o->next_report;
    plan(p, o, next);
}

static void end_outlet(sw_pacer *p, sw_outlet *o, int64_t now)
{
    if (o->place)
        leave_heap(p, o);
    send_report(o, now, 1);
    atomic_store_explicit(&o->done, 1, memory_order_release);
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

/* Take its one place on the stack. 0: it is there already. */
static int claim_place(sw_outlet *o)
{
    int32_t not_queued = 0;
    return atomic_compare_exchange_strong(&o->queued, &not_queued, 1);
}

static void take_queue(sw_pacer *p, int64_t now)
{
    sw_outlet *o = atomic_exchange_explicit(&p->queue, NULL, memory_order_acquire);
    while (o) {
        sw_outlet *next = o->next_queued;
        atomic_store(&o->queued, 0);
        if (!atomic_load(&o->ending) && (o->place || p->count < SW_PACER_OUTLETS))
            serve(p, o, now);
        else if (claim_place(o)) /* for good: its memory may go now. Else it is there again, and this waits for that */
            end_outlet(p, o, now);
        o = next;
    }
}

static void rest(const sw_pacer *p, int64_t nanoseconds)
{
    struct pollfd polled = {.fd = p->wake_fd, .events = POLLIN};
#if defined(__linux__)
    struct timespec t = {.tv_sec = nanoseconds / NANO, .tv_nsec = nanoseconds % NANO};
    (void)ppoll(&polled, 1, nanoseconds < 0 ? NULL : &t, NULL);
#else
    (void)poll(&polled, 1, nanoseconds < 0 ? -1 : (int)((nanoseconds + 999999) / 1000000));
#endif
    if (polled.revents) {
        unsigned char octets[64];
        ssize_t got = read(p->wake_fd, octets, sizeof octets);
        (void)got;
    }
}

int sw_pacer_run(sw_pacer *p)
{
    int64_t now = read_clock(CLOCK_MONOTONIC), not_before = now;
    while (!atomic_load_explicit(&p->stop, memory_order_acquire)) {
        int64_t next = p->count ? p->heap[1]->wake : NEVER;
        if (next != NEVER && next < not_before)
            next = not_before;
        if (next > now)
            rest(p, next == NEVER ? -1 : next - now);
        now = read_clock(CLOCK_MONOTONIC);
        take_queue(p, now);
        if (now < not_before)
            continue;
        while (p->count && p->heap[1]->wake <= now) {
            serve(p, p->heap[1], now);
            if (p->count && p->heap[1]->wake == now) /* one that sends a long burst: others may be due by now */
                now = read_clock(CLOCK_MONOTONIC);
        }
        not_before = now + p->grain;
    }
    take_queue(p, now);
    while (p->count)
        end_outlet(p, p->heap[1], now);
    return SW_OK;
}

/* ---- from other threads ----------------------------------------------------------------------------------- */

size_t sw_pacer_octets(void)
{
    return sizeof(sw_pacer);
}

size_t sw_outlet_octets(void)
{
    return sizeof(sw_outlet);
}

int sw_pacer_init(void *memory, size_t octets, int wake_fd, int64_t grain)
{
    sw_pacer *p = memory;
    if (!memory || octets < sizeof *p || wake_fd < 0 || grain < 0)
        return SW_EINVAL;
    memset(p, 0, sizeof *p);
    p->wake_fd = wake_fd;
    p->grain = grain;
    return SW_OK;
}

void sw_pacer_stop(sw_pacer *p)
{
    atomic_store_explicit(&p->stop, 1, memory_order_release);
}

int sw_outlet_init(void *memory, size_t octets, sw_tx *tx, int rtp_fd, int rtcp_fd, double speed, const void *cname,
                   size_t cname_octets)
{
    sw_outlet *o = memory;
    if (!memory || octets < sizeof *o || !tx || rtp_fd < 0 || !(speed > 0) || !cname || cname_octets < 1 ||
        cname_octets > 255)
        return SW_EINVAL;
    memset(o, 0, sizeof *o);
    o->tx = tx;
    o->rtp_fd = rtp_fd;
    o->rtcp_fd = rtcp_fd;
    o->speed = speed;
    o->cname_octets = (uint32_t)cname_octets;
    memcpy(o->cname, cname, cname_octets);
    o->random = (uint32_t)((uintptr_t)memory >> 4) ^ (uint32_t)read_clock(CLOCK_REALTIME);
    atomic_store(&o->resting, 1);
    return SW_OK;
}

int sw_outlet_rests(sw_outlet *o)
{
    return atomic_exchange(&o->resting, 0);
}

void sw_pacer_attend(sw_pacer *p, sw_outlet *o, int end)
{
    if (end)
        atomic_store(&o->ending, 1);
    if (!claim_place(o))
        return; /* the pacer will see the newer wish */
    o->next_queued = atomic_load(&p->queue);
    while (!atomic_compare_exchange_weak(&p->queue, &o->next_queued, o))
        ;
}

int sw_outlet_done(const sw_outlet *o)
{
    return atomic_load_explicit(&o->done, memory_order_acquire);
}

void sw_outlet_report(const sw_outlet *o, sw_outlet_state *out)
{
    memset(out, 0, sizeof *out);
    out->refused = atomic_load_explicit(&o->refused, memory_order_relaxed);
    out->dropped = atomic_load_explicit(&o->dropped, memory_order_relaxed);
    out->reports = atomic_load_explicit(&o->reports, memory_order_relaxed);
    out->latest = atomic_load_explicit(&o->latest, memory_order_relaxed);
    out->error = atomic_load_explicit(&o->error, memory_order_relaxed);
}
