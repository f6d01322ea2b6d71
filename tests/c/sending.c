/* Checks rtptx.c, rtppace.c and level.c: what leaves, when, and with real sockets and threads. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "sw.h"

enum { RATE = 8000, FRAME = 160, SLOTS = 16, OUTLETS = 20, PACKETS = 150 };

static const int64_t TICK = INT64_C(20000000), SECOND = INT64_C(1000000000);

static sw_tx *new_tx(uint32_t slots, uint32_t payload)
{
    sw_tx_config config = {.slots = slots, .payload_octets = payload, .clock_rate = RATE, .ssrc = 0xdeadbeef,
                           .timestamp = UINT32_MAX - 99, .sequence_number = 65535, .lapse = SECOND / 2};
    size_t octets = sw_tx_octets(slots, payload);
    void *memory = zeroed(octets);
    CHECK(sw_tx_init(memory, octets, &config) == SW_OK);
    return memory;
}

static void check_refusals(void)
{
    sw_tx_config config = {.slots = SLOTS, .payload_octets = FRAME, .clock_rate = RATE};
    sw_tx *tx = new_tx(SLOTS, FRAME);
    sw_tx_frame frame = {.payload_type = 128};
    uint8_t payload[FRAME + 1] = {0};
    CHECK(!sw_tx_octets(0, 1) && !sw_tx_octets(3, 1) && !sw_tx_octets(2, 0) && !sw_tx_octets(2, 1201));
    CHECK(sw_tx_init(tx, sw_tx_octets(SLOTS, FRAME) - 1, &config) == SW_EINVAL);
    CHECK(sw_tx_init((uint8_t *)tx + 8, 1 << 20, &config) == SW_EINVAL);
    config.clock_rate = 999;
    CHECK(sw_tx_init(tx, 1 << 20, &config) == SW_EINVAL);
    CHECK(sw_tx_put(tx, &frame, payload, 1) == SW_EINVAL);
    frame.payload_type = 0;
    CHECK(sw_tx_put(tx, &frame, payload, FRAME + 1) == SW_EINVAL);
    CHECK(sw_tx_put_audio(tx, 99, 0, payload, 1, 1) == SW_ECODEC);
    CHECK(sw_tx_put_audio(tx, SW_CODEC_L16, 0, payload, FRAME, FRAME) == SW_EINVAL);
    CHECK(sw_tx_put_audio(tx, SW_CODEC_PCMU, 0, payload, FRAME, 0) == SW_EINVAL);
    free(tx);
}

/* Numbers and times wrap; a full queue takes no more; a short room is told. */
static void check_order(void)
{
    sw_tx *tx = new_tx(SLOTS, FRAME);
    int16_t *pcm = exactly(2 * FRAME * (SLOTS + 1));
    uint8_t out[12 + FRAME];
    sw_tx_state state;
    int64_t now = 5 * SECOND;
    memset(pcm, 0, 2 * FRAME * (SLOTS + 1));
    CHECK(sw_tx_due(tx, now) == INT64_MAX);
    CHECK(sw_tx_put_audio(tx, SW_CODEC_PCMU, 0, pcm, FRAME * (SLOTS + 1), FRAME) == SLOTS);
    CHECK(sw_tx_put(tx, &(sw_tx_frame){0}, "x", 1) == SW_EROOM);
    sw_tx_state_at(tx, now, &state);
    CHECK(state.left == SLOTS * TICK && state.room == 0);
    CHECK(sw_tx_due(tx, now) == now);
    CHECK(sw_tx_take(tx, now, out, 11) == SW_EROOM);
    for (uint32_t i = 0; i < SLOTS; i++) {
        CHECK(sw_tx_due(tx, now) == now);
        CHECK(sw_tx_take(tx, now, out, sizeof out) == 12 + FRAME);
        CHECK(out[1] == (i ? 0 : 0x80));
        CHECK(sw_get16(out + 2) == (uint16_t)(65535 + i) && sw_get32(out + 4) == UINT32_MAX - 99 + FRAME * i);
        CHECK(sw_tx_take(tx, now + TICK - 1, out, sizeof out) == 0);
        now += TICK;
    }
    sw_tx_state_at(tx, now, &state);
    CHECK(state.left == 0 && state.room == SLOTS && state.packets == SLOTS);
    free(pcm);
    free(tx);
}

static void check_reports(void)
{
    sw_tx *tx = new_tx(SLOTS, FRAME);
    uint8_t *out = exactly(SW_TX_REPORT), packet[12 + FRAME], cname[255];
    memset(cname, 'c', sizeof cname);
    CHECK(sw_tx_report(tx, 0, 0, 0, cname, 0, out, SW_TX_REPORT) == SW_EINVAL);
    CHECK(sw_tx_report(tx, 0, 0, 0, cname, 1, out, SW_TX_REPORT - 1) == SW_EROOM);
    CHECK(sw_tx_report(tx, 0, 0, 1, cname, 1, out, SW_TX_REPORT) == 0); /* a goodbye of nobody */
    for (size_t n = 1; n <= sizeof cname; n++)
        CHECK(sw_tx_report(tx, 0, 0, 0, cname, n, out, SW_TX_REPORT) % 4 == 0 && out[1] == 201);
    CHECK(sw_tx_put(tx, &(sw_tx_frame){.advance = FRAME}, cname, FRAME) == SW_OK);
    CHECK(sw_tx_take(tx, SECOND, packet, sizeof packet) == 12 + FRAME);
    /* Half a second after the packet: 4,000 units on. */
    CHECK(sw_tx_report(tx, SECOND + SECOND / 2, 3 * SECOND / 2, 1, cname, 255, out, SW_TX_REPORT) == 28 + 268 + 8);
    CHECK(out[1] == 200 && sw_get32(out + 8) == 2208988801u && sw_get32(out + 12) == 0x80000000u);
    CHECK(sw_get32(out + 16) == UINT32_MAX - 99 + 4000 && sw_get32(out + 20) == 1 && sw_get32(out + 24) == FRAME);
    CHECK(out[29] == 202 && out[28 + 268 + 1] == 203);
    free(out);
    free(tx);
}

static void check_levels(void)
{
    int16_t pcm[1600] = {0};
    sw_level whole = {0}, parts = {0};
    CHECK(sw_level_add(NULL, pcm, 1, RATE, 0) == SW_EINVAL && sw_level_add(&whole, NULL, 1, RATE, 0) == SW_EINVAL);
    CHECK(sw_level_add(&whole, pcm, 1, 999, 0) == SW_EINVAL);
    for (int i = 0; i < 1600; i++)
        pcm[i] = (int16_t)(i < 320 ? (i & 1 ? 32767 : -32768) : 0);
    for (int times = 0; times < 3; times++)
        CHECK(sw_level_add(&whole, pcm, 1600, RATE, 1000) == SW_OK);
    for (int at = 0; at < 4800; at += 7) {
        int n = at + 7 <= 4800 ? 7 : 4800 - at;
        for (int i = 0; i < n; i++)
            CHECK(sw_level_add(&parts, pcm + (at + i) % 1600, 1, RATE, 1000) == SW_OK);
    }
    CHECK(!memcmp(&whole, &parts, sizeof whole));
    CHECK(whole.samples == 4800 && whole.peak == 32768 && whole.clipped == 960 && whole.active == 960);
    CHECK(whole.talk == 3200 + 1600); /* all pauses are shorter than the hangover */
    CHECK(whole.energy == 3 * (UINT64_C(160) * 32767 * 32767 + UINT64_C(160) * 32768 * 32768));
}

/* ---- threads: many outlets, filled from here while the pacer empties them ---------------------------------- */

static void *run(void *pacer)
{
    CHECK(sw_pacer_run(pacer) == SW_OK);
    return NULL;
}

static int bound(struct sockaddr_in *name)
{
    socklen_t octets = sizeof *name;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)name, sizeof *name));
    CHECK(!getsockname(fd, (struct sockaddr *)name, &octets));
    return fd;
}

static void check_pacer(void)
{
    int pipes[2], sinks[OUTLETS], fds[OUTLETS];
    sw_tx *txs[OUTLETS];
    sw_outlet *outlets[OUTLETS];
    sw_pacer *pacer = zeroed(sw_pacer_octets());
    pthread_t thread;
    CHECK(!pipe(pipes) && !fcntl(pipes[0], F_SETFL, O_NONBLOCK));
    CHECK(sw_pacer_init(pacer, sw_pacer_octets() - 1, pipes[0], 0) == SW_EINVAL);
    CHECK(sw_pacer_init(pacer, sw_pacer_octets(), pipes[0], 1000) == SW_OK);
    CHECK(!pthread_create(&thread, NULL, run, pacer));
    for (int i = 0; i < OUTLETS; i++) {
        struct sockaddr_in name;
        sinks[i] = bound(&name);
        fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
        CHECK(fds[i] >= 0 && !connect(fds[i], (struct sockaddr *)&name, sizeof name));
        txs[i] = new_tx(SLOTS, 8);
        outlets[i] = zeroed(sw_outlet_octets());
        CHECK(sw_outlet_init(outlets[i], sw_outlet_octets(), txs[i], fds[i], fds[i], 200.0, "c", 1) == SW_OK);
    }
    for (int n = 0; n < PACKETS; n++)
        for (int i = 0; i < OUTLETS; i++) {
            sw_tx_frame frame = {.advance = FRAME, .payload_type = 8};
            while (sw_tx_put(txs[i], &frame, "payload", 7) == SW_EROOM)
                usleep(100);
            if (sw_outlet_rests(outlets[i])) {
                sw_pacer_attend(pacer, outlets[i], 0);
                CHECK(write(pipes[1], "w", 1) == 1);
            }
        }
    for (int i = 0; i < OUTLETS; i++) {
        sw_tx_state state = {0};
        while (state.packets < PACKETS) {
            usleep(100);
            sw_tx_state_at(txs[i], 0, &state);
        }
        if (i % 2) {
            sw_pacer_attend(pacer, outlets[i], 1);
            CHECK(write(pipes[1], "w", 1) == 1);
            while (!sw_outlet_done(outlets[i]))
                usleep(100);
        }
    }
    sw_pacer_stop(pacer);
    CHECK(write(pipes[1], "w", 1) == 1);
    CHECK(!pthread_join(thread, NULL));
    for (int i = 0; i < OUTLETS; i++) {
        uint8_t datagram[2000];
        sw_outlet_state state;
        int packets = 0, goodbyes = 0;
        ssize_t octets;
        while ((octets = recv(sinks[i], datagram, sizeof datagram, MSG_DONTWAIT)) > 0) {
            if (datagram[1] == 200 || datagram[1] == 201)
                goodbyes += octets > 36 && datagram[octets - 7] == 203;
            else
                CHECK(octets == 19 && sw_get16(datagram + 2) == (uint16_t)(65535 + packets++));
        }
        sw_outlet_report(outlets[i], &state);
        CHECK(packets == PACKETS && goodbyes == 1 && !state.error && !state.dropped && state.reports >= 2);
        close(sinks[i]);
        close(fds[i]);
        free(txs[i]);
        free(outlets[i]);
    }
    close(pipes[0]);
    close(pipes[1]);
    free(pacer);
}

/* Somebody may still be about to put an outlet on the stack while the pacer lets go of it: its memory is gone then. */
static void check_that_nothing_is_queued_after_its_end(void)
{
    int pipes[2], fd = socket(AF_INET, SOCK_DGRAM, 0);
    sw_pacer *pacer = zeroed(sw_pacer_octets());
    sw_tx *tx = new_tx(SLOTS, 8);
    sw_outlet *outlet = zeroed(sw_outlet_octets());
    CHECK(!pipe(pipes) && sw_pacer_init(pacer, sw_pacer_octets(), pipes[0], 0) == SW_OK);
    CHECK(sw_outlet_init(outlet, sw_outlet_octets(), tx, fd, -1, 1.0, "c", 1) == SW_OK);
    sw_pacer_attend(pacer, outlet, 1);
    sw_pacer_stop(pacer); /* so that it takes what is on the stack, and comes back */
    CHECK(sw_pacer_run(pacer) == SW_OK && sw_outlet_done(outlet));
    sw_pacer_attend(pacer, outlet, 1);
    memset(outlet, 0, sw_outlet_octets());
    free(outlet);
    CHECK(sw_pacer_run(pacer) == SW_OK);
    free(tx);
    free(pacer);
    (void)close(fd);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int main(void)
{
    check_refusals();
    check_order();
    check_reports();
    check_levels();
    check_pacer();
    check_that_nothing_is_queued_after_its_end();
    printf("all as it should be\n");
    return 0;
}
