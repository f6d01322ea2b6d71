/* The C interface of swsync: a direction of audio on its timeline, and those who read it. sw_api.h has the rules. */

/* ---- jitter.c, trackread.c: the timeline of one direction of audio ---------------------------------------- */

/* A ring of decoded samples placed by the media clock. One thread writes, any number read. It lives in memory of
   the caller's (zeroed, aligned to 64 octets), which outlives every call on it. */
typedef struct sw_track sw_track;

enum {
    SW_TRACK_PACKETS = 0, /* that carried audio, whatever became of them */
    SW_TRACK_OCTETS,      /* of payload in them */
    SW_TRACK_SAMPLES,     /* placed */
    SW_TRACK_LATE,        /* packets that came after the reorder window had passed them */
    SW_TRACK_REORDERED,   /* packets placed behind the newest */
    SW_TRACK_DUPLICATE,   /* packets whose samples were all there */
    SW_TRACK_REBASED,     /* times that the media clock jumped and the timeline went on by arrival */
    SW_TRACK_QUIET,       /* samples of silence where the sender paused */
    SW_TRACK_MISSING,     /* samples of silence where packets were missing when later ones came */
    SW_TRACK_ESTIMATED,   /* samples of silence put in by sw_track_append */
    SW_TRACK_MUTED,       /* samples of silence in place of what came while the track was mute */
    SW_TRACK_COUNTERS
};

/* How a packet lies to the newest one before it. */
enum {
    SW_ORDER_UNKNOWN = 0, /* the wire does not number its packets */
    SW_ORDER_NEXT = 1,    /* directly after it: a gap of the clock is a pause of the sender's */
    SW_ORDER_LOST = 2,    /* after it, others between have not come: a gap is missing audio */
    SW_ORDER_OLDER = 3,   /* before it */
    SW_ORDER_RESTART = 4  /* its clock has nothing to do with what was before */
};

/* What became of a packet, beside SW_OK. */
enum { SW_PUT_LATE = 1, SW_PUT_DUPLICATE = 2, SW_PUT_REBASED = 3, SW_PUT_ENDED = 4 };

enum { SW_SPAN_MISSING = 1, SW_SPAN_QUIET = 2 };

/* Samples that are not there: they read as zero. */
typedef struct {
    int64_t position, samples;
    int32_t kind; /* SW_SPAN_MISSING, SW_SPAN_QUIET */
} sw_span;

/* Where one reader is, and how many samples it has lost because it was too slow. */
typedef struct {
    int64_t position;
    uint64_t overruns;
} sw_reader;

/* A snapshot. Positions are samples of the media clock, times are nanoseconds. */
typedef struct {
    int64_t origin, start, head; /* first packet placed; lowest position; one past the highest */
    int64_t anchor;              /* when `origin` was sent plus the shortest transit seen */
    int64_t last_arrival;
    int32_t started, ended;
    uint64_t counters[11]; /* SW_TRACK_COUNTERS of them */
} sw_track_state;

/* Octets of memory for a ring of `capacity` samples, a power of two from 64 to 2^32; 0 for another one. */
size_t sw_track_octets(uint64_t capacity);

/* Make `memory` a track. `window` (samples, at most half the capacity) is how far behind the newest sample one may
   still be filled in; positions within `snap` samples of the head are taken as next to it. SW_EINVAL, SW_ECODEC. */
int sw_track_init(void *memory, size_t octets, uint64_t capacity, int rate, int codec, int64_t window, int64_t snap);

/* Place one packet at `position` of the media clock. A gap is filled by no more than the time since the last packet
   plus 1 s; a larger jump, or one back, goes on by arrival (SW_PUT_REBASED). SW_PUT_..., SW_ECODEC, SW_EINVAL. */
int sw_track_put(sw_track *track, const uint8_t *payload, size_t octets, int64_t position, int64_t arrival, int order);

/* Place one packet after the last: the sample count is the clock. A deficit against arrival times that is still
   there after two seconds is filled once (SW_TRACK_ESTIMATED). SW_PUT_ENDED, SW_ECODEC. */
int sw_track_append(sw_track *track, const uint8_t *payload, size_t octets, int64_t arrival);

/* The sender is silent up to `position`: that much is known to be silence, bounded as a gap is. SW_PUT_... */
int sw_track_quiet(sw_track *track, int64_t position, int64_t arrival, int order);

/* From now on nothing that comes is kept: silence takes its place. Any thread; as many unmutes as mutes end it. */
void sw_track_mute(sw_track *track);

/* At `now`: what is sent after that is kept again. What was sent before, or within `guard` nanoseconds after, is not, by
   its place on the media clock, however late it comes. Any thread. */
void sw_track_unmute(sw_track *track, int64_t now, int64_t guard);

/* What comes next is encoded as `codec`; for the one who writes. */
void sw_track_recode(sw_track *track, int codec);

/* Forget all that was placed, as if nothing had come; for the one who writes. What a reader has taken already it has;
   positions only go on. Returns how many packets it was. */
uint64_t sw_track_forget(sw_track *track);

/* No more will come. */
void sw_track_end(sw_track *track);

/* The lowest position that the ring still holds, with some distance to what is overwritten next. */
int64_t sw_track_oldest(const sw_track *track);

/* Copy up to `samples` int16 from the reader's position, none at or past `until`, and move the reader on. Up to
   `room` (at least 1) spans say what was not there; with more of them the call returns less. Returns the samples
   copied. If the ring has overwritten the reader's position, it is moved on first, and `overruns` grows by as much. */
int64_t sw_track_read(const sw_track *track, sw_reader *reader, int64_t samples, int64_t until, void *pcm,
                      sw_span *spans, int32_t room, int32_t *used);

void sw_track_report(const sw_track *track, sw_track_state *out);

/* Somebody wants the audio as it comes; any thread. 1: nobody did before, and who writes has to be told (for an engine's
   socket, by sw_engine_attend). And whether it is so. */
int sw_track_hurry(sw_track *track);
int sw_track_is_hurried(const sw_track *track);

/* A slot for a reader that blocks: `fd` is an eventfd or the writing end of a pipe, and stays open as long as the
   track is written to. SW_EROOM: eight readers block already. */
int sw_track_listen(sw_track *track, int fd);
void sw_track_unlisten(sw_track *track, int slot);

/* Ask to be woken once, when head has reached `want` or the track has ended. 1: that is so already. */
int sw_track_arm(sw_track *track, int slot, int64_t want);

/* ---- plc.c: what was lost goes on as it was before (ITU-T G.711 Appendix I) -------------------------------- */

/* The concealment of one reader of one stream. Only the functions write it; it has no pointers and may be copied. */
typedef struct {
    int32_t rate, step;        /* samples a second, and in 10 ms */
    int32_t shortest, longest; /* pitch, in samples: 5 and 15 ms */
    int32_t length;            /* samples of history: 48.75 ms */
    int32_t phase;
    int32_t lost;              /* samples made since the last good one, up to 60 ms */
    int32_t pitch, overlap;    /* of this loss: the pitch period, and a quarter of it */
    int32_t periods, offset;   /* how many periods are repeated, and where in them it is */
    int32_t faded;             /* samples of `fade` used */
    int32_t merge, merged;     /* samples over which good audio fades in, and how many of them are done */
    float fade[180];           /* what the periods that are repeated fade in over */
    int16_t tail[180];         /* the last quarter period before the loss */
    int16_t history[2340], cycle[2340];
} sw_plc;

/* Begin: before it there was silence. SW_EINVAL: the rate is not from 8,000 to 48,000. */
int sw_plc_init(sw_plc *plc, int rate);

/* The next samples have nothing to do with those before. */
void sw_plc_reset(sw_plc *plc);

/* `samples` int16 that came. They stay as they are, but for up to 10 ms after a loss, which fade in. */
void sw_plc_good(sw_plc *plc, void *pcm, size_t samples);

/* Make `samples` int16 in place of lost ones: the last pitch periods again, after 10 ms 20 % less with each 10 ms,
   after 60 ms silence. Adds no delay. */
void sw_plc_conceal(sw_plc *plc, void *pcm, size_t samples);

/* ---- playout.c: live reading: a playout delay of the reader's own, and concealment ------------------------- */

enum { SW_PLAYOUT_AUDIO = 0, SW_PLAYOUT_CONCEALED = 1, SW_PLAYOUT_SILENCE = 2 };
enum { SW_PLAYOUT_BUCKETS = 200, SW_PLAYOUT_GAPS = 64 };

/* One live reader of one track. Only the functions write it; it has no pointers and may be copied. Lengths are samples. */
typedef struct {
    sw_reader reader;
    int32_t placed, conceals;       /* whether it has a place; whether it can conceal at this rate */
    int64_t delay, target;          /* how far behind it stays now, and how far it should */
    int64_t least, most;            /* limits of both */
    uint64_t concealed, late;       /* made because they were missing; of these, those that came afterwards */
    uint64_t skipped, stretched;    /* silence left out so that the delay shrinks; time added so that it grows */
    int32_t is_live, starved;       /* not behind by its own slowness; waiting for what has not come */
    uint32_t noted, known;          /* packets whose lateness it has looked at */
    float weight, total, histogram[200]; /* that lateness in 5 ms, newer ones weighing more */
    int32_t oldest, gaps;
    sw_span gap[64];                /* what was concealed and may yet come */
    sw_plc plc;
} sw_playout;

typedef struct {
    int64_t position;    /* of the first sample */
    int64_t want, wait;  /* if nothing is due: until head reaches this, or so many nanoseconds pass (below 0: no limit) */
    int32_t state;       /* SW_PLAYOUT_CONCEALED if any of it was missing; SILENCE if the sender paused in it */
    int32_t ended;       /* with 0 samples: there will be no more */
} sw_playout_frame;

/* Begin with a delay of `begin`, kept from `least` to `most` samples (at most a second); equal limits fix it. SW_EINVAL. */
int sw_playout_init(sw_playout *playout, const sw_track *track, int64_t begin, int64_t least, int64_t most);

/* Take `samples` int16 if they are due at `now` (nanoseconds of the arrivals' clock), fewer at the end: the samples
   taken. 0: nothing is due, `out` says what to wait for, or that the end has come. `may_skip`: silence that nobody sent may
   be left out, to shorten the delay. SW_EINVAL. */
int64_t sw_playout_take(const sw_track *track, sw_playout *playout, int64_t samples, int64_t now, int may_skip, void *pcm,
                        sw_playout_frame *out);
