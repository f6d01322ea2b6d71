/*
 * Packet loss concealment after ITU-T G.711 Appendix I: what was lost goes on as the last pitch periods did.
 *
 * The Recommendation holds all output back for 3.75 ms, to fade over the last quarter period before a loss when there
 * is one. Here nothing is held back and no sample before a loss is touched: the same fade lies in the first quarter
 * period after it, from what follows without a step to what
 * the Recommendation puts there. So the concealment adds no delay.
 *
 * Lengths are the Recommendation's at 8 kHz (in milliseconds: pitch 5 to 15, history 48.75, steps of 10), and in
 * proportion at other rates, where the search for the pitch looks at every rate/8000-th sample first.
 */
#include "sw.h"

enum { GOOD, LOST, MERGING };

#define LEAST_POWER 250.0f /* of a stretch that is compared: silence resembles nothing */
#define FADED 6            /* steps of 10 ms after which there is silence */

int sw_plc_init(sw_plc *plc, int rate)
{
    if (rate < 8000 || rate > 48000)
        return SW_EINVAL;
    memset(plc, 0, sizeof *plc);
    plc->rate = rate;
    plc->step = rate / 100;
    plc->longest = rate * 15 / 1000;
    plc->shortest = rate / 200;
    plc->length = 3 * plc->longest + plc->longest / 4;
    return SW_OK;
}

void sw_plc_reset(sw_plc *plc)
{
    (void)sw_plc_init(plc, plc->rate);
}

/* ---- the pitch -------------------------------------------------------------------------------------------- */

/* How much the last 20 ms are like those `lag` samples before, looking at every `stride`-th: the normalised
   cross-correlation squared, with its sign. */
static float likeness(const sw_plc *plc, int lag, int stride)
{
    const int16_t *last = plc->history + plc->length - 2 * plc->step, *before = last - lag;
    float product = 0, power = 0;
    for (int i = 0; i < 2 * plc->step; i += stride) {
        product += (float)last[i] * (float)before[i];
        power += (float)before[i] * (float)before[i];
    }
    return product * (product < 0 ? -product : product) / (power > LEAST_POWER ? power : LEAST_POWER);
}

static int best_lag(const sw_plc *plc, int from, int to, int stride)
{
    int best = from;
    float most = likeness(plc, from, stride);
    for (int lag = from + stride; lag <= to; lag += stride) {
        float it = likeness(plc, lag, stride);
        if (it > most) {
            most = it;
            best = lag;
        }
    }
    return best;
}

static int find_pitch(const sw_plc *plc)
{
    int stride = plc->rate / 8000;
    int rough = best_lag(plc, plc->shortest, plc->longest, stride), from, to;
    if (stride == 1)
        return rough;
    from = rough - stride + 1 > plc->shortest ? rough - stride + 1 : plc->shortest;
    to = rough + stride - 1 < plc->longest ? rough + stride - 1 : plc->longest;
    return best_lag(plc, from, to, 1);
}

/* ---- the signal that goes on ------------------------------------------------------------------------------ */

static int16_t clamped(float x)
{
    return x >= 32767.0f ? 32767 : x <= -32768.0f ? -32768 : (int16_t)(x < 0 ? x - 0.5f : x + 0.5f);
}

/* From 0 to 1 over `n` samples, neither of them reached. */
static float rising(int i, int n)
{
    return (float)(i + 1) / (float)(n + 1);
}

/* The next sample of the periods that are repeated. */
static float repeated(sw_plc *plc)
{
    int round = plc->periods * plc->pitch;
    float x = plc->cycle[plc->length - round + plc->offset];
    plc->offset = plc->offset + 1 < round ? plc->offset + 1 : 0;
    return x;
}

/* Repeat one period more from here on: the end of the last one becomes what leads to the beginning of the first. */
static void widen(sw_plc *plc)
{
    int16_t *end = plc->cycle + plc->length - plc->overlap;
    const int16_t *before;
    plc->periods++;
    before = end - plc->periods * plc->pitch;
    for (int i = 0; i < plc->overlap; i++) {
        float w = rising(i, plc->overlap);
        end[i] = clamped((1 - w) * (float)plc->tail[i] + w * (float)before[i]);
    }
}

static void begin_loss(sw_plc *plc)
{
    const int16_t *end = plc->history + plc->length;
    float seam;
    plc->phase = LOST;
    plc->lost = plc->periods = plc->offset = plc->faded = 0;
    plc->pitch = find_pitch(plc);
    plc->overlap = plc->pitch / 4;
    memcpy(plc->cycle, plc->history, sizeof plc->cycle);
    memcpy(plc->tail, end - plc->overlap, (size_t)plc->overlap * 2);
    widen(plc);
    seam = (float)end[-1] - (float)end[-1 - plc->pitch];
    for (int i = 0; i < plc->overlap; i++)
        plc->fade[i] = seam + (float)end[i - plc->pitch];
}

/* After 10 and after 20 ms more periods are repeated, so that it does not buzz; what would have come fades into it. */
static void repeat_more(sw_plc *plc)
{
    int offset = plc->offset;
    for (int i = 0; i < plc->overlap; i++)
        plc->fade[i] = repeated(plc);
    plc->faded = 0;
    plc->offset = offset % plc->pitch;
    widen(plc);
}

/* Full for 10 ms, then 20 % less for each 10 ms. */
static float gain(const sw_plc *plc)
{
    float steps = (float)plc->lost / (float)plc->step;
    return steps <= 1 ? 1 : steps < FADED ? 1 - 0.2f * (steps - 1) : 0;
}

static float next(sw_plc *plc)
{
    float x, scale = gain(plc);
    if (plc->lost >= FADED * plc->step)
        return 0;
    if (plc->lost == plc->step || plc->lost == 2 * plc->step)
        repeat_more(plc);
    plc->lost++;
    x = repeated(plc);
    if (plc->faded < plc->overlap) {
        float w = rising(plc->faded, plc->overlap);
        x = (1 - w) * plc->fade[plc->faded++] + w * x;
    }
    return scale * x;
}

/* ---- the interface ---------------------------------------------------------------------------------------- */

static void remember(sw_plc *plc, const unsigned char *pcm, size_t samples)
{
    size_t length = (size_t)plc->length;
    if (samples < length)
        memmove(plc->history, plc->history + samples, (length - samples) * 2);
    else
        pcm += (samples - length) * 2;
    samples = samples < length ? samples : length;
    memcpy(plc->history + length - samples, pcm, samples * 2);
}

void sw_plc_good(sw_plc *plc, void *pcm, size_t samples)
{
    unsigned char *at = pcm;
    if (plc->phase == LOST) { /* a quarter period, and 4 ms for each 10 ms after the first, 10 ms at most */
        int more = plc->lost > 0 ? (plc->lost - 1) / plc->step : 0;
        int merge = plc->overlap + more * plc->step * 2 / 5;
        plc->phase = MERGING;
        plc->merged = 0;
        plc->merge = merge < plc->step ? merge : plc->step;
    }
    for (size_t i = 0; plc->phase == MERGING && i < samples; i++) {
        float w = rising(plc->merged, plc->merge);
        int16_t x;
        memcpy(&x, at + 2 * i, 2);
        x = clamped((1 - w) * next(plc) + w * (float)x);
        memcpy(at + 2 * i, &x, 2);
        if (++plc->merged >= plc->merge)
            plc->phase = GOOD;
    }
    remember(plc, pcm, samples);
}

void sw_plc_conceal(sw_plc *plc, void *pcm, size_t samples)
{
    unsigned char *at = pcm;
    if (samples && plc->phase != LOST)
        begin_loss(plc);
    for (size_t i = 0; i < samples; i++) {
        int16_t x = clamped(next(plc));
        memcpy(at + 2 * i, &x, 2);
    }
    remember(plc, pcm, samples);
}
