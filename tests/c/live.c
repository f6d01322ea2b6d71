/* Checks plc.c and playout.c: exact memory, readers that race with the writer, and delays of their own. */
#include <pthread.h>

#include "check.h"
#include "sw.h"

enum { RATE = 8000, PACKET = 160, PACKETS = 4000, LOSE = 17, READERS = 3 };

static const int64_t TICK = INT64_C(20000000);

static sw_track *new_track(uint64_t capacity)
{
    void *memory = zeroed(sw_track_octets(capacity));
    CHECK(sw_track_init(memory, sw_track_octets(capacity), capacity, RATE, SW_CODEC_L16, RATE / 2, 0) == SW_OK);
    return memory;
}

static int16_t sample(int64_t position)
{
    return (int16_t)(position % 30000 + 1);
}

static void put(sw_track *t, int64_t number, int64_t now, int order)
{
    uint8_t data[2 * PACKET];
    for (int i = 0; i < PACKET; i++)
        sw_put16(data + 2 * i, (uint16_t)sample(number * PACKET + i));
    CHECK(sw_track_put(t, data, sizeof data, number * PACKET, now, order) >= 0);
}

static void check_refusals(void)
{
    sw_track *t = new_track(16384);
    sw_playout *p = exactly(sizeof *p);
    sw_plc plc;
    CHECK(sw_plc_init(&plc, 7999) == SW_EINVAL && sw_plc_init(&plc, 48001) == SW_EINVAL);
    CHECK(sw_playout_init(p, t, 0, -1, 0) == SW_EINVAL && sw_playout_init(p, t, 0, 2, 1) == SW_EINVAL);
    CHECK(sw_playout_init(p, t, 0, 0, RATE + 1) == SW_EINVAL);
    CHECK(sw_playout_init(p, t, 480, 0, RATE) == SW_OK && p->delay == 480);
    CHECK(sw_playout_take(t, p, 0, 0, 1, NULL, NULL) == SW_EINVAL);
    free(p);
    free(t);
}

/* Losses and audio of any length, in memory that ends where they do, at every rate that has the most or the least. */
static void check_concealment(void)
{
    static const int rates[] = {8000, 11025, 16000, 24000, 44100, 48000};
    uint32_t dice = 1;
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        sw_plc *plc = exactly(sizeof *plc);
        CHECK(sw_plc_init(plc, rates[r]) == SW_OK);
        for (int i = 0; i < 300; i++) {
            size_t n = (dice = dice * 1664525u + 1013904223u) >> 20;
            int16_t *pcm = exactly(2 * n);
            for (size_t k = 0; k < n; k++)
                pcm[k] = (int16_t)((dice = dice * 1664525u + 1013904223u) >> 16);
            if (i % 3 == 2)
                sw_plc_conceal(plc, pcm, n);
            else
                sw_plc_good(plc, pcm, n);
            free(pcm);
        }
        free(plc);
    }
}

/* ---- threads ---------------------------------------------------------------------------------------------- */

typedef struct {
    sw_track *track;
    int64_t frame, least, most;
    int64_t *now; /* read and written atomically */
    sw_playout playout;
} listening;

/* Each sample is the one that was sent, or was made, or came after one that was made. */
static void *listen_to_all(void *argument)
{
    listening *l = argument;
    sw_playout_frame out;
    int16_t pcm[1000];
    int64_t faded = 0, position = 0;
    CHECK(sw_playout_init(&l->playout, l->track, 480, l->least, l->most) == SW_OK);
    do {
        int64_t now = __atomic_load_n(l->now, __ATOMIC_RELAXED);
        int64_t n = sw_playout_take(l->track, &l->playout, l->frame, now, 0, pcm, &out);
        CHECK(n >= 0);
        if (n == 0)
            continue;
        for (int64_t i = out.state == SW_PLAYOUT_AUDIO ? faded : n; i < n; i++)
            CHECK(pcm[i] == sample(out.position + i));
        faded = out.state == SW_PLAYOUT_CONCEALED ? RATE / 100 : faded > n ? faded - n : 0;
        position = out.position + n;
    } while (!out.ended || position < (int64_t)PACKETS * PACKET);
    CHECK(position == (int64_t)PACKETS * PACKET);
    return NULL;
}

static void check_one_writer_many_listeners(void)
{
    sw_track *t = new_track(16384);
    int64_t now = 1000 * TICK;
    pthread_t threads[READERS];
    listening *all[READERS];
    for (int i = 0; i < READERS; i++) {
        all[i] = exactly(sizeof *all[i]);
        *all[i] = (listening){.track = t, .frame = 160 + 173 * i, .least = 160 * i, .most = 800 * i, .now = &now};
        CHECK(pthread_create(&threads[i], NULL, listen_to_all, all[i]) == 0);
    }
    for (int64_t i = 0; i < PACKETS; i++) { /* every 17th is lost, or comes after the next but two */
        __atomic_store_n(&now, (1000 + i) * TICK, __ATOMIC_RELAXED);
        if (i % LOSE != LOSE - 1)
            put(t, i, (1000 + i) * TICK, i % LOSE ? SW_ORDER_NEXT : i ? SW_ORDER_LOST : SW_ORDER_NEXT);
        if (i % (2 * LOSE) == LOSE + 2 && i > LOSE)
            put(t, i - 3, (1000 + i) * TICK, SW_ORDER_OLDER);
    }
    sw_track_end(t);
    for (int i = 0; i < READERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(all[i]->playout.late <= all[i]->playout.concealed);
        free(all[i]);
    }
    free(t);
}

int main(void)
{
    CHECK(sw_cpu_select(SW_CPU_AUTO) == SW_OK);
    check_refusals();
    check_concealment();
    check_one_writer_many_listeners();
    puts("all as it should be");
    return 0;
}
