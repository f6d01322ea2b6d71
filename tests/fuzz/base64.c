/* Fuzzes base64.c against a decoder that goes bit by bit (RFC 4648 section 4, strict), with memory that just suffices. */
#include "fuzz.h"

static int value(int c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* The octets decoded, or -1. */
static int64_t slowly(const uint8_t *text, size_t octets, uint8_t *out)
{
    size_t pads = 0, written = 0;
    uint32_t bits = 0, held = 0;
    if (octets % 4)
        return -1;
    while (pads < 2 && pads < octets && text[octets - 1 - pads] == '=')
        pads++;
    for (size_t i = 0; i < octets - pads; i++) {
        int v = value(text[i]);
        if (v < 0)
            return -1;
        held = held << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[written++] = (uint8_t)(held >> bits);
            held &= (1u << bits) - 1;
        }
    }
    return held ? -1 : (int64_t)written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    uint8_t *text = exactly(octets), *expected = exactly(octets), *got;
    int64_t size = slowly(data, octets, expected);
    memcpy(text, data, octets);
    got = exactly(size < 0 ? octets : (size_t)size);
    if (size < 0) {
        CHECK(sw_base64_decode(text, octets, got, octets) == SW_EBASE64);
    } else {
        CHECK(sw_base64_decode(text, octets, got, (size_t)size) == size && memcmp(got, expected, (size_t)size) == 0);
        CHECK(size == 0 || sw_base64_decode(text, octets, got, (size_t)size - 1) == SW_EROOM);
    }
    free(got);
    free(expected);
    free(text);
    return 0;
}
