/* What every C file of ours includes: the interface, the byte order of the wire, and that of its clock. */
#ifndef SW_H
#define SW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sw_api.h"
#include "sw_api_codec.h"
#include "sw_api_rtp.h"
#include "sw_api_track.h"
#include "sw_api_receive.h"
#include "sw_api_send.h"
#include "sw_api_ws.h"

/* Big-endian fields, read and written by shifts: no alignment, no host order. */
static inline uint16_t sw_get16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t sw_get32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline void sw_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void sw_put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* What sw_rtp_clock does, for those who do it once a packet. */
static inline uint32_t sw_clock(int64_t nanoseconds, uint32_t clock_rate)
{
    const uint64_t second = 1000000000;
    uint64_t whole, part;
    if (nanoseconds < 0) { /* times before the clock's zero round down as well: count from a second that is before */
        uint64_t before = (0 - (uint64_t)nanoseconds) / second + 1;
        return sw_clock((int64_t)((uint64_t)nanoseconds + before * second), clock_rate) - (uint32_t)before * clock_rate;
    }
    whole = (uint64_t)nanoseconds / second;
    part = (uint64_t)nanoseconds % second;
    return (uint32_t)(whole * clock_rate + part * clock_rate / second);
}

#endif
