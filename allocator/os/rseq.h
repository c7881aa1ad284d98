/* SPDX-License-Identifier: MIT
 *
 * Slabs of the CPU: arrays of pointers that belong to one CPU each and are changed by restartable sequences
 * (rseq(2), Linux 4.18; registered by glibc 2.35 and later, used through __rseq_offset). No atomic, no lock:
 * the kernel restarts a sequence that a preemption, a migration or a signal met halfway, and each sequence
 * takes effect by one store, its last instruction. So a handler sees a slab in which the interrupted
 * operation has happened or has not begun.
 *
 * A slab is SLAB_BYTES of memory at slabs + cpu * SLAB_BYTES. At byte SLAB_HEADERS + 8 * A in it stands {cur,
 * end} of array A, two 32-bit offsets into the slab: of the word on top, and of the last word of the array. Under
 * the lowest word there is one that is always 0, and so is the slab's word 0. All zero is a valid slab, of empty
 * arrays that take nothing.
 *
 *     word 0 = 0 | ... {cur, end} ... | 0 | p | p | p |   |   |
 *                                               ^cur        ^end
 *
 * At byte SLAB_TOPS + 8 * A stands a guess of the word on top, which may be anything: pop compares it with the word. It
 * is there for speed alone. A free and the malloc that gets the same block again are a chain through memory: block, its
 * class, {cur, end}, the word, block; with the guess it is block, class, guess. (A pair took 12 ns instead of 8 on a
 * processor that cannot tell early which store a load will meet, an Intel one; on an AMD one that can, 4.)
 *
 * No function waits. Each tries once; false (NULL, 0) means that the array was empty or full, that the
 * sequence was aborted, or that this thread has no registered rseq or its CPU no slab. Which of them, the
 * caller need not know: after a second failure it goes another way. (Single-stepped, every sequence aborts.)
 *
 * The kernel's contract, kept by each sequence: the store to rseq_cs is the last instruction before the
 * sequence; the commit is its last; no system call inside; the abort address lies outside and follows the
 * signature. It stands in the function's own text, so that unwinding from a signal handler works there.
 */
#ifndef OS_RSEQ_H
#define OS_RSEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_SLAB = 17, SLAB_BYTES = 1 << LOG_SLAB, SLAB_CPUS = 256, SLAB_HEADERS = 64, SLAB_TOPS = SLAB_HEADERS + 8 * 96 };

/* A slab's byte at this offset: while it is not 0, os_slab_push_many fails there: somebody empties it from another CPU. */
enum { SLAB_CLOSED = 8 };

#if defined(__x86_64__) && defined(__has_include) && !defined(__SANITIZE_THREAD__)
#    if __has_include(<sys/rseq.h>)
#        define OS_HAS_RSEQ 1
#    endif
#endif

#ifdef OS_HAS_RSEQ
#    include "os/rseq_x86_64.h"
#else
#    include "os/rseq_none.h"
#endif

#endif
