/* Checks rtpshare.c with the engine, and tracks that others mute: receivers of one port come and go while it is sent to. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "sw.h"

enum { RATE = 8000, PACKET = 160, TAPS = 6, PACKETS = 40, ROUNDS = 3 };

typedef struct {
    sw_engine *engine;
    pthread_t thread;
    int wake[2];
} host;

typedef struct {
    sw_track *track;
    sw_rx *rx;
    sw_socket *socket;
} tap;

static void rest(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

static void *run(void *engine)
{
    CHECK(sw_engine_run(engine) == SW_OK);
    return NULL;
}

static void begin(host *h, int portable)
{
    h->engine = zeroed(sw_engine_octets());
    CHECK(pipe(h->wake) == 0 && fcntl(h->wake[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(sw_engine_init(h->engine, sw_engine_octets(), h->wake[0], 5000000, 64, portable) == SW_OK);
    CHECK(pthread_create(&h->thread, NULL, run, h->engine) == 0);
}

static void wake(host *h)
{
    CHECK(write(h->wake[1], "x", 1) == 1);
}

static void stop(host *h)
{
    sw_engine_stop(h->engine);
    wake(h);
    CHECK(pthread_join(h->thread, NULL) == 0);
    (void)close(h->wake[0]);
    (void)close(h->wake[1]);
    free(h->engine);
}

static int open_port(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)address, sizeof *address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)address, &size) == 0);
    return fd;
}

static void open_tap(host *h, tap *x, sw_socket *port)
{
    uint64_t capacity = 1 << 14;
    x->track = zeroed(sw_track_octets(capacity));
    CHECK(sw_track_init(x->track, sw_track_octets(capacity), capacity, RATE, SW_CODEC_L16, RATE, 0) == SW_OK);
    x->rx = zeroed(sw_rx_octets());
    CHECK(sw_rx_init(x->rx, sw_rx_octets(), x->track, SW_CODEC_L16, RATE, 96) == SW_OK);
    x->socket = zeroed(sw_socket_octets());
    CHECK(sw_socket_init_member(x->socket, sw_socket_octets(), port, x->rx, x->track, 1.0) == SW_OK);
    sw_engine_open(h->engine, x->socket);
    wake(h);
}

static void close_tap(host *h, tap *x)
{
    sw_engine_end(h->engine, x->socket);
    wake(h);
    while (!sw_socket_done(x->socket))
        rest();
    free(x->socket);
    free(x->rx);
    free(x->track);
}

/* What was wished before this is done before the engine looks at the port again: wishes come first. */
static void settle(host *h, sw_socket *port)
{
    tap passing;
    open_tap(h, &passing, port);
    close_tap(h, &passing);
}

/* Every sample says whose it is. */
static void send_packet(int out, const struct sockaddr_in *to, uint32_t ssrc, uint32_t number)
{
    uint8_t datagram[12 + 2 * PACKET] = {0x80, 96};
    sw_put16(datagram + 2, (uint16_t)number);
    sw_put32(datagram + 4, number * PACKET);
    sw_put32(datagram + 8, ssrc);
    for (size_t i = 0; i < PACKET; i++)
        sw_put16(datagram + 12 + 2 * i, (uint16_t)(1000 + ssrc));
    CHECK(sendto(out, datagram, sizeof datagram, 0, (const struct sockaddr *)to, sizeof *to) == (ssize_t)sizeof datagram);
}

static sw_address source_of(const struct sockaddr_in *address)
{
    return (sw_address){.octets = {127, 0, 0, 1}, .family = 4, .port = ntohs(address->sin_port)};
}

static int told(host *h, tap *x, const sw_address *from)
{
    CHECK(sw_rx_expect(x->rx, from) == SW_OK);
    sw_engine_attend(h->engine, x->socket);
    wake(h);
    while (sw_socket_joined(x->socket) == SW_JOIN_WAITS)
        rest();
    return sw_socket_joined(x->socket);
}

static void await_head(const tap *x, int64_t head)
{
    sw_track_state state;
    for (sw_track_report(x->track, &state); state.head < head; sw_track_report(x->track, &state))
        rest();
}

/* One source sends the streams of several receivers, which are told apart by their SSRCs; they leave in another order. */
static void check_one_source(int portable)
{
    host h;
    struct sockaddr_in to, from;
    int in = open_port(&to), out = open_port(&from);
    sw_share *share = zeroed(sw_share_octets(16));
    sw_socket *port = zeroed(sw_socket_octets());
    sw_address source = source_of(&from);
    tap taps[TAPS], late;
    CHECK(sw_share_init(share, sw_share_octets(16), 16) == SW_OK && sw_socket_options(in) == SW_OK);
    CHECK(sw_socket_init_port(port, sw_socket_octets(), in, share) == SW_OK);
    begin(&h, portable);
    sw_engine_open(h.engine, port);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t ssrc = 10 * round;
        open_tap(&h, &late, port); /* before the others have anything: it cannot be told from them */
        for (uint32_t i = 0; i < TAPS; i++) {
            open_tap(&h, &taps[i], port);
            sw_socket_ask(taps[i].socket);
            sw_engine_attend(h.engine, taps[i].socket);
            settle(&h, port);
            send_packet(out, &to, ssrc + i, 0); /* quicker than the reply */
            while (sw_share_counter(share, SW_SHARE_DATAGRAMS) < round * TAPS * PACKETS + i + 1)
                rest();
            CHECK(told(&h, &taps[i], &source) == SW_JOIN_DONE);
            await_head(&taps[i], PACKET);
        }
        CHECK(told(&h, &late, &source) == SW_JOIN_DOUBT);
        for (uint32_t k = 1; k < PACKETS; k++) {
            for (uint32_t i = 0; i < TAPS; i++)
                send_packet(out, &to, ssrc + i, k);
            await_head(&taps[TAPS - 1], (k + 1) * PACKET); /* the kernel holds only so many */
        }
        for (uint32_t i = 0; i < TAPS; i++) {
            tap *x = &taps[(i * 5 + round) % TAPS];
            sw_reader reader = {0, 0};
            sw_span spans[4];
            int32_t used;
            int16_t pcm[PACKETS * PACKET];
            await_head(x, PACKETS * PACKET);
            CHECK(sw_track_read(x->track, &reader, PACKETS * PACKET, INT64_MAX, pcm, spans, 4, &used) == PACKETS * PACKET);
            for (int k = 0; k < PACKETS * PACKET; k++)
                CHECK(pcm[k] == (int16_t)(1000 + ssrc + (i * 5 + round) % TAPS));
            close_tap(&h, x);
        }
        close_tap(&h, &late);
    }
    CHECK(sw_share_counter(share, SW_SHARE_DATAGRAMS) == ROUNDS * TAPS * PACKETS);
    CHECK(sw_share_counter(share, SW_SHARE_UNMATCHED) == 0 && sw_share_counter(share, SW_SHARE_REFUSED) == ROUNDS);
    stop(&h);
    (void)close(in);
    (void)close(out);
    free(port);
    free(share);
}

static _Atomic int is_over;

static void *mute_and_unmute(void *track)
{
    for (int64_t now = 0; !atomic_load(&is_over); now += 1000) {
        sw_track_mute(track);
        sw_track_unmute(track, now, 100);
    }
    return NULL;
}

/* While one thread writes, others mute; one that holds it mute leaves nothing to be heard. */
static void check_mutes(void)
{
    uint64_t capacity = 4096;
    sw_track *t = zeroed(sw_track_octets(capacity));
    pthread_t threads[2];
    uint8_t data[2 * PACKET];
    sw_track_state state;
    CHECK(sw_track_init(t, sw_track_octets(capacity), capacity, RATE, SW_CODEC_L16, RATE / 4, 0) == SW_OK);
    memset(data, 1, sizeof data);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, mute_and_unmute, t) == 0);
    for (int64_t i = 0; i < 20000; i++)
        CHECK(sw_track_append(t, data, sizeof data, i * 20000000) == SW_OK);
    atomic_store(&is_over, 1);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    sw_track_mute(t);
    sw_reader reader = {0, 0};
    sw_span spans[4];
    int32_t used;
    int16_t pcm[PACKET];
    sw_track_report(t, &state);
    reader.position = state.head;
    CHECK(sw_track_append(t, data, sizeof data, INT64_C(20000) * 20000000) == SW_OK);
    CHECK(sw_track_read(t, &reader, PACKET, INT64_MAX, pcm, spans, 4, &used) == PACKET);
    for (int k = 0; k < PACKET; k++)
        CHECK(pcm[k] == 0);
    free(t);
}

int main(void)
{
    CHECK(sw_cpu_select(SW_CPU_AUTO) == SW_OK); /* chosen before there are threads */
    check_one_source(0);
    check_one_source(1);
    check_mutes();
    puts("all as it should be");
    return 0;
}
