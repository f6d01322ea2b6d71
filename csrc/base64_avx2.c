/*
 * Base64 with AVX2, 32 characters at a time; used only where the processor has it (cpu.c).
 *
 * The high four bits of a character say in which of the alphabet's runs it can only lie, and with that between what it
 * has to be and how far its value is from it; `/`, which shares them with `+`, is set apart.
 */
#include "base64_avx2.h"

#if SW_HAVE_X86

#include <immintrin.h>

#define SW_AVX2 __attribute__((target("avx2")))
#define BLOCK 32  /* characters */
#define DECODED 24 /* octets that they hold */
#define WRITTEN 28 /* octets that storing them touches */

/* By the high four bits: none, none, "+", digits, A-O, P-Z, a-o, p-z; of 8 and more, which are no ASCII, nothing passes. */
SW_AVX2 static inline __m256i by_run(char none, char plus, char digit, char A, char P, char a, char p)
{
    return _mm256_broadcastsi128_si256(
        _mm_setr_epi8(none, none, plus, digit, A, P, a, p, none, none, none, none, none, none, none, none));
}

/* The values of 32 characters; 0 if there is one that is none of the alphabet's. */
SW_AVX2 static inline int look_up(__m256i characters, __m256i *values)
{
    const __m256i least = by_run(127, '+', '0', 'A', 'P', 'a', 'p'), most = by_run(-128, '+', '9', 'O', 'Z', 'o', 'z');
    const __m256i shift = by_run(0, 62 - '+', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a');
    __m256i run = _mm256_and_si256(_mm256_srli_epi32(characters, 4), _mm256_set1_epi8(15));
    __m256i slash = _mm256_cmpeq_epi8(characters, _mm256_set1_epi8('/'));
    __m256i below = _mm256_cmpgt_epi8(_mm256_shuffle_epi8(least, run), characters);
    __m256i above = _mm256_cmpgt_epi8(characters, _mm256_shuffle_epi8(most, run));
    __m256i wrong = _mm256_andnot_si256(slash, _mm256_or_si256(below, above));
    __m256i value = _mm256_add_epi8(characters, _mm256_shuffle_epi8(shift, run));
    *values = _mm256_blendv_epi8(value, _mm256_set1_epi8(63), slash);
    return _mm256_testz_si256(wrong, wrong);
}

/* Four values of six bits to three octets, four times in each half; what is left of the half is zero. */
SW_AVX2 static inline __m256i join(__m256i values)
{
    const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140)); /* first * 64 + second */
    __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));     /* first * 4096 + second */
    return _mm256_shuffle_epi8(fours, order);
}

SW_AVX2 size_t sw_base64_avx2(const uint8_t *text, size_t octets, uint8_t *out, size_t room)
{
    size_t at = 0;
    for (; at + BLOCK <= octets && WRITTEN <= room; at += BLOCK, out += DECODED, room -= DECODED) {
        __m256i values, joined;
        if (!look_up(_mm256_loadu_si256((const __m256i *)(const void *)(text + at)), &values))
            break;
        joined = join(values);
        _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(joined));
        _mm_storeu_si128((__m128i *)(void *)(out + DECODED / 2), _mm256_extracti128_si256(joined, 1));
    }
    return at;
}

#else
typedef int sw_base64_avx2_is_empty; /* ISO C wants a declaration in every file */
#endif
