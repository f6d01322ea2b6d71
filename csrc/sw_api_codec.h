/* The C interface of swsync: samples in and out of octets, and how loud they are. sw_api.h has the rules. */

/* ---- cpu.c: which instructions the codecs use ------------------------------------------------------------- */

enum {
    SW_CPU_AUTO = 0,  /* the best one that this machine has */
    SW_CPU_PLAIN = 1, /* portable C */
    SW_CPU_SSE2 = 2,
    SW_CPU_AVX2 = 3,
    SW_CPU_NEON = 4
};

/* Choose the path of all later calls in this process (the results are the same bits). For tests and benchmarks.
   SW_EINVAL: this machine or this build does not have it; the choice stays as it was. */
int sw_cpu_select(int path);

/* The path in use: SW_CPU_PLAIN ... SW_CPU_NEON. */
int sw_cpu_path(void);

/* ---- g711.c: G.711 and L16 in blocks ---------------------------------------------------------------------- */

enum {
    SW_CODEC_PCMU = 0, /* mu-law, one octet a sample */
    SW_CODEC_PCMA = 1, /* A-law, one octet a sample */
    SW_CODEC_L16 = 2,  /* 16 bit linear, big-endian (RFC 3551 section 4.5.11) */
    SW_CODEC_L16LE = 3 /* 16 bit linear, little-endian (WebSocket media) */
};

/* ITU-T G.711 as the ITU's own tool library (G.191) computes it. `samples` int16 in, as many octets out.
   `pcm` and `out` have any alignment. */
void sw_ulaw_encode(const void *pcm, size_t samples, uint8_t *out);
void sw_alaw_encode(const void *pcm, size_t samples, uint8_t *out);

/* `octets` codes in, as many int16 out. */
void sw_ulaw_decode(const uint8_t *codes, size_t octets, void *pcm);
void sw_alaw_decode(const uint8_t *codes, size_t octets, void *pcm);

/* Exchange the two octets of each of `samples` 16 bit values. */
void sw_swap16(const void *in, size_t samples, void *out);

/* Octets that one sample takes on the wire: 1 or 2; SW_ECODEC for an unknown codec. */
int sw_codec_octets(int codec);

/* Encode `samples` int16 into `out`, which has room for `room` octets. SW_ECODEC, SW_EROOM. */
int sw_encode(int codec, const void *pcm, size_t samples, uint8_t *out, size_t room);

/* Decode `octets` into int16; `pcm` has room for `room` samples. SW_ECODEC, SW_EROOM. */
int sw_decode(int codec, const void *payload, size_t octets, void *pcm, size_t room);

/* ---- level.c: how loud, and who speaks ---------------------------------------------------------------------- */

/* What blocks of one direction have shown; zeroed before the first. */
typedef struct {
    uint64_t samples;
    uint64_t energy;   /* sum of the squares */
    uint64_t clipped;  /* samples at either end of the range */
    uint64_t talk;     /* samples of frames in which somebody spoke, with the hangover */
    uint64_t active;   /* samples of frames above the threshold, without it */
    uint64_t active_energy;
    uint32_t peak;     /* largest magnitude, up to 32768 */
    uint32_t frame_samples; /* of the frame under way */
    uint64_t frame_energy;
    uint32_t hangover; /* samples that still count as talk */
    uint32_t reserved;
} sw_level;

/* Look at `samples` int16. Frames of 20 ms whose power is above `threshold` (mean square) are speech, and so is
   what follows them for 200 ms (the hangover of ITU-T P.56). `rate`: samples a second, 1000 to 192000. SW_EINVAL. */
int sw_level_add(sw_level *level, const void *pcm, size_t samples, uint32_t rate, uint32_t threshold);

/* ---- base64.c: RFC 4648 section 4, without line breaks, with padding, whose spare bits are zero --------------- */

/* Decode `octets` characters. Returns the octets written. SW_EBASE64; SW_EROOM. */
int64_t sw_base64_decode(const void *text, size_t octets, void *out, size_t room);
