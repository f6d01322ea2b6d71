/* Fuzzes streamscan.c: any text where a media message belongs. What it finds lies in the text and is in range. */
#include "fuzz.h"
#include "streamscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets)
{
    uint8_t *text = exactly(octets);
    sw_scanned found;
    memcpy(text, data, octets);
    if (sw_stream_scan(text, octets, &found)) {
        CHECK(octets > 2 && found.payload >= text && found.payload + found.payload_octets <= text + octets);
        CHECK(!found.sid || (found.sid >= text && found.sid + found.sid_octets <= text + octets));
        CHECK(found.sequence_number >= -1 && found.sequence_number <= INT64_C(1) << 53);
        CHECK(found.chunk >= -1 && found.chunk <= INT64_C(1) << 53);
        CHECK(found.timestamp >= -1 && found.timestamp <= INT64_C(1) << 53);
        CHECK(found.lane >= -1 && found.lane <= 1);
        CHECK(!memchr(found.payload, '"', found.payload_octets)); /* it ends at the first of them */
        if (memchr(found.payload, '\\', found.payload_octets)) {  /* an escape: decoding refuses it, json decides */
            uint8_t *audio = exactly(octets);
            CHECK(sw_base64_decode(found.payload, found.payload_octets, audio, octets) < 0);
            free(audio);
        }
    }
    free(text);
    return 0;
}
