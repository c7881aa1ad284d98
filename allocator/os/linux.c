/* SPDX-License-Identifier: MIT
 *
 * os.h for Linux. mmap, munmap and nanosleep go through libc's wrappers or syscall(2), which on Linux are
 * thin and async-signal-safe in fact if not by POSIX; errno is saved around each. The sleep is a bare system
 * call, for libc's is a cancellation point, and a thread cancelled inside a malloc would hold what it holds.
 */
#include "os.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

size_t os_page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *os_map(size_t size) {
    const int saved = errno;
    void *const mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return mapping == MAP_FAILED ? NULL : mapping;
}

bool os_unmap(void *mapping, size_t size) {
    const int saved = errno;
    const bool done = munmap(mapping, size) == 0;
    errno = saved;
    return done;
}

enum { FIRST_SLEEP = 12, LAST_SLEEP = 28 };

void os_back_off(unsigned attempt) {
    if (attempt < FIRST_SLEEP) {
        for (unsigned step = 2U << attempt; step != 0; step--)
            __asm__ volatile("" ::: "memory");
        return;
    }
    const unsigned doublings = attempt > LAST_SLEEP ? LAST_SLEEP - FIRST_SLEEP : attempt - FIRST_SLEEP;
    long microseconds = 1L << doublings;
    if (microseconds > 100000)
        microseconds = 100000;
    const struct timespec pause = {.tv_nsec = microseconds * 1000};
    const int saved = errno;
    syscall(SYS_nanosleep, &pause, NULL);
    errno = saved;
}
