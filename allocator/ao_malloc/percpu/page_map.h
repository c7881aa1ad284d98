/* SPDX-License-Identifier: MIT
 *
 * From an address to what it belongs to: the size class and the row (spans.h) of each 64 KiB of address space.
 *
 * Two levels. The root has a word for each 4 GiB of the 47 bits of a user's addresses (48 on aarch64): how far
 * that part's leaf lies from the empty leaf. So 0, which is what a root holds where nothing is ours, leads to
 * the empty leaf, where all classes are 0: no comparison, and NULL needs no test. Leaves are never given back.
 *
 *     address  | root index | leaf index : 16 | offset in span : 16 |
 *
 * In front of them a table of classes by bits 16 to 31 alone, with the bits above as a tag: one load where the root and a
 * leaf are two, one after the other, and every free waits for it. Heaps of less than 4 GiB rarely have two spans with the
 * same place in it; the one that was first has it for good, and the other is found in its leaf.
 *
 * Reading never waits and writes nothing. An entry is written before the first block of its span is handed
 * out, and whoever frees a block has it from somebody to whom it was: relaxed loads do. (Not plain ones: a
 * large block's owner may look while its 4 GiB get a leaf, and the static row is written more than once.)
 */
#ifndef AO_MALLOC_PERCPU_PAGE_MAP_H
#define AO_MALLOC_PERCPU_PAGE_MAP_H

#include "ao_malloc/percpu/classes.h"
#include "os/os.h"

#include <stdbool.h>

enum {
    LOG_LEAF = 16,
    LEAF_ENTRIES = 1 << LOG_LEAF,
    LOG_REACH = LOG_LEAF + LOG_SPAN, /* of a leaf: 32, so that a leaf's index is bits 16 to 31 */
    LOG_ADDRESSES = sizeof(void *) == 8 ? 48 : 32,
    STATIC_LEAVES = 2, /* as many as the static heap can need */
};

struct row;

struct leaf {
    uint8_t class_of[LEAF_ENTRIES];
    struct row *row[LEAF_ENTRIES];
};

static uint32_t near_class[LEAF_ENTRIES]; /* tag << 16 | class; 0: nobody's */

static struct {
    uint8_t empty_leaf[LEAF_ENTRIES];                 /* first: one address less to make */
    uintptr_t root[1 << (LOG_ADDRESSES - LOG_REACH)]; /* leaf - &empty_leaf, or 0 */
    struct leaf leaf[STATIC_LEAVES];
    unsigned leaves_taken; /* of the static ones; only ever counts up */
} page_map;

static inline uintptr_t leaf_index(const void *address) {
    return (uint32_t)(uintptr_t)address >> LOG_SPAN;
}

static inline uintptr_t page_map_root(const void *address) {
    return __atomic_load_n(&page_map.root[(uintptr_t)address >> LOG_REACH], __ATOMIC_RELAXED);
}

/* Whether near_class has it: then CLASS is that of ADDRESS, in a span. */
static inline bool page_map_is_near(const void *address, unsigned *class) {
    const uint32_t near = __atomic_load_n(&near_class[leaf_index(address)], __ATOMIC_RELAXED);
    *class = near & 0xff;
    return __builtin_expect(near >> 16 == (uintptr_t)address >> LOG_REACH, 1);
}

/* 0 where ADDRESS is not in a span. */
static inline unsigned page_map_class(const void *address) {
    return __atomic_load_n(page_map.empty_leaf + page_map_root(address) + leaf_index(address), __ATOMIC_RELAXED);
}

/* Where something is ours. */
static inline struct leaf *page_map_leaf(const void *address) {
    return (struct leaf *)(void *)(page_map.empty_leaf + page_map_root(address));
}

static inline struct row *page_map_row(const void *address) {
    return __atomic_load_n(&page_map_leaf(address)->row[leaf_index(address)], __ATOMIC_RELAXED);
}

/* The caller has the span for itself. Its place in near_class is taken once, by the first
 * span that it is for, so that whoever sees its tag there sees its class. */
static void page_map_set_class(const void *address, unsigned class) {
    struct leaf *const leaf = page_map_leaf(address);
    uint32_t *const place = &near_class[leaf_index(address)], near = __atomic_load_n(place, __ATOMIC_RELAXED);
    const uint32_t tag = (uint32_t)((uintptr_t)address >> LOG_REACH);
    __atomic_store_n(&leaf->class_of[leaf_index(address)], (uint8_t) class, __ATOMIC_RELEASE);
    if (near == 0 &&
        __atomic_compare_exchange_n(place, &near, tag << 16 | class, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return;
    if (near >> 16 == tag)
        __atomic_store_n(place, tag << 16 | class, __ATOMIC_RELEASE);
}

static struct leaf *page_map_new_leaf(bool *is_mapped) {
    unsigned taken = __atomic_load_n(&page_map.leaves_taken, __ATOMIC_RELAXED);
    *is_mapped = false;
    while (taken < STATIC_LEAVES)
        if (__atomic_compare_exchange_n(&page_map.leaves_taken, &taken, taken + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return &page_map.leaf[taken];
    *is_mapped = true;
    return os_map(sizeof(struct leaf));
}

/* Makes room for what begins at ADDRESS, and says whose it is. Doing it again changes nothing. False: no
 * memory for a leaf. */
static bool page_map_set_row(const char *address, struct row *row) {
    uintptr_t *const root = &page_map.root[(uintptr_t)address >> LOG_REACH];
    uintptr_t distance = __atomic_load_n(root, __ATOMIC_ACQUIRE);
    if (distance == 0) {
        bool is_mapped;
        struct leaf *const leaf = page_map_new_leaf(&is_mapped);
        if (leaf == NULL)
            return false;
        if (!__atomic_compare_exchange_n(root, &distance, (uintptr_t)leaf - (uintptr_t)page_map.empty_leaf,
                                         false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) &&
            is_mapped)
            os_unmap(leaf, sizeof *leaf); /* somebody else's stands there now */
    }
    struct leaf *const leaf = page_map_leaf(address);
    __atomic_store_n(&leaf->row[leaf_index(address)], row, __ATOMIC_RELEASE);
    return true;
}

#endif
