/*
 * G.711 in portable C, and the public functions, which run the path that cpu.c chose.
 *
 * The reference is the ITU's own software tool library (ITU-T G.191). Other libraries differ from it for some
 * negative mu-law inputs, because they negate where G.191 takes the one's complement.
 *
 * Both laws are small floating point formats: a segment (exponent) and an interval (mantissa of 4 bits). So the
 * conversion to IEEE single precision does the work: bits 19..30 of (float)n are n's exponent and its 4 leading
 * mantissa bits, with no loop, branch or table, in a form that compilers turn into vector code by themselves.
 *   mu-law: n = min(|x|, 32635) + 132, 132..32767: exponents 7..14 are the segments 0..7.
 *   A-law:  n = |x|: exponents 8..14 are the segments 1..7; below 256 the law is linear, in steps of 16.
 * |x| is the one's complement of a negative x, as G.191 has it. Going back, the half step that G.711 adds to land in
 * the middle of an interval is one more mantissa bit.
 */
#include <float.h>

#include "g711_paths.h"

_Static_assert(FLT_RADIX == 2 && FLT_MANT_DIG == 24 && sizeof(float) == 4, "IEEE 754 single precision");

#define ULAW_BIAS 132               /* moves the first segment's start to a power of two */
#define EXPONENT_BASE (134u << 4)   /* (127 + 7) << 4: exponent 7 as the float's top 12 bits show it */
#define HALF_STEP_EXPONENT (134u << 23)

static inline int32_t load16(const uint8_t *p)
{
    int16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store16(uint8_t *p, int32_t v)
{
    int16_t s = (int16_t)v;
    memcpy(p, &s, sizeof s);
}

/* Exponent and four mantissa bits of n (>= 0), relative to exponent 7: segment * 16 + interval. */
static inline int32_t float_code(int32_t n)
{
    float f = (float)n;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (int32_t)(bits >> 19) - (int32_t)EXPONENT_BASE;
}

/* The middle of the interval `code` (segment * 16 + interval), segment 0 beginning at 128. */
static inline int32_t float_value(uint32_t code)
{
    uint32_t bits = HALF_STEP_EXPONENT + (((code << 1) | 1u) << 18);
    float f;
    memcpy(&f, &bits, sizeof f);
    return (int32_t)f;
}

static void plain_ulaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    for (size_t i = 0; i < samples; i++) {
        int32_t x = load16(pcm + 2 * i);
        int32_t sign = x < 0 ? -1 : 0;
        int32_t n = (x ^ sign) + ULAW_BIAS;
        n = n > 32767 ? 32767 : n;
        out[i] = (uint8_t)(float_code(n) ^ (sign & 0x80) ^ 0xFF);
    }
}

static void plain_alaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    for (size_t i = 0; i < samples; i++) {
        int32_t x = load16(pcm + 2 * i);
        int32_t sign = x < 0 ? -1 : 0;
        int32_t n = x ^ sign;
        int32_t linear = n >> 4;
        int32_t code = float_code(n); /* exponent 8 is segment 1; below, at most 15 and less than linear */
        linear = linear > 15 ? 15 : linear;
        code = code > linear ? code : linear;
        out[i] = (uint8_t)(code ^ (sign & 0x80) ^ 0xD5);
    }
}

static void plain_ulaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    for (size_t i = 0; i < octets; i++) {
        uint32_t c = codes[i] ^ 0xFFu;
        int32_t value = float_value(c & 0x7F) - ULAW_BIAS;
        int32_t sign = c & 0x80 ? -1 : 0;
        store16(pcm + 2 * i, (value ^ sign) - sign);
    }
}

static void plain_alaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    for (size_t i = 0; i < octets; i++) {
        uint32_t c = codes[i] ^ 0x55u;
        uint32_t code = c & 0x7F;
        int32_t value = code < 16 ? (int32_t)(code * 16 + 8) : float_value(code);
        int32_t sign = c & 0x80 ? 0 : -1;
        store16(pcm + 2 * i, (value ^ sign) - sign);
    }
}

const sw_g711_path sw_g711_plain = {
    plain_ulaw_encode,
    plain_alaw_encode,
    plain_ulaw_decode,
    plain_alaw_decode,
};

void sw_ulaw_encode(const void *pcm, size_t samples, uint8_t *out)
{
    sw_g711()->ulaw_encode(pcm, samples, out);
}

void sw_alaw_encode(const void *pcm, size_t samples, uint8_t *out)
{
    sw_g711()->alaw_encode(pcm, samples, out);
}

void sw_ulaw_decode(const uint8_t *codes, size_t octets, void *pcm)
{
    sw_g711()->ulaw_decode(codes, octets, pcm);
}

void sw_alaw_decode(const uint8_t *codes, size_t octets, void *pcm)
{
    sw_g711()->alaw_decode(codes, octets, pcm);
}

void sw_swap16(const void *in, size_t samples, void *out)
{
    const uint8_t *from = in;
    uint8_t *to = out;
    for (size_t i = 0; i < samples; i++) {
        uint16_t v;
        memcpy(&v, from + 2 * i, sizeof v);
        v = (uint16_t)((v << 8) | (v >> 8));
        memcpy(to + 2 * i, &v, sizeof v);
    }
}

/* L16 either way: a copy, or an exchange of octets where the wire's order is not the machine's. */
static void copy_l16(int codec, const void *in, size_t samples, void *out)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    if ((first == 1) == (codec == SW_CODEC_L16LE)) {
        if (samples > 0)
            memcpy(out, in, 2 * samples);
    } else {
        sw_swap16(in, samples, out);
    }
}

int sw_codec_octets(int codec)
{
    switch (codec) {
    case SW_CODEC_PCMU:
    case SW_CODEC_PCMA:
        return 1;
    case SW_CODEC_L16:
    case SW_CODEC_L16LE:
        return 2;
    default:
        return SW_ECODEC;
    }
}

int sw_encode(int codec, const void *pcm, size_t samples, uint8_t *out, size_t room)
{
    int width = sw_codec_octets(codec);
    if (width < 0)
        return width;
    if (samples > room / (size_t)width)
        return SW_EROOM;
    if (codec == SW_CODEC_PCMU)
        sw_ulaw_encode(pcm, samples, out);
    else if (codec == SW_CODEC_PCMA)
        sw_alaw_encode(pcm, samples, out);
    else
        copy_l16(codec, pcm, samples, out);
    return SW_OK;
}

int sw_decode(int codec, const void *payload, size_t octets, void *pcm, size_t room)
{
    int width = sw_codec_octets(codec);
    if (width < 0)
        return width;
    if (octets % (size_t)width != 0)
        return SW_ECODEC;
    if (octets / (size_t)width > room)
        return SW_EROOM;
    if (codec == SW_CODEC_PCMU)
        sw_ulaw_decode(payload, octets, pcm);
    else if (codec == SW_CODEC_PCMA)
        sw_alaw_decode(payload, octets, pcm);
    else
        copy_l16(codec, payload, octets / 2, pcm);
    return SW_OK;
}
