/*
 * G.711 with SSE2, which every x86-64 has. The method is that of g711.c (the float's exponent and mantissa are the
 * segment and the interval), 16 samples at a time.
 */
#include "g711_paths.h"

#if SW_HAVE_X86

#include <emmintrin.h>

#define SW_SSE2 __attribute__((target("sse2")))
#define BLOCK 16

/* Eight n (0..32767) to the top 12 bits of their floats, less those of 128: segment * 16 + interval. */
SW_SSE2 static inline __m128i float_codes(__m128i n)
{
    const __m128i zero = _mm_setzero_si128();
    __m128 low = _mm_cvtepi32_ps(_mm_unpacklo_epi16(n, zero));
    __m128 high = _mm_cvtepi32_ps(_mm_unpackhi_epi16(n, zero));
    __m128i both = _mm_packs_epi32(_mm_srli_epi32(_mm_castps_si128(low), 19),
                                   _mm_srli_epi32(_mm_castps_si128(high), 19));
    return _mm_sub_epi16(both, _mm_set1_epi16(134 << 4));
}

/* Eight codes (16 bit lanes, 0..127) to the middles of their intervals, as float_value() in g711.c. */
SW_SSE2 static inline __m128i float_values(__m128i codes)
{
    const __m128i zero = _mm_setzero_si128();
    /* In the upper half of each 32 bit lane: (code << 1 | 1) << 18, and exponent 7. */
    __m128i upper = _mm_add_epi16(_mm_slli_epi16(codes, 3), _mm_set1_epi16((134 << 7) + 4));
    __m128 low = _mm_castsi128_ps(_mm_unpacklo_epi16(zero, upper));
    __m128 high = _mm_castsi128_ps(_mm_unpackhi_epi16(zero, upper));
    return _mm_packs_epi32(_mm_cvttps_epi32(low), _mm_cvttps_epi32(high));
}

SW_SSE2 static inline __m128i negate_where(__m128i value, __m128i sign)
{
    return _mm_sub_epi16(_mm_xor_si128(value, sign), sign);
}

SW_SSE2 static inline void ulaw_encode_block(const uint8_t *pcm, uint8_t *out)
{
    const __m128i bias = _mm_set1_epi16(132);
    __m128i x0 = _mm_loadu_si128((const __m128i *)(const void *)pcm);
    __m128i x1 = _mm_loadu_si128((const __m128i *)(const void *)(pcm + 16));
    __m128i n0 = _mm_adds_epi16(_mm_xor_si128(x0, _mm_srai_epi16(x0, 15)), bias);
    __m128i n1 = _mm_adds_epi16(_mm_xor_si128(x1, _mm_srai_epi16(x1, 15)), bias);
    __m128i codes = _mm_packs_epi16(float_codes(n0), float_codes(n1));
    __m128i sign = _mm_and_si128(_mm_packs_epi16(x0, x1), _mm_set1_epi8((char)0x80));
    codes = _mm_xor_si128(_mm_xor_si128(codes, sign), _mm_set1_epi8((char)0xFF));
    _mm_storeu_si128((__m128i *)(void *)out, codes);
}

SW_SSE2 static inline void alaw_encode_block(const uint8_t *pcm, uint8_t *out)
{
    __m128i x0 = _mm_loadu_si128((const __m128i *)(const void *)pcm);
    __m128i x1 = _mm_loadu_si128((const __m128i *)(const void *)(pcm + 16));
    __m128i n0 = _mm_xor_si128(x0, _mm_srai_epi16(x0, 15));
    __m128i n1 = _mm_xor_si128(x1, _mm_srai_epi16(x1, 15));
    __m128i linear = _mm_packus_epi16(_mm_srli_epi16(n0, 4), _mm_srli_epi16(n1, 4));
    /* Below 128 the float's code is negative and packus makes it 0. */
    __m128i codes = _mm_packus_epi16(float_codes(n0), float_codes(n1));
    codes = _mm_max_epu8(codes, _mm_min_epu8(linear, _mm_set1_epi8(15)));
    __m128i sign = _mm_and_si128(_mm_packs_epi16(x0, x1), _mm_set1_epi8((char)0x80));
    codes = _mm_xor_si128(_mm_xor_si128(codes, sign), _mm_set1_epi8((char)0xD5));
    _mm_storeu_si128((__m128i *)(void *)out, codes);
}

SW_SSE2 static inline void ulaw_decode_block(const uint8_t *codes, uint8_t *pcm)
{
    const __m128i zero = _mm_setzero_si128(), bias = _mm_set1_epi16(132), seven = _mm_set1_epi8(0x7F);
    __m128i c = _mm_loadu_si128((const __m128i *)(const void *)codes);
    __m128i sign = _mm_cmpgt_epi8(zero, _mm_xor_si128(c, _mm_set1_epi8((char)0x80)));
    __m128i n = _mm_andnot_si128(c, seven);
    __m128i low = _mm_sub_epi16(float_values(_mm_unpacklo_epi8(n, zero)), bias);
    __m128i high = _mm_sub_epi16(float_values(_mm_unpackhi_epi8(n, zero)), bias);
    low = negate_where(low, _mm_unpacklo_epi8(sign, sign));
    high = negate_where(high, _mm_unpackhi_epi8(sign, sign));
    _mm_storeu_si128((__m128i *)(void *)pcm, low);
    _mm_storeu_si128((__m128i *)(void *)(pcm + 16), high);
}

/* Segment 0 of A-law is linear: code * 16 + 8. */
SW_SSE2 static inline __m128i alaw_values(__m128i codes)
{
    __m128i is_linear = _mm_cmplt_epi16(codes, _mm_set1_epi16(16));
    __m128i linear = _mm_add_epi16(_mm_slli_epi16(codes, 4), _mm_set1_epi16(8));
    return _mm_or_si128(_mm_and_si128(is_linear, linear), _mm_andnot_si128(is_linear, float_values(codes)));
}

SW_SSE2 static inline void alaw_decode_block(const uint8_t *codes, uint8_t *pcm)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i c = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)codes), _mm_set1_epi8((char)0xD5));
    __m128i sign = _mm_cmpgt_epi8(zero, c);
    __m128i n = _mm_and_si128(c, _mm_set1_epi8(0x7F));
    __m128i low = negate_where(alaw_values(_mm_unpacklo_epi8(n, zero)), _mm_unpacklo_epi8(sign, sign));
    __m128i high = negate_where(alaw_values(_mm_unpackhi_epi8(n, zero)), _mm_unpackhi_epi8(sign, sign));
    _mm_storeu_si128((__m128i *)(void *)pcm, low);
    _mm_storeu_si128((__m128i *)(void *)(pcm + 16), high);
}

SW_SSE2 static void sse2_ulaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK)
        ulaw_encode_block(pcm + 2 * i, out + i);
    sw_g711_plain.ulaw_encode(pcm + 2 * i, samples - i, out + i);
}

SW_SSE2 static void sse2_alaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK)
        alaw_encode_block(pcm + 2 * i, out + i);
    sw_g711_plain.alaw_encode(pcm + 2 * i, samples - i, out + i);
}

SW_SSE2 static void sse2_ulaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    size_t i = 0;
    for (; i + BLOCK <= octets; i += BLOCK)
        ulaw_decode_block(codes + i, pcm + 2 * i);
    sw_g711_plain.ulaw_decode(codes + i, octets - i, pcm + 2 * i);
}

SW_SSE2 static void sse2_alaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    size_t i = 0;
    for (; i + BLOCK <= octets; i += BLOCK)
        alaw_decode_block(codes + i, pcm + 2 * i);
    sw_g711_plain.alaw_decode(codes + i, octets - i, pcm + 2 * i);
}

const sw_g711_path sw_g711_sse2 = {
    sse2_ulaw_encode,
    sse2_alaw_encode,
    sse2_ulaw_decode,
    sse2_alaw_decode,
};

#else
typedef int sw_g711_sse2_is_empty; /* ISO C wants a declaration in every file */
#endif
