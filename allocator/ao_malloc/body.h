/* SPDX-License-Identifier: MIT
 *
 * AO_malloc, the body: what the man page libatomic-malloc(3) describes, over one list of free objects a size
 * class. Which kind of list, the including file says by the ao/list_*.h that it includes first; all else is
 * the same, so that a difference in speed is the list's. Each file that includes this header gets a heap of
 * its own and gives the functions their names; the state is all zero at the start, so that there is no
 * initialisation that a signal could catch half done.
 *
 * 1. A request of s bytes takes an object of 2^k bytes, the least that holds s and a header word: k = 3..16.
 * 2. Pop an object off list k, from the caller's part of it, then from the others. Where there is none: take a chunk of
 *    64 KiB, keep its last object, push the others as one chain. No chunk: look once more, for the last one's objects
 *    may have come meanwhile; then NULL, and nothing was consumed.
 * 3. free pushes the object on list k, which its header tells. Chunks are never given back, split or merged.
 * 4. Chunks come from a static heap of 34 by compare-and-swap on an index, then, if enabled, from mmap.
 * 5. Above 65 528 bytes: a mapping of s + 16 bytes, rounded up to 64 KiB, unmapped by free. Only if enabled.
 *
 *     object of class k:           | k      | payload, 2^k - 8 bytes ... |
 *     mapping:            | unused | bytes  | payload ...                |
 *                         ^        ^        ^
 *              0 mod 16 --+        8        +-- 0 mod 16
 *
 * While an object is free its header is the list's link, so that freeing never writes to the payload.
 *
 * Chunks begin 8 bytes past a 16-byte boundary, so that every payload is 16-aligned and no object is lost at
 * a chunk's end. (The package of 2005 to this day lays its objects into [0, 64 KiB) from offset 8, which
 * loses one a chunk, and the only one of the largest class: there a request of 32 761 to 65 528 bytes takes
 * chunk after chunk, until there are no more.)
 *
 * Space: an object is less than twice header and request; lists never shrink, so that the peaks of all
 * classes add up. Progress: as the list: nothing else is shared but the index of 4. A thread that never
 * returns from malloc or free keeps at most one object, and in step 2 one chunk. Where a list has one head,
 * all threads meet there: it does not scale.
 */
#ifndef AO_MALLOC_BODY_H
#define AO_MALLOC_BODY_H

#include "os/os.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef AO_LIST_H
#    error "include an ao/list_*.h first: it says what the free lists are"
#endif

enum {
    WORD = sizeof(AO_uintptr_t),
    ALIGNMENT = 2 * WORD,
    LOG_MIN_OBJECT = 3,
    LOG_CHUNK = 16, /* also the largest class */
    CHUNK = 1 << LOG_CHUNK,
    LARGEST_SMALL = CHUNK - WORD,
    STATIC_CHUNKS = 2 * (LOG_CHUNK + 1),
};

_Static_assert(1 << LOG_MIN_OBJECT == WORD, "the least object is a header alone");

static struct {
    struct list list[LOG_CHUNK + 1]; /* [k]: free objects of 2^k bytes */
    size_t static_chunks_taken;      /* 0 .. STATIC_CHUNKS; only ever counts up */
    bool mmap_enabled;               /* only ever becomes true; a concurrent malloc may not see it yet */
    _Alignas(ALIGNMENT) unsigned char static_heap[STATIC_CHUNKS * CHUNK + ALIGNMENT];
} heap;

/* The class of a request of at most LARGEST_SMALL bytes: the least k with 2^k >= size + WORD. */
static inline unsigned body_class(size_t size) {
    return (unsigned)(64 - __builtin_clzll((unsigned long long)(size + WORD - 1)));
}

/* The header is written as a relaxed atomic, for a delayed pop may still read the word as the link that it
 * was; what it reads then counts for nothing. */
static inline void *body_hand_out(AO_uintptr_t *header, AO_uintptr_t value) {
    __atomic_store_n(header, value, __ATOMIC_RELAXED);
    return header + 1;
}

/* Where a new chunk's first header goes; NULL when there is no chunk. Its memory was never on a list: static
 * chunks are handed out once, mapped ones never go back to the system, and the addresses of large blocks,
 * which do and may come again, are never listed.
 *
 * The index carries no data, for nobody wrote to a chunk before: all orders are relaxed. */
static unsigned char *body_take_chunk(void) {
    size_t taken = __atomic_load_n(&heap.static_chunks_taken, __ATOMIC_RELAXED);
    while (taken < STATIC_CHUNKS)
        if (__atomic_compare_exchange_n(&heap.static_chunks_taken, &taken, taken + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return heap.static_heap + ALIGNMENT - WORD + taken * CHUNK;
    if (!__atomic_load_n(&heap.mmap_enabled, __ATOMIC_RELAXED))
        return NULL;
    /* One page more, for the last word of the last object. */
    unsigned char *const mapping = os_map(CHUNK + os_page_size());
    return mapping == NULL ? NULL : mapping + ALIGNMENT - WORD;
}

/* Step 2, once the caller's part of list K was found empty. Cuts a new chunk into objects, keeps the one with the
 * highest address and lists the others. Nobody else knows the chunk until the push publishes them: its release is what
 * orders the links. (They could be plain stores, did ThreadSanitizer connect an exchange of two words with a load of
 * the second.) */
__attribute__((noinline, cold)) static AO_uintptr_t *body_refill(unsigned k) {
    struct list *const list = &heap.list[k];
    const bool settles = __atomic_load_n(&heap.mmap_enabled, __ATOMIC_RELAXED) && list_settle(list);
    AO_uintptr_t *const found = LIST_PARTS > 1 && !settles ? list_pop_elsewhere(list) : NULL;
    if (found != NULL)
        return found;
    unsigned char *const chunk = body_take_chunk();
    if (chunk == NULL) /* since the list was found empty, the last chunk's objects may have been listed */
        return list_pop_elsewhere(list);
    const size_t object = (size_t)1 << k;
    unsigned char *const last = chunk + CHUNK - object;
    if (last != chunk) {
        for (unsigned char *at = chunk + object; at < last; at += object)
            __atomic_store_n((AO_uintptr_t *)(void *)at, (AO_uintptr_t)(at - object), __ATOMIC_RELAXED);
        list_push_chain(list, (AO_uintptr_t *)(void *)(last - object), (AO_uintptr_t *)(void *)chunk);
    }
    return (AO_uintptr_t *)(void *)last;
}

__attribute__((noinline, cold)) static void *body_map_large(size_t size) {
    if (!__atomic_load_n(&heap.mmap_enabled, __ATOMIC_RELAXED) || size > SIZE_MAX - ALIGNMENT - (CHUNK - 1))
        return NULL;
    const size_t bytes = (size + ALIGNMENT + CHUNK - 1) & ~(size_t)(CHUNK - 1);
    AO_uintptr_t *const mapping = os_map(bytes);
    return mapping == NULL ? NULL : body_hand_out(mapping + 1, bytes);
}

static void body_free(void *block);

__attribute__((noinline, cold)) static void body_unmap_large(AO_uintptr_t *header, size_t bytes) {
    if ((bytes & 1) != 0) { /* an aligned one, in a block that begins bytes - 1 before it (body_more.h) */
        body_free((char *)(header + 1) - (bytes - 1));
        return;
    }
    if (!os_unmap(header - 1, bytes))
        abort(); /* not a block of ours: going on would unmap somebody else's memory */
}

__attribute__((aligned(64))) static void *body_malloc(size_t size) {
    if (__builtin_expect(size > LARGEST_SMALL, 0))
        return body_map_large(size);
    const unsigned k = body_class(size);
    AO_uintptr_t *header = list_pop(&heap.list[k]);
    if (__builtin_expect(header == NULL, 0) && (header = body_refill(k)) == NULL)
        return NULL;
    return body_hand_out(header, k);
}

__attribute__((aligned(64))) static void body_free(void *block) {
    if (block == NULL)
        return;
    AO_uintptr_t *const header = (AO_uintptr_t *)block - 1;
    const AO_uintptr_t k = __atomic_load_n(header, __ATOMIC_RELAXED);
    if (__builtin_expect(k > LOG_CHUNK, 0))
        body_unmap_large(header, k);
    else
        list_push(&heap.list[k], header);
}

static inline void body_enable_mmap(void) {
    __atomic_store_n(&heap.mmap_enabled, true, __ATOMIC_RELAXED);
}

/* One line into WHY where a list of class K does not end, or has an object that is not aligned as those are. */
static bool body_check_part(unsigned k, AO_uintptr_t *first, char *why, size_t why_size) {
    const size_t spacing = k == LOG_MIN_OBJECT ? WORD : ALIGNMENT;
    size_t steps = 0;
    const AO_uintptr_t *mark = NULL; /* Brent: a list that meets its mark again is a ring */
    for (AO_uintptr_t *at = first; at != NULL; at = list_next(*at)) {
        if (at == mark || ((uintptr_t)at + WORD) % spacing != 0) {
            snprintf(why, why_size, "class %u: %s at object %p", k,
                     at == mark ? "the list is a ring" : "misaligned", (void *)at);
            return false;
        }
        if ((steps & (steps + 1)) == 0)
            mark = at;
        steps++;
    }
    return true;
}

/* All threads stopped: nobody is inside a list, every list ends, and its objects are aligned as those of its
 * class. One line into WHY otherwise. */
__attribute__((unused)) static bool body_check(char *why, size_t why_size) {
    for (unsigned k = LOG_MIN_OBJECT; k <= LOG_CHUNK; k++) {
        char fault[64];
        if (!list_at_rest(&heap.list[k], fault, sizeof fault)) {
            snprintf(why, why_size, "class %u: %s", k, fault);
            return false;
        }
        for (unsigned part = 0; part < LIST_PARTS; part++)
            if (!body_check_part(k, list_part(&heap.list[k], part), why, why_size))
                return false;
    }
    return true;
}

#endif
