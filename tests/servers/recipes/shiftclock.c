/* The wall clock of one process, shifted by the whole seconds that the file $SHIFT holds; no other clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *at)
{
    static int (*real)(clockid_t, struct timespec *);
    char text[32];
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(id, at);
    if (answer || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
        return answer;
    int file = open(getenv("SHIFT"), O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    text[size > 0 ? size : 0] = 0;
    at->tv_sec += atol(text);
    return 0;
}
