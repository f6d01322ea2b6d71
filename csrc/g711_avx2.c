/*
 * G.711 with AVX2, 32 samples at a time; used only where the processor has it (cpu.c).
 *
 * Encoding is the method of g711.c (the float's exponent and mantissa are the segment and the interval): measured, it
 * beats looking segments up. Decoding looks the segment's power of two up (pshufb) and multiplies the interval by it.
 * Packing works inside 128 bit lanes, so that one permutation of 64 bit quarters puts the octets in order.
 */
#include "g711_paths.h"

#if SW_HAVE_X86

#include <immintrin.h>

#define SW_AVX2 __attribute__((target("avx2")))
#define BLOCK 32
#define AHEAD 1024 /* octets to fetch in advance; measured, matters only for blocks larger than the caches */
#define IN_ORDER 0xD8 /* quarters 0 2 1 3 */

SW_AVX2 static inline __m256i load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

SW_AVX2 static inline void store(uint8_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

/* The same 16 octets in both lanes. */
SW_AVX2 static inline __m256i table(char a, char b, char c, char d, char e, char f, char g, char h, char rest)
{
    return _mm256_broadcastsi128_si256(
        _mm_setr_epi8(a, b, c, d, e, f, g, h, rest, rest, rest, rest, rest, rest, rest, rest));
}

/* Ask early for what the loop reads soon; past the end it is a hint that nothing comes of. */
SW_AVX2 static inline void prefetch(const uint8_t *p)
{
    _mm_prefetch((const char *)((uintptr_t)p + AHEAD), _MM_HINT_T0);
}

/*
 * Sixteen n (0..32767) to 0x85F less the top 12 bits of their floats: the complement of segment * 16 + interval.
 * Odd lanes are converted where they are, as n * 65536 with the even lane below it: that raises the exponent by 16, and
 * what is below cannot round up into n because its top bit is clear.
 */
SW_AVX2 static inline __m256i complements(__m256i n)
{
    __m256 even = _mm256_cvtepi32_ps(_mm256_and_si256(n, _mm256_set1_epi32(0xFFFF)));
    __m256 odd = _mm256_cvtepi32_ps(n);
    __m256i bits = _mm256_blend_epi16(_mm256_srli_epi32(_mm256_castps_si256(even), 19),
                                      _mm256_srli_epi32(_mm256_castps_si256(odd), 3), 0xAA);
    return _mm256_sub_epi16(_mm256_set1_epi32(((0x85F + (16 << 4)) << 16) | 0x85F), bits);
}

/* Give octets the signs of x, and the samples' order. */
SW_AVX2 static inline __m256i finish(__m256i codes, __m256i x0, __m256i x1)
{
    __m256i sign = _mm256_and_si256(_mm256_packs_epi16(x0, x1), _mm256_set1_epi8((char)0x80));
    return _mm256_permute4x64_epi64(_mm256_xor_si256(codes, sign), IN_ORDER);
}

/* x, or its one's complement where that is the positive one. */
SW_AVX2 static inline __m256i magnitude(__m256i x)
{
    return _mm256_max_epi16(x, _mm256_xor_si256(x, _mm256_set1_epi16(-1)));
}

SW_AVX2 static inline void ulaw_encode_block(const uint8_t *pcm, uint8_t *out)
{
    const __m256i bias = _mm256_set1_epi16(132);
    __m256i x0 = load(pcm), x1 = load(pcm + 32);
    __m256i c0 = complements(_mm256_adds_epi16(magnitude(x0), bias));
    __m256i c1 = complements(_mm256_adds_epi16(magnitude(x1), bias));
    store(out, finish(_mm256_packs_epi16(c0, c1), x0, x1));
}

SW_AVX2 static inline void alaw_encode_block(const uint8_t *pcm, uint8_t *out)
{
    __m256i x0 = load(pcm), x1 = load(pcm + 32);
    __m256i n0 = magnitude(x0), n1 = magnitude(x1);
    /* Segment 0 is linear: the complement of min(n >> 4, 15) is the lesser there, as the complement of less than 16. */
    __m256i linear = _mm256_packus_epi16(_mm256_srli_epi16(n0, 4), _mm256_srli_epi16(n1, 4));
    linear = _mm256_xor_si256(_mm256_min_epu8(linear, _mm256_set1_epi8(15)), _mm256_set1_epi8(-1));
    __m256i codes = _mm256_min_epi8(_mm256_packs_epi16(complements(n0), complements(n1)), linear);
    store(out, finish(_mm256_xor_si256(codes, _mm256_set1_epi8(0x2A)), x0, x1));
}

/* Multiply, subtract, give the sign: 16 samples from octets widened to 16 bits. */
SW_AVX2 static inline __m256i expand(__m256i interval, __m256i power, __m256i bias, __m256i sign)
{
    __m256i value = _mm256_sub_epi16(_mm256_mullo_epi16(interval, power), bias);
    return _mm256_sub_epi16(_mm256_xor_si256(value, sign), sign);
}

SW_AVX2 static inline void ulaw_decode_block(const uint8_t *codes, uint8_t *pcm)
{
    const __m256i zero = _mm256_setzero_si256(), bias = _mm256_set1_epi16(132);
    const __m256i powers = table(1, 2, 4, 8, 16, 32, 64, (char)128, 0);
    /* Quarters 0 2 1 3, so that unpacking inside lanes gives the samples' order. */
    __m256i c = _mm256_permute4x64_epi64(load(codes), IN_ORDER);
    __m256i n = _mm256_xor_si256(c, _mm256_set1_epi8((char)0xFF));
    __m256i sign = _mm256_cmpgt_epi8(zero, n);
    __m256i segment = _mm256_and_si256(_mm256_srli_epi16(n, 4), _mm256_set1_epi8(7));
    __m256i power = _mm256_shuffle_epi8(powers, segment);
    /* (interval << 3) + 132 fits an octet: 132..252. */
    __m256i interval = _mm256_and_si256(_mm256_slli_epi16(n, 3), _mm256_set1_epi8(0x78));
    interval = _mm256_add_epi8(interval, _mm256_set1_epi8((char)132));
    store(pcm, expand(_mm256_unpacklo_epi8(interval, zero), _mm256_unpacklo_epi8(power, zero), bias,
                      _mm256_unpacklo_epi8(sign, sign)));
    store(pcm + 32, expand(_mm256_unpackhi_epi8(interval, zero), _mm256_unpackhi_epi8(power, zero), bias,
                           _mm256_unpackhi_epi8(sign, sign)));
}

/* By sign and segment of A-law: 8, or 8 << (segment - 1) from segment 1 on, with the sign; and what leads the interval. */
static const uint8_t power_low[16] = {0x08, 0x08, 0x10, 0x20, 0x40, 0x80, 0x00, 0x00,
                                      0xF8, 0xF8, 0xF0, 0xE0, 0xC0, 0x80, 0x00, 0x00};
static const uint8_t power_high[16] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02,
                                       0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE};
static const uint8_t leading[16] = {1, 33, 33, 33, 33, 33, 33, 33, 1, 33, 33, 33, 33, 33, 33, 33};

SW_AVX2 static inline __m256i by_key(const uint8_t *sixteen, __m256i key)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)sixteen)),
                               key);
}

/* (2 * interval + 1 [+ 32 from segment 1 on]) * power: one multiplication gives the magnitude and the sign. */
SW_AVX2 static inline void alaw_decode_block(const uint8_t *codes, uint8_t *pcm)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i c = _mm256_permute4x64_epi64(load(codes), IN_ORDER);
    __m256i n = _mm256_xor_si256(c, _mm256_set1_epi8((char)0xD5));
    __m256i key = _mm256_and_si256(_mm256_srli_epi16(n, 4), _mm256_set1_epi8(15));
    __m256i low = by_key(power_low, key), high = by_key(power_high, key);
    __m256i interval = _mm256_and_si256(_mm256_add_epi8(n, n), _mm256_set1_epi8(0x1E));
    interval = _mm256_add_epi8(interval, by_key(leading, key));
    store(pcm, _mm256_mullo_epi16(_mm256_unpacklo_epi8(interval, zero), _mm256_unpacklo_epi8(low, high)));
    store(pcm + 32, _mm256_mullo_epi16(_mm256_unpackhi_epi8(interval, zero), _mm256_unpackhi_epi8(low, high)));
}

SW_AVX2 static void avx2_ulaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK) {
        prefetch(pcm + 2 * i);
        ulaw_encode_block(pcm + 2 * i, out + i);
    }
    sw_g711_sse2.ulaw_encode(pcm + 2 * i, samples - i, out + i);
}

SW_AVX2 static void avx2_alaw_encode(const uint8_t *pcm, size_t samples, uint8_t *out)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK) {
        prefetch(pcm + 2 * i);
        alaw_encode_block(pcm + 2 * i, out + i);
    }
    sw_g711_sse2.alaw_encode(pcm + 2 * i, samples - i, out + i);
}

SW_AVX2 static void avx2_ulaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    size_t i = 0;
    for (; i + BLOCK <= octets; i += BLOCK) {
        prefetch(codes + i);
        ulaw_decode_block(codes + i, pcm + 2 * i);
    }
    if (i < octets)
        sw_g711_sse2.ulaw_decode(codes + i, octets - i, pcm + 2 * i);
}

SW_AVX2 static void avx2_alaw_decode(const uint8_t *codes, size_t octets, uint8_t *pcm)
{
    size_t i = 0;
    for (; i + BLOCK <= octets; i += BLOCK) {
        prefetch(codes + i);
        alaw_decode_block(codes + i, pcm + 2 * i);
    }
    if (i < octets)
        sw_g711_sse2.alaw_decode(codes + i, octets - i, pcm + 2 * i);
}

const sw_g711_path sw_g711_avx2 = {
    avx2_ulaw_encode,
    avx2_alaw_encode,
    avx2_ulaw_decode,
    avx2_alaw_decode,
};

#else
typedef int sw_g711_avx2_is_empty; /* ISO C wants a declaration in every file */
#endif
