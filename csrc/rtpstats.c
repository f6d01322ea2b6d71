/* What a receiver knows of one RTP source, as RFC 3550 appendix A computes it. */
#include "sw.h"

#define RTP_SEQ_MOD 65536u

/* A round begins with this packet (init_seq of A.1). */
static void init_seq(sw_rtp_stats *s, uint16_t seq)
{
    s->base_seq = seq;
    s->max_seq = seq;
    s->bad_seq = RTP_SEQ_MOD + 1; /* no sequence number equals this */
    s->cycles = 0;
    s->received = 0;
    s->received_prior = 0;
    s->expected_prior = 0;
    s->has_transit = 0;
    s->jitter = 0;
}

int sw_rtp_stats_init(sw_rtp_stats *stats, uint32_t clock_rate)
{
    memset(stats, 0, sizeof *stats);
    stats->clock_rate = clock_rate;
    return clock_rate > 0 ? SW_OK : SW_EINVAL;
}

uint32_t sw_rtp_clock(int64_t nanoseconds, uint32_t clock_rate)
{
    return sw_clock(nanoseconds, clock_rate);
}

static uint32_t expected_in_round(const sw_rtp_stats *s)
{
    return s->started && s->probation == 0 ? s->cycles + s->max_seq - s->base_seq + 1 : 0;
}

/* The source began again: what this round counted moves to the totals. */
static void restart(sw_rtp_stats *s, uint16_t seq)
{
    s->expected_before += expected_in_round(s);
    s->packets_before += s->received;
    s->restarts++;
    init_seq(s, seq);
}

/* Not yet believed: MIN_SEQUENTIAL packets in sequence end this. */
static int probe(sw_rtp_stats *s, uint16_t seq)
{
    if (s->started && seq == (uint16_t)(s->max_seq + 1)) {
        s->probation--;
        s->max_seq = seq;
        if (s->probation == 0) {
            init_seq(s, seq);
            return SW_RTP_VALID;
        }
        return SW_RTP_PROBATION;
    }
    s->started = 1;
    s->probation = SW_RTP_MIN_SEQUENTIAL - 1;
    s->max_seq = seq;
    return SW_RTP_PROBATION;
}

/* update_seq of A.1. */
static int update_seq(sw_rtp_stats *s, uint16_t seq)
{
    uint16_t udelta = (uint16_t)(seq - s->max_seq);
    if (!s->started || s->probation > 0)
        return probe(s, seq);
    if (udelta < SW_RTP_MAX_DROPOUT) {
        if (seq < s->max_seq)
            s->cycles += RTP_SEQ_MOD;
        s->max_seq = seq;
        return SW_RTP_VALID;
    }
    if (udelta <= RTP_SEQ_MOD - SW_RTP_MAX_MISORDER) {
        if (seq == s->bad_seq) {
            restart(s, seq);
            return SW_RTP_RESTART;
        }
        s->bad_seq = (uint16_t)(seq + 1);
        return SW_RTP_JUMP;
    }
    return SW_RTP_REORDERED;
}

/* A.8; the differences are taken modulo 2^32, so neither clock's wrap shows. */
static void update_jitter(sw_rtp_stats *s, uint32_t timestamp, uint32_t arrival)
{
    uint32_t transit = arrival - timestamp;
    uint32_t d = transit - s->transit;
    if (d > 0x80000000u)
        d = 0u - d;
    if (s->has_transit)
        s->jitter += d - ((s->jitter + 8) >> 4);
    s->transit = transit;
    s->has_transit = 1;
}

int sw_rtp_stats_update(sw_rtp_stats *stats, uint16_t sequence_number, uint32_t timestamp, uint32_t arrival)
{
    int verdict = update_seq(stats, sequence_number);
    if (verdict == SW_RTP_PROBATION || verdict == SW_RTP_JUMP) {
        stats->invalid++;
        return verdict;
    }
    stats->received++;
    stats->reordered += verdict == SW_RTP_REORDERED;
    update_jitter(stats, timestamp, arrival);
    return verdict;
}

int64_t sw_rtp_stats_update_many(sw_rtp_stats *stats, const sw_rtp_packet *packets, const int32_t *codes,
                                 const uint32_t *arrivals, size_t count)
{
    int64_t counted = 0;
    for (size_t i = 0; i < count; i++) {
        int verdict;
        if (codes[i] != SW_OK)
            continue;
        verdict = sw_rtp_stats_update(stats, packets[i].sequence_number, packets[i].timestamp, arrivals[i]);
        counted += verdict != SW_RTP_PROBATION && verdict != SW_RTP_JUMP;
    }
    return counted;
}

uint32_t sw_rtp_stats_highest(const sw_rtp_stats *stats)
{
    return stats->cycles + stats->max_seq;
}

uint64_t sw_rtp_stats_expected(const sw_rtp_stats *stats)
{
    return stats->expected_before + expected_in_round(stats);
}

uint64_t sw_rtp_stats_received(const sw_rtp_stats *stats)
{
    return stats->packets_before + stats->received;
}

int64_t sw_rtp_stats_lost(const sw_rtp_stats *stats)
{
    return (int64_t)sw_rtp_stats_expected(stats) - (int64_t)sw_rtp_stats_received(stats);
}

uint32_t sw_rtp_stats_jitter(const sw_rtp_stats *stats)
{
    return (uint32_t)(stats->jitter >> 4);
}

uint32_t sw_rtp_stats_fraction(sw_rtp_stats *stats)
{
    uint32_t expected = expected_in_round(stats), received = stats->received;
    uint32_t expected_interval = expected - stats->expected_prior;
    uint32_t received_interval = received - stats->received_prior;
    uint64_t fraction;
    stats->expected_prior = expected;
    stats->received_prior = received;
    if (expected_interval == 0 || received_interval >= expected_interval)
        return 0;
    fraction = ((uint64_t)(expected_interval - received_interval) << 8) / expected_interval;
    return fraction > 255 ? 255 : (uint32_t)fraction;
}
