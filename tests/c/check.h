/* An assertion that stays on in every build and says where it failed. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

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

void check_g711(const char *tables);
void check_rtp(void);
void check_rtpstats(void);

#endif
