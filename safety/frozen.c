/* SPDX-License-Identifier: MIT
 *
 * A clock that stands still and chance that is always the same, exported from this program, so that libraries which it
 * opens find these before libc's: an allocator that looks at the time or draws a random number takes the same path each
 * time. What it would do as time passes is not tried.
 */
#include "raw.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 1000000000 };

int clock_gettime(clockid_t clock, struct timespec *now) {
    (void)clock;
    *now = (struct timespec){.tv_sec = SECONDS};
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    *now = (struct timeval){.tv_sec = SECONDS};
    return 0;
}

time_t time(time_t *now) {
    if (now != NULL)
        *now = SECONDS;
    return SECONDS;
}

ssize_t getrandom(void *buffer, size_t size, unsigned flags) {
    (void)flags;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)(37 * i + 11);
    return (ssize_t)size;
}

#ifdef __x86_64__ /* elsewhere raw_syscall is libc's */

/* Libraries that are older than getrandom in libc call the system themselves. */
long syscall(long number, ...) {
    long argument[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_getrandom)
        return getrandom((void *)argument[0], (size_t)argument[1], (unsigned)argument[2]);
    const long result =
        raw_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

#endif
