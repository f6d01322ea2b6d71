/* RTP from sockets into tracks: the only file that touches descriptors and clocks. */

#define _GNU_SOURCE

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "sw.h"

/* ---- waking readers --------------------------------------------------------------------------------------- */

void sw_track_wake(sw_track *track)
{
    static const uint8_t one[8] = {1};
    int32_t fds[8];
    int due = sw_track_due(track, fds, 8);
    for (int i = 0; i < due; i++) {
        /* Full means that it is ringing already; an eventfd takes the eight octets as a number in any order. */
        ssize_t written = write(fds[i], one, sizeof one);
        (void)written;
    }
}
