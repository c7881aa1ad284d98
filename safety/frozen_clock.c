/* SPDX-License-Identifier: MIT
 *
 * A clock that stands still, exported from this program, so that libraries which it opens find these before libc's: an
 * allocator that looks at the time takes the same path each time. What it would do as time passes is not tried.
 */
#include <sys/time.h>
#include <time.h>

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
