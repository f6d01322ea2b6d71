/* Fuzzes rtcp.c: a compound packet with reports, SDES, goodbyes and APP. It ends, and what is read was in it. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    uint8_t *copy;
    size_t at = 0, packets = 0;
    if (octets > 4096)
        return 0;
    copy = exactly(octets);
    memcpy(copy, data, octets);
    while (at < octets) {
        sw_rtcp_packet packet;
        size_t began = at;
        int code = sw_rtcp_parse(copy, octets, &at, &packet);
        CHECK(at >= began && at <= octets && (at - began) % 4 == 0);
        if (code != SW_OK) {
            for (size_t i = 0; code != SW_ELENGTH && i < sizeof packet; i++)
                CHECK(((const uint8_t *)&packet)[i] == 0);
            break;
        }
        CHECK(at - began >= 4 && ++packets <= octets / 4 && packet.count <= 31);
        CHECK(packet.payload_type == copy[began + 1]);
        if (packet.payload_type == SW_RTCP_BYE && packet.count)
            CHECK(packet.sources[packet.count - 1] == sw_get32(copy + began + 4u * packet.count));
        if (packet.payload_type == SW_RTCP_SR)
            CHECK(packet.ssrc == sw_get32(copy + began + 4) && packet.octet_count == sw_get32(copy + began + 24));
    }
    free(copy);
    return 0;
}
