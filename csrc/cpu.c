/* Which instructions to use: found once, changed only by sw_cpu_select(). */
#include <stdatomic.h>

#include "g711_paths.h"

/* The one global that changes. Relaxed is enough: every path gives the same bits, so a thread that still sees
   the old choice is not wrong. SW_CPU_AUTO until the first use. */
static _Atomic int chosen = SW_CPU_AUTO;

static int has(int path)
{
    switch (path) {
    case SW_CPU_PLAIN:
        return 1;
#if SW_HAVE_X86
    case SW_CPU_SSE2:
        return 1;
    case SW_CPU_AVX2:
        return __builtin_cpu_supports("avx2") != 0;
#endif
#if SW_HAVE_NEON
    case SW_CPU_NEON:
        return 1;
#endif
    default:
        return 0;
    }
}

static int best(void)
{
    for (int path = SW_CPU_NEON; path > SW_CPU_PLAIN; path--)
        if (has(path))
            return path;
    return SW_CPU_PLAIN;
}

int sw_cpu_select(int path)
{
    if (path == SW_CPU_AUTO)
        path = best();
    else if (!has(path))
        return SW_EINVAL;
    atomic_store_explicit(&chosen, path, memory_order_relaxed);
    return SW_OK;
}

int sw_cpu_path(void)
{
    int path = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (path == SW_CPU_AUTO) {
        path = best();
        atomic_store_explicit(&chosen, path, memory_order_relaxed);
    }
    return path;
}

const sw_g711_path *sw_g711(void)
{
    switch (sw_cpu_path()) {
#if SW_HAVE_X86
    case SW_CPU_SSE2:
        return &sw_g711_sse2;
    case SW_CPU_AVX2:
        return &sw_g711_avx2;
#endif
#if SW_HAVE_NEON
    case SW_CPU_NEON:
        return &sw_g711_neon;
#endif
    default:
        return &sw_g711_plain;
    }
}
