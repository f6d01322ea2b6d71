/* Base64 (RFC 4648 section 4), strictly: one text for each run of octets, and no other text for it. */
#include "base64_avx2.h"

/* The value of each character; 64 is none. */
static const uint8_t VALUES[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
    64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};

/* The last four characters, of which one or two may be padding; the octets they hold, 0 if they are wrong. */
static size_t last_group(const uint8_t *text, uint8_t *out)
{
    unsigned a = VALUES[text[0]], b = VALUES[text[1]], c = VALUES[text[2]], d = VALUES[text[3]];
    if ((a | b) & 64)
        return 0;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    if (text[3] == '=') {
        if (text[2] == '=')
            return (b & 15) == 0; /* the bits that no octet takes are zero (RFC 4648 section 3.5) */
        out[1] = (uint8_t)(b << 4 | c >> 2);
        return (c & 67) ? 0 : 2;
    }
    if ((c | d) & 64)
        return 0;
    out[1] = (uint8_t)(b << 4 | c >> 2);
    out[2] = (uint8_t)(c << 6 | d);
    return 3;
}

/* What there is a quicker way for of all groups but the last: how many groups. */
static size_t decode_quickly(const uint8_t *text, size_t groups, uint8_t *out, size_t room)
{
#if SW_HAVE_X86
    if (sw_cpu_path() == SW_CPU_AVX2)
        return sw_base64_avx2(text, 4 * (groups - 1), out, room) / 4;
#endif
    (void)text, (void)groups, (void)out, (void)room;
    return 0;
}

int64_t sw_base64_decode(const void *text, size_t octets, void *out, size_t room)
{
    const uint8_t *in = text;
    uint8_t *to = out, tail[3];
    size_t groups = octets / 4, last, done;
    unsigned wrong = 0;
    if (octets % 4)
        return SW_EBASE64;
    if (octets == 0)
        return 0;
    if (room < (groups - 1) * 3)
        return SW_EROOM;
    done = decode_quickly(in, groups, to, room);
    in += 4 * done;
    to += 3 * done;
    for (size_t i = done; i + 1 < groups; i++, in += 4, to += 3) {
        unsigned a = VALUES[in[0]], b = VALUES[in[1]], c = VALUES[in[2]], d = VALUES[in[3]];
        wrong |= a | b | c | d;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    last = last_group(in, tail);
    if ((wrong & 64) || last == 0)
        return SW_EBASE64;
    if (room < (groups - 1) * 3 + last)
        return SW_EROOM;
    memcpy(to, tail, last);
    return (int64_t)((groups - 1) * 3 + last);
}
