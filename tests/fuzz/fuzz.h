/* What every fuzz target needs: the C interface, an assertion, memory (check.h). */
#ifndef FUZZ_H
#define FUZZ_H

#include "../c/check.h"
#include "sw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets);

#endif
