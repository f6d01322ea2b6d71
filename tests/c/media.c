/* Checks jitter.c, rtprx.c, rtcp.c and rtpio.c: the timeline, the receiver, the engine with real sockets and real threads. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "sw.h"

enum { CAPACITY = 8192, RATE = 8000, PACKET = 160, TOTAL = 3000 };

static const int64_t TICK = INT64_C(20000000);

static sw_track *new_track(uint64_t capacity, int codec)
{
    void *memory = zeroed(sw_track_octets(capacity));
    CHECK(sw_track_init(memory, sw_track_octets(capacity), capacity, RATE, codec, (int64_t)capacity / 2, 0) == SW_OK);
    return memory;
}

/* A number in network order: every sample says where it belongs. */
static void fill(uint8_t *out, int64_t first, int samples)
{
    for (int i = 0; i < samples; i++)
        sw_put16(out + 2 * i, (uint16_t)((first + i) % 30000 + 1));
}

static int is_right(const int16_t *pcm, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (pcm[i] != (int16_t)((first + i) % 30000 + 1))
            return 0;
    return 1;
}

static void check_refusals(void)
{
    void *memory = zeroed(sw_track_octets(64));
    CHECK(sw_track_octets(0) == 0 && sw_track_octets(63) == 0 && sw_track_octets(96) == 0);
    CHECK(sw_track_octets(UINT64_C(1) << 33) == 0);
    CHECK(sw_track_init(NULL, 1 << 20, 64, RATE, SW_CODEC_L16, 0, 0) == SW_EINVAL);
    CHECK(sw_track_init(memory, sw_track_octets(64) - 1, 64, RATE, SW_CODEC_L16, 0, 0) == SW_EINVAL);
    CHECK(sw_track_init(memory, sw_track_octets(64), 64, 0, SW_CODEC_L16, 0, 0) == SW_EINVAL);
    CHECK(sw_track_init(memory, sw_track_octets(64), 64, RATE, SW_CODEC_L16, 33, 0) == SW_EINVAL);
    CHECK(sw_track_init(memory, sw_track_octets(64), 64, RATE, 99, 0, 0) == SW_ECODEC);
    free(memory);
}

/* Every position and length within a ring that is far smaller than what passes through it. */
static void check_ring(void)
{
    sw_track *t = new_track(256, SW_CODEC_L16);
    sw_reader reader = {0, 0};
    sw_span spans[4];
    int32_t used;
    uint8_t data[2 * 130];
    int16_t pcm[300];
    int64_t at = -1000;
    for (int i = 0; i < 5000; i++) {
        int n = 1 + i * 7 % 120, gap = i % 5 == 4 ? i % 8 : 0;
        int64_t got;
        fill(data, at + gap + 2000, n);
        CHECK(sw_track_put(t, data, (size_t)n * 2, at + gap, i * TICK, i ? SW_ORDER_LOST : SW_ORDER_NEXT) == SW_OK);
        if (!i)
            reader.position = at;
        got = sw_track_read(t, &reader, 300, INT64_MAX, pcm, spans, 4, &used);
        CHECK(got == n + gap && used == (gap > 0));
        if (used)
            CHECK(spans[0].position == at && spans[0].samples == gap && spans[0].kind == SW_SPAN_MISSING);
        CHECK(is_right(pcm + gap, at + gap + 2000, n));
        at += n + gap;
    }
    CHECK(reader.overruns == 0 && reader.position == at);
    CHECK(sw_track_put(t, data, 3, at, 0, SW_ORDER_NEXT) == SW_ECODEC);
    CHECK(sw_track_put(t, data, 2, INT64_MAX, 0, SW_ORDER_NEXT) == SW_EINVAL);
    sw_track_end(t);
    CHECK(sw_track_put(t, data, 2, at, 0, SW_ORDER_NEXT) == SW_PUT_ENDED);
    free(t);
}

/* What lies before the first packet is missing until an older one fills it, with nothing said of what is between. */
static void check_before_the_first(void)
{
    sw_track *t = new_track(256, SW_CODEC_L16);
    sw_reader reader = {0, 0};
    sw_span spans[4];
    int32_t used;
    uint8_t data[40];
    int16_t pcm[200];
    fill(data, 100, 20);
    CHECK(sw_track_put(t, data, sizeof data, 100, TICK, SW_ORDER_NEXT) == SW_OK);
    CHECK(sw_track_read(t, &reader, 200, INT64_MAX, pcm, spans, 4, &used) == 120 && used == 1);
    CHECK(spans[0].position == 0 && spans[0].samples == 100 && spans[0].kind == SW_SPAN_MISSING && pcm[99] == 0);
    CHECK(is_right(pcm + 100, 100, 20));
    fill(data, 60, 20);
    CHECK(sw_track_put(t, data, sizeof data, 60, TICK, SW_ORDER_OLDER) == SW_OK);
    CHECK(sw_track_put(t, data, sizeof data, 60, TICK, SW_ORDER_OLDER) == SW_PUT_DUPLICATE);
    reader.position = 50;
    CHECK(sw_track_read(t, &reader, 200, INT64_MAX, pcm, spans, 4, &used) == 70 && used == 2);
    CHECK(spans[0].position == 50 && spans[0].samples == 10 && spans[1].position == 80 && spans[1].samples == 20);
    CHECK(is_right(pcm + 10, 60, 20) && pcm[35] == 0 && is_right(pcm + 50, 100, 20));
    free(t);
}

static size_t build(uint8_t *out, uint32_t i, uint32_t ssrc)
{
    out[0] = 0x80;
    out[1] = 96;
    sw_put16(out + 2, (uint16_t)(i + 65000));
    sw_put32(out + 4, i * PACKET);
    sw_put32(out + 8, ssrc);
    fill(out + 12, (int64_t)i * PACKET, PACKET);
    return 12 + 2 * PACKET;
}

static sw_rx *new_rx(sw_track *t)
{
    void *memory = zeroed(sw_rx_octets());
    CHECK(sw_rx_init(memory, sw_rx_octets() - 1, t, SW_CODEC_L16, RATE, 96) == SW_EINVAL);
    CHECK(sw_rx_init(memory, sw_rx_octets(), t, SW_CODEC_L16, RATE, 96) == SW_OK);
    return memory;
}

/* Seeded rubbish, cut and mangled packets among good ones: nothing is read or written beside its memory. */
static void check_rubbish(void)
{
    sw_track *t = new_track(CAPACITY, SW_CODEC_L16);
    sw_rx *rx = new_rx(t);
    CHECK(sw_rx_map(rx, 101, SW_PAYLOAD_EVENT) == SW_OK && sw_rx_map(rx, 13, SW_PAYLOAD_NOISE) == SW_OK);
    CHECK(sw_rx_map(rx, 128, SW_PAYLOAD_NOISE) == SW_EINVAL && sw_rx_map(rx, 97, SW_PAYLOAD_QUEUED) == SW_EINVAL);
    sw_address from = {.octets = {127, 0, 0, 1}, .family = 4, .port = 4000};
    sw_rx_state state;
    uint32_t dice = 1;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        size_t whole = 12 + 2 * PACKET, n;
        uint8_t *datagram = exactly(whole);
        (void)build(datagram, i, i % 50 ? 7 : i);
        dice = dice * 1664525u + 1013904223u;
        n = dice % 3 ? whole : (dice >> 8) % (whole + 1);
        if (dice % 5 == 0)
            datagram[(dice >> 12) % 12] ^= (uint8_t)(dice >> 24);
        from.port = (uint16_t)(dice % 11 ? 4000 : dice >> 20);
        uint8_t *copy = exactly(n);
        if (n)
            memcpy(copy, datagram, n);
        sw_rx_datagram(rx, copy, n, (int64_t)i * TICK, &from);
        free(copy);
        free(datagram);
    }
    sw_rx_flush(rx);
    sw_rx_report(rx, &state);
    CHECK(state.has_source && state.counters[SW_RX_DATAGRAMS] == 20000);
    for (int i = SW_RX_SHORT; i < SW_RX_COUNTERS; i++)
        sum += state.counters[i];
    sum += state.counters[SW_RX_UNIQUE] + state.counters[SW_RX_DUPLICATE];
    CHECK(sum >= 20000); /* a packet of another type counts as received too */
    free(rx);
    free(t);
}

/* Seeded rubbish that looks like RTCP, keys and comfort noise, into a receiver whose payloads are decoded elsewhere too. */
static void check_control_rubbish(int is_queued)
{
    static const uint8_t types[] = {200, 201, 202, 203, 207, 101, 13, 96};
    sw_track *t = new_track(CAPACITY, SW_CODEC_L16);
    sw_rx *rx = new_rx(t);
    sw_queue *queue = zeroed(sw_queue_octets(4096));
    const sw_address from = {.octets = {127, 0, 0, 1}, .family = 4, .port = 4000};
    sw_telephone_event events[8];
    sw_payload heads[8];
    sw_rx_state state;
    uint8_t data[4096];
    uint32_t dice = 7;
    CHECK(sw_queue_octets(4095) == 0 && sw_queue_init(queue, 4096, 4096) == SW_EINVAL);
    CHECK(sw_queue_init(queue, sw_queue_octets(4096), 4096) == SW_OK);
    if (is_queued)
        sw_rx_hand_on(rx, queue);
    CHECK(sw_rx_map(rx, 96, is_queued ? SW_PAYLOAD_QUEUED : SW_PAYLOAD_AUDIO + SW_CODEC_L16) == SW_OK);
    CHECK(sw_rx_map(rx, 101, SW_PAYLOAD_EVENT) == SW_OK && sw_rx_map(rx, 13, SW_PAYLOAD_NOISE) == SW_OK);
    for (uint32_t i = 0; i < 40000; i++) {
        size_t n = (dice = dice * 1664525u + 1013904223u) >> 25;
        uint8_t *datagram = exactly(n);
        for (size_t k = 0; k < n; k++)
            datagram[k] = (uint8_t)((dice = dice * 1664525u + 1013904223u) >> 24);
        if (n >= 12) {
            datagram[0] = (uint8_t)(0x80 | (dice % 7 ? datagram[0] & 3 : datagram[0] & 0x3F));
            datagram[1] = types[(dice >> 20) % sizeof types];
            sw_put16(datagram + 2, (uint16_t)(datagram[1] > 128 ? (dice % 3 ? n / 4 - 1 : datagram[3]) : i));
            sw_put32(datagram + 8, 7);
            if (datagram[1] == 200 || datagram[1] == 203)
                sw_put32(datagram + 4, 7);
        }
        if ((dice >> 16) % 2)
            sw_rx_datagram(rx, datagram, n, (int64_t)i * TICK, &from);
        else
            sw_rx_rtcp(rx, datagram, n, (int64_t)i * TICK, &from);
        (void)sw_rx_tick(rx, (int64_t)i * TICK);
        if (i % 16 == 0) {
            CHECK(sw_rx_events(rx, events, 8) <= 8);
            CHECK(sw_queue_take(queue, heads, 8, data, sizeof data) <= 8);
        }
        free(datagram);
    }
    sw_rx_flush(rx);
    sw_rx_report(rx, &state);
    CHECK(state.counters[SW_RX_DATAGRAMS] == 40000 && state.counters[SW_RX_RTCP_TAKEN] && state.counters[SW_RX_RTCP]);
    CHECK(state.counters[SW_RX_EVENTS] && state.counters[SW_RX_NOISE]);
    free(queue);
    free(rx);
    free(t);
}

/* ---- threads ---------------------------------------------------------------------------------------------- */

typedef struct {
    sw_track *track;
    int64_t block, lost;
} reading;

static void *read_all(void *argument)
{
    reading *r = argument;
    sw_reader reader = {0, 0};
    sw_track_state state;
    sw_span spans[4];
    int32_t used;
    int16_t pcm[4096];
    do {
        int64_t n;
        sw_track_report(r->track, &state);
        while ((n = sw_track_read(r->track, &reader, r->block, INT64_MAX, pcm, spans, 4, &used)) > 0)
            CHECK(used == 0 && is_right(pcm, reader.position - n, n));
    } while (!state.ended || reader.position < state.head);
    r->lost = (int64_t)reader.overruns;
    CHECK(reader.position == (int64_t)TOTAL * PACKET);
    return NULL;
}

static void check_one_writer_many_readers(void)
{
    sw_track *t = new_track(2048, SW_CODEC_L16);
    pthread_t threads[3];
    reading readings[3] = {{t, 33, 0}, {t, 160, 0}, {t, 4096, 0}};
    uint8_t data[2 * PACKET];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, read_all, &readings[i]) == 0);
    for (int64_t i = 0; i < TOTAL; i++) {
        fill(data, i * PACKET, PACKET);
        CHECK(sw_track_append(t, data, sizeof data, i * TICK) == SW_OK);
    }
    sw_track_end(t);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    free(t);
}

static void *run_engine(void *engine)
{
    CHECK(sw_engine_run(engine) == SW_OK);
    return NULL;
}

typedef struct {
    sw_track *track;
    sw_rx *rx;
    sw_socket *socket;
    int fd, bell[2];
    struct sockaddr_in address;
} tap;

static void open_tap(tap *x)
{
    socklen_t size = sizeof x->address;
    x->track = new_track(1 << 16, SW_CODEC_L16);
    x->rx = new_rx(x->track);
    x->fd = socket(AF_INET, SOCK_DGRAM, 0);
    x->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(x->fd >= 0 && bind(x->fd, (struct sockaddr *)&x->address, sizeof x->address) == 0);
    CHECK(getsockname(x->fd, (struct sockaddr *)&x->address, &size) == 0);
    CHECK(sw_socket_options(x->fd) == SW_OK);
    x->socket = zeroed(sw_socket_octets());
    CHECK(sw_socket_init(x->socket, sw_socket_octets(), x->fd, -1, x->rx, x->track, 1.0) == SW_OK);
    CHECK(pipe(x->bell) == 0);
}

static void close_tap(tap *x)
{
    (void)close(x->fd);
    (void)close(x->bell[0]);
    (void)close(x->bell[1]);
    free(x->socket);
    free(x->rx);
    free(x->track);
}

/* Wait as a reader does: armed, then on the descriptor. */
static void await(tap *x, int slot, int64_t head)
{
    for (int i = 0; i < 100 && sw_track_arm(x->track, slot, head) != 1; i++) {
        struct pollfd p = {.fd = x->bell[0], .events = POLLIN};
        uint8_t octets[64];
        if (poll(&p, 1, 100) == 1)
            CHECK(read(x->bell[0], octets, sizeof octets) > 0);
    }
    CHECK(sw_track_arm(x->track, slot, head) == 1);
}

static void check_engine(int portable)
{
    enum { TAPS = 8, PACKETS = 50 };
    sw_engine *e = zeroed(sw_engine_octets());
    pthread_t thread;
    tap taps[TAPS];
    int wake[2], out = socket(AF_INET, SOCK_DGRAM, 0);
    uint64_t late[8];
    uint8_t datagram[12 + 2 * PACKET];
    CHECK(out >= 0 && pipe(wake) == 0 && fcntl(wake[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(sw_engine_init(e, sw_engine_octets(), wake[0], 10, 1, 0) == SW_EINVAL);
    CHECK(sw_engine_init(e, sw_engine_octets(), wake[0], 5000000, 4, portable) == SW_OK);
    CHECK(pthread_create(&thread, NULL, run_engine, e) == 0);
    for (int i = 0; i < TAPS; i++) {
        open_tap(&taps[i]);
        sw_engine_open(e, taps[i].socket);
        CHECK(write(wake[1], "x", 1) == 1);
    }
    for (uint32_t k = 0; k < PACKETS; k++)
        for (int i = 0; i < TAPS; i++) {
            size_t n = build(datagram, k, (uint32_t)i);
            CHECK(sendto(out, datagram, n, 0, (struct sockaddr *)&taps[i].address, sizeof taps[i].address) == (ssize_t)n);
        }
    await(&taps[0], sw_track_listen(taps[0].track, taps[0].bell[1]), (int64_t)PACKETS * PACKET);
    for (int i = 0; i < TAPS - 1; i++) { /* the last one is ended by the engine's own end */
        sw_engine_end(e, taps[i].socket);
        CHECK(write(wake[1], "x", 1) == 1);
    }
    for (int i = 0; i < TAPS - 1; i++)
        while (!sw_socket_done(taps[i].socket))
            (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    CHECK(sw_engine_lateness(e, late, 8) > 0);
    sw_engine_stop(e);
    CHECK(write(wake[1], "x", 1) == 1);
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < TAPS; i++) {
        sw_track_state state;
        int16_t *pcm = exactly(2 * PACKETS * PACKET);
        sw_reader reader = {0, 0};
        sw_span spans[4];
        int32_t used;
        sw_track_report(taps[i].track, &state);
        CHECK(sw_socket_done(taps[i].socket) && state.ended && state.head == PACKETS * PACKET);
        CHECK(sw_track_read(taps[i].track, &reader, state.head, INT64_MAX, pcm, spans, 4, &used) == state.head);
        CHECK(is_right(pcm, 0, state.head) && used == 0);
        free(pcm);
        close_tap(&taps[i]);
    }
    (void)close(out);
    (void)close(wake[0]);
    (void)close(wake[1]);
    free(e);
}

int main(void)
{
    CHECK(sw_cpu_select(SW_CPU_AUTO) == SW_OK); /* chosen before there are threads */
    check_refusals();
    check_ring();
    check_before_the_first();
    check_rubbish();
    check_control_rubbish(0);
    check_control_rubbish(1);
    check_one_writer_many_readers();
    check_engine(0);
    check_engine(1);
    puts("all as it should be");
    return 0;
}
