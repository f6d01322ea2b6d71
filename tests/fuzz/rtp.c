/*
 * Fuzzes rtp.c and rtpstats.c: one datagram, and many in a block of any layout. What is read lies inside the datagram, and
 * written again it reads the same.
 */
#include "fuzz.h"

enum { MOST = 24 };

static void read_one(const uint8_t *data, size_t octets, sw_rtp_stats *stats)
{
    sw_rtp_packet packet, again;
    uint8_t *copy = exactly(octets), *out;
    int64_t size;
    memcpy(copy, data, octets);
    if (sw_rtp_parse(copy, octets, &packet) != SW_OK) {
        for (size_t i = 0; i < sizeof packet; i++)
            CHECK(((const uint8_t *)&packet)[i] == 0);
        free(copy);
        return;
    }
    CHECK((size_t)packet.payload_offset + packet.payload_octets + packet.padding_octets == octets);
    CHECK(packet.extension_offset + packet.extension_octets <= packet.payload_offset);
    size = sw_rtp_size(&packet);
    CHECK(size == (int64_t)octets);
    out = exactly(octets);
    CHECK(sw_rtp_write(&packet, copy + packet.extension_offset, copy + packet.payload_offset, out, octets - 1) == SW_EROOM);
    CHECK(sw_rtp_write(&packet, copy + packet.extension_offset, copy + packet.payload_offset, out, octets) == size);
    CHECK(sw_rtp_parse(out, octets, &again) == SW_OK && memcmp(&packet, &again, sizeof packet) == 0);
    CHECK(memcmp(copy, out, octets - packet.padding_octets) == 0);
    CHECK(sw_rtp_stats_update(stats, packet.sequence_number, packet.timestamp, packet.ssrc) >= SW_RTP_PROBATION);
    CHECK(sw_rtp_stats_received(stats) < UINT64_C(1) << 32 && sw_rtp_stats_fraction(stats) <= 256);
    free(out);
    free(copy);
}

/* The first octet: how far apart; each further one the length of a packet, until a 0; then the packets. */
static void read_many(const uint8_t *data, size_t octets, sw_rtp_stats *stats)
{
    uint32_t *lengths = exactly(MOST * sizeof *lengths), *arrivals = exactly(MOST * sizeof *arrivals);
    sw_rtp_packet *packets = exactly(MOST * sizeof *packets);
    int32_t *codes = exactly(MOST * sizeof *codes);
    size_t count = 0, stride = data[0], at = 1;
    int64_t valid;
    for (; at < octets && count < MOST && data[at]; at++, count++) {
        lengths[count] = data[at] == 255 ? UINT32_MAX : data[at];
        arrivals[count] = (uint32_t)at * 160;
    }
    uint8_t *block = exactly(octets - at);
    memcpy(block, data + at, octets - at);
    valid = sw_rtp_parse_many(block, octets - at, stride, lengths, count, packets, codes);
    CHECK(valid == SW_EINVAL || (valid >= 0 && valid <= (int64_t)count));
    if (valid >= 0)
        CHECK(sw_rtp_stats_update_many(stats, packets, codes, arrivals, count) <= valid);
    free(block);
    free(codes);
    free(packets);
    free(arrivals);
    free(lengths);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    sw_rtp_stats stats;
    CHECK(sw_rtp_stats_init(&stats, 8000) == SW_OK);
    if (octets < 1 || octets > 70000)
        return 0;
    read_one(data, octets, &stats);
    read_many(data, octets, &stats);
    return 0;
}
