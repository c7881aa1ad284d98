/* SPDX-License-Identifier: MIT
 *
 * System calls without libc: for code that runs where libc's own bytes may have a breakpoint in them, or where the
 * subject is libc's malloc and must not be called by its judge. Results as the kernel gives them: -errno on failure.
 */
#ifndef SAFETY_RAW_H
#define SAFETY_RAW_H

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#ifdef __x86_64__
static inline long raw_syscall(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#else
#    include <errno.h>
#    include <unistd.h>
static inline long raw_syscall(long number, long a, long b, long c, long d, long e, long f) {
    const long result = syscall(number, a, b, c, d, e, f);
    return result == -1 ? -errno : result;
}
#endif

/* Shared futexes, for parent and child have words in common. */
static inline void raw_futex_wait(const int *word, int value) {
    raw_syscall(SYS_futex, (long)(uintptr_t)word, FUTEX_WAIT, value, 0, 0, 0);
}

static inline void raw_futex_wake(const int *word) {
    raw_syscall(SYS_futex, (long)(uintptr_t)word, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

/* Sets WORD to VALUE, and wakes who waits for it. */
static inline void raw_set(int *word, int value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    raw_futex_wake(word);
}

/* Returns once WORD is at least VALUE. */
static inline void raw_await(const int *word, int value) {
    for (int now; (now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) < value;)
        raw_futex_wait(word, now);
}

static inline int64_t raw_clock(int clock) {
    struct timespec now = {0, 0};
    raw_syscall(SYS_clock_gettime, clock, (long)(uintptr_t)&now, 0, 0, 0, 0);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

__attribute__((noreturn)) static inline void raw_exit(int status) {
    for (;;)
        raw_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

#endif
