/*
 * Fuzzes rtpshare.c: a port that receivers join and leave, and to which anybody sends. Each datagram goes to one who has
 * joined at its address, is held for one, or is counted as nobody's.
 *
 * Steps of three octets: what happens (2 bits) and from whom (6 bits), how long it is or how much time passes, and its
 * stream or whose turn it is.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "../../csrc/rtpio.h"
#include "fuzz.h"

enum { MEMBERS = 4, SENDERS = 64, CAPACITY = 1 << 12, RATE = 8000 };

static sw_share *share;
static sw_socket members[MEMBERS];
static int has_joined[SENDERS][MEMBERS], awaited, sent, refused;

static sw_address address(int who)
{
    sw_address from = {.octets = {10, 0, 0, 1}, .family = 4, .port = (uint16_t)(4000 + who % 4)};
    from.octets[3] = (uint8_t)(1 + who / 8);
    if (who & 4)
        from.family = 6;
    return from;
}

/* Megabytes, for what is tried thousands of times a second: the same memory each time, zeroed. */
static void *again(void **memory, size_t octets)
{
    if (!*memory)
        *memory = zeroed(octets);
    return memset(*memory, 0, octets);
}

static void set_up(sw_socket *member)
{
    void *track = member->track, *rx = member->rx;
    *member = (sw_socket){.speed = 1.0};
    member->track = again(&track, sw_track_octets(CAPACITY));
    member->rx = again(&rx, sw_rx_octets());
    CHECK(sw_track_init(member->track, sw_track_octets(CAPACITY), CAPACITY, RATE, SW_CODEC_PCMU, 2000, 0) == SW_OK);
    CHECK(sw_rx_init(member->rx, sw_rx_octets(), member->track, SW_CODEC_PCMU, RATE, 0) == SW_OK);
}

static uint64_t heard(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < MEMBERS; i++) {
        sw_rx_state state;
        sw_rx_report(members[i].rx, &state);
        sum += state.counters[SW_RX_DATAGRAMS];
    }
    return sum;
}

/* RTP of one of four streams, or RTCP, or whatever the octet says. */
static uint8_t *datagram_of(size_t n, uint32_t number, uint8_t octet)
{
    uint8_t *datagram = exactly(n);
    memset(datagram, octet, n);
    if (n >= 12 && !(octet & 0x40)) {
        datagram[0] = 0x80;
        datagram[1] = octet & 0x80 ? 200 : 0;
        datagram[2] = (uint8_t)(number >> 8);
        datagram[3] = (uint8_t)number;
        memset(datagram + 8, octet & 3, 4);
    }
    return datagram;
}

static void send_one(int who, size_t n, uint8_t octet, int64_t now)
{
    const sw_address from = address(who);
    uint8_t *datagram = datagram_of(n, (uint32_t)sent++, octet);
    sw_socket *got = sw_share_take(share, datagram, n, now, &from);
    int there = 0;
    for (int i = 0; i < MEMBERS; i++)
        there += has_joined[who][i];
    CHECK(!got || has_joined[who][got - members]);
    CHECK(got || there != 1 || awaited); /* one who is alone, and nobody on the way, gets all */
    free(datagram);
}

static void join(int who, int which, int64_t asked)
{
    const sw_address from = address(who);
    if (has_joined[who][which])
        return;
    switch (sw_share_join(share, &members[which], &from, asked)) {
    case SW_JOIN_DONE:
        has_joined[who][which] = 1;
        break;
    case SW_JOIN_FULL:
    case SW_JOIN_DOUBT:
        refused++;
        break;
    default:
        CHECK(!"one of these");
    }
}

static void other(int who, int which, int value, int64_t *now)
{
    const sw_address from = address(who);
    if (value < 64) {
        sw_share_leave(share, &members[which], &from);
        has_joined[who][which] = 0;
    } else if (value < 128) {
        int by = value & 1 || !awaited ? 1 : -1;
        sw_share_await(share, by);
        awaited += by;
    } else {
        *now += (int64_t)(value - 128) * NANO / 32;
        while (sw_share_age(share, *now))
            ;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    static void *memory;
    int64_t now = NANO;
    if (octets > 6000)
        return 0;
    memset(has_joined, 0, sizeof has_joined);
    awaited = sent = refused = 0;
    share = again(&memory, sw_share_octets(MEMBERS));
    CHECK(sw_share_init(share, sw_share_octets(MEMBERS), MEMBERS) == SW_OK);
    for (int i = 0; i < MEMBERS; i++)
        set_up(&members[i]);
    for (size_t at = 0; at + 3 <= octets; at += 3) {
        int what = data[at] & 3, who = data[at] >> 2, value = data[at + 1];
        if (what < 2) {
            send_one(who, what == 0 ? 12u + (unsigned)value % 16u : (unsigned)value * 10u, data[at + 2], now);
            now += NANO / 100;
        } else if (what == 2) {
            join(who, data[at + 2] % MEMBERS, now - value * NANO / 64);
        } else {
            other(who, data[at + 2] % MEMBERS, value, &now);
        }
    }
    while (sw_share_age(share, now + 2 * NANO))
        ;
    CHECK(!sw_share_holds(share));
    CHECK(sw_share_counter(share, SW_SHARE_DATAGRAMS) == (uint64_t)sent);
    CHECK(sw_share_counter(share, SW_SHARE_REFUSED) == (uint64_t)refused);
    CHECK(heard() + sw_share_counter(share, SW_SHARE_UNMATCHED) == (uint64_t)sent);
    return 0;
}
