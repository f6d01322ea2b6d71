/* Levels and speech activity of a block of samples: sums in integers, so that blocks of any size give the same. */

#include "sw.h"

#define CHUNK 4096 /* samples whose squares fit 64 bits many times over, and that stay in the first cache */

static void measure(const int16_t *pcm, size_t samples, uint64_t *energy, uint32_t *peak, uint64_t *clipped)
{
    uint64_t sum = 0;
    uint32_t clips = 0;
    int32_t low = 0, high = 0;
    for (size_t i = 0; i < samples; i++) {
        int32_t s = pcm[i];
        sum += (uint64_t)(uint32_t)(s * s);
        low = s < low ? s : low;
        high = s > high ? s : high;
        clips += s == 32767 || s == -32768;
    }
    *energy = sum;
    *clipped += clips;
    *peak = (uint32_t)(-low > high ? -low : high);
}

static void end_frame(sw_level *level, uint32_t rate, uint32_t threshold)
{
    uint32_t n = level->frame_samples;
    if (level->frame_energy > (uint64_t)threshold * n) {
        level->hangover = rate / 5;
        level->active += n;
        level->active_energy += level->frame_energy;
        level->talk += n;
    } else if (level->hangover) {
        level->talk += level->hangover < n ? level->hangover : n;
        level->hangover -= level->hangover < n ? level->hangover : n;
    }
    level->frame_samples = 0;
    level->frame_energy = 0;
}

int sw_level_add(sw_level *level, const void *pcm, size_t samples, uint32_t rate, uint32_t threshold)
{
    const uint8_t *from = pcm;
    const uint32_t frame = rate / 50;
    int16_t block[CHUNK];
    if (!level || (!pcm && samples) || rate < 1000 || rate > 192000)
        return SW_EINVAL;
    while (samples) {
        uint64_t energy;
        uint32_t peak;
        size_t n = frame - level->frame_samples;
        n = n < samples ? n : samples;
        n = n < CHUNK ? n : CHUNK;
        memcpy(block, from, 2 * n);
        measure(block, n, &energy, &peak, &level->clipped);
        level->samples += n;
        level->energy += energy;
        level->frame_energy += energy;
        level->frame_samples += (uint32_t)n;
        level->peak = peak > level->peak ? peak : level->peak;
        if (level->frame_samples >= frame)
            end_frame(level, rate, threshold);
        from += 2 * n;
        samples -= n;
    }
    return SW_OK;
}
