/* RTP packets: read, written, and made from samples many at a time (RFC 3550 section 5.1). */
#include "sw.h"

enum { HEADER = 12, EXTENSION_HEADER = 4, VERSION_2 = 0x80, PADDING_BIT = 0x20, EXTENSION_BIT = 0x10, MARKER_BIT = 0x80 };

/* The second octets that belong to RTCP where both share a port (RFC 5761 section 4). */
static int is_rtcp(uint8_t second)
{
    return second >= 192 && second <= 223;
}

/* What follows the fixed header; `packet` has its counts already, and the rest of it is zero. */
static int parse_parts(const uint8_t *p, size_t octets, sw_rtp_packet *packet)
{
    size_t at = HEADER + 4 * (size_t)packet->csrc_count;
    if (at > octets)
        return SW_ECSRC;
    for (size_t i = 0; i < packet->csrc_count; i++)
        packet->csrcs[i] = sw_get32(p + HEADER + 4 * i);
    if (packet->has_extension) {
        if (octets - at < EXTENSION_HEADER)
            return SW_EEXT;
        packet->extension_profile = sw_get16(p + at);
        packet->extension_octets = 4u * sw_get16(p + at + 2);
        at += EXTENSION_HEADER;
        if (octets - at < packet->extension_octets)
            return SW_EEXT;
        packet->extension_offset = (uint32_t)at;
        at += packet->extension_octets;
    }
    if (p[0] & PADDING_BIT) {
        if (octets == at || p[octets - 1] == 0 || p[octets - 1] > octets - at)
            return SW_EPADDING;
        packet->padding_octets = p[octets - 1];
    }
    packet->payload_offset = (uint32_t)at;
    packet->payload_octets = (uint32_t)(octets - at - packet->padding_octets);
    return SW_OK;
}

static int refuse(sw_rtp_packet *packet, int code)
{
    memset(packet, 0, sizeof *packet);
    return code;
}

int sw_rtp_parse(const void *datagram, size_t octets, sw_rtp_packet *packet)
{
    const uint8_t *p = datagram;
    int code;
    if (octets > UINT32_MAX)
        return refuse(packet, SW_EINVAL);
    if (octets < HEADER)
        return refuse(packet, SW_ESHORT);
    if ((p[0] & 0xC0) != VERSION_2)
        return refuse(packet, SW_EVERSION);
    if (is_rtcp(p[1]))
        return refuse(packet, SW_ETYPE);
    /* Field by field: for the whole struct compilers take a string instruction, which costs more than all the rest. */
    memset(packet->csrcs, 0, sizeof packet->csrcs);
    packet->extension_profile = 0;
    packet->extension_offset = 0;
    packet->extension_octets = 0;
    packet->payload_offset = HEADER;
    packet->payload_octets = (uint32_t)(octets - HEADER);
    packet->padding_octets = 0;
    packet->has_extension = (p[0] & EXTENSION_BIT) != 0;
    packet->csrc_count = p[0] & 0x0F;
    packet->marker = (p[1] & MARKER_BIT) != 0;
    packet->payload_type = p[1] & 0x7F;
    packet->sequence_number = sw_get16(p + 2);
    packet->timestamp = sw_get32(p + 4);
    packet->ssrc = sw_get32(p + 8);
    if (p[0] == VERSION_2)
        return SW_OK;
    code = parse_parts(p, octets, packet);
    return code == SW_OK ? SW_OK : refuse(packet, code);
}

int64_t sw_rtp_parse_many(const void *datagrams, size_t octets, size_t stride, const uint32_t *lengths, size_t count,
                          sw_rtp_packet *packets, int32_t *codes)
{
    const uint8_t *p = datagrams;
    int64_t valid = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (at > octets || lengths[i] > octets - at || (stride > 0 && lengths[i] > stride))
            return SW_EINVAL;
        at += stride > 0 ? stride : lengths[i];
    }
    at = 0;
    for (size_t i = 0; i < count; i++) {
        codes[i] = sw_rtp_parse(p + at, lengths[i], &packets[i]);
        valid += codes[i] == SW_OK;
        at += stride > 0 ? stride : lengths[i];
    }
    return valid;
}

int64_t sw_rtp_size(const sw_rtp_packet *packet)
{
    if (packet->csrc_count > 15 || packet->payload_type > 127 || packet->marker > 1 || packet->has_extension > 1)
        return SW_EINVAL;
    if (packet->extension_octets % 4 != 0 || packet->extension_octets > 4u * 65535 || packet->padding_octets > 255)
        return SW_EINVAL;
    if (!packet->has_extension && packet->extension_octets > 0)
        return SW_EINVAL;
    return HEADER + 4 * (int64_t)packet->csrc_count + (packet->has_extension ? EXTENSION_HEADER : 0) +
           (int64_t)packet->extension_octets + (int64_t)packet->payload_octets + (int64_t)packet->padding_octets;
}

static void write_header(uint8_t *p, uint8_t first, uint8_t second, uint16_t sequence_number, uint32_t timestamp,
                         uint32_t ssrc)
{
    p[0] = (uint8_t)(VERSION_2 | first);
    p[1] = second;
    sw_put16(p + 2, sequence_number);
    sw_put32(p + 4, timestamp);
    sw_put32(p + 8, ssrc);
}

int64_t sw_rtp_write(const sw_rtp_packet *packet, const void *extension, const void *payload, void *out, size_t room)
{
    uint8_t *p = out;
    int64_t size = sw_rtp_size(packet);
    uint8_t first = packet->csrc_count;
    if (size < 0)
        return size;
    if ((uint64_t)size > room)
        return SW_EROOM;
    first |= packet->has_extension ? EXTENSION_BIT : 0;
    first |= packet->padding_octets > 0 ? PADDING_BIT : 0;
    write_header(p, first, (uint8_t)((packet->marker << 7) | packet->payload_type), packet->sequence_number,
                 packet->timestamp, packet->ssrc);
    p += HEADER;
    for (size_t i = 0; i < packet->csrc_count; i++, p += 4)
        sw_put32(p, packet->csrcs[i]);
    if (packet->has_extension) {
        sw_put16(p, packet->extension_profile);
        sw_put16(p + 2, (uint16_t)(packet->extension_octets / 4));
        p += EXTENSION_HEADER;
        if (packet->extension_octets > 0)
            memcpy(p, extension, packet->extension_octets);
        p += packet->extension_octets;
    }
    if (packet->payload_octets > 0)
        memcpy(p, payload, packet->payload_octets);
    p += packet->payload_octets;
    if (packet->padding_octets > 0) {
        memset(p, 0, packet->padding_octets - 1);
        p[packet->padding_octets - 1] = (uint8_t)packet->padding_octets;
    }
    return size;
}

int64_t sw_rtp_packet_octets(const sw_rtp_source *source)
{
    int width = sw_codec_octets(source->codec);
    if (width < 0)
        return width;
    if (source->frame_samples == 0 || source->payload_type > 127 || source->marker > 1)
        return SW_EINVAL;
    return HEADER + (int64_t)source->frame_samples * width;
}

/* Encode a frame; what `samples` do not fill is silence. */
static void encode_frame(const sw_rtp_source *source, const uint8_t *pcm, size_t samples, uint8_t *out, size_t octets)
{
    size_t width = source->codec == SW_CODEC_PCMU || source->codec == SW_CODEC_PCMA ? 1 : 2;
    size_t used = samples * width;
    int silence = source->codec == SW_CODEC_PCMU ? 0xFF : source->codec == SW_CODEC_PCMA ? 0xD5 : 0;
    (void)sw_encode(source->codec, pcm, samples, out, octets);
    if (used < octets)
        memset(out + used, silence, octets - used);
}

int64_t sw_rtp_packetize(sw_rtp_source *source, const void *pcm, size_t samples, void *out, size_t room)
{
    const uint8_t *from = pcm;
    uint8_t *p = out;
    int64_t octets = sw_rtp_packet_octets(source);
    size_t frame = source->frame_samples, count;
    if (octets < 0)
        return octets;
    count = samples / frame + (samples % frame != 0);
    if (count > room / (size_t)octets)
        return SW_EROOM;
    for (size_t i = 0; i < count; i++) {
        size_t left = samples - i * frame;
        write_header(p, 0, (uint8_t)((source->marker << 7) | source->payload_type), source->sequence_number,
                     source->timestamp, source->ssrc);
        encode_frame(source, from + 2 * i * frame, left < frame ? left : frame, p + HEADER, (size_t)octets - HEADER);
        source->sequence_number++;
        source->timestamp += source->frame_samples;
        source->marker = 0;
        p += octets;
    }
    return (int64_t)count;
}
