/* One `media` message of a stream, as streamscan.c finds it in its text. */
#ifndef SW_STREAMSCAN_H
#define SW_STREAMSCAN_H

#include "sw.h"

typedef struct {
    int64_t sequence_number, chunk, timestamp; /* -1: not told */
    int lane;                                  /* 0 inbound, 1 outbound, -1 not told */
    const uint8_t *sid;                        /* NULL: not told */
    size_t sid_octets;
    const uint8_t *payload; /* base64 */
    size_t payload_octets;
} sw_scanned;

/* 1: the text is a media message of the plain form, and this is what it says. 0: it is something else, or may be:
   let json read it. */
int sw_stream_scan(const uint8_t *text, size_t octets, sw_scanned *out);

#endif
