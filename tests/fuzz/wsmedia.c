/*
 * Fuzzes wsmedia.c, streamscan.c and base64.c: any octets of a peer's, in reads of any size.
 *
 * The first octet chooses: a tap or a stream, the codec, the size of each read. The rest is what the socket gives. What
 * is left to others is passed over as Connection does it. Beyond the sanitizers it checks that every call goes on by no
 * more than it was given, that octets it does not take are as they came, and what the ring may hold.
 */
#include <stdlib.h>

#include "streamscan.h"

#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

enum { CAPACITY = 4096, ROOM = 4096 };

static sw_track *new_track(int codec)
{
    void *memory = aligned_alloc(64, (sw_track_octets(CAPACITY) + 63) & ~(size_t)63);
    MUST(memory);
    memset(memory, 0, sw_track_octets(CAPACITY));
    MUST(sw_track_init(memory, sw_track_octets(CAPACITY), CAPACITY, 8000, codec, 1000, 16) == SW_OK);
    return memory;
}

static void check_track(sw_track *track)
{
    sw_track_state state;
    sw_track_report(track, &state);
    MUST(state.head >= state.start || !state.started);
    free(track);
}

/* What a peer sends, in reads of `step` octets behind what the last one left. */
static void feed(sw_ws *ws, const uint8_t *data, size_t octets, size_t step)
{
    uint8_t buffer[ROOM], before[ROOM];
    uint64_t foreign = 0;
    size_t held = 0;
    int64_t now = 1;
    while (octets) {
        size_t came = step < octets ? step : octets, at = 0;
        sw_ws_taken taken = {0, 0, 0, 0};
        if (held + came > ROOM)
            return; /* a message longer than this target's buffer */
        memcpy(buffer + held, data, came);
        data += came;
        octets -= came;
        came += held;
        now += 1000000;
        while (at < came) {
            int64_t done;
            if (foreign) {
                size_t passed = foreign < came - at ? (size_t)foreign : came - at;
                foreign -= passed;
                at += passed;
                continue;
            }
            memcpy(before, buffer, came);
            done = sw_ws_take(ws, buffer + at, came - at, now, &taken);
            MUST(done >= 0 && (size_t)done <= came - at);
            at += (size_t)done;
            MUST(memcmp(before + at, buffer + at, came - at) == 0);
            MUST(taken.refused == SW_OK || done > 0);
            foreign = taken.foreign;
            if (!foreign && taken.refused == SW_OK)
                break;
        }
        held = came - at;
        memmove(buffer, buffer + at, held);
    }
}

static void scan_only(const uint8_t *data, size_t octets)
{
    sw_scanned found;
    uint8_t out[ROOM];
    int64_t size = sw_base64_decode(data, octets, out, sizeof out);
    MUST(size <= (int64_t)sizeof out);
    if (!sw_stream_scan(data, octets, &found))
        return;
    MUST(found.payload >= data && found.payload + found.payload_octets <= data + octets);
    MUST(found.chunk >= -1 && found.chunk <= INT64_C(1) << 53 && found.lane >= -1 && found.lane <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    static const size_t steps[] = {1, 3, 64, 2048};
    void *memory = calloc(1, sw_ws_octets());
    int is_stream, codec;
    sw_track *one, *other;
    if (!memory || octets < 1) {
        free(memory);
        return 0;
    }
    is_stream = data[0] & 1;
    codec = data[0] >> 1 & 3;
    one = new_track(codec);
    other = new_track(codec);
    MUST(sw_ws_init(memory, sw_ws_octets(), is_stream ? SW_WS_STREAM : SW_WS_TAP, 65536) == SW_OK);
    MUST(sw_ws_lane(memory, 0, one, 8000, codec) == SW_OK);
    if (data[0] & 32)
        MUST(sw_ws_lane(memory, 1, other, 8000, codec) == SW_OK);
    MUST(sw_ws_start(memory, "S", 1) == SW_OK);
    feed(memory, data + 1, octets - 1, steps[data[0] >> 3 & 3]);
    scan_only(data + 1, octets - 1);
    check_track(one);
    check_track(other);
    free(memory);
    return 0;
}
