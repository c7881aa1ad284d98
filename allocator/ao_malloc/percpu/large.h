/* SPDX-License-Identifier: MIT
 *
 * Blocks of more than 32 KiB: a mapping each, and a cache of those that were freed lately. Sizes are rounded up
 * as those of small classes are, eight to a doubling, so that a freed one serves the next request of about its
 * size; up to 32 MiB a few of each size are kept, above that none. Where none of the size is there, one that is a little
 * larger serves, else the largest of those down to half of it is made larger: what costs is not the calls but the
 * faults on new pages, a thousand in a block of 4 MiB.
 *
 *     mapping | ... | mapping, bytes | payload ...
 *                   ^ payload - 16
 *
 * A place in the cache is one word: a mapping, and in its low bits how many ticks it has been there. Put is a
 * compare-and-swap from 0, take an exchange with 0: nobody looks into a mapping that is not theirs. Lock-free; a
 * stopped thread keeps the one that it has in hand. Linearisation: at those two. Orders: acquire and release.
 */
#ifndef AO_MALLOC_PERCPU_LARGE_H
#define AO_MALLOC_PERCPU_LARGE_H

#include "ao_malloc/percpu/classes.h"
#include "os/os.h"

#include <stdbool.h>
#include <string.h>

enum {
    LARGE_HEADER = 16,
    LOG_LEAST_LARGE = 15,  /* above it */
    LOG_LARGEST_KEPT = 25, /* 32 MiB */
    LARGE_CLASSES = (LOG_LARGEST_KEPT - LOG_LEAST_LARGE) * 8,
    LARGE_PLACES = 4,
    LARGE_ABOVE = 2, /* classes from which one is taken instead: up to a quarter more */
    LARGE_BELOW = 8, /* classes of which one is made larger: down to half */
    LARGE_MOST_BYTES = 64 << 20, /* kept in all, about */
    LARGE_AGE = 15,              /* ticks that the low bits count */
    LARGE_OLD = 8,               /* ticks after which it goes */
};

static struct {
    uintptr_t kept[LARGE_CLASSES][LARGE_PLACES];
    size_t bytes;  /* kept */
    size_t mapped; /* kept or in use; counted beside the system calls, where that costs nothing */
} large;

struct large_header {
    char *mapping;
    size_t bytes;
};

static inline struct large_header *large_header(void *block) {
    return (struct large_header *)block - 1;
}

/* BYTES rounded up to a size of the cache, whose number goes to *CLASS; LARGE_CLASSES: not kept, whole
 * pages. */
static size_t large_round(size_t bytes, unsigned *class) {
    if (bytes > (size_t)1 << LOG_LARGEST_KEPT) {
        *class = LARGE_CLASSES;
        return (bytes + SPAN - 1) & ~(size_t)(SPAN - 1);
    }
    const unsigned log = 63 - (unsigned)__builtin_clzll(bytes - 1); /* 2^log < bytes <= 2^(log + 1) */
    const size_t unit = (size_t)1 << (log - 3), rounded = (bytes + unit - 1) & ~(unit - 1);
    *class = (log - LOG_LEAST_LARGE) * 8 + (unsigned)((rounded >> (log - 3)) - 9);
    return rounded;
}

static inline size_t large_class_bytes(unsigned class) {
    return ((size_t)1 << (class / 8 + LOG_LEAST_LARGE - 3)) * (class % 8 + 9);
}

static char *large_map(size_t bytes) {
    char *const mapping = os_map(bytes);
    if (mapping != NULL)
        __atomic_fetch_add(&large.mapped, bytes, __ATOMIC_RELAXED);
    return mapping;
}

/* A kept one of CLASS < LARGE_CLASSES, whose size is BYTES. */
static char *large_take(unsigned class, size_t bytes) {
    for (unsigned i = 0; i < LARGE_PLACES; i++) {
        uintptr_t *const place = &large.kept[class][i];
        if (__atomic_load_n(place, __ATOMIC_RELAXED) == 0)
            continue;
        const uintptr_t mapping = __atomic_exchange_n(place, 0, __ATOMIC_ACQUIRE);
        if (mapping != 0) {
            __atomic_fetch_sub(&large.bytes, bytes, __ATOMIC_RELAXED);
            return (char *)(mapping & ~(uintptr_t)LARGE_AGE);
        }
    }
    return NULL;
}

static bool large_keep(char *mapping, unsigned class, size_t bytes) {
    if (class >= LARGE_CLASSES || __atomic_load_n(&large.bytes, __ATOMIC_RELAXED) + bytes > LARGE_MOST_BYTES)
        return false;
    for (unsigned i = 0; i < LARGE_PLACES; i++) {
        uintptr_t none = 0;
        if (__atomic_compare_exchange_n(&large.kept[class][i], &none, (uintptr_t)mapping, false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            __atomic_fetch_add(&large.bytes, bytes, __ATOMIC_RELAXED);
            return true;
        }
    }
    return false;
}

/* Where the system refuses, the addresses are lost, and only they: unmapping the middle of what it has joined to one
 * area makes two of it, and of those a process may have 65530 (vm.max_map_count). */
static void large_unmap(char *mapping, size_t bytes) {
    if (!os_unmap(mapping, bytes))
        os_discard(mapping, bytes);
    __atomic_fetch_sub(&large.mapped, bytes, __ATOMIC_RELAXED);
}

static void large_give(char *mapping, size_t bytes) {
    unsigned class;
    if (large_round(bytes, &class) != bytes || !large_keep(mapping, class, bytes))
        large_unmap(mapping, bytes);
}

/* Of CLASS, or a little larger; *BYTES becomes its size. */
static char *large_take_near(unsigned class, size_t *bytes) {
    for (unsigned k = class; k <= class + LARGE_ABOVE && k < LARGE_CLASSES; k++) {
        char *const mapping = large_take(k, large_class_bytes(k));
        if (mapping != NULL) {
            *bytes = large_class_bytes(k);
            return mapping;
        }
    }
    return NULL;
}

/* The largest of those below CLASS, made one of BYTES, which is CLASS's size. */
static char *large_take_grown(unsigned class, size_t bytes) {
    for (unsigned below = 1; class < LARGE_CLASSES && below <= LARGE_BELOW && below <= class; below++) {
        const size_t before = large_class_bytes(class - below);
        char *const mapping = large_take(class - below, before);
        if (mapping == NULL)
            continue;
        char *const grown = os_remap(mapping, before, bytes);
        if (grown == NULL)
            large_give(mapping, before);
        else
            __atomic_fetch_add(&large.mapped, bytes - before, __ATOMIC_RELAXED);
        return grown;
    }
    return NULL;
}

/* A tick passes for all that is kept; those that were there for LARGE_OLD of them go, or, where EVERYTHING, all.
 * Whether any are left. */
static bool large_age(bool everything) {
    bool left = false;
    for (unsigned k = 0; k < LARGE_CLASSES; k++)
        for (unsigned i = 0; i < LARGE_PLACES; i++) {
            uintptr_t *const place = &large.kept[k][i];
            uintptr_t mapping = __atomic_load_n(place, __ATOMIC_RELAXED);
            if (mapping == 0)
                continue;
            const bool goes = everything || (mapping & LARGE_AGE) >= LARGE_OLD;
            if (!__atomic_compare_exchange_n(place, &mapping, goes ? 0 : mapping + 1, false, __ATOMIC_ACQUIRE,
                                             __ATOMIC_RELAXED) ||
                !goes) {
                left = true;
                continue;
            }
            const size_t bytes = large_class_bytes(k);
            __atomic_fetch_sub(&large.bytes, bytes, __ATOMIC_RELAXED);
            large_unmap((char *)(mapping & ~(uintptr_t)LARGE_AGE), bytes);
        }
    return left;
}

/* ALIGNMENT a power of two, at least LARGE_HEADER. *IS_ZERO: the payload is known to be. */
static void *large_malloc(size_t size, size_t alignment, bool *is_zero) {
    if (size > PTRDIFF_MAX - (size_t)SPAN || alignment > PTRDIFF_MAX - (size_t)SPAN - size)
        return NULL;
    unsigned class;
    const size_t wanted = size + (alignment > LARGE_HEADER ? alignment + LARGE_HEADER : LARGE_HEADER);
    size_t bytes = large_round(wanted > LARGEST_SMALL ? wanted : LARGEST_SMALL + 1, &class);
    char *mapping = large_take_near(class, &bytes);
    if (mapping == NULL)
        mapping = large_take_grown(class, bytes);
    *is_zero = mapping == NULL;
    if (mapping == NULL && (mapping = large_map(bytes)) == NULL)
        return NULL;
    char *const block =
        (char *)(((uintptr_t)mapping + LARGE_HEADER + alignment - 1) & ~(uintptr_t)(alignment - 1));
    *large_header(block) = (struct large_header){mapping, bytes};
    return block;
}

static inline size_t large_usable_size(void *block) {
    const struct large_header *const header = large_header(block);
    return header->bytes - (size_t)((char *)block - header->mapping);
}

/* A block for SIZE bytes with the contents of BLOCK, which is it or is gone; its alignment is as malloc's.
 * NULL: BLOCK stays as it is. Growing into a mapping that is kept, and so is touched already, copies what there is, for
 * that takes less than the faults on as many new pages (realloc-growth up to 1 MiB: 0.37 us instead of 1.46). Else no
 * byte is copied. */
__attribute__((unused)) static void *large_resize(void *block, size_t size) {
    const struct large_header old = *large_header(block);
    const size_t before = (size_t)((char *)block - old.mapping);
    if (size > PTRDIFF_MAX - (size_t)SPAN || before > PTRDIFF_MAX - (size_t)SPAN - size)
        return NULL;
    unsigned class;
    const size_t wanted = before + size;
    size_t bytes = large_round(wanted > LARGEST_SMALL ? wanted : LARGEST_SMALL + 1, &class);
    if (bytes == old.bytes)
        return block;
    char *mapping = bytes > old.bytes ? large_take_near(class, &bytes) : NULL;
    if (mapping != NULL) {
        memcpy(mapping + before, block, old.bytes - before);
        large_give(old.mapping, old.bytes);
    } else if ((mapping = os_remap(old.mapping, old.bytes, bytes)) != NULL) {
        __atomic_fetch_add(&large.mapped, bytes - old.bytes, __ATOMIC_RELAXED); /* modulo 2^64 */
    } else {
        return NULL;
    }
    *large_header(mapping + before) = (struct large_header){mapping, bytes};
    return mapping + before;
}

static void large_free(void *block) {
    const struct large_header header = *large_header(block);
    large_give(header.mapping, header.bytes);
}

#endif
