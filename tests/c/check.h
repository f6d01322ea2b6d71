/* An assertion that stays on in every build and says where it failed. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

/* Memory of exactly this size, so that the sanitizer sees one octet too many. */
static inline void *exactly(size_t octets)
{
    void *memory = malloc(octets > 0 ? octets : 1);
    CHECK(memory != NULL);
    return memory;
}

/* Zeros of so many octets at least, aligned as the objects of swsync are. */
static inline void *zeroed(size_t octets)
{
    void *memory = aligned_alloc(64, (octets + 63) & ~(size_t)63);
    CHECK(memory != NULL);
    memset(memory, 0, (octets + 63) & ~(size_t)63);
    return memory;
}

void check_g711(const char *tables);
void check_rtp(void);
void check_rtpstats(void);

#endif
