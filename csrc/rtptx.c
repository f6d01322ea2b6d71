/*
 * An RTP sender without its socket: frames wait in a ring and get their header when they leave, because only then is it
 * known what their sequence number and timestamp are. The clock goes by counting timestamp units, so it does not drift.
 */

#include <stdatomic.h>

#include "sw.h"

#define HEADER 12
#define NANO INT64_C(1000000000)
#define NTP_EPOCH UINT64_C(2208988800) /* seconds from 1900 to 1970 */
#define RTCP_SR 200
#define RTCP_RR 201
#define RTCP_SDES 202
#define RTCP_BYE 203

typedef struct {
    sw_tx_frame frame;
    uint32_t octets;
} slot;

struct sw_tx {
    /* Written by sw_tx_init only. */
    uint32_t slots, stride, payload_octets, clock_rate, ssrc;
    int64_t lead, lapse;

    /* Written by the thread that puts. */
    _Alignas(64) _Atomic uint64_t head;
    _Atomic uint64_t put_units, clear_to;

    /* Written by the thread that takes. */
    _Alignas(64) _Atomic uint64_t tail;
    _Atomic uint64_t taken_units, packets, octets, restarts, cleared;
    _Atomic int64_t due; /* of the next frame; meaningless before `started` */
    _Atomic uint32_t started, timestamp, sequence_number;

    /* Its own. */
    int64_t second;            /* due = second + units / clock_rate */
    uint32_t units, marker;
    uint32_t starved;          /* the queue was found empty since the last packet */
    uint64_t reported, reported_before, reports; /* packets at the last report and the one before */
};

#define RELAXED memory_order_relaxed

static slot *slot_at(sw_tx *tx, uint64_t index)
{
    return (slot *)(void *)((uint8_t *)tx + sizeof *tx + (index & (tx->slots - 1)) * tx->stride);
}

static uint32_t stride_of(uint32_t payload_octets)
{
    return (uint32_t)(sizeof(slot) + payload_octets + 7) & ~UINT32_C(7);
}

size_t sw_tx_octets(uint32_t slots, uint32_t payload_octets)
{
    if (slots < 2 || slots > 1u << 20 || (slots & (slots - 1)) || payload_octets < 1 || payload_octets > SW_TX_LARGEST)
        return 0;
    return sizeof(sw_tx) + (size_t)slots * stride_of(payload_octets);
}

int sw_tx_init(void *memory, size_t octets, const sw_tx_config *config)
{
    sw_tx *tx = memory;
    size_t wanted = config ? sw_tx_octets(config->slots, config->payload_octets) : 0;
    if (!memory || !wanted || octets < wanted || ((uintptr_t)memory & 63) || config->clock_rate < 1000 ||
        config->clock_rate > 192000 || config->lead < 0 || config->lapse < 0)
        return SW_EINVAL;
    memset(tx, 0, sizeof *tx);
    tx->slots = config->slots;
    tx->payload_octets = config->payload_octets;
    tx->stride = stride_of(config->payload_octets);
    tx->clock_rate = config->clock_rate;
    tx->ssrc = config->ssrc;
    tx->lead = config->lead;
    tx->lapse = config->lapse;
    atomic_store(&tx->timestamp, config->timestamp);
    atomic_store(&tx->sequence_number, config->sequence_number);
    return SW_OK;
}

/* ---- the thread that puts --------------------------------------------------------------------------------- */

static uint64_t room_of(const sw_tx *tx)
{
    uint64_t head = atomic_load_explicit(&tx->head, RELAXED);
    return tx->slots - (head - atomic_load_explicit(&tx->tail, memory_order_acquire));
}

static void publish(sw_tx *tx, uint32_t units)
{
    uint64_t head = atomic_load_explicit(&tx->head, RELAXED);
    atomic_fetch_add_explicit(&tx->put_units, units, RELAXED);
    atomic_store(&tx->head, head + 1); /* in one order with sw_outlet_rests: see there */
}

int sw_tx_put(sw_tx *tx, const sw_tx_frame *frame, const void *payload, size_t octets)
{
    slot *s;
    if (octets > tx->payload_octets || frame->payload_type > 127 || (octets && !payload))
        return SW_EINVAL;
    if (!room_of(tx))
        return SW_EROOM;
    s = slot_at(tx, atomic_load_explicit(&tx->head, RELAXED));
    s->frame = *frame;
    s->octets = (uint32_t)octets;
    if (octets)
        memcpy(s + 1, payload, octets);
    publish(tx, frame->advance);
    return SW_OK;
}

int64_t sw_tx_put_audio(sw_tx *tx, int codec, int payload_type, const void *pcm, size_t samples, uint32_t frame_samples)
{
    const uint8_t *from = pcm;
    int width = sw_codec_octets(codec);
    uint64_t room = room_of(tx), n = frame_samples ? samples / frame_samples : 0;
    if (width < 0)
        return width;
    if (!frame_samples || payload_type < 0 || payload_type > 127 ||
        (uint64_t)frame_samples * (uint64_t)width > tx->payload_octets)
        return SW_EINVAL;
    n = n < room ? n : room;
    for (uint64_t i = 0; i < n; i++, from += 2 * (size_t)frame_samples) {
        slot *s = slot_at(tx, atomic_load_explicit(&tx->head, RELAXED));
        s->frame = (sw_tx_frame){.advance = frame_samples, .payload_type = (uint8_t)payload_type};
        s->octets = frame_samples * (uint32_t)width;
        (void)sw_encode(codec, from, frame_samples, (uint8_t *)(s + 1), s->octets);
        publish(tx, frame_samples);
    }
    return (int64_t)n;
}

void sw_tx_clear(sw_tx *tx)
{
    atomic_store(&tx->clear_to, atomic_load_explicit(&tx->head, RELAXED));
}

/* ---- the thread that takes -------------------------------------------------------------------------------- */

static int64_t due_of(const sw_tx *tx)
{
    return tx->second + (int64_t)tx->units * NANO / tx->clock_rate;
}

static void advance(sw_tx *tx, uint32_t units)
{
    uint64_t sum = (uint64_t)tx->units + units;
    tx->second += (int64_t)(sum / tx->clock_rate) * NANO;
    tx->units = (uint32_t)(sum % tx->clock_rate);
    atomic_store_explicit(&tx->due, due_of(tx), RELAXED);
    atomic_store_explicit(&tx->timestamp, atomic_load_explicit(&tx->timestamp, RELAXED) + units, RELAXED);
}

/* Free the slot. */
static void pass(sw_tx *tx, uint64_t tail, uint32_t units)
{
    atomic_store_explicit(&tx->taken_units, atomic_load_explicit(&tx->taken_units, RELAXED) + units, RELAXED);
    atomic_store_explicit(&tx->tail, tail + 1, memory_order_release);
}

static void drop_cleared(sw_tx *tx)
{
    uint64_t to = atomic_load(&tx->clear_to), tail = atomic_load_explicit(&tx->tail, RELAXED);
    if ((int64_t)(to - tail) <= 0)
        return;
    atomic_fetch_add_explicit(&tx->cleared, to - tail, RELAXED);
    tx->marker = 1;
    for (; tail != to; tail++)
        pass(tx, tail, slot_at(tx, tail)->frame.advance);
}

/* Whether there is a frame; its time is settled then. */
static int settle(sw_tx *tx, int64_t now)
{
    int64_t late;
    drop_cleared(tx);
    if (atomic_load(&tx->head) == atomic_load_explicit(&tx->tail, RELAXED)) {
        tx->starved = 1;
        return 0;
    }
    if (!atomic_load_explicit(&tx->started, RELAXED)) {
        tx->second = now + tx->lead;
        tx->marker = 1;
        atomic_store_explicit(&tx->due, tx->second, RELAXED);
        atomic_store_explicit(&tx->started, 1, memory_order_release);
        return 1;
    }
    late = now - due_of(tx);
    if (tx->starved && late > tx->lapse) { /* nothing was sent meanwhile; the media clock went on all the same (RFC 3550 section 5.1) */
        uint32_t gone = sw_clock(late + tx->lead, tx->clock_rate);
        atomic_store_explicit(&tx->timestamp, atomic_load_explicit(&tx->timestamp, RELAXED) + gone, RELAXED);
        tx->second = now + tx->lead;
        tx->units = 0;
        tx->marker = 1;
        atomic_store_explicit(&tx->due, tx->second, RELAXED);
        atomic_fetch_add_explicit(&tx->restarts, 1, RELAXED);
    }
    tx->starved = 0;
    return 1;
}

int64_t sw_tx_due(sw_tx *tx, int64_t now)
{
    return settle(tx, now) ? due_of(tx) : INT64_MAX;
}

static void write_header(sw_tx *tx, const sw_tx_frame *frame, uint8_t *out)
{
    uint32_t sequence = atomic_load_explicit(&tx->sequence_number, RELAXED);
    out[0] = 0x80;
    out[1] = (uint8_t)(frame->payload_type | (frame->marker || tx->marker ? 0x80 : 0));
    sw_put16(out + 2, (uint16_t)sequence);
    sw_put32(out + 4, atomic_load_explicit(&tx->timestamp, RELAXED) - frame->back);
    sw_put32(out + 8, tx->ssrc);
    atomic_store_explicit(&tx->sequence_number, (sequence + 1) & 0xffff, RELAXED);
}

int64_t sw_tx_take(sw_tx *tx, int64_t now, void *out, size_t room)
{
    while (settle(tx, now) && due_of(tx) <= now) {
        uint64_t tail = atomic_load_explicit(&tx->tail, RELAXED);
        slot *s = slot_at(tx, tail);
        sw_tx_frame frame = s->frame;
        uint32_t octets = s->octets;
        if (room < HEADER + octets)
            return SW_EROOM;
        if (frame.skip)
            atomic_store_explicit(&tx->sequence_number,
                                  (atomic_load_explicit(&tx->sequence_number, RELAXED) + frame.skip) & 0xffff, RELAXED);
        if (octets) {
            write_header(tx, &frame, out);
            memcpy((uint8_t *)out + HEADER, s + 1, octets);
            atomic_fetch_add_explicit(&tx->packets, 1, RELAXED);
            atomic_fetch_add_explicit(&tx->octets, octets, RELAXED);
            tx->marker = 0;
        } else {
            tx->marker = 1;
        }
        advance(tx, frame.advance);
        pass(tx, tail, frame.advance);
        if (octets)
            return HEADER + (int64_t)octets;
    }
    return 0;
}

/* ---- RTCP ------------------------------------------------------------------------------------------------- */

static uint8_t *write_head(uint8_t *at, int count, int type, uint32_t octets)
{
    at[0] = (uint8_t)(0x80 | count);
    at[1] = (uint8_t)type;
    sw_put16(at + 2, (uint16_t)(octets / 4 - 1));
    return at + 4;
}

/* RFC 3550 section 6.4.1, without report blocks. */
static uint8_t *write_sender_report(sw_tx *tx, int64_t now, int64_t wall, uint8_t *at)
{
    uint64_t nanoseconds = (uint64_t)(wall % NANO);
    uint32_t ahead = sw_clock(now, tx->clock_rate) - sw_clock(due_of(tx), tx->clock_rate);
    at = write_head(at, 0, RTCP_SR, 28);
    sw_put32(at, tx->ssrc);
    sw_put32(at + 4, (uint32_t)((uint64_t)(wall / NANO) + NTP_EPOCH));
    sw_put32(at + 8, (uint32_t)((nanoseconds << 32) / (uint64_t)NANO));
    sw_put32(at + 12, atomic_load_explicit(&tx->timestamp, RELAXED) + ahead);
    sw_put32(at + 16, (uint32_t)atomic_load_explicit(&tx->packets, RELAXED));
    sw_put32(at + 20, (uint32_t)atomic_load_explicit(&tx->octets, RELAXED));
    return at + 24;
}

/* RFC 3550 section 6.5.1: one chunk with the CNAME, ended by at least one zero octet. */
static uint8_t *write_cname(const sw_tx *tx, const void *cname, size_t octets, uint8_t *at)
{
    uint32_t chunk = (uint32_t)(4 + 2 + octets + 4) & ~UINT32_C(3);
    at = write_head(at, 1, RTCP_SDES, 4 + chunk);
    memset(at, 0, chunk);
    sw_put32(at, tx->ssrc);
    at[4] = 1;
    at[5] = (uint8_t)octets;
    memcpy(at + 6, cname, octets);
    return at + chunk;
}

int64_t sw_tx_report(sw_tx *tx, int64_t now, int64_t wall, int bye, const void *cname, size_t cname_octets, void *out,
                     size_t room)
{
    uint8_t *at = out;
    uint64_t packets = atomic_load_explicit(&tx->packets, RELAXED);
    if (!cname || cname_octets < 1 || cname_octets > 255 || wall < 0)
        return SW_EINVAL;
    if (room < SW_TX_REPORT)
        return SW_EROOM;
    if (bye && !packets && !tx->reports)
        return 0;
    if (packets > tx->reported_before || (bye && packets)) {
        at = write_sender_report(tx, now, wall, at);
    } else {
        at = write_head(at, 0, RTCP_RR, 8);
        sw_put32(at, tx->ssrc);
        at += 4;
    }
    at = write_cname(tx, cname, cname_octets, at);
    if (bye) {
        at = write_head(at, 1, RTCP_BYE, 8);
        sw_put32(at, tx->ssrc);
        at += 4;
    }
    tx->reported_before = tx->reported;
    tx->reported = packets;
    tx->reports++;
    return at - (uint8_t *)out;
}

/* ---- any thread ------------------------------------------------------------------------------------------- */

void sw_tx_state_at(const sw_tx *tx, int64_t now, sw_tx_state *out)
{
    uint64_t taken = atomic_load_explicit(&tx->taken_units, memory_order_acquire);
    uint64_t put = atomic_load_explicit(&tx->put_units, RELAXED), head = atomic_load(&tx->head);
    int64_t queued = (int64_t)(put - taken);
    int64_t left = queued / tx->clock_rate * NANO + queued % tx->clock_rate * NANO / tx->clock_rate;
    memset(out, 0, sizeof *out);
    if (!atomic_load_explicit(&tx->started, memory_order_acquire)) {
        left += queued ? tx->lead : 0;
    } else {
        int64_t until = atomic_load_explicit(&tx->due, RELAXED) - now;
        left += until > 0 ? until : 0;
    }
    out->left = left;
    out->room = tx->slots - (head - atomic_load_explicit(&tx->tail, RELAXED));
    out->packets = atomic_load_explicit(&tx->packets, RELAXED);
    out->octets = atomic_load_explicit(&tx->octets, RELAXED);
    out->restarts = atomic_load_explicit(&tx->restarts, RELAXED);
    out->cleared = atomic_load_explicit(&tx->cleared, RELAXED);
    out->timestamp = atomic_load_explicit(&tx->timestamp, RELAXED);
    out->sequence_number = (uint16_t)atomic_load_explicit(&tx->sequence_number, RELAXED);
}
