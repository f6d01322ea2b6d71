/*
 * G.711 with NEON on 64-bit ARM, 16 samples at a time. NEON counts leading zeros and shifts each lane by its own
 * distance, so the segment is a subtraction away and nothing is looked up.
 */
#include "g711_paths.h"

#if SW_HAVE_NEON

#include <arm_neon.h>

#define BLOCK 16

static inline int16x8_t load16(const uint8_t *p)
{
    return vreinterpretq_s16_u8(vld1q_u8(p));
}

static inline void store16(uint8_t *p, int16x8_t v)
{
    vst1q_u8(p, vreinterpretq_u8_s16(v));
}

static inline int16x8_t magnitude(int16x8_t x)
{
    return veorq_s16(x, vshrq_n_s16(x, 15));
}

/* segment * 16 + interval of n (128..32767): the leading bit is bit 7 + segment; 16 is that bit itself, taken off. */
static inline int16x8_t float_codes(int16x8_t n)
{
    int16x8_t segment = vsubq_s16(vdupq_n_s16(8), vclzq_s16(n));
    int16x8_t interval = vshlq_s16(n, vsubq_s16(vdupq_n_s16(-3), segment));
    return vaddq_s16(interval, vsubq_s16(vshlq_n_s16(segment, 4), vdupq_n_s16(16)));
}

/* Give codes (without signs) the signs of x and the law's inversions. */
static inline uint8x16_t finish(int8x16_t codes, int16x8_t x0, int16x8_t x1, uint8_t inversions)
{
    int8x16_t x = vcombine_s8(vqmovn_s16(x0), vqmovn_s16(x1));
    uint8x16_t sign = vandq_u8(vreinterpretq_u8_s8(x), vdupq_n_u8(0x80));
    return veorq_u8(vreinterpretq_u8_s8(codes), veorq_u8(sign, vdupq_n_u8(inversions)));
}

static inline void ulaw_encode_block(const uint8_t *pcm, uint8_t *out)
{
    const int16x8_t bias = vdupq_n_s16(132);
    int16x8_t x0 = load16(pcm), x1 = load16(pcm + 16);
    int16x8_t c0 = float_codes(vqaddq_s16(magnitude(x0), bias));
    int16x8_t c1 = float_codes(vqaddq_s16(magnitude(x1), bias));
    vst1q_u8(out, finish(vcombine_s8(vmovn_s16(c0), vmovn_s16(c1)), x0, x1, 0xFF));
}

/* Below 256 A-law is linear in steps of 16, and float_codes() is never above that. */
static inline int8x8_t alaw_codes(int16x8_t n)
{
    int16x8_t linear = vminq_s16(vshrq_n_s16(n, 4), vdupq_n_s16(15));
    return vmovn_s16(vmaxq_s16(float_codes(n), linear));
}

static inline void alaw_encode_block(const uint8_t *pcm, uint8_t *out)
{
    int16x8_t x0 = load16(pcm), x1 = load16(pcm + 16);
    int8x16_t codes = vcombine_s8(alaw_codes(magnitude(x0)), alaw_codes(magnitude(x1)));
    vst1q_u8(out, finish(codes, x0, x1, 0xD5));
}

static inline int16x8_t negate_where(int16x8_t value, int16x8_t sign)
{
    return vsubq_s16(veorq_s16(value, sign), sign);
}

static inline int16x8_t ulaw_values(uint8x8_t c)
{
    int16x8_t n = vreinterpretq_s16_u16(vmovl_u8(vmvn_u8(c)));
    int16x8_t segment = vandq_s16(vshrq_n_s16(n, 4), vdupq_n_s16(7));
    int16x8_t interval = vaddq_s16(vandq_s16(vshlq_n_s16(n, 3), vdupq_n_s16(0x78)), vdupq_n_s16(132));
    int16x8_t value = vsubq_s16(vshlq_s16(interval, segment), vdupq_n_s16(132));
    return negate_where(value, vshrq_n_s16(vshlq_n_s16(n, 8), 15));
}

static inline int16x8_t alaw_values(uint8x8_t c)
{
    int16x8_t n = vreinterpretq_s16_u16(vmovl_u8(veor_u8(c, vdup_n_u8(0xD5))));
    int16x8_t segment = vandq_s16(vshrq_n_s16(n, 4), vdupq_n_s16(7));
    int16x8_t interval = vaddq_s16(vandq_s16(vshlq_n_s16(n, 4), vdupq_n_s16(0xF0)), vdupq_n_s16(8));
    /* From segment 1 on there is a leading bit, and the interval doubles with each segment after that. */
    uint16x8_t curved = vcgtq_s16(segment, vdupq_n_s16(0));
    interval = vaddq_s16(interval, vandq_s16(vreinterpretq_s16_u16(curved), vdupq_n_s16(256)));
    int16x8_t value = vshlq_s16(interval, vmaxq_s16(vsubq_s16(segment, vdupq_n_s16(1)), vdupq_n_s16(0)));
    return negate_where(value, vshrq_n_s16(vshlq_n_s16(n, 8), 15));
}

static void neon_ulaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK)
        ulaw_encode_block(pcm + 2 * i, out + i);
    sw_g711_plain.ulaw_encode(pcm + 2 * i, samples - i, out + i);
}

static void neon_alaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK)
        alaw_encode_block(pcm + 2 * i, out + i);
    sw_g711_plain.alaw_encode(pcm + 2 * i, samples - i, out + i);
}

static void neon_ulaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    size_t i = 0;
    for (; i + BLOCK <= octets; i += BLOCK) {
        uint8x16_t c = vld1q_u8(codes + i);
        store16(pcm + 2 * i, ulaw_values(vget_low_u8(c)));
        store16(pcm + 2 * i + 16, ulaw_values(vget_high_u8(c)));
    }
    sw_g711_plain.ulaw_decode(codes + i, octets - i, pcm + 2 * i);
}

static void neon_alaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    size_t i = 0;
    for (; i + BLOCK <= octets; i += BLOCK) {
        uint8x16_t c = vld1q_u8(codes + i);
        store16(pcm + 2 * i, alaw_values(vget_low_u8(c)));
        store16(pcm + 2 * i + 16, alaw_values(vget_high_u8(c)));
    }
    sw_g711_plain.alaw_decode(codes + i, octets - i, pcm + 2 * i);
}

const sw_g711_path sw_g711_neon = {
    neon_ulaw_encode,
    neon_alaw_encode,
    neon_ulaw_decode,
    neon_alaw_decode,
};

#else
typedef int sw_g711_neon_is_empty; /* ISO C wants a declaration in every file */
#endif
