/*
 * Checks the engine's steps one by one, in the order that its threads seldom take: no thread of its own runs here. All
 * that is received has been sent before.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "rtpio.h"

enum { RATE = 8000, PACKET = 160, CAPACITY = 1 << 16, BUDGET = 64, FAST = 20 };

static const int64_t TICK = 5000000;

typedef struct {
    sw_track *track;
    sw_rx *rx;
    sw_socket *socket;
} tap;

static sw_engine *new_engine(int portable)
{
    sw_engine *e = zeroed(sw_engine_octets());
    CHECK(sw_engine_init(e, sw_engine_octets(), -1, TICK, BUDGET, portable) == SW_OK);
    sw_socket_prepare(e);
    e->now = sw_read_clock(CLOCK_MONOTONIC);
    e->to_monotonic = e->now - sw_read_clock(CLOCK_REALTIME);
    return e;
}

static void end_engine(sw_engine *e)
{
    sw_engine_discard(e);
    free(e);
}

static tap new_tap(void)
{
    tap t = {zeroed(sw_track_octets(CAPACITY)), zeroed(sw_rx_octets()), zeroed(sw_socket_octets())};
    CHECK(sw_track_init(t.track, sw_track_octets(CAPACITY), CAPACITY, RATE, SW_CODEC_PCMU, CAPACITY / 2, 0) == SW_OK);
    CHECK(sw_rx_init(t.rx, sw_rx_octets(), t.track, SW_CODEC_PCMU, RATE, 0) == SW_OK);
    return t;
}

static void end_tap(tap t)
{
    free(t.socket);
    free(t.rx);
    free(t.track);
}

static int bound(struct sockaddr_in *name)
{
    socklen_t size = sizeof *name;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)name, size) == 0 && sw_socket_options(fd) == SW_OK);
    CHECK(getsockname(fd, (struct sockaddr *)name, &size) == 0);
    return fd;
}

static void send_packets(int from, const struct sockaddr_in *to, uint16_t first, int count)
{
    uint8_t packet[12 + PACKET] = {0x80, 0, [11] = 7};
    for (int i = 0; i < count; i++, first++) {
        sw_put16(packet + 2, first);
        sw_put32(packet + 4, (uint32_t)first * PACKET);
        CHECK(sendto(from, packet, sizeof packet, 0, (const struct sockaddr *)to, sizeof *to) == sizeof packet);
    }
}

static uint64_t count_of(const tap *t)
{
    sw_rx_state state;
    sw_rx_report(t->rx, &state);
    return state.counters[SW_RX_DATAGRAMS];
}

/* Somebody may still be about to put a socket on the stack while the engine lets go of it: its memory is gone then. */
static void check_that_nothing_is_queued_after_its_end(int portable)
{
    struct sockaddr_in name;
    sw_engine *e = new_engine(portable);
    tap t = new_tap();
    int fd = bound(&name);
    CHECK(sw_socket_init(t.socket, sw_socket_octets(), fd, -1, t.rx, t.track, 1.0) == SW_OK);
    sw_engine_open(e, t.socket);
    sw_engine_take_wishes(e);
    CHECK(e->count == 1 && !sw_socket_done(t.socket));
    sw_engine_end(e, t.socket);
    sw_engine_take_wishes(e);
    CHECK(e->count == 0 && sw_socket_done(t.socket));
    sw_engine_end(e, t.socket);
    sw_engine_attend(e, t.socket);
    CHECK(atomic_load(&e->queue) == NULL);
    end_tap(t);
    sw_engine_take_wishes(e);
    end_engine(e);
    (void)close(fd);
}

/* Where a second of the clock is shorter than the machine's, so is the time from one packet to the next. */
static void check_packets_of_a_fast_clock(void)
{
    struct sockaddr_in name;
    sw_engine *e = new_engine(0);
    tap t = new_tap();
    int fd = bound(&name), out = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(sw_socket_init(t.socket, sw_socket_octets(), fd, -1, t.rx, t.track, FAST) == SW_OK);
    sw_engine_open(e, t.socket);
    sw_engine_take_wishes(e);
    send_packets(out, &name, 1, 5);
    CHECK(sw_socket_drain(e, t.socket, BUDGET) == 5 && count_of(&t) == 5); /* it is believed */
    send_packets(out, &name, 6, 4);
    e->now = 0; /* so that none of them has waited for long */
    CHECK(sw_socket_drain(e, t.socket, BUDGET) == 4 && count_of(&t) == 9);
    sw_engine_end(e, t.socket);
    sw_engine_take_wishes(e);
    end_tap(t);
    end_engine(e);
    (void)close(fd);
    (void)close(out);
}

/* A goodbye that a port held is heard in time, though nothing comes after it. */
static void check_what_was_held(int portable)
{
    static const uint8_t goodbye[8] = {0x81, 203, 0, 1, 0, 0, 0, 7};
    struct sockaddr_in name, from;
    sw_address source = {.family = 4};
    sw_engine *e = new_engine(portable);
    size_t octets = sw_share_octets(4);
    sw_share *share = zeroed(octets);
    sw_socket *port = zeroed(sw_socket_octets());
    tap t = new_tap();
    int fd = bound(&name), out = bound(&from);
    CHECK(sw_share_init(share, octets, 4) == SW_OK);
    CHECK(sw_socket_init_port(port, sw_socket_octets(), fd, share) == SW_OK);
    CHECK(sw_socket_init_member(t.socket, sw_socket_octets(), port, t.rx, t.track, 1.0) == SW_OK);
    sw_engine_open(e, port);
    sw_engine_take_wishes(e);
    send_packets(out, &name, 1, 6);
    CHECK(sendto(out, goodbye, sizeof goodbye, 0, (struct sockaddr *)&name, sizeof name) == sizeof goodbye);
    CHECK(sw_socket_drain(e, port, BUDGET) == 7 && sw_share_holds(share));
    source.port = ntohs(from.sin_port);
    memcpy(source.octets, &from.sin_addr, 4);
    CHECK(sw_rx_expect(t.rx, &source) == SW_OK);
    sw_engine_open(e, t.socket);
    sw_engine_take_wishes(e);
    CHECK(sw_socket_joined(t.socket) == SW_JOIN_DONE && count_of(&t) == 7);
    CHECK(t.socket->is_timed && e->timed == t.socket);
    sw_engine_end(e, t.socket);
    sw_engine_end(e, port);
    sw_engine_take_wishes(e);
    CHECK(sw_socket_done(t.socket) && sw_socket_done(port) && !e->timed);
    end_tap(t);
    free(port);
    free(share);
    end_engine(e);
    (void)close(fd);
    (void)close(out);
}

static void *append(void *track)
{
    uint8_t payload[PACKET] = {0};
    for (int64_t i = 0; i < 200; i++)
        CHECK(sw_track_append(track, payload, PACKET, i * 20000000) == SW_OK);
    return NULL;
}

/* What is asked of the cache is the writer's own; where payloads are decoded elsewhere, that is another thread. */
static void check_foresight_beside_another_writer(void)
{
    tap t = new_tap();
    void *queue = zeroed(sw_queue_octets(4096));
    pthread_t thread;
    CHECK(sw_queue_init(queue, sw_queue_octets(4096), 4096) == SW_OK);
    CHECK(sw_socket_init(t.socket, sw_socket_octets(), 0, -1, t.rx, t.track, 1.0) == SW_OK);
    sw_rx_hand_on(t.rx, queue);
    CHECK(pthread_create(&thread, NULL, append, t.track) == 0);
    for (int i = 0; i < 200; i++)
        for (int step = 0; step < 3; step++)
            sw_socket_foresee(t.socket, step);
    CHECK(pthread_join(thread, NULL) == 0);
    free(queue);
    end_tap(t);
}

int main(void)
{
    CHECK(sw_cpu_select(SW_CPU_AUTO) == SW_OK); /* chosen before there are threads */
    for (int portable = 0; portable < 2; portable++) {
        check_that_nothing_is_queued_after_its_end(portable);
        check_what_was_held(portable);
    }
    check_packets_of_a_fast_clock();
    check_foresight_beside_another_writer();
    puts("all as it should be");
    return 0;
}
