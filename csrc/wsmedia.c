/*
 * Media WebSockets: what a client sends (RFC 6455 section 5), for as long as it is plain.
 *
 * Plain is a whole, masked data frame of bounded length, which is its own message: binary for a tap, text for a stream.
 * Those are taken here, many a call. Every other frame is told by its length alone and left to the protocol's own
 * implementation, with the bytes as they came; between the two ways the stream is always at the beginning of a frame.
 *
 * A stream's messages have places: sw_ws_place is the one that decides them, whoever has read the message.
 */
#include <stdatomic.h>

#include "streamscan.h"
#include "track.h"

enum { LANES = 2, MAX_SID = 256 };
enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PONG = 10 };

#define FURTHEST (INT64_MAX / 4 - (INT64_C(1) << 31)) /* no position passes what a track takes */
#define MOST_REPLAYS 50 /* in a row; more are a clock that began again, after one wrong message set it far ahead */

typedef struct {
    sw_track *track;
    int64_t rate;
    int wide;
    int64_t chunk, next; /* of the newest message, and behind its last sample; -1: none yet */
    int replays;         /* in a row */
    _Atomic uint64_t missing, replayed, restarted;
} lane;

struct sw_ws {
    int kind, is_fragmented, is_started, has_carry;
    uint64_t max_size, most; /* octets of a message: at all, and to be taken here */
    lane lanes[LANES];
    uint8_t sid[MAX_SID];
    size_t sid_octets;
    int64_t sequence_number;
    _Atomic uint64_t missing, repeated, taken;
};

static void add(_Atomic uint64_t *counter, uint64_t by)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + by, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- memory and settings ---------------------------------------------------------------------------------- */

size_t sw_ws_octets(void)
{
    return sizeof(sw_ws);
}

int sw_ws_init(void *memory, size_t octets, int kind, size_t max_size)
{
    sw_ws *ws = memory;
    if (!memory || octets < sizeof *ws || max_size > INT32_MAX || (kind != SW_WS_TAP && kind != SW_WS_STREAM))
        return SW_EINVAL;
    memset(ws, 0, sizeof *ws);
    ws->kind = kind;
    ws->max_size = max_size;
    ws->most = max_size < SW_WS_PLAIN ? max_size : SW_WS_PLAIN;
    ws->sequence_number = -1;
    return SW_OK;
}

int sw_ws_lane(sw_ws *ws, int number, sw_track *track, int rate, int codec)
{
    int wide = sw_codec_octets(codec);
    if (number < 0 || number >= LANES || rate < 1 || rate > 192000)
        return SW_EINVAL;
    if (wide < 0)
        return wide;
    lane *l = &ws->lanes[number];
    l->track = track;
    l->rate = rate;
    l->wide = wide == 2;
    l->chunk = l->next = -1;
    return SW_OK;
}

int sw_ws_start(sw_ws *ws, const void *sid, size_t octets)
{
    if (octets > MAX_SID)
        return SW_EINVAL;
    memcpy(ws->sid, sid, octets);
    ws->sid_octets = octets;
    ws->is_started = 1;
    return SW_OK;
}

void sw_ws_carry(sw_ws *ws, int has_carry)
{
    ws->has_carry = has_carry;
}

void sw_ws_report(const sw_ws *ws, sw_ws_state *out)
{
    out->messages_missing = load(&ws->missing);
    out->messages_repeated = load(&ws->repeated);
    out->messages_taken = load(&ws->taken);
    for (int i = 0; i < LANES; i++) {
        out->missing[i] = load(&ws->lanes[i].missing);
        out->replayed[i] = load(&ws->lanes[i].replayed);
        out->restarted[i] = load(&ws->lanes[i].restarted);
    }
}

void sw_ws_wake(sw_ws *ws, int number)
{
    if (number >= 0 && number < LANES && ws->lanes[number].track)
        sw_track_wake(ws->lanes[number].track);
}

/* ---- where a stream's messages belong --------------------------------------------------------------------- */

void sw_ws_follow(sw_ws *ws, int64_t number)
{
    if (number < 0)
        return;
    if (ws->sequence_number >= 0 && number <= ws->sequence_number)
        add(&ws->repeated, 1);
    else if (ws->sequence_number >= 0)
        add(&ws->missing, (uint64_t)(number - ws->sequence_number - 1));
    ws->sequence_number = number;
}

/* Timestamps are whole milliseconds: they may be off by half a chunk, 2 to 20 ms, without that being a gap. */
static int64_t tolerance(const lane *l, int64_t samples)
{
    int64_t least = l->rate * 2 / 1000, most = l->rate * 20 / 1000, half = samples / 2;
    half = half > least ? half : least;
    return half < most ? half : most;
}

/* Where the media clock says; -1 if it does not say. */
static int64_t told_position(const lane *l, int64_t timestamp)
{
    return timestamp < 0 ? -1 : timestamp / 1000 * l->rate + timestamp % 1000 * l->rate / 1000;
}

/* Count what the chunk number tells. Returns how many chunks are missing before this one, -1 for a replay. */
static int64_t judge_chunk(lane *l, int64_t chunk, int64_t told, int64_t samples)
{
    int64_t skipped = 0;
    if (l->next >= 0 && l->chunk >= 0 && chunk >= 0) {
        if (chunk > l->chunk) {
            skipped = chunk - l->chunk - 1;
            add(&l->missing, (uint64_t)skipped);
        } else {
            int is_old = told < 0 || l->next - told > tolerance(l, samples);
            l->replays++;
            if (is_old && l->replays <= MOST_REPLAYS) {
                add(&l->replayed, 1);
                return -1;
            }
            add(&l->restarted, 1);
        }
    }
    l->replays = 0;
    return skipped;
}

/* Chunks that follow each other are joined without a seam while the timestamp agrees; else the timestamp holds. */
static int64_t choose_position(const lane *l, int64_t told, int64_t skipped, int64_t samples)
{
    int64_t position = told;
    if (l->next < 0)
        position = told < 0 ? 0 : told;
    else if (told < 0)
        position = skipped > (FURTHEST - l->next) / samples ? FURTHEST : l->next + skipped * samples;
    else if (!skipped && told - l->next <= tolerance(l, samples) && l->next - told <= tolerance(l, samples))
        position = l->next;
    return position < FURTHEST ? position : FURTHEST;
}

int sw_ws_place(sw_ws *ws, int number, int64_t chunk, int64_t timestamp, const void *payload, size_t octets,
                int64_t arrival)
{
    lane *l = number >= 0 && number < LANES ? &ws->lanes[number] : NULL;
    int64_t samples, told, skipped, position;
    if (octets > INT32_MAX || chunk >= INT64_MAX / 4 || timestamp > INT64_C(1) << 53)
        return SW_EINVAL;
    if (!l || !l->track)
        return SW_WS_UNEXPECTED_TRACK;
    samples = (int64_t)(octets >> l->wide);
    if (l->wide && octets % 2)
        return SW_WS_HALF_SAMPLE;
    if (samples == 0)
        return SW_WS_NO_AUDIO;
    told = told_position(l, timestamp);
    skipped = judge_chunk(l, chunk, told, samples);
    if (skipped < 0)
        return SW_WS_REPLAYED;
    position = choose_position(l, told, skipped, samples);
    if (chunk >= 0)
        l->chunk = chunk;
    l->next = position + samples;
    (void)sw_track_put(l->track, payload, octets, position, arrival, SW_ORDER_UNKNOWN);
    return SW_OK;
}

/* ---- messages --------------------------------------------------------------------------------------------- */

/* The track that a message names; without a name it is the only one. */
static int lane_of(const sw_ws *ws, int named)
{
    if (named >= 0)
        return named;
    if (ws->lanes[0].track && ws->lanes[1].track)
        return -1;
    return ws->lanes[0].track ? 0 : 1;
}

/* A stream's text. 1: taken. 0: not for here, and nothing has happened. */
static int take_text(sw_ws *ws, const uint8_t *text, size_t octets, int64_t arrival, sw_ws_taken *out)
{
    uint8_t audio[SW_WS_PLAIN / 4 * 3];
    sw_scanned found;
    int64_t size;
    int number;
    if (!sw_stream_scan(text, octets, &found))
        return 0;
    if (found.sid_octets && (found.sid_octets != ws->sid_octets || memcmp(found.sid, ws->sid, ws->sid_octets) != 0))
        return 0;
    number = lane_of(ws, found.lane);
    if (number < 0 || !ws->lanes[number].track)
        return 0;
    size = sw_base64_decode(found.payload, found.payload_octets, audio, sizeof audio);
    if (size < 0)
        return 0;
    sw_ws_follow(ws, found.sequence_number);
    out->refused = sw_ws_place(ws, number, found.chunk, found.timestamp, audio, (size_t)size, arrival);
    out->lane = number;
    if (out->refused == SW_OK)
        out->lanes |= 1 << number;
    return 1;
}

/* A tap's audio. 0: it begins or ends with half a sample. */
static int take_audio(sw_ws *ws, const uint8_t *data, size_t octets, int64_t arrival, sw_ws_taken *out)
{
    lane *l = &ws->lanes[0];
    if (ws->has_carry || (l->wide && octets % 2))
        return 0;
    if (octets) {
        (void)sw_track_append(l->track, data, octets, arrival);
        out->lanes |= 1;
    }
    return 1;
}

/* ---- frames ----------------------------------------------------------------------------------------------- */

typedef struct {
    int opcode, is_final, is_masked, is_reserved; /* is_reserved: a bit is set that has no meaning here */
    int code;                                     /* the seven bits of the length */
    size_t head;                                  /* octets before the payload */
    uint64_t length;                              /* of the payload */
} frame;

/* Read a head of which two octets are there; 0 if more of it is needed. */
static int read_head(const uint8_t *data, size_t octets, frame *f)
{
    size_t extended;
    f->is_final = data[0] >> 7;
    f->is_reserved = (data[0] & 0x70) != 0;
    f->opcode = data[0] & 15;
    f->is_masked = data[1] >> 7;
    f->code = data[1] & 127;
    f->length = (uint64_t)f->code;
    extended = f->code == 126 ? 2 : f->code == 127 ? 8 : 0;
    f->head = 2 + extended + (f->is_masked ? 4 : 0);
    if (octets < 2 + extended)
        return 0;
    if (extended == 2)
        f->length = sw_get16(data + 2);
    else if (extended == 8)
        f->length = (uint64_t)sw_get32(data + 2) << 32 | sw_get32(data + 6);
    return octets >= f->head;
}

/* A head that ends the connection, or that only the protocol's implementation can judge: it may have all that comes. */
static int is_hopeless(const sw_ws *ws, const frame *f)
{
    int is_control = f->opcode >= OP_CLOSE;
    if (f->is_reserved || !f->is_masked || f->opcode > OP_PONG || (f->opcode > OP_BINARY && !is_control))
        return 1;
    return f->opcode == OP_CLOSE || f->length > ws->max_size || (is_control && (!f->is_final || f->code > 125));
}

static int is_plain(const sw_ws *ws, const frame *f)
{
    int is_ours = ws->kind == SW_WS_TAP ? f->opcode == OP_BINARY && ws->lanes[0].track
                                        : f->opcode == OP_TEXT && ws->is_started;
    return is_ours && f->is_final && !ws->is_fragmented && f->length <= ws->most;
}

/* Exclusive-or with the mask, in place: there and back again. */
static void apply_mask(uint8_t *data, size_t octets, const uint8_t *mask)
{
    uint64_t wide, part;
    uint8_t twice[8];
    size_t i = 0;
    memcpy(twice, mask, 4);
    memcpy(twice + 4, mask, 4);
    memcpy(&wide, twice, 8);
    for (; i + 8 <= octets; i += 8) {
        memcpy(&part, data + i, 8);
        part ^= wide;
        memcpy(data + i, &part, 8);
    }
    for (; i < octets; i++)
        data[i] ^= mask[i & 3];
}

static int take_message(sw_ws *ws, uint8_t *data, const frame *f, int64_t arrival, sw_ws_taken *out)
{
    uint8_t *payload = data + f->head;
    const uint8_t *mask = payload - 4;
    size_t octets = (size_t)f->length;
    int taken;
    apply_mask(payload, octets, mask);
    taken = ws->kind == SW_WS_TAP ? take_audio(ws, payload, octets, arrival, out)
                                  : take_text(ws, payload, octets, arrival, out);
    if (!taken)
        apply_mask(payload, octets, mask); /* whoever reads it expects it as it came */
    return taken;
}

int64_t sw_ws_take(sw_ws *ws, void *data, size_t octets, int64_t arrival, sw_ws_taken *out)
{
    uint8_t *at = data, *end = at + octets;
    uint64_t taken = 0;
    frame f;
    memset(out, 0, sizeof *out);
    while (end - at >= 2) {
        int is_whole = read_head(at, (size_t)(end - at), &f);
        if (is_hopeless(ws, &f)) {
            out->foreign = UINT64_MAX;
            break;
        }
        if (!is_whole)
            break;
        if (is_plain(ws, &f) && (uint64_t)(end - at) - f.head < f.length)
            break;
        if (!is_plain(ws, &f) || !take_message(ws, at, &f, arrival, out)) {
            if (f.opcode <= OP_BINARY)
                ws->is_fragmented = !f.is_final;
            out->foreign = f.head + f.length;
            break;
        }
        at += f.head + f.length;
        taken++;
        if (out->refused != SW_OK)
            break;
    }
    add(&ws->taken, taken);
    return at - (uint8_t *)data;
}
