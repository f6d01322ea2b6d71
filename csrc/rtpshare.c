/*
 * Many receivers on one UDP port, told apart by the address and port that send to them. A datagram of an address that
 * nobody expects yet is held for a second, because audio may be quicker than the reply that names its source.
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

static slot *find(sw_share *s, const sw_address *from)
{
    for (uint32_t i = hash(from), n = 0; n <= s->mask; i++, n++) {
        slot *at = &s->slots[i & s->mask];
        if (is_at(at, from))
            return at;
        if (!at->member && !at->is_gone)
            return NULL;
    }
    return NULL;
}

/* ---- what nobody expects yet ------------------------------------------------------------------------------ */

/* The oldest one has waited for too long, or has to make room. */
static void drop_first(sw_share *s)
{
    if (s->held[s->first % HELD].octets)
        count(s, SW_SHARE_UNMATCHED);
    s->first++;
}

void sw_share_age(sw_share *s, int64_t now)
{
    while (s->first != s->end && now - s->held[s->first % HELD].arrival > HOLD)
        drop_first(s);
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
    slot *at = find(s, from);
    count(s, SW_SHARE_DATAGRAMS);
    sw_share_age(s, arrival);
    if (!at) {
        hold(s, datagram, octets, arrival, from);
        return NULL;
    }
    sw_rx_datagram(at->member->rx, datagram, octets, sw_socket_time(at->member, arrival), from);
    return at->member;
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

int sw_share_join(sw_share *s, sw_socket *member, const sw_address *from)
{
    uint32_t i = hash(from);
    if (s->used >= s->mask / 4 * 3)
        rehash(s);
    if (find(s, from) || s->used >= s->mask / 4 * 3) {
        count(s, SW_SHARE_REFUSED);
        return 0;
    }
    while (s->slots[i & s->mask].member || s->slots[i & s->mask].is_gone)
        i++;
    s->slots[i & s->mask] = (slot){.from = *from, .member = member};
    s->used++;
    for (uint32_t k = s->first; k != s->end; k++) {
        held_datagram *h = &s->held[k % HELD];
        if (!h->octets || h->from.port != from->port || memcmp(h->from.octets, from->octets, sizeof from->octets) != 0)
            continue;
        sw_rx_datagram(member->rx, h->data, h->octets, sw_socket_time(member, h->arrival), from);
        h->octets = 0;
    }
    return 1;
}

void sw_share_leave(sw_share *s, const sw_socket *member, const sw_address *from)
{
    slot *at = find(s, from);
    if (at && at->member == member) {
        at->member = NULL;
        at->is_gone = 1;
    }
}
