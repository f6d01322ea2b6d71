/* What every fuzz target needs: the C interface, an assertion, memory that ends where it should. */
#ifndef FUZZ_H
#define FUZZ_H

#include "../c/check.h"
#include "sw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets);

/* Zeroed and aligned, as rings want it; exactly as many octets as it takes, to the next 64. */
static inline void *zeroed(size_t octets)
{
    size_t whole = (octets + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, whole);
    CHECK(memory != NULL);
    memset(memory, 0, whole);
    return memory;
}

#endif
