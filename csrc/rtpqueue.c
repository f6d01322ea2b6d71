/* Payloads that are decoded outside C: a ring of octets with one writer, who receives, and one reader, who decodes. */
#include <stdatomic.h>

#include "rx.h"

#define RESERVE 64 /* octets kept for the one entry that must not be dropped: forget what was before */

struct sw_queue {
    uint32_t capacity; /* of octets; a power of two */
    _Atomic uint64_t put, taken;
};

static unsigned char *ring(const sw_queue *q)
{
    return (unsigned char *)(uintptr_t)q + sizeof *q;
}

size_t sw_queue_octets(uint32_t capacity)
{
    if (capacity < 4096 || capacity > (UINT32_C(1) << 30) || (capacity & (capacity - 1)))
        return 0;
    return sizeof(sw_queue) + capacity;
}

int sw_queue_init(void *memory, size_t octets, uint32_t capacity)
{
    sw_queue *q = memory;
    if (!memory || !sw_queue_octets(capacity) || octets < sw_queue_octets(capacity))
        return SW_EINVAL;
    memset(q, 0, sizeof *q);
    q->capacity = capacity;
    return SW_OK;
}

static void copy_in(const sw_queue *q, uint64_t at, const void *from, size_t n)
{
    size_t offset = (size_t)(at & (q->capacity - 1)), first = q->capacity - offset < n ? q->capacity - offset : n;
    memcpy(ring(q) + offset, from, first);
    memcpy(ring(q), (const unsigned char *)from + first, n - first);
}

static void copy_out(const sw_queue *q, uint64_t at, void *to, size_t n)
{
    size_t offset = (size_t)(at & (q->capacity - 1)), first = q->capacity - offset < n ? q->capacity - offset : n;
    memcpy(to, ring(q) + offset, first);
    memcpy((unsigned char *)to + first, ring(q), n - first);
}

int sw_queue_put(sw_queue *q, const sw_payload *head, const void *data)
{
    uint64_t put = atomic_load_explicit(&q->put, memory_order_relaxed);
    uint64_t used = put - atomic_load_explicit(&q->taken, memory_order_acquire);
    uint64_t reserve = head->order == SW_ORDER_FORGET ? 0 : RESERVE;
    if (used + sizeof *head + head->octets + reserve > q->capacity)
        return SW_EROOM;
    copy_in(q, put, head, sizeof *head);
    if (head->octets)
        copy_in(q, put + sizeof *head, data, head->octets);
    atomic_store_explicit(&q->put, put + sizeof *head + head->octets, memory_order_release);
    return SW_OK;
}

int sw_queue_take(sw_queue *q, sw_payload *heads, int room, void *data, size_t octets)
{
    uint64_t taken = atomic_load_explicit(&q->taken, memory_order_relaxed);
    uint64_t put = atomic_load_explicit(&q->put, memory_order_acquire);
    size_t used = 0;
    int n = 0;
    for (; n < room && taken != put; n++) {
        copy_out(q, taken, &heads[n], sizeof heads[n]);
        if (heads[n].octets > octets - used)
            break;
        copy_out(q, taken + sizeof heads[n], (unsigned char *)data + used, heads[n].octets);
        used += heads[n].octets;
        taken += sizeof heads[n] + heads[n].octets;
    }
    atomic_store_explicit(&q->taken, taken, memory_order_release);
    return n;
}

/* ---- the receiver's side ---------------------------------------------------------------------------------- */

void sw_rx_enqueue(sw_rx *rx, const sw_rtp_packet *p, const uint8_t *payload, int64_t arrival, int order)
{
    sw_payload head = {.arrival = arrival, .octets = p->payload_octets, .sequence_number = p->sequence_number,
                       .payload_type = p->payload_type};
    head.timestamp = sw_rx_extend_clock(rx, p->timestamp, &order);
    head.order = (int8_t)order;
    if (order != SW_ORDER_OLDER)
        rx->ext_ts = head.timestamp;
    if (sw_queue_put(rx->queue, &head, payload) != SW_OK)
        sw_rx_count(rx, SW_RX_QUEUE, 1);
    rx->has_news = 1;
}

uint64_t sw_rx_forget_track(sw_rx *rx)
{
    const sw_payload forget = {.order = SW_ORDER_FORGET};
    if (!rx->queue)
        return sw_track_forget(rx->track);
    (void)sw_queue_put(rx->queue, &forget, NULL);
    rx->has_news = 1;
    return 0;
}

void sw_rx_end(sw_rx *rx)
{
    sw_rx_set(rx, SW_RX_LEFT, 1);
    if (!rx->queue) /* else whoever decodes has not placed everything yet */
        sw_track_end(rx->track);
    rx->has_news = 1;
}
