/*
 * Many datagrams to many addresses by few system calls: what a simulated service sends in one tick.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <string.h>

#include "rtpio.h"

#define MESSAGES 64 /* datagrams a system call */

/* IPv4 only: what RELAY taps are sent to. Returns 0 for an address that is none. */
static int write_address(const sw_address *from, struct sockaddr_in *out)
{
    memset(out, 0, sizeof *out);
    if (from->family != 4)
        return 0;
    out->sin_family = AF_INET;
    out->sin_port = htons(from->port);
    memcpy(&out->sin_addr, from->octets, 4);
    return 1;
}

#if HAVE_BATCHES
/* Returns how many of `n` are done with: taken, or refused alone; `taken` counts the former. */
static int send_batch(int fd, struct mmsghdr *messages, int n, int64_t *taken)
{
    int sent = sendmmsg(fd, messages, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
        return 0;
    if (sent < 0)
        return 1; /* the first of them is refused; the others have their chance */
    *taken += sent;
    return sent;
}
#endif

int64_t sw_send_many(int fd, const void *datagrams, size_t octets, const uint32_t *lengths, const sw_address *to,
                     size_t count)
{
    const uint8_t *at = datagrams;
    size_t left = octets;
    int64_t taken = 0;
    for (size_t i = 0; i < count;) {
        struct sockaddr_in names[MESSAGES];
        struct iovec parts[MESSAGES];
        int n = 0;
        for (; i < count && n < MESSAGES; i++, n++) {
            if (lengths[i] > left || !write_address(&to[i], &names[n]))
                return SW_EINVAL;
            parts[n].iov_base = (void *)(uintptr_t)at;
            parts[n].iov_len = lengths[i];
            at += lengths[i];
            left -= lengths[i];
        }
#if HAVE_BATCHES
        struct mmsghdr messages[MESSAGES];
        memset(messages, 0, sizeof messages);
        for (int k = 0; k < n; k++)
            messages[k].msg_hdr = (struct msghdr){
                .msg_name = &names[k], .msg_namelen = sizeof names[k], .msg_iov = &parts[k], .msg_iovlen = 1};
        for (int k = 0; k < n;)
            k += send_batch(fd, messages + k, n - k, &taken);
#else
        for (int k = 0; k < n; k++)
            taken += sendto(fd, parts[k].iov_base, parts[k].iov_len, MSG_DONTWAIT, (struct sockaddr *)&names[k],
                            sizeof names[k]) >= 0;
#endif
    }
    return taken;
}
