/* SPDX-License-Identifier: MIT
 *
 * Where the arrays of a slab (os/rseq.h) lie: one for each class, with room for 128 blocks. An array begins with a
 * part of its room, 16 KiB of blocks (small ones 32), at least 6. It doubles where it ran full or empty so often
 * that this costs time (cache.h), while what all of the slab's arrays have grown by is less than SLAB_BUDGET. So a
 * class that is used in bursts gets the room for them, and one that is used now and then keeps little from the
 * others. Blocks in a slab are free; they are pointed to, never read or written.
 *
 *     byte 0: 0 | 8: closed | 16: grown | 24 ... | 64: {cur, end} of class 0, 1 .. 81 | guesses | misses of each
 *     | 0 p p . . | 0 p . . | ...
 *
 * Class 0 has no array: its header is 0 for ever, so that nothing can be taken from it or put on it.
 */
#ifndef AO_MALLOC_PERCPU_SLAB_H
#define AO_MALLOC_PERCPU_SLAB_H

#include "ao_malloc/percpu/classes.h"
#include "os/rseq.h"

enum {
    SLAB_CAPACITY = 128,
    SLAB_LEAST = 6,
    SLAB_FIRST_BYTES = 16 * 1024,
    SLAB_BUDGET = 4 << 20,
    SLAB_GROWN = 16, /* uint32_t: bytes of blocks that its arrays have grown by, about */
    SLAB_MISSES = SLAB_TOPS + 8 * CLASSES_END, /* uint32_t of each class */
    SLAB_ARRAYS = SLAB_MISSES + 4 * CLASSES_END,
    SLAB_ARRAY_BYTES = 8 * (1 + SLAB_CAPACITY),
};

_Static_assert(SLAB_HEADERS + 8 * CLASSES_END <= SLAB_TOPS, "guesses come after headers");
_Static_assert(SLAB_ARRAYS % 8 == 0, "arrays are of words");
_Static_assert(SLAB_ARRAYS + CLASSES_END * SLAB_ARRAY_BYTES <= SLAB_BYTES,
               "the arrays of all classes fit into a slab");

#define SLAB_FIT(bytes) (((bytes) <= 512 ? 2 * SLAB_FIRST_BYTES : SLAB_FIRST_BYTES) / (bytes))
#define SLAB_FIRST(bytes)                                                                                    \
    (SLAB_FIT(bytes) > SLAB_CAPACITY ? SLAB_CAPACITY                                                         \
     : SLAB_FIT(bytes) < SLAB_LEAST  ? SLAB_LEAST                                                            \
                                     : SLAB_FIT(bytes))
#define SLAB_FLOOR(c) (SLAB_ARRAYS + (c)*SLAB_ARRAY_BYTES)
#define SLAB_ROW(c, bytes)                                                                                   \
    [c] = {SLAB_FLOOR(c), SLAB_FLOOR(c) + 8 * SLAB_FIRST(bytes), SLAB_FLOOR(c) + 8 * SLAB_CAPACITY},
static const struct slab_place {
    uint32_t floor, first_end, end; /* byte offsets of the 0 and of the last word, at first and at most */
} slab_place[CLASSES_END] = {CLASSES(SLAB_ROW)};
#undef SLAB_ROW

static inline size_t slab_header(unsigned c) {
    return SLAB_HEADERS + 8 * (size_t)c;
}

/* {cur, end} of an empty array. */
static inline uint64_t slab_empty(unsigned c) {
    return slab_place[c].floor | (uint64_t)slab_place[c].first_end << 32;
}

#endif
