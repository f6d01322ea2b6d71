/*
 * Checks datagrams.c and wsio.c with real sockets and real threads: many datagrams a call, WebSockets that are swept
 * while others write to them and read their tracks.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif

#include "check.h"
#include "sw.h"

enum { RATE = 8000, PACKET = 160, CAPACITY = 1 << 16 };

static void rest(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

static sw_track *new_track(void)
{
    void *memory = zeroed(sw_track_octets(CAPACITY));
    CHECK(sw_track_init(memory, sw_track_octets(CAPACITY), CAPACITY, RATE, SW_CODEC_PCMU, CAPACITY / 2, 0) == SW_OK);
    return memory;
}

static int64_t head_of(const sw_track *track)
{
    sw_track_state state;
    sw_track_report(track, &state);
    return state.head;
}

static int bound(struct sockaddr_in *name, sw_address *address)
{
    socklen_t size = sizeof *name;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)name, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)name, &size) == 0);
    *address = (sw_address){.family = 4, .port = ntohs(name->sin_port)};
    memcpy(address->octets, &name->sin_addr, 4);
    return fd;
}

/* ---- datagrams.c ------------------------------------------------------------------------------------------ */

static void check_many_datagrams(void)
{
    enum { TO = 3, EACH = 50, COUNT = TO * EACH };
    struct sockaddr_in names[TO];
    sw_address addresses[TO], *to = exactly(COUNT * sizeof *to);
    uint32_t *lengths = exactly(COUNT * sizeof *lengths);
    int out = socket(AF_INET, SOCK_DGRAM, 0), in[TO];
    size_t octets = 0, at = 0;
    uint8_t *all, got[400];
    for (int i = 0; i < TO; i++)
        in[i] = bound(&names[i], &addresses[i]);
    for (uint32_t i = 0; i < COUNT; i++) {
        to[i] = addresses[i % TO];
        octets += lengths[i] = i; /* an empty one too */
    }
    all = exactly(octets);
    for (uint32_t i = 0; i < COUNT; at += lengths[i++])
        memset(all + at, (int)i, lengths[i]);
    CHECK(sw_send_many(out, all, octets, lengths, to, COUNT) == COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK(recv(in[i % TO], got, sizeof got, 0) == (ssize_t)i);
        CHECK(i == 0 || (got[0] == (uint8_t)i && got[i - 1] == (uint8_t)i));
    }
    CHECK(sw_send_many(out, all, octets - 1, lengths, to, COUNT) == SW_EINVAL);
    CHECK(sw_send_many(out, all, octets, lengths, to, 0) == 0);
    to[COUNT - 1].family = 6;
    CHECK(sw_send_many(out, all, octets, lengths, to, COUNT) == SW_EINVAL);
    (void)close(out);
    CHECK(sw_send_many(-1, all, octets, lengths, to, 70) == 0); /* none is taken, and it does not wait */
    for (int i = 0; i < TO; i++)
        (void)close(in[i]);
    free(all);
    free(lengths);
    free(to);
}

/* ---- wsio.c ------------------------------------------------------------------------------------------------ */

#if defined(__linux__)
enum { SOCKETS = 8, MESSAGES = 200, MESSAGE = 8 + PACKET };

typedef struct {
    sw_ws_watch watch;
    sw_ws_socket *sockets[1024];
} sweeper;

typedef struct {
    sw_ws *ws;
    sw_track *track;
    int fd;
} far;

static void *sweep(void *argument)
{
    sweeper *s = argument;
    uint8_t *buffer = exactly(MESSAGE * 16); /* whole messages only */
    sw_ws_stop stop = {0};
    for (int closed = 0; closed < SOCKETS;) {
        if (!sw_ws_keep_sweeping(&s->watch, s->sockets, 1024, buffer, MESSAGE * 16, INT64_MAX, &stop))
            continue;
        CHECK(stop.octets == 0); /* its peer has gone, which is the only thing that is for others here */
        s->sockets[stop.fd]->ws = NULL;
        CHECK(epoll_ctl(s->watch.epoll, EPOLL_CTL_DEL, stop.fd, NULL) == 0);
        closed++;
    }
    free(buffer);
    return NULL;
}

static void *talk(void *argument)
{
    const far *f = argument;
    uint8_t message[MESSAGE] = {0x82, 0x80 | 126, 0, PACKET, 1, 2, 3, 4};
    for (int i = 0; i < MESSAGES; i++) {
        for (int k = 0; k < PACKET; k++)
            message[8 + k] = (uint8_t)(i ^ message[4 + k % 4]);
        CHECK(send(f->fd, message, sizeof message, 0) == MESSAGE);
    }
    (void)close(f->fd);
    return NULL;
}

static void *look(void *argument)
{
    const far *f = argument;
    sw_reader reader = {0, 0};
    int64_t position = 0;
    while (position < MESSAGES * PACKET) {
        int16_t pcm[PACKET], wanted[PACKET];
        uint8_t code = (uint8_t)(position / PACKET), codes[PACKET];
        sw_span spans[4];
        sw_ws_state state;
        int32_t used;
        sw_ws_report(f->ws, &state);
        CHECK(state.messages_taken <= MESSAGES);
        if (head_of(f->track) < position + PACKET) {
            rest();
            continue;
        }
        CHECK(sw_track_read(f->track, &reader, PACKET, INT64_MAX, pcm, spans, 4, &used) == PACKET && used == 0);
        memset(codes, code, sizeof codes);
        sw_ulaw_decode(codes, sizeof codes, wanted);
        CHECK(memcmp(pcm, wanted, sizeof pcm) == 0);
        position += PACKET;
    }
    return NULL;
}

static void check_web_sockets(void)
{
    static sweeper s;
    static sw_ws_socket sockets[SOCKETS];
    far fars[SOCKETS];
    pthread_t sweeping, talking[SOCKETS], looking[SOCKETS];
    int near[SOCKETS];
    s.watch = (sw_ws_watch){epoll_create1(0), epoll_create1(0), eventfd(0, EFD_NONBLOCK), 100000};
    CHECK(epoll_ctl(s.watch.others, EPOLL_CTL_ADD, s.watch.epoll,
                    &(struct epoll_event){.events = EPOLLIN, .data.fd = s.watch.epoll}) == 0);
    for (int i = 0; i < SOCKETS; i++) {
        int pair[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pair[0] < 1024);
        near[i] = pair[0];
        fars[i] = (far){zeroed(sw_ws_octets()), new_track(), pair[1]};
        CHECK(sw_ws_init(fars[i].ws, sw_ws_octets(), SW_WS_TAP, 65536) == SW_OK);
        CHECK(sw_ws_lane(fars[i].ws, 0, fars[i].track, RATE, SW_CODEC_PCMU) == SW_OK);
        sockets[i] = (sw_ws_socket){.ws = fars[i].ws, .fd = pair[0], .speed = 0.0}; /* all comes at once: no gaps */
        s.sockets[pair[0]] = &sockets[i];
        CHECK(epoll_ctl(s.watch.epoll, EPOLL_CTL_ADD, pair[0],
                        &(struct epoll_event){.events = EPOLLIN, .data.fd = pair[0]}) == 0);
    }
    for (int i = 0; i < SOCKETS; i++) {
        CHECK(pthread_create(&talking[i], NULL, talk, &fars[i]) == 0);
        CHECK(pthread_create(&looking[i], NULL, look, &fars[i]) == 0);
    }
    CHECK(pthread_create(&sweeping, NULL, sweep, &s) == 0);
    CHECK(pthread_join(sweeping, NULL) == 0);
    for (int i = 0; i < SOCKETS; i++) {
        sw_ws_state state;
        CHECK(pthread_join(talking[i], NULL) == 0 && pthread_join(looking[i], NULL) == 0);
        sw_ws_report(fars[i].ws, &state);
        CHECK(state.messages_taken == MESSAGES && head_of(fars[i].track) == MESSAGES * PACKET);
        (void)close(near[i]);
        free(fars[i].ws);
        free(fars[i].track);
    }
    (void)close(s.watch.epoll);
    (void)close(s.watch.others);
    (void)close(s.watch.bell);
}

/* Whatever else there is to do ends it: a bell, another descriptor, the time; and that there is nothing to read. */
static void check_what_ends_a_sweep(void)
{
    sw_ws_watch watch = {epoll_create1(0), epoll_create1(0), eventfd(0, EFD_NONBLOCK), 1000};
    int other = eventfd(1, EFD_NONBLOCK), silent = eventfd(1, EFD_NONBLOCK);
    sw_ws_socket *none[1024] = {NULL};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = watch.epoll};
    uint8_t buffer[16];
    sw_ws_stop stop = {0};
    CHECK(sw_ws_keep_sweeping(&watch, none, 1024, buffer, sizeof buffer, INT64_MAX, &stop) == 0);
    CHECK(epoll_ctl(watch.others, EPOLL_CTL_ADD, watch.epoll, &event) == 0);
    event.data.fd = silent; /* a socket of nobody: there is always something, and never anything to take */
    CHECK(epoll_ctl(watch.epoll, EPOLL_CTL_ADD, silent, &event) == 0);
    CHECK(sw_ws_keep_sweeping(&watch, none, 1024, buffer, sizeof buffer, 1, &stop) == 0);
    event.data.fd = other;
    CHECK(epoll_ctl(watch.others, EPOLL_CTL_ADD, other, &event) == 0);
    CHECK(sw_ws_keep_sweeping(&watch, none, 1024, buffer, sizeof buffer, INT64_MAX, &stop) == 0);
    CHECK(epoll_ctl(watch.others, EPOLL_CTL_DEL, other, NULL) == 0);
    CHECK(write(watch.bell, &(uint64_t){1}, 8) == 8);
    CHECK(sw_ws_keep_sweeping(&watch, none, 1024, buffer, sizeof buffer, INT64_MAX, &stop) == 0);
    for (const int *fd = (const int[]){watch.epoll, watch.others, watch.bell, other, silent, -1}; *fd >= 0; fd++)
        (void)close(*fd);
}

/* One socket always has something that is for others; those behind it are read all the same. */
static void check_that_one_socket_keeps_none_from_being_read(void)
{
    sw_ws_socket busy = {.ws = NULL, .speed = 1.0}, quiet = {.speed = 1.0}, *sockets[1024] = {NULL};
    uint8_t message[MESSAGE] = {0x82, 0x80 | 126, 0, PACKET}, buffer[MESSAGE];
    struct epoll_event event = {.events = EPOLLIN};
    sw_track *track = new_track();
    sw_ws *ws = zeroed(sw_ws_octets());
    sw_ws_stop stop = {0};
    int epoll = epoll_create1(0), pairs[2][2];
    CHECK(sw_ws_init(ws, sw_ws_octets(), SW_WS_TAP, 65536) == SW_OK);
    CHECK(sw_ws_lane(ws, 0, track, RATE, SW_CODEC_PCMU) == SW_OK);
    quiet.ws = ws;
    for (int i = 0; i < 2; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) == 0 && pairs[i][0] < 1024);
        sockets[pairs[i][0]] = i ? &quiet : &busy;
        sockets[pairs[i][0]]->fd = event.data.fd = pairs[i][0];
        CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pairs[i][0], &event) == 0);
        CHECK(send(pairs[i][1], message, MESSAGE, 0) == MESSAGE);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(sw_ws_sweep(epoll, sockets, 1024, buffer, MESSAGE, 1, &stop) == 1);
        CHECK(stop.fd == busy.fd && stop.octets == SW_WS_UNREAD);
    }
    CHECK(head_of(track) == PACKET);
    for (int i = 0; i < 4; i++)
        (void)close(pairs[i / 2][i % 2]);
    (void)close(epoll);
    free(ws);
    free(track);
}
#else
static void check_that_one_socket_keeps_none_from_being_read(void) {}

static void check_what_ends_a_sweep(void)
{
    sw_ws_stop stop;
    CHECK(sw_ws_keep_sweeping(NULL, NULL, 0, NULL, 0, 0, &stop) == SW_EINVAL);
}

static void check_web_sockets(void)
{
    sw_ws_stop stop;
    CHECK(sw_ws_sweep(-1, NULL, 0, NULL, 0, 0, &stop) == SW_EINVAL); /* Python reads them there */
}
#endif

int main(void)
{
    CHECK(sw_cpu_select(SW_CPU_AUTO) == SW_OK); /* chosen before there are threads */
    check_many_datagrams();
    check_web_sockets();
    check_what_ends_a_sweep();
    check_that_one_socket_keeps_none_from_being_read();
    puts("all as it should be");
    return 0;
}
