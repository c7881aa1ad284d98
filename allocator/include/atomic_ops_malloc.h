/* SPDX-License-Identifier: MIT
 *
 * AO_malloc: a small malloc, safe to call from a signal handler, after fork, before main and inside a library
 * that does not know which thread library it is used with. After the man page libatomic-malloc(3). Link with
 * one of
 *     -lao_malloc             lock-free, and as fast as the system's and better on one thread and many: a cache a
 *                             CPU; x86-64 and aarch64; not in a thread whose thread pointer is another's than libc's
 *     -lao_malloc_classic     almost lock-free, on any machine with a compare-and-swap; also -latomic_ops_gpl
 *     -lao_malloc_lockfree    lock-free: x86-64 and aarch64
 *     -lao_malloc_replicated  lock-free, and threads on different CPUs do not slow each other down; not in such
 *                             threads either
 * by pkg-config, which also tells the compiler which of them it is.
 *
 * Thread and signal safety: all three functions may be called from any number of threads. Where
 * AO_MALLOC_IS_LOCK_FREE is defined there is no more to heed. The classic one is 1-lock-free: one stopped
 * thread never stops the others, two may. A handler that calls them must not itself be interrupted by another
 * that does. errno is left as it was, also on failure. None is a cancellation point.
 *
 * After fork: a thread that was inside at that moment is not in the child, where it counts as stopped.
 */
#ifndef ATOMIC_OPS_MALLOC_H
#define ATOMIC_OPS_MALLOC_H

#include "atomic_ops_stack.h"
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef AO_STACK_IS_LOCK_FREE
#    define AO_MALLOC_IS_LOCK_FREE
#endif

#ifndef AO_ATTR_MALLOC
#    if defined(__GNUC__)
#        define AO_ATTR_MALLOC __attribute__((__malloc__))
#    else
#        define AO_ATTR_MALLOC
#    endif
#endif
#ifndef AO_ATTR_ALLOC_SIZE
#    if defined(__GNUC__)
#        define AO_ATTR_ALLOC_SIZE(argument) __attribute__((__alloc_size__(argument)))
#    else
#        define AO_ATTR_ALLOC_SIZE(argument)
#    endif
#endif

/* A block of at least SIZE bytes, 16-aligned; for SIZE 0 one of no bytes, 8-aligned, that is to be freed like
 * any other. NULL when there is none. Up to 65 528 bytes (-lao_malloc: 32 768) from chunks of 64 KiB, which come
 * from a static heap of 34 of them (about 2 MB) and, once mmap is enabled, from the system; above that each block is
 * a mapping of its own (zeroed, but with -lao_malloc), and without mmap NULL. */
void *AO_malloc(size_t size) AO_ATTR_MALLOC AO_ATTR_ALLOC_SIZE(1);

/* Gives a block back; NULL is allowed. Small blocks go to the list of their size and stay there for ever; a
 * mapping goes back to the system at once, and where the system refuses it the program is aborted. (-lao_malloc
 * keeps both for a while and gives back what is not needed again.) Anything else, and freeing twice, is undefined and
 * not detected. */
void AO_free(void *block);

/* From now on the heap may grow by mmap. Cannot be undone; repeating it changes nothing. */
void AO_malloc_enable_mmap(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
