/* SPDX-License-Identifier: MIT
 *
 * os.h for Linux. mmap, munmap and nanosleep go through libc's wrappers or syscall(2), which on Linux are
 * thin and async-signal-safe in fact if not by POSIX. The sleep is a bare system call, for libc's is a
 * cancellation point, and a thread cancelled inside a malloc would keep what it holds. errno is written only
 * where a call has failed: a thread made by a bare clone may share it with the one that made it.
 */
#include "os.h"
#include "sanitizers.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <string.h>
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
    if (mapping != MAP_FAILED)
        return mapping;
    errno = saved;
    return NULL;
}

bool os_unmap(void *mapping, size_t size) {
    const int saved = errno;
    if (munmap(mapping, size) == 0)
        return true;
    errno = saved;
    return false;
}

enum { FIRST_SLEEP = 12, LAST_DOUBLING = 28, MOST_MICROSECONDS = 100000 };

void os_back_off(unsigned attempt) {
    if (attempt < FIRST_SLEEP) {
        for (unsigned step = 2U << attempt; step != 0; step--)
            __asm__ volatile("" ::: "memory");
        return;
    }
    const long microseconds = attempt > LAST_DOUBLING ? MOST_MICROSECONDS : 1L << (attempt - FIRST_SLEEP);
    const struct timespec pause = {.tv_nsec = microseconds * 1000};
    const int saved = errno;
    if (syscall(SYS_nanosleep, &pause, NULL) != 0)
        errno = saved;
}

void os_discard(void *start, size_t size) {
    const int saved = errno;
    if (madvise(start, size, MADV_DONTNEED) != 0)
        errno = saved;
}

#if UNDER_TSAN
/* ThreadSanitizer sees mmap and munmap, but not mremap: it would take what was done at an address before somebody's
 * mapping moved away for done to the one that has moved there since. */
void *os_remap(void *mapping, size_t size, size_t new_size) {
    void *const moved = os_map(new_size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, mapping, size < new_size ? size : new_size);
    os_unmap(mapping, size);
    return moved;
}
#else
void *os_remap(void *mapping, size_t size, size_t new_size) {
    const int saved = errno;
    void *const moved = mremap(mapping, size, new_size, MREMAP_MAYMOVE);
    if (moved != MAP_FAILED)
        return moved;
    errno = saved;
    return NULL;
}
#endif

uint64_t os_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t os_process(void) {
    return (uint32_t)getpid();
}

uint32_t os_thread(void) {
    return (uint32_t)syscall(SYS_gettid);
}

bool os_thread_is_gone(uint32_t thread) {
    const int saved = errno;
    const bool gone = syscall(SYS_tgkill, getpid(), (pid_t)thread, 0) != 0 && errno == ESRCH;
    errno = saved;
    return gone;
}

/* The registration is the process's, and repeated for the sake of forked children. */
bool os_restart_cpu(unsigned cpu) {
    const int saved = errno;
    const bool done = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0 &&
                      syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU,
                              (int)cpu) == 0;
    errno = saved;
    return done;
}
