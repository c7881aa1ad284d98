/* SPDX-License-Identifier: MIT
 *
 * Beside AO_malloc and AO_free (atomic_ops_malloc.h), beyond the page: the rest of a malloc. Blocks of all of
 * them go to AO_free.
 *
 * Thread and signal safety: as AO_malloc's and AO_free's, each of them. errno is left as it was, also on
 * failure.
 */
#ifndef ATOMIC_OPS_MALLOC_MORE_H
#define ATOMIC_OPS_MALLOC_MORE_H

#include "atomic_ops_malloc.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef AO_ATTR_ALLOC_SIZE2
#    if defined(__GNUC__)
#        define AO_ATTR_ALLOC_SIZE2(first, second) __attribute__((__alloc_size__(first, second)))
#    else
#        define AO_ATTR_ALLOC_SIZE2(first, second)
#    endif
#endif

/* A zeroed block of COUNT * SIZE bytes; NULL when there is none, also where the product is none. */
void *AO_calloc(size_t count, size_t size) AO_ATTR_MALLOC AO_ATTR_ALLOC_SIZE2(1, 2);

/* A block of SIZE bytes with what was in BLOCK, as much as fits, in its place: BLOCK itself where it fits
 * and at least half is used, and a large one is moved by the page table. AO_malloc's alignment. NULL when
 * there is none: BLOCK is untouched. BLOCK NULL: as AO_malloc. SIZE 0 is a size like any other: it gives a
 * block of none. */
void *AO_realloc(void *block, size_t size) AO_ATTR_ALLOC_SIZE(2);

/* A block of SIZE bytes whose address is a multiple of ALIGNMENT, any power of two; NULL when there is
 * none, or when ALIGNMENT is no power of two. SIZE need not be a multiple of it. */
void *AO_aligned_alloc(size_t alignment, size_t size) AO_ATTR_MALLOC AO_ATTR_ALLOC_SIZE(2);

/* Bytes of BLOCK that may be used: at least what was asked for. 0 for NULL. */
size_t AO_malloc_usable_size(void *block);

/* Gives all memory that is not in use back to the system that can be; 1 where there was any, else 0. Takes
 * time: not for a loop. libao_malloc_classic gives nothing back, ever, but large blocks, and those at
 * once. */
int AO_malloc_trim(void);

/* Bytes. Exact while no other thread is at it, about right otherwise. */
struct AO_malloc_stats {
    size_t live;     /* in blocks that are handed out, each as AO_malloc_usable_size or a little more */
    size_t cached;   /* kept for the next request, resident */
    size_t resident; /* all that was touched and not given back, about */
    size_t mapped;   /* address space for blocks, the static heap with it */
};

/* 1; or 0, and all of it 0, for a library that does not count: libao_malloc_classic. Takes some
 * milliseconds for each GiB. */
int AO_malloc_stats(struct AO_malloc_stats *stats);

/* The two for a task that runs on another's thread-local storage: the child of vfork, or one that clone
 * has made with CLONE_VM and without CLONE_SETTLS. libao_malloc tells CPU and thread from there, so that
 * AO_malloc and AO_free in such a task break the heap; these take the slower way that knows neither.
 * Blocks of both kinds are the same, and a task of the other kind may free them. (In libao_malloc_classic
 * they are AO_malloc and AO_free.) */
void *AO_malloc_apart(size_t size) AO_ATTR_MALLOC AO_ATTR_ALLOC_SIZE(1);
void AO_free_apart(void *block);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
