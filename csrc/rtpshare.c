/*
 * Many receivers on one UDP port, told apart by the address and port that send to them, and where several expect the
 * same, by SSRC. A datagram that is nobody's yet is held for a second, because audio may be quicker than the reply that
 * names its source.
 *
 * No packet says which tap it is of. So a second receiver is let in at an address only if the first one's stream began
 * before anybody could know of the second: what is new there from then on can only be the second one's.
 *
 * The engine's thread alone is in here, but for sw_share_init and the counters.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "rtpio.h"

#define HELD 1024          /* datagrams */
#define HELD_OCTETS 1500   /* of each; a longer one is no audio that waits for its reply */
#define HOLD NANO          /* nanoseconds */

typedef struct {
    sw_address from;
    sw_socket *member; /* NULL: free, or of one that has left (then is_gone) */
    int64_t since;     /* when its stream began; INT64_MAX: it has none yet */
    int is_gone;
} slot;

typedef struct {
    sw_address from;
    int64_t arrival;
    uint32_t octets; /* 0: given to its receiver */
    uint8_t data[HELD_OCTETS];
} held_datagram;

struct sw_share {
    uint32_t mask;       /* slots less one */
    uint32_t used;       /* slots that are not free, gone ones too */
    uint32_t awaited;    /* receivers whose address may be somewhere by now, and whose source is not known yet */
    uint32_t first, end; /* held: [first, end) modulo HELD */
    _Atomic uint64_t counters[SW_SHARE_COUNTERS];
    held_datagram held[HELD];
    slot slots[];
};

static void count(sw_share *s, int counter)
{
    atomic_fetch_add_explicit(&s->counters[counter], 1, memory_order_relaxed);
}

size_t sw_share_octets(uint32_t receivers)
{
    size_t slots = 16;
    if (receivers < 1 || receivers > 65536)
        return 0;
    while (slots < 2 * (size_t)receivers)
        slots *= 2;
    return sizeof(sw_share) + slots * sizeof(slot);
}

int sw_share_init(void *memory, size_t octets, uint32_t receivers)
{
    sw_share *s = memory;
    size_t need = sw_share_octets(receivers);
    if (!memory || !need || octets < need)
        return SW_EINVAL;
    s->mask = (uint32_t)((need - sizeof *s) / sizeof(slot)) - 1;
    return SW_OK;
}

uint64_t sw_share_counter(const sw_share *s, int counter)
{
    return counter < 0 || counter >= SW_SHARE_COUNTERS ? 0
         : atomic_load_explicit(&s->counters[counter], memory_order_relaxed);
}

int sw_share_members(const sw_share *s)
{
    return (int)s->used;
}

void sw_share_drops(sw_share *s, uint32_t total)
{
    atomic_store_explicit(&s->counters[SW_SHARE_KERNEL_DROPS], total, memory_order_relaxed);
}

static uint32_t hash(const sw_address *a)
{
    uint64_t halves[2], h;
    memcpy(halves, a->octets, sizeof halves);
    h = (halves[0] ^ halves[1] * UINT64_C(0x9E3779B97F4A7C15) ^ a->port) * UINT64_C(0xFF51AFD7ED558CCD);
    return (uint32_t)(h >> 32);
}

static int is_at(const slot *at, const sw_address *from)
{
    return at->member && at->from.port == from->port && at->from.family == from->family &&
           memcmp(at->from.octets, from->octets, sizeof from->octets) == 0;
}

/* The next of those that expect an address; `i` begins as its hash. NULL: there is no other one. */
static slot *next_at(sw_share *s, const sw_address *from, uint32_t *i)
{
    for (uint32_t n = 0; n <= s->mask; n++) {
        slot *at = &s->slots[(*i)++ & s->mask];
        if (is_at(at, from))
            return at;
        if (!at->member && !at->is_gone)
            return NULL;
    }
    return NULL;
}

/* Which stream a datagram says it is of, as sw_rx_stream has it; 0: it does not say. */
static uint64_t stream_of(const uint8_t *p, size_t octets)
{
    size_t at = octets > 1 && p[1] >= 192 && p[1] <= 223 ? 4 : 8; /* RTCP names its sender earlier */
    return octets < at + 4 || (p[0] & 0xC0) != 0x80 ? 0 : UINT64_C(1) << 32 | sw_get32(p + at);
}

/* Whose it is of those that expect its address: his whose stream it is of, or his who has none yet. NULL: nobody's. */
static slot *whose(sw_share *s, const uint8_t *datagram, size_t octets, const sw_address *from)
{
    uint64_t stream = stream_of(datagram, octets), its;
    uint32_t i = hash(from), n = 0;
    slot *at, *last = NULL, *fresh = NULL;
    while (n <= s->mask && (at = next_at(s, from, &i))) {
        its = sw_rx_stream(at->member->rx);
        if (its && its == stream)
            return at;
        fresh = its ? fresh : at;
        last = at;
        n++;
    }
    if (fresh)
        return fresh;
    /* One that is alone judges for itself what is new, unless it may be that of somebody who is awaited. */
    return (n == 1 && !s->awaited) || !stream ? last : NULL;
}

/* ---- what nobody expects yet ------------------------------------------------------------------------------ */

static void give(slot *at, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    sw_rx_datagram(at->member->rx, datagram, octets, sw_socket_time(at->member, arrival), from);
    if (at->since == INT64_MAX && sw_rx_stream(at->member->rx))
        at->since = arrival;
}

/* What is held of an address, to one receiver. */
static void give_held(sw_share *s, slot *at)
{
    for (uint32_t k = s->first; k != s->end; k++) {
        held_datagram *h = &s->held[k % HELD];
        if (!h->octets || !is_at(at, &h->from))
            continue;
        give(at, h->data, h->octets, h->arrival, &h->from);
        h->octets = 0;
    }
}

/* The oldest one has waited for too long, or has to make room. */
static void drop_first(sw_share *s)
{
    if (s->held[s->first % HELD].octets)
        count(s, SW_SHARE_UNMATCHED);
    s->first++;
}

sw_socket *sw_share_age(sw_share *s, int64_t now)
{
    while (s->first != s->end && now - s->held[s->first % HELD].arrival > HOLD) {
        held_datagram *h = &s->held[s->first % HELD];
        uint32_t i = hash(&h->from);
        slot *at = h->octets ? next_at(s, &h->from, &i) : NULL;
        if (at && !next_at(s, &h->from, &i)) { /* nobody else has come for it: that one has a new stream */
            give_held(s, at);
            return at->member;
        }
        drop_first(s);
    }
    return NULL;
}

int sw_share_holds(const sw_share *s)
{
    return s->first != s->end;
}

static void hold(sw_share *s, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    held_datagram *h;
    if (octets == 0 || octets > HELD_OCTETS) {
        count(s, SW_SHARE_UNMATCHED);
        return;
    }
    if (s->end - s->first == HELD)
        drop_first(s);
    h = &s->held[s->end++ % HELD];
    h->from = *from;
    h->arrival = arrival;
    h->octets = (uint32_t)octets;
    memcpy(h->data, datagram, octets);
}

sw_socket *sw_share_take(sw_share *s, const void *datagram, size_t octets, int64_t arrival, const sw_address *from)
{
    slot *at = whose(s, datagram, octets, from);
    count(s, SW_SHARE_DATAGRAMS);
    if (!at) {
        hold(s, datagram, octets, arrival, from);
        return NULL;
    }
    give(at, datagram, octets, arrival, from);
    return at->member;
}

const sw_socket *sw_share_foresee(const sw_share *s, const sw_address *from, int is_first)
{
    const slot *at = &s->slots[hash(from) & s->mask];
    if (!is_first)
        return is_at(at, from) ? at->member : NULL;
    __builtin_prefetch(at);
    return NULL;
}

/* ---- who comes and goes ----------------------------------------------------------------------------------- */

/* Forget those that have gone, once they fill the table: what is found by passing them is put anew. */
static void rehash(sw_share *s)
{
    for (uint32_t round = 0; round <= s->mask; round++) {
        slot *at = &s->slots[round];
        at->is_gone = 0;
    }
    s->used = 0;
    for (uint32_t again = 1; again;) { /* moving one may open the way for another */
        again = 0;
        for (uint32_t i = 0; i <= s->mask; i++) {
            slot moved = s->slots[i];
            uint32_t to = hash(&moved.from);
            if (!moved.member)
                continue;
            while (s->slots[to & s->mask].member && (to & s->mask) != i)
                to++;
            if ((to & s->mask) == i)
                continue;
            s->slots[i].member = NULL;
            s->slots[to & s->mask] = moved;
            again = 1;
        }
    }
    for (uint32_t i = 0; i <= s->mask; i++)
        s->used += s->slots[i].member != NULL;
}

void sw_share_await(sw_share *s, int by)
{
    s->awaited += (uint32_t)by;
}

/* Whether a stream at this address may be the one that a receiver waits for: it began when its sender may have known. */
static int is_in_doubt(sw_share *s, const sw_address *from, int64_t asked)
{
    uint32_t i = hash(from), n = 0;
    slot *at;
    while (n++ <= s->mask && (at = next_at(s, from, &i)))
        if (at->since >= asked)
            return 1;
    return 0;
}

int sw_share_join(sw_share *s, sw_socket *member, const sw_address *from, int64_t asked)
{
    uint32_t i = hash(from);
    if (s->used >= s->mask / 4 * 3)
        rehash(s);
    if (s->used >= s->mask / 4 * 3 || is_in_doubt(s, from, asked)) {
        count(s, SW_SHARE_REFUSED);
        return s->used >= s->mask / 4 * 3 ? SW_JOIN_FULL : SW_JOIN_DOUBT;
    }
    while (s->slots[i & s->mask].member || s->slots[i & s->mask].is_gone)
        i++;
    s->slots[i & s->mask] = (slot){.from = *from, .member = member, .since = INT64_MAX};
    s->used++;
    give_held(s, &s->slots[i & s->mask]);
    return SW_JOIN_DONE;
}

void sw_share_leave(sw_share *s, const sw_socket *member, const sw_address *from)
{
    uint32_t i = hash(from), n = 0;
    slot *at;
    while (n++ <= s->mask && (at = next_at(s, from, &i))) {
        if (at->member == member) {
            at->member = NULL;
            at->is_gone = 1;
            return;
        }
    }
}
