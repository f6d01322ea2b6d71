/* Fuzzes plc.c: any audio, any losses, any lengths; and cut into other pieces it comes out the same. */
#include "fuzz.h"

static const int rates[] = {8000, 11025, 16000, 24000, 44100, 48000};

/* Do what the input says, in calls of at most `most` samples; returns a sum of all that came out. */
static uint64_t run(const uint8_t *data, size_t octets, size_t most)
{
    sw_plc *plc = exactly(sizeof *plc);
    uint64_t sum = 0;
    size_t at = 1;
    CHECK(sw_plc_init(plc, rates[data[0] % 6]) == SW_OK);
    while (at + 3 <= octets) {
        int what = data[at] & 3, pattern = data[at] >> 2;
        size_t left = data[at + 1] * 8u + (data[at + 2] & 7), n;
        at += 3;
        if (what == 3)
            sw_plc_reset(plc);
        for (; what != 3 && left; left -= n) {
            int16_t *pcm;
            n = left < most ? left : most;
            pcm = exactly(2 * n);
            for (size_t i = 0; i < n; i++) /* loud, and as periodic as the input is */
                pcm[i] = (int16_t)(data[(at + (left - i) * (size_t)pattern) % octets] * 257 - 32768);
            if (what == 0)
                sw_plc_conceal(plc, pcm, n);
            else
                sw_plc_good(plc, pcm, n);
            for (size_t i = 0; i < n; i++)
                sum = sum * 31 + (uint16_t)pcm[i];
            free(pcm);
        }
        CHECK(plc->phase >= 0 && plc->phase <= 2 && plc->lost >= 0 && plc->lost <= 6 * plc->step);
    }
    free(plc);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    if (octets > 3 && octets < 400)
        CHECK(run(data, octets, SIZE_MAX) == run(data, octets, 1 + data[1] % 97));
    return 0;
}
