/* SPDX-License-Identifier: MIT
 *
 * michael.c's data, and where it comes from: the anchor's fields, heaps, superblocks out of mapped megabytes, descriptors
 * out of mapped batches. Superblocks that are idle are kept to a bound and then given back to the system page by page;
 * neither they nor descriptors are ever unmapped, for a delayed pop may still read their links. The memory orders stand
 * in michael.c.
 */
#ifndef LITERATURE_MICHAEL_MEMORY_H
#define LITERATURE_MICHAEL_MEMORY_H

#include "allocator.h"
#include "ao/dwcas.h"
#include "ao/size_class.h"
#include "ao/stack_tagged.h"
#include "os/os.h"

enum {
    SUPERBLOCK = 16 << 10,
    HYPERBLOCK = 1 << 20, /* mapped at once */
    SUPERBLOCKS = HYPERBLOCK / SUPERBLOCK,
    MOST_IDLE = (8 << 20) / SUPERBLOCK, /* as they were used last; further ones go back to the system */
    ALIGNMENT = 16,
    PREFIX = 8, /* the first one PREFIX bytes into its superblock */
    LARGEST_BLOCK = 7168,
    LARGEST_SMALL = LARGEST_BLOCK - PREFIX,
    CLASSES = 31,
    HEAPS = 32,
    BATCH = 120, /* descriptors */
    LINE = 128,  /* two of 64: processors fetch pairs */
};

/* ---- the anchor ---- */

enum {
    INDEX_BITS = 10,
    STATE_BITS = 2,
    INDEX_MASK = (1 << INDEX_BITS) - 1,
    MOST_BLOCKS = SUPERBLOCK / 16 - 1
};

enum state { EMPTY, ACTIVE, FULL, PARTIAL };

/* E4: no field is cut off. What else is in a prefix than an index is masked, and the tag forbids its use. */
_Static_assert(MOST_BLOCKS <= INDEX_MASK, "count, and the index after the last block, fit");
_Static_assert(PARTIAL < 1 << STATE_BITS, "so does the state");

typedef uint64_t anchor;

static inline anchor anchor_make(unsigned avail, unsigned count, enum state state, uint64_t tag) {
    return (uint64_t)avail | (uint64_t)count << INDEX_BITS | (uint64_t)state << 2 * INDEX_BITS |
           tag << (2 * INDEX_BITS + STATE_BITS);
}

static inline unsigned anchor_avail(anchor a) {
    return a & INDEX_MASK;
}

static inline unsigned anchor_count(anchor a) {
    return a >> INDEX_BITS & INDEX_MASK;
}

static inline enum state anchor_state(anchor a) {
    return (enum state)(a >> 2 * INDEX_BITS & ((1 << STATE_BITS) - 1));
}

static inline uint64_t anchor_tag(anchor a) {
    return a >> (2 * INDEX_BITS + STATE_BITS);
}

/* ---- the state of it all ---- */

struct superblock { /* on a list of idle ones, or a descriptor's */
    AO_uintptr_t link;
    char *memory;
    unsigned places; /* for check */
};

/* Written by who makes it, and read by others as long as they have a block or reservation; link by who owns it. */
struct descriptor {
    _Alignas(LINE) anchor anchor;
    AO_uintptr_t link; /* of the class's list, or of the free ones */
    struct heap *heap; /* last one that it was active in; the only field here that changes in a life */
    struct superblock *superblock;
    char *memory;        /* where block 0 begins */
    unsigned class;      /* these three also read by stats, at any time */
    unsigned size;       /* of a block, with its prefix */
    unsigned count;      /* of blocks */
    uint32_t reciprocal; /* 2^32 / size, rounded up */
    unsigned places;     /* for check */
};

/* E2: with one block, credits would be -1, and FULL would become EMPTY without having been anywhere it could be
 * found. */
_Static_assert((SUPERBLOCK - PREFIX) / LARGEST_BLOCK >= 2, "at least two blocks");

typedef uint64_t active;
enum { MOST_CREDITS = 64, CREDITS_MASK = MOST_CREDITS - 1 };
_Static_assert(_Alignof(struct descriptor) >= MOST_CREDITS, "credits fit below a descriptor's address");

struct heap {
    _Alignas(LINE) struct {
        active active;              /* 0: none; its credits + 1 blocks are reserved */
        struct descriptor *partial; /* the slot */
    } of[CLASSES];
};

struct mapping {
    struct mapping *next;
};

/* Behind the superblocks of a mapping. */
struct hyperblock {
    struct mapping mapping;
    struct superblock superblock[SUPERBLOCKS];
};

struct batch {
    struct mapping mapping;
    struct descriptor descriptor[BATCH];
};

static struct {
    struct heap heap[HEAPS];
    struct {
        _Alignas(LINE) struct stack_tagged partial; /* of descriptors */
    } of[CLASSES];
    _Alignas(LINE) struct stack_tagged descriptors; /* free ones */
    _Alignas(LINE) struct stack_tagged idle;        /* superblocks, as they were used last */
    size_t idle_count;                              /* at least as many as there are */
    _Alignas(LINE) struct stack_tagged clean;       /* superblocks that are not resident */
    _Alignas(LINE) struct mapping *hyperblocks;     /* all, and only added to */
    struct mapping *batches;
    size_t large_bytes, large_count;
    unsigned next_heap;
} michael;

/* The number of this thread's heap + 1; 0: none yet. A handler that interrupts the first call takes one too, and
 * either of them stays: which heap it is matters to speed only. */
static _Thread_local unsigned own_heap __attribute__((tls_model("initial-exec")));

static __attribute__((noinline, cold)) unsigned take_heap(void) {
    const unsigned mine = __atomic_fetch_add(&michael.next_heap, 1, __ATOMIC_RELAXED) % HEAPS + 1;
    __atomic_store_n(&own_heap, mine, __ATOMIC_RELAXED);
    return mine;
}

static inline struct heap *heap_of_thread(void) {
    const unsigned mine = __atomic_load_n(&own_heap, __ATOMIC_RELAXED);
    return &michael.heap[(__builtin_expect(mine == 0, 0) ? take_heap() : mine) - 1];
}

static void record(struct mapping **all, struct mapping *one) {
    struct mapping *first = __atomic_load_n(all, __ATOMIC_RELAXED);
    do
        one->next = first;
    while (!__atomic_compare_exchange_n(all, &first, one, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* ---- superblocks ---- */

static void superblock_discard(struct superblock *superblock) {
    if (os_page_size() <= SUPERBLOCK) /* else its neighbours would go too */
        os_discard(superblock->memory, SUPERBLOCK);
    stack_tagged_push(&michael.clean, &superblock->link);
}

static struct superblock *superblock_of(AO_uintptr_t *link) {
    return (struct superblock *)(void *)link;
}

static struct superblock *superblock_pop_idle(void) {
    AO_uintptr_t *const link = stack_tagged_pop(&michael.idle);
    if (link != NULL)
        __atomic_fetch_sub(&michael.idle_count, 1, __ATOMIC_RELAXED);
    return link == NULL ? NULL : superblock_of(link);
}

static void superblock_free(struct superblock *superblock) {
    if (__atomic_fetch_add(&michael.idle_count, 1, __ATOMIC_RELAXED) < MOST_IDLE) {
        stack_tagged_push(&michael.idle, &superblock->link);
        return;
    }
    __atomic_fetch_sub(&michael.idle_count, 1, __ATOMIC_RELAXED);
    superblock_discard(superblock);
}

/* The first is the caller's, the others are listed. */
static struct superblock *superblock_map(void) {
    char *const memory = os_map(HYPERBLOCK + sizeof(struct hyperblock));
    if (memory == NULL)
        return NULL;
    struct hyperblock *const new = (struct hyperblock *)(void *)(memory + HYPERBLOCK);
    for (unsigned i = 0; i < SUPERBLOCKS; i++) {
        new->superblock[i].memory = memory + (size_t)i *SUPERBLOCK;
        if (i + 1 < SUPERBLOCKS)
            __atomic_store_n(&new->superblock[i].link, (AO_uintptr_t) & new->superblock[i + 1].link,
                             __ATOMIC_RELAXED);
    }
    record(&michael.hyperblocks, &new->mapping);
    stack_tagged_push_chain(&michael.clean, &new->superblock[1].link, &new->superblock[SUPERBLOCKS - 1].link);
    return &new->superblock[0];
}

static struct superblock *superblock_alloc(void) {
    struct superblock *const idle = superblock_pop_idle();
    if (idle != NULL)
        return idle;
    AO_uintptr_t *const clean = stack_tagged_pop(&michael.clean);
    return clean != NULL ? superblock_of(clean) : superblock_map();
}

/* ---- descriptors ---- */

static struct descriptor *descriptor_of(AO_uintptr_t *link) {
    return link == NULL ? NULL
                        : (struct descriptor *)(void *)((char *)link - offsetof(struct descriptor, link));
}

static void descriptor_retire(struct descriptor *d) {
    stack_tagged_push(&michael.descriptors, &d->link);
}

static __attribute__((noinline, cold)) struct descriptor *descriptor_map(void) {
    struct batch *const new = os_map(sizeof *new);
    if (new == NULL)
        return NULL;
    for (unsigned i = 1; i + 1 < BATCH; i++)
        __atomic_store_n(&new->descriptor[i].link, (AO_uintptr_t) & new->descriptor[i + 1].link,
                         __ATOMIC_RELAXED);
    record(&michael.batches, &new->mapping);
    stack_tagged_push_chain(&michael.descriptors, &new->descriptor[1].link, &new->descriptor[BATCH - 1].link);
    return &new->descriptor[0];
}

static struct descriptor *descriptor_alloc(void) {
    struct descriptor *const free = descriptor_of(stack_tagged_pop(&michael.descriptors));
    return free != NULL ? free : descriptor_map();
}

static bool descriptor_is_empty(const struct descriptor *d) {
    return anchor_state(__atomic_load_n(&d->anchor, __ATOMIC_ACQUIRE)) == EMPTY;
}

/* The caller has taken D out of a slot or off a list: EMPTY now, it is for ever. */
static bool descriptor_retire_if_empty(struct descriptor *d) {
    if (!descriptor_is_empty(d))
        return false;
    descriptor_retire(d);
    return true;
}

/* ---- blocks ---- */

static inline AO_uintptr_t *block_at(const struct descriptor *d, unsigned index) {
    return (AO_uintptr_t *)(void *)(d->memory + (size_t)index * d->size);
}

#endif
