/* Fuzzes level.c and the codecs: any samples at any rate and in blocks of any size give the same sums, in bounds. */
#include "fuzz.h"

static void add(sw_level *level, const uint8_t *pcm, size_t samples, size_t block, uint32_t rate, uint32_t threshold)
{
    for (size_t at = 0, n; at < samples; at += n) {
        uint8_t *part;
        n = samples - at < block ? samples - at : block;
        part = exactly(2 * n);
        memcpy(part, pcm + 2 * at, 2 * n);
        CHECK(sw_level_add(level, part, n, rate, threshold) == SW_OK);
        free(part);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    sw_level whole = {0}, parts = {0};
    uint32_t rate, threshold;
    size_t samples, block;
    if (octets < 6 || octets > 40000)
        return 0;
    rate = 1000 + (uint32_t)(data[0] << 8 | data[1]) * 191000 / 65535;
    threshold = (uint32_t)data[2] << (data[3] & 23);
    block = 1 + data[4];
    samples = (octets - 5) / 2;
    add(&whole, data + 5, samples, SIZE_MAX, rate, threshold);
    add(&parts, data + 5, samples, block, rate, threshold);
    CHECK(memcmp(&whole, &parts, sizeof whole) == 0);
    CHECK(whole.samples == samples && whole.peak <= 32768 && whole.clipped <= samples);
    CHECK(whole.active <= whole.talk && whole.talk <= samples && whole.active_energy <= whole.energy);
    for (int codec = -1; codec < 5; codec++) { /* any octets as any codec, with room that just suffices */
        int width = sw_codec_octets(codec), code;
        size_t room = width > 0 ? (octets - 5) / (size_t)width : 0;
        int16_t *pcm = exactly(2 * room);
        code = sw_decode(codec, data + 5, octets - 5, pcm, room);
        CHECK(code == SW_OK || (code == SW_ECODEC && (width < 0 || (octets - 5) % (size_t)width)));
        if (code == SW_OK && room)
            CHECK(sw_decode(codec, data + 5, octets - 5, pcm, room - 1) == SW_EROOM);
        free(pcm);
    }
    return 0;
}
