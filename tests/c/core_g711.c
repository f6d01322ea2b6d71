/* G.711 against the tables of ITU-T G.191: every value, path, alignment and tail; and L16. */
#include "check.h"
#include "sw.h"

enum { VALUES = 65536, CODES = 256, GUARD = 0x5A };

typedef struct {
    const char *name;
    void (*encode)(const void *pcm, size_t samples, uint8_t *out);
    void (*decode)(const uint8_t *codes, size_t octets, void *pcm);
    uint8_t encoded[VALUES];     /* by int16 value + 32768 */
    uint8_t decoded[2 * CODES];  /* little-endian int16 by code */
} law;

static void load(const char *directory, const char *name, uint8_t *to, size_t octets)
{
    char path[1024];
    FILE *file;
    CHECK(snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path);
    file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fread(to, 1, octets, file) == octets);
    fclose(file);
}

static int16_t expected_sample(const law *l, uint8_t code)
{
    return (int16_t)(l->decoded[2 * code] | (l->decoded[2 * code + 1] << 8));
}

static void check_every_value(const law *l)
{
    int16_t *pcm = exactly(2 * VALUES);
    uint8_t *out = exactly(VALUES);
    for (int i = 0; i < VALUES; i++)
        pcm[i] = (int16_t)(i - 32768);
    l->encode(pcm, VALUES, out);
    CHECK(memcmp(out, l->encoded, VALUES) == 0);
    for (int i = 0; i < CODES; i++)
        out[i] = (uint8_t)i;
    l->decode(out, CODES, pcm);
    for (int i = 0; i < CODES; i++)
        CHECK(pcm[i] == expected_sample(l, (uint8_t)i));
    free(pcm);
    free(out);
}

/* `n` samples from and to odd addresses: the same results, and not an octet beside them. */
static void check_piece(const law *l, size_t n, size_t in_at, size_t out_at)
{
    uint8_t *in = exactly(in_at + 2 * n), *out = exactly(out_at + n + 1), *back = exactly(in_at + 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        int16_t v = (int16_t)(uint16_t)(i * 40503u + n * 977u);
        memcpy(in + in_at + 2 * i, &v, 2);
    }
    memset(out, GUARD, out_at + n + 1);
    memset(back, GUARD, in_at + 2 * n + 1);
    l->encode(in + in_at, n, out + out_at);
    CHECK(out[out_at + n] == GUARD);
    for (size_t i = 0; i < out_at; i++)
        CHECK(out[i] == GUARD);
    l->decode(out + out_at, n, back + in_at);
    CHECK(back[in_at + 2 * n] == GUARD);
    for (size_t i = 0; i < n; i++) {
        int16_t v, w;
        memcpy(&v, in + in_at + 2 * i, 2);
        memcpy(&w, back + in_at + 2 * i, 2);
        CHECK(out[out_at + i] == l->encoded[v + 32768]);
        CHECK(w == expected_sample(l, out[out_at + i]));
    }
    free(in);
    free(out);
    free(back);
}

static void check_linear(void)
{
    for (size_t n = 0; n < 70; n++) {
        uint8_t *in = exactly(2 * n), *out = exactly(2 * n), *back = exactly(2 * n);
        for (size_t i = 0; i < 2 * n; i++)
            in[i] = (uint8_t)(i * 7 + n);
        sw_swap16(in, n, out);
        for (size_t i = 0; i < 2 * n; i++)
            CHECK(out[i] == in[i ^ 1]);
        for (int codec = SW_CODEC_L16; codec <= SW_CODEC_L16LE; codec++) {
            CHECK(sw_encode(codec, in, n, out, 2 * n) == SW_OK);
            for (size_t i = 0; i < n; i++) {
                uint16_t v;
                memcpy(&v, in + 2 * i, 2);
                CHECK(out[2 * i + (codec == SW_CODEC_L16LE)] == v >> 8);
                CHECK(out[2 * i + (codec == SW_CODEC_L16)] == (v & 0xFF));
            }
            CHECK(sw_decode(codec, out, 2 * n, back, n) == SW_OK);
            CHECK(memcmp(back, in, 2 * n) == 0);
        }
        free(in);
        free(out);
        free(back);
    }
}

static void check_by_codec(const law *ulaw, const law *alaw)
{
    int16_t pcm[3] = {0, 1000, -1000}, back[3];
    uint8_t out[6];
    CHECK(sw_codec_octets(SW_CODEC_PCMU) == 1 && sw_codec_octets(SW_CODEC_PCMA) == 1);
    CHECK(sw_codec_octets(SW_CODEC_L16) == 2 && sw_codec_octets(SW_CODEC_L16LE) == 2);
    CHECK(sw_codec_octets(4) == SW_ECODEC && sw_codec_octets(-1) == SW_ECODEC);
    CHECK(sw_encode(SW_CODEC_PCMU, pcm, 3, out, 3) == SW_OK && out[1] == ulaw->encoded[33768]);
    CHECK(sw_decode(SW_CODEC_PCMU, out, 3, back, 3) == SW_OK && back[1] == expected_sample(ulaw, out[1]));
    CHECK(sw_encode(SW_CODEC_PCMA, pcm, 3, out, 3) == SW_OK && out[2] == alaw->encoded[31768]);
    CHECK(sw_decode(SW_CODEC_PCMA, out, 3, back, 3) == SW_OK && back[2] == expected_sample(alaw, out[2]));
    CHECK(sw_encode(SW_CODEC_PCMU, pcm, 3, out, 2) == SW_EROOM);
    CHECK(sw_encode(SW_CODEC_L16, pcm, 3, out, 5) == SW_EROOM);
    CHECK(sw_encode(SW_CODEC_L16, pcm, SIZE_MAX / 2 + 2, out, 6) == SW_EROOM);
    CHECK(sw_encode(9, pcm, 3, out, 6) == SW_ECODEC);
    CHECK(sw_decode(SW_CODEC_PCMU, out, 3, back, 2) == SW_EROOM);
    CHECK(sw_decode(SW_CODEC_L16, out, 5, back, 3) == SW_ECODEC);
    CHECK(sw_decode(SW_CODEC_L16, out, 6, back, 2) == SW_EROOM);
    CHECK(sw_decode(9, out, 6, back, 3) == SW_ECODEC);
}

void check_g711(const char *tables)
{
    static const char *const names[] = {"auto", "plain", "sse2", "avx2", "neon"};
    static law laws[2] = {
        {"mu-law", sw_ulaw_encode, sw_ulaw_decode, {0}, {0}},
        {"A-law", sw_alaw_encode, sw_alaw_decode, {0}, {0}},
    };
    load(tables, "ulaw_encode.bin", laws[0].encoded, VALUES);
    load(tables, "ulaw_decode.s16le", laws[0].decoded, 2 * CODES);
    load(tables, "alaw_encode.bin", laws[1].encoded, VALUES);
    load(tables, "alaw_decode.s16le", laws[1].decoded, 2 * CODES);
    for (int path = SW_CPU_PLAIN; path <= SW_CPU_NEON; path++) {
        if (sw_cpu_select(path) != SW_OK)
            continue;
        for (int i = 0; i < 2; i++) {
            check_every_value(&laws[i]);
            for (size_t n = 0; n <= 100; n++)
                for (size_t at = 0; at < 16; at++)
                    check_piece(&laws[i], n, at & 3, at >> 2);
        }
        check_by_codec(&laws[0], &laws[1]);
        printf("path %s\n", names[path]);
    }
    CHECK(sw_cpu_select(SW_CPU_AUTO) == SW_OK);
    check_linear();
}
