/* SPDX-License-Identifier: MIT
 *
 * Where the calling thread runs, as well as a few instructions can tell: to spread threads over copies of
 * something that they would meet at. Only speed may rest on it: the answer may be old when it is used.
 *
 * The CPU's number, which the kernel keeps up to date in each thread's restartable-sequences area, where
 * glibc has registered one (2.35 and later); else a number of the thread's own, made of its thread pointer.
 * Before main, from signal handlers, and in threads of a bare clone, which read the area of whoever made
 * them.
 */
#ifndef OS_PLACE_H
#define OS_PLACE_H

#include <stdint.h>

#if defined(__has_include)
#    if __has_include(<sys/rseq.h>)
#        include <stddef.h>
#        include <sys/rseq.h>
#        define OS_PLACE_HAS_RSEQ
#    endif
#endif

static inline char *os_thread_pointer(void) {
    char *self;
#if defined(__x86_64__)
    __asm__("mov %%fs:0, %0" : "=r"(self));
#elif defined(__aarch64__)
    __asm__("mrs %0, tpidr_el0" : "=r"(self));
#else
    self = __builtin_thread_pointer();
#endif
    return self;
}

/* Below 2^BITS, BITS from 1 to 16. */
static inline unsigned os_place(unsigned bits) {
#ifdef OS_PLACE_HAS_RSEQ
    int cpu; /* negative: not registered */
#    if defined(__x86_64__)
    __asm__ volatile("movl %%fs:%c[at](%[area]), %[cpu]"
                     : [cpu] "=r"(cpu)
                     : [area] "r"(__rseq_offset), [at] "i"(offsetof(struct rseq, cpu_id)));
#    else
    cpu = (int)((const volatile struct rseq *)(const void *)(os_thread_pointer() + __rseq_offset))->cpu_id;
#    endif
    if (__builtin_expect(cpu >= 0, 1))
        return (unsigned)cpu & ((1U << bits) - 1);
#endif
    return (unsigned)((uint64_t)(uintptr_t)os_thread_pointer() * 0x9e3779b97f4a7c15U >> (64 - bits));
}

#endif
