/* epoll has no room for UDP sockets (fs.epoll.max_user_watches is reached). Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

typedef int control(int, int, int, struct epoll_event *);

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    control *real = (control *)dlsym(RTLD_NEXT, "epoll_ctl");
    int type = 0;
    socklen_t size = sizeof type;
    if (what == EPOLL_CTL_ADD && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM) {
        errno = ENOSPC;
        return -1;
    }
    return real(epoll, what, fd, event);
}
