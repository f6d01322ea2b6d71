/* RTP packets: read, written, cut short and mangled. */
#include "check.h"
#include "sw.h"

/* Two CSRCs, an extension of one word, three octets of payload, padding of two. */
static const uint8_t FULL[] = {
    0xB2, 0x88, 0xFF, 0xFE, 0x80, 0x00, 0x00, 0x01, 0xDE, 0xAD, 0xBE, 0xEF, /* V=2 P X CC=2, M PT=8 */
    0x00, 0x00, 0x00, 0x07, 0xFF, 0xFF, 0xFF, 0xFF,                         /* CSRCs */
    0xBE, 0xDE, 0x00, 0x01, 0x10, 0xAA, 0x00, 0x00,                         /* extension */
    0x01, 0x02, 0x03, 0x00, 0x02,
};

static int parse_copy(const uint8_t *datagram, size_t octets, sw_rtp_packet *packet)
{
    uint8_t *copy = exactly(octets);
    int code;
    if (octets > 0)
        memcpy(copy, datagram, octets);
    code = sw_rtp_parse(copy, octets, packet);
    free(copy);
    return code;
}

static void check_full(void)
{
    sw_rtp_packet p;
    uint8_t out[sizeof FULL];
    CHECK(parse_copy(FULL, sizeof FULL, &p) == SW_OK);
    CHECK(p.marker == 1 && p.payload_type == 8 && p.sequence_number == 0xFFFE);
    CHECK(p.timestamp == 0x80000001u && p.ssrc == 0xDEADBEEFu);
    CHECK(p.csrc_count == 2 && p.csrcs[0] == 7 && p.csrcs[1] == 0xFFFFFFFFu && p.csrcs[2] == 0);
    CHECK(p.has_extension == 1 && p.extension_profile == 0xBEDE);
    CHECK(p.extension_offset == 24 && p.extension_octets == 4);
    CHECK(p.payload_offset == 28 && p.payload_octets == 3 && p.padding_octets == 2);
    CHECK(sw_rtp_size(&p) == (int64_t)sizeof FULL);
    CHECK(sw_rtp_write(&p, FULL + 24, FULL + 28, out, sizeof out - 1) == SW_EROOM);
    CHECK(sw_rtp_write(&p, FULL + 24, FULL + 28, out, sizeof out) == (int64_t)sizeof FULL);
    CHECK(memcmp(out, FULL, sizeof FULL) == 0);
}

static void check_cut(void)
{
    static const int codes[] = {SW_ECSRC, SW_ECSRC, SW_ECSRC, SW_ECSRC, SW_ECSRC, SW_ECSRC, SW_ECSRC, SW_ECSRC,
                                SW_EEXT,  SW_EEXT,  SW_EEXT,  SW_EEXT,  SW_EEXT,  SW_EEXT,  SW_EEXT,  SW_EEXT,
                                SW_EPADDING};
    sw_rtp_packet p, zero;
    memset(&zero, 0, sizeof zero);
    for (size_t n = 0; n < 12; n++)
        CHECK(parse_copy(FULL, n, &p) == SW_ESHORT);
    for (size_t n = 12; n <= 28; n++) {
        CHECK(parse_copy(FULL, n, &p) == codes[n - 12]);
        CHECK(memcmp(&p, &zero, sizeof p) == 0);
    }
}

static void check_mangled(void)
{
    uint8_t d[sizeof FULL];
    sw_rtp_packet p;
    memcpy(d, FULL, sizeof d);
    for (int version = 0; version < 4; version++) {
        d[0] = (uint8_t)((version << 6) | 0x32);
        CHECK(parse_copy(d, sizeof d, &p) == (version == 2 ? SW_OK : SW_EVERSION));
    }
    d[0] = FULL[0];
    d[sizeof d - 1] = 0;
    CHECK(parse_copy(d, sizeof d, &p) == SW_EPADDING);
    d[sizeof d - 1] = 6;
    CHECK(parse_copy(d, sizeof d, &p) == SW_EPADDING);
    d[sizeof d - 1] = 5; /* nothing but padding is allowed */
    CHECK(parse_copy(d, sizeof d, &p) == SW_OK && p.payload_octets == 0 && p.padding_octets == 5);
    d[22] = 0xFF;
    CHECK(parse_copy(d, sizeof d, &p) == SW_EEXT);
    for (int second = 0; second < 256; second++) {
        uint8_t plain[12] = {0x80, (uint8_t)second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        CHECK(parse_copy(plain, 12, &p) == (second >= 192 && second <= 223 ? SW_ETYPE : SW_OK));
    }
    CHECK(sw_rtp_parse(FULL, (size_t)UINT32_MAX + 1, &p) == SW_EINVAL);
}

static void check_write_limits(void)
{
    sw_rtp_packet p;
    uint8_t out[300], payload[4] = {1, 2, 3, 4};
    memset(&p, 0, sizeof p);
    CHECK(sw_rtp_size(&p) == 12);
    CHECK(sw_rtp_write(&p, NULL, NULL, out, 12) == 12 && out[0] == 0x80);
    p.payload_octets = 4;
    p.padding_octets = 255;
    CHECK(sw_rtp_write(&p, NULL, payload, out, sizeof out) == 271 && out[270] == 255 && out[269] == 0);
    p.padding_octets = 256;
    CHECK(sw_rtp_write(&p, NULL, payload, out, sizeof out) == SW_EINVAL);
    p.padding_octets = 0;
    p.extension_octets = 4; /* without an extension */
    CHECK(sw_rtp_size(&p) == SW_EINVAL);
    p.has_extension = 1;
    CHECK(sw_rtp_size(&p) == 24);
    p.extension_octets = 3;
    CHECK(sw_rtp_size(&p) == SW_EINVAL);
    p.extension_octets = 4 * 65536u;
    CHECK(sw_rtp_size(&p) == SW_EINVAL);
    p.extension_octets = 0;
    CHECK(sw_rtp_write(&p, NULL, payload, out, sizeof out) == 20);
    p.has_extension = 2;
    CHECK(sw_rtp_size(&p) == SW_EINVAL);
    p.has_extension = 0;
    p.payload_type = 128;
    CHECK(sw_rtp_size(&p) == SW_EINVAL);
    p.payload_type = 127;
    p.marker = 2;
    CHECK(sw_rtp_size(&p) == SW_EINVAL);
    p.marker = 1;
    p.csrc_count = 16;
    CHECK(sw_rtp_size(&p) == SW_EINVAL);
}

static void check_many(void)
{
    enum { STRIDE = 64 };
    uint8_t *apart = exactly(2 * STRIDE + sizeof FULL), *packed = exactly(sizeof FULL + 5 + sizeof FULL);
    uint32_t lengths[3] = {sizeof FULL, 5, sizeof FULL};
    sw_rtp_packet packets[3];
    int32_t codes[3];
    memcpy(apart, FULL, sizeof FULL);
    memset(apart + STRIDE, 0, 5);
    memcpy(apart + 2 * STRIDE, FULL, sizeof FULL);
    memcpy(packed, FULL, sizeof FULL);
    memset(packed + sizeof FULL, 0, 5);
    memcpy(packed + sizeof FULL + 5, FULL, sizeof FULL);
    CHECK(sw_rtp_parse_many(apart, 2 * STRIDE + sizeof FULL, STRIDE, lengths, 3, packets, codes) == 2);
    CHECK(codes[0] == SW_OK && codes[1] == SW_ESHORT && codes[2] == SW_OK && packets[2].ssrc == 0xDEADBEEFu);
    CHECK(sw_rtp_parse_many(packed, 2 * sizeof FULL + 5, 0, lengths, 3, packets, codes) == 2);
    CHECK(codes[1] == SW_ESHORT && packets[2].payload_octets == 3);
    CHECK(sw_rtp_parse_many(packed, 2 * sizeof FULL + 4, 0, lengths, 3, packets, codes) == SW_EINVAL);
    CHECK(sw_rtp_parse_many(apart, 2 * STRIDE, STRIDE, lengths, 3, packets, codes) == SW_EINVAL);
    CHECK(sw_rtp_parse_many(apart, 2 * STRIDE - 1, STRIDE, lengths, 3, packets, codes) == SW_EINVAL);
    CHECK(sw_rtp_parse_many(apart, 2 * STRIDE + sizeof FULL, 8, lengths, 3, packets, codes) == SW_EINVAL);
    CHECK(sw_rtp_parse_many(apart, 0, 0, lengths, 0, packets, codes) == 0);
    free(apart);
    free(packed);
}

static void check_packetize_one(int codec, int silence)
{
    int16_t *pcm = exactly(2 * 25);
    uint8_t expected[40];
    sw_rtp_source source = {codec, 10, 0x01020304, 0xFFFFFFF6u, 0xFFFF, 5, 1}, before = source;
    size_t width = (size_t)sw_codec_octets(codec), octets = 12 + 10 * width;
    uint8_t *out = exactly(3 * octets);
    for (int i = 0; i < 25; i++)
        pcm[i] = (int16_t)(i * 1111);
    CHECK(sw_rtp_packet_octets(&source) == (int64_t)octets);
    CHECK(sw_rtp_packetize(&source, pcm, 25, out, 3 * octets - 1) == SW_EROOM);
    CHECK(memcmp(&source, &before, sizeof source) == 0);
    CHECK(sw_rtp_packetize(&source, pcm, 0, out, 0) == 0);
    CHECK(sw_rtp_packetize(&source, pcm, 25, out, 3 * octets) == 3);
    CHECK(source.sequence_number == 2 && source.timestamp == 20 && source.marker == 0);
    for (int i = 0; i < 3; i++) {
        sw_rtp_packet p;
        CHECK(sw_rtp_parse(out + (size_t)i * octets, octets, &p) == SW_OK);
        CHECK(p.marker == (i == 0) && p.payload_type == 5 && p.ssrc == 0x01020304);
        CHECK(p.sequence_number == (uint16_t)(0xFFFF + i));
        CHECK(p.timestamp == (uint32_t)(0xFFFFFFF6u + 10u * (uint32_t)i));
        CHECK(p.payload_offset == 12 && p.payload_octets == 10 * width);
    }
    CHECK(sw_encode(codec, pcm + 20, 5, expected, sizeof expected) == SW_OK);
    CHECK(memcmp(out + 2 * octets + 12, expected, 5 * width) == 0);
    for (size_t i = 5 * width; i < 10 * width; i++)
        CHECK(out[2 * octets + 12 + i] == silence);
    free(pcm);
    free(out);
}

static void check_packetize_limits(void)
{
    int16_t pcm[1] = {0};
    uint8_t out[64];
    sw_rtp_source source = {7, 10, 1, 0, 0, 0, 0};
    CHECK(sw_rtp_packetize(&source, pcm, 1, out, sizeof out) == SW_ECODEC);
    source.codec = SW_CODEC_PCMU;
    source.frame_samples = 0;
    CHECK(sw_rtp_packetize(&source, pcm, 1, out, sizeof out) == SW_EINVAL);
    source.frame_samples = 10;
    source.payload_type = 128;
    CHECK(sw_rtp_packetize(&source, pcm, 1, out, sizeof out) == SW_EINVAL);
    source.payload_type = 0;
    CHECK(sw_rtp_packetize(&source, pcm, SIZE_MAX, out, sizeof out) == SW_EROOM);
}

void check_rtp(void)
{
    check_full();
    check_cut();
    check_mangled();
    check_write_limits();
    check_many();
    check_packetize_one(SW_CODEC_PCMU, 0xFF);
    check_packetize_one(SW_CODEC_PCMA, 0xD5);
    check_packetize_one(SW_CODEC_L16, 0);
    check_packetize_one(SW_CODEC_L16LE, 0);
    check_packetize_limits();
}
