/* SPDX-License-Identifier: MIT
 *
 * AO_malloc: a small almost-lock-free malloc, safe to call from a signal handler, after fork, before main and
 * inside a library that does not know which thread library it is used with. After the man page
 * libatomic-malloc(3); link with -lao_malloc_classic.
 *
 * Thread and signal safety: all three functions may be called from any number of threads. It is 1-lock-free:
 * one stopped thread never stops the others, two may. A handler that calls them must not itself be
 * interrupted by another that does. errno is left as it was, also on failure.
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
 * any other. NULL when there is none. Up to 65 528 bytes from chunks of 64 KiB, which come from a static heap
 * of 34 of them (about 2 MB) and, once mmap is enabled, from the system; above that each block is a mapping
 * of its own (zeroed), and without mmap NULL. */
void *AO_malloc(size_t size) AO_ATTR_MALLOC AO_ATTR_ALLOC_SIZE(1);

/* Gives a block back; NULL is allowed. Small blocks go to the list of their size and stay there for ever; a
 * mapping goes back to the system at once. Anything else, and freeing twice, is undefined and not detected.
 */
void AO_free(void *block);

/* From now on the heap may grow by mmap. Cannot be undone; repeating it changes nothing. */
void AO_malloc_enable_mmap(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
