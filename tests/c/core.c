/* Checks error.c, cpu.c, g711*.c, rtp.c and rtpstats.c. Argument: the directory of the G.711 reference tables. */
#include "check.h"
#include "sw.h"

static void check_errors(void)
{
    for (int code = SW_ETYPE; code <= SW_OK; code++)
        CHECK(strcmp(sw_strerror(code), sw_strerror(1)) != 0);
    CHECK(strcmp(sw_strerror(-1000), "unknown error code") == 0);
}

static void check_cpu(void)
{
    CHECK(sw_cpu_select(-1) == SW_EINVAL);
    CHECK(sw_cpu_select(99) == SW_EINVAL);
    CHECK(sw_cpu_select(SW_CPU_PLAIN) == SW_OK && sw_cpu_path() == SW_CPU_PLAIN);
    CHECK(sw_cpu_select(99) == SW_EINVAL && sw_cpu_path() == SW_CPU_PLAIN);
    CHECK(sw_cpu_select(SW_CPU_AUTO) == SW_OK && sw_cpu_path() >= SW_CPU_PLAIN);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK(sw_cpu_path() >= SW_CPU_PLAIN); /* found on first use */
    check_errors();
    check_cpu();
    check_g711(argv[1]);
    check_rtp();
    check_rtpstats();
    puts("all as it should be");
    return 0;
}
