/* Sequence validity, loss and jitter (RFC 3550 A.1, A.3, A.8). */
#include "check.h"
#include "sw.h"

static sw_rtp_stats begun(uint16_t seq)
{
    sw_rtp_stats s;
    CHECK(sw_rtp_stats_init(&s, 8000) == SW_OK);
    CHECK(sw_rtp_stats_update(&s, seq, 0, 0) == SW_RTP_PROBATION);
    CHECK(sw_rtp_stats_update(&s, (uint16_t)(seq + 1), 0, 0) == SW_RTP_VALID);
    return s;
}

static void check_probation(void)
{
    sw_rtp_stats s;
    CHECK(sw_rtp_stats_init(&s, 0) == SW_EINVAL);
    CHECK(sw_rtp_stats_init(&s, 8000) == SW_OK);
    CHECK(sw_rtp_stats_expected(&s) == 0 && sw_rtp_stats_lost(&s) == 0);
    CHECK(sw_rtp_stats_update(&s, 10, 0, 0) == SW_RTP_PROBATION);
    CHECK(sw_rtp_stats_update(&s, 12, 0, 0) == SW_RTP_PROBATION);
    CHECK(sw_rtp_stats_expected(&s) == 0);
    CHECK(sw_rtp_stats_update(&s, 13, 0, 0) == SW_RTP_VALID);
    CHECK(sw_rtp_stats_expected(&s) == 1 && sw_rtp_stats_received(&s) == 1 && s.invalid == 2);
}

static void check_wrap_and_loss(void)
{
    sw_rtp_stats s = begun(65530);
    for (uint32_t i = 65532; i < 65536 + 10; i++)
        if (i != 65534 && i != 65537)
            CHECK(sw_rtp_stats_update(&s, (uint16_t)i, 0, 0) == SW_RTP_VALID);
    CHECK(sw_rtp_stats_highest(&s) == 65536 + 9);
    CHECK(sw_rtp_stats_expected(&s) == 15 && sw_rtp_stats_lost(&s) == 2);
    CHECK(sw_rtp_stats_fraction(&s) == 2 * 256 / 15);
    CHECK(sw_rtp_stats_fraction(&s) == 0);
    CHECK(sw_rtp_stats_update(&s, 65534, 0, 0) == SW_RTP_REORDERED);
    CHECK(s.reordered == 1 && sw_rtp_stats_lost(&s) == 1 && sw_rtp_stats_highest(&s) == 65536 + 9);
    CHECK(sw_rtp_stats_update(&s, 9, 0, 0) == SW_RTP_VALID); /* the highest again */
    CHECK(sw_rtp_stats_update(&s, 9, 0, 0) == SW_RTP_VALID);
    CHECK(sw_rtp_stats_lost(&s) == -1 && sw_rtp_stats_fraction(&s) == 0);
}

static void check_limits_of_jumps(void)
{
    sw_rtp_stats s = begun(0); /* the highest is 1 */
    CHECK(sw_rtp_stats_update(&s, 1 + 2999, 0, 0) == SW_RTP_VALID);
    CHECK(sw_rtp_stats_update(&s, 3000 - 99, 0, 0) == SW_RTP_REORDERED);
    CHECK(sw_rtp_stats_update(&s, 3000 - 100, 0, 0) == SW_RTP_JUMP);
    CHECK(sw_rtp_stats_update(&s, 3000 + 3000, 0, 0) == SW_RTP_JUMP);
    CHECK(sw_rtp_stats_highest(&s) == 3000 && s.invalid == 3);
    CHECK(sw_rtp_stats_update(&s, 6001, 0, 0) == SW_RTP_RESTART);
    CHECK(s.restarts == 1 && sw_rtp_stats_highest(&s) == 6001);
    CHECK(sw_rtp_stats_expected(&s) == 3000 + 1 && sw_rtp_stats_received(&s) == 3 + 1);
    CHECK(sw_rtp_stats_update(&s, 6002, 0, 0) == SW_RTP_VALID);
    /* A jump to 65535 is followed by 0. */
    CHECK(sw_rtp_stats_update(&s, 65535, 0, 0) == SW_RTP_JUMP);
    CHECK(sw_rtp_stats_update(&s, 0, 0, 0) == SW_RTP_RESTART);
}

static void check_jitter(void)
{
    sw_rtp_stats s = begun(0); /* transit 0 */
    CHECK(sw_rtp_stats_jitter(&s) == 0);
    CHECK(sw_rtp_stats_update(&s, 2, 160, 160 + 32) == SW_RTP_VALID);
    CHECK(s.jitter == 32 && sw_rtp_stats_jitter(&s) == 2);
    CHECK(sw_rtp_stats_update(&s, 3, 320, 320) == SW_RTP_VALID);
    CHECK(s.jitter == 32 + 32 - ((32 + 8) >> 4));
    /* Timestamps and the clock wrap without a jolt. */
    s = begun(0);
    for (uint32_t i = 0; i < 50; i++)
        CHECK(sw_rtp_stats_update(&s, (uint16_t)(2 + i), 0xFFFFF000u + 160 * i, 0xFFFFFF00u + 160 * i) == SW_RTP_VALID);
    CHECK(sw_rtp_stats_jitter(&s) < 0xF00);
    /* The most hostile timestamps stay within the type. */
    for (uint32_t i = 0; i < 2000; i++)
        (void)sw_rtp_stats_update(&s, (uint16_t)(52 + i), (i & 1) << 31, 0);
    CHECK(s.jitter >> 4 <= 0x80000000u);
}

static void check_clock(void)
{
    CHECK(sw_rtp_clock(0, 8000) == 0);
    CHECK(sw_rtp_clock(1000000000, 8000) == 8000);
    CHECK(sw_rtp_clock(124999, 8000) == 0);
    CHECK(sw_rtp_clock(125000, 8000) == 1);
    CHECK(sw_rtp_clock(-1, 8000) == 0xFFFFFFFFu);
    CHECK(sw_rtp_clock(INT64_MAX, 8000) == (uint32_t)(9223372036ULL * 8000 + 854775807ULL * 8000 / 1000000000));
    CHECK(sw_rtp_clock(INT64_MIN, 48000) - sw_rtp_clock(INT64_MIN + 1000000000, 48000) == 0u - 48000u);
}

static void check_many(void)
{
    sw_rtp_packet packets[4];
    int32_t codes[4] = {SW_OK, SW_ESHORT, SW_OK, SW_OK};
    uint32_t arrivals[4] = {0, 0, 160, 320};
    sw_rtp_stats s;
    memset(packets, 0, sizeof packets);
    for (uint32_t i = 0; i < 4; i++) {
        packets[i].sequence_number = (uint16_t)(100 + i - (i > 1));
        packets[i].timestamp = 160 * (i - (i > 1));
    }
    CHECK(sw_rtp_stats_init(&s, 8000) == SW_OK);
    CHECK(sw_rtp_stats_update_many(&s, packets, codes, arrivals, 4) == 2);
    CHECK(sw_rtp_stats_received(&s) == 2 && s.invalid == 1 && s.jitter == 0);
}

void check_rtpstats(void)
{
    check_probation();
    check_wrap_and_loss();
    check_limits_of_jumps();
    check_jitter();
    check_clock();
    check_many();
}
