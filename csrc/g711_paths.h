/* The ways to compute G.711. Each fills one of these; all give the same bits. Not seen by Python. */
#ifndef SW_G711_PATHS_H
#define SW_G711_PATHS_H

#include "sw.h"

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__) && defined(__SSE2__)
#define SW_HAVE_X86 1
#else
#define SW_HAVE_X86 0
#endif

#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__)
#define SW_HAVE_NEON 1
#else
#define SW_HAVE_NEON 0
#endif

typedef struct {
    void (*ulaw_encode)(const uint8_t *pcm, size_t samples, uint8_t *out);
    void (*alaw_encode)(const uint8_t *pcm, size_t samples, uint8_t *out);
    void (*ulaw_decode)(const uint8_t *codes, size_t octets, uint8_t *pcm);
    void (*alaw_decode)(const uint8_t *codes, size_t octets, uint8_t *pcm);
} sw_g711_path;

extern const sw_g711_path sw_g711_plain; /* g711.c */
#if SW_HAVE_X86
extern const sw_g711_path sw_g711_sse2; /* g711_sse2.c */
extern const sw_g711_path sw_g711_avx2; /* g711_avx2.c */
#endif
#if SW_HAVE_NEON
extern const sw_g711_path sw_g711_neon; /* g711_neon.c */
#endif

/* The path in use (cpu.c). */
const sw_g711_path *sw_g711(void);

#endif
