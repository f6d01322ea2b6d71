/* The quick way through base64 where the processor has one. Not seen by Python. */
#ifndef SW_BASE64_AVX2_H
#define SW_BASE64_AVX2_H

#include "g711_paths.h"

#if SW_HAVE_X86
/* Decode the beginning of a text that has no padding, as long as it is right and there is room for more than it takes.
   Returns how many characters that was: a multiple of four, each four of them three octets. */
size_t sw_base64_avx2(const uint8_t *text, size_t octets, uint8_t *out, size_t room);
#endif

#endif
