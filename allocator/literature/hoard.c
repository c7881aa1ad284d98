/* SPDX-License-Identifier: MIT
 *
 * Hoard, after Berger, McKinley, Blumofe and Wilson, ASPLOS 2000. Every thread has a heap, made of superblocks of one
 * size class each; a heap that holds much more than it uses gives superblocks to a global heap, where others find them.
 *
 *     superblock: S bytes, aligned to S    | owner, class, counts, free list | block | block | block ...
 *     larger than S/2: a mapping of its own    ... | no owner, mapping       | block ................ |
 *
 * malloc(n): 1. More than S/2: a mapping. Else lock the heap of this thread.
 *            2. The fullest superblock of the class in which a block is free; else an empty one of any class. None:
 *               lock the global heap and look there in the same way; none there either: a new superblock.
 *            3. Take a block. If 2 brought a superblock, restore the invariant. Unlock.
 * free(b):   1. b's address, rounded down to S, is its superblock. No owner: unmap it.
 *            2. Lock the owner: read who it is, lock that heap, read again; another by now: unlock, from 2.
 *            3. Put the block back, restore the invariant unless it is the global heap's. Unlock.
 * restore:   while it does not hold, move the emptiest superblock to the global heap.
 *
 * Who locks what: a heap's lock guards the heap and the superblocks that it owns, headers and free blocks. The owner
 * alone is read without: it is written with the locks of the old and of the new one held. So who holds the lock of heap
 * h and reads h is right until it unlocks, and the paper's other lock, the superblock's, is not needed: one lock a free,
 * not two. What stays to show is that free 2 may read the header at all: the block that it frees is live, so the
 * superblock is not empty, and only empty ones change class or go back to the system. A heap's lock comes before the
 * global heap's; no other two are held at once.
 *
 * Found by masking and not by the paper's pointer in front of each block, which costs 8 bytes a block and here 16,
 * for blocks are 16-aligned. The price: a block of S/2 has a superblock to itself.
 *
 * Guarantee: what is mapped is at most in proportion to what was in use, plus K superblocks a heap; the equation stands
 * above struct heap. Blocks of two heaps are never in one line, but after a superblock has changed heaps while in use.
 * Bad at: signal handlers; a lock holder that is preempted; fork while others allocate (there are no handlers: the child
 * waits for ever where a lock was held); a thread whose few live blocks are of more than K classes, for which superblocks
 * move to and fro.
 */
#include "allocator.h"
#include "ao/lock.h"
#include "ao/size_class.h"
#include "os/os.h"

#include <stdio.h>
#include <string.h>

enum {
    HEAPS = 64, /* the paper: twice the processors, which os.h does not count. Threads take them in turn. */
    KEPT = 4,   /* K */
    QUARTERS_FULL = 3, /* 1 - f, f = 1/4, in quarters */
    CLASSES = 48,      /* to 128 KiB, half of the largest S */
    HEADER = 64,
    LINE = 128,              /* of a cache, and the one that is fetched with it */
    REGION_SUPERBLOCKS = 64, /* mapped at once; one more for alignment */
};

/* Groups of superblocks by fullness: none, up to 1/4, 1/2, 3/4, 1 of their blocks are in use, all are. */
enum { EMPTY, F_EMPTY = QUARTERS_FULL, NEARLY_FULL, FULL, GROUPS };

struct free_block {
    struct free_block *next;
};

/* REGION_SUPERBLOCKS superblocks in a row, never unmapped; stands at the start of the mapping, under the global heap's
 * lock. */
struct region {
    struct region *next;       /* of all */
    struct region *next_clean; /* of those with clean superblocks */
    char *base;
    uint64_t clean; /* bit i: superblock i is no heap's; reads as 0, or as an empty one (os_discard) */
};

/* The header of a superblock, or of a large block. */
struct superblock {
    _Alignas(HEADER) struct heap *owner; /* NULL: a large block's */
    union {
        struct {
            struct superblock *next, *previous; /* ring of its class and group */
            struct free_block *free;            /* last in, first out */
            struct region *region;
            uint32_t size;                   /* of a block */
            uint32_t touched;                /* bytes that blocks of former classes have taken up */
            uint16_t capacity, carved, used; /* blocks: in all, handed out at least once, in use */
            uint8_t class, group;
        };
        struct {
            char *mapping;
            size_t bytes; /* of it */
        } large;
    };
};

/* Counts, in bytes: u = used, blocks in use; a = held, all blocks of the superblocks. Of every heap but the global one,
 * whenever it is unlocked:
 *
 *     u >= a - K * S   or   u >= (1 - f) * a
 *
 * The paper counts S for each superblock; to count its blocks' bytes makes a full one count as full. While it does not
 * hold, some superblock is less than 1 - f full, for on the average they are: so restore always finds one. Hence
 * a <= u / (1 - f) + K * S. And when a superblock is made, the global heap has no empty one and none of that class: all
 * of the class are in the other heaps. While only one class is in use, all superblocks are, and with P heaps in use
 *
 *     sum of a <= U / (1 - f) + P * K * S,   U: the most that was ever in use
 *
 * plus the one that is made. Several classes have that much each at worst, as in any allocator with classes. */
struct heap {
    _Alignas(LINE) struct lock lock;
    size_t used, held;
    uint64_t classes[GROUPS]; /* bit c: class c has superblocks in that group */
    struct row {
        _Alignas(LINE / 2) struct superblock *first[GROUPS]; /* the one that was used last */
    } row[CLASSES];
};

/* Everything of one configuration. The first line is only read after init. */
struct hoard {
    size_t superblock; /* S: a power of two, at least a page */
    size_t page;
    _Alignas(LINE) size_t large_used; /* atomic, and changed beside a system call only */
    size_t large_mapped;
    _Alignas(LINE) struct region *regions; /* with the next one, under the global heap's lock */
    struct region *clean;
    struct heap heap[1 + HEAPS]; /* 0: the global one */
};

/* ---- superblocks ---- */

static struct superblock *superblock_of(const struct hoard *hoard, const void *block) {
    return (struct superblock *)((uintptr_t)block & ~(uintptr_t)(hoard->superblock - 1));
}

/* Orders: relaxed. What it was when a block was handed out happens before its free, which thus reads that owner or a
 * later one; that it is the owner still is shown under the lock. */
static struct heap *owner_of(const struct superblock *s) {
    return __atomic_load_n(&s->owner, __ATOMIC_RELAXED);
}

static size_t bytes_used(const struct superblock *s) {
    return (size_t)s->used * s->size;
}

static size_t bytes_held(const struct superblock *s) {
    return (size_t)s->capacity * s->size;
}

static size_t bytes_touched(const struct superblock *s) {
    const size_t now = (size_t)s->carved * s->size;
    return now > s->touched ? now : s->touched;
}

static unsigned group_of(const struct superblock *s) {
    const unsigned all = s->capacity, quarters = 4U * s->used;
    if (s->used == 0 || s->used == all)
        return s->used == 0 ? EMPTY : FULL;
    return 1U + (quarters > all) + (quarters > 2 * all) + (quarters > 3 * all);
}

/* Makes S, which no heap has and no block of which is in use, one of class C. Blocks are carved when they are needed. */
static void format(const struct hoard *hoard, struct superblock *s, unsigned c) {
    s->touched = (uint32_t)bytes_touched(s);
    s->class = (uint8_t)c;
    s->size = (uint32_t)size_class_bytes(c);
    s->capacity = (uint16_t)((hoard->superblock - HEADER) / s->size);
    s->carved = s->used = 0;
    s->group = EMPTY;
    s->free = NULL;
}

static struct region *map_region(struct hoard *hoard) {
    const size_t size = (REGION_SUPERBLOCKS + 1) * hoard->superblock;
    struct region *const region = os_map(size);
    if (region == NULL)
        return NULL;
    /* Behind the record, which is smaller than a page: at most S after the start. */
    region->base = (char *)superblock_of(hoard, (char *)region + hoard->superblock);
    region->clean = UINT64_MAX;
    region->next = hoard->regions;
    region->next_clean = hoard->clean;
    return hoard->regions = hoard->clean = region;
}

/* Not formatted. The global heap is locked, here and below. */
static struct superblock *new_superblock(struct hoard *hoard) {
    struct region *const region = hoard->clean != NULL ? hoard->clean : map_region(hoard);
    if (region == NULL)
        return NULL;
    const unsigned i = (unsigned)__builtin_ctzll(region->clean);
    region->clean &= region->clean - 1;
    if (region->clean == 0)
        hoard->clean = region->next_clean;
    struct superblock *const s = (struct superblock *)(void *)(region->base + i * hoard->superblock);
    s->region = region;
    return s;
}

static void discard(struct hoard *hoard, struct superblock *s) {
    struct region *const region = s->region;
    if (region->clean == 0) {
        region->next_clean = hoard->clean;
        hoard->clean = region;
    }
    os_discard(s, hoard->superblock);
    region->clean |= UINT64_C(1) << (size_t)((char *)s - region->base) / hoard->superblock;
}

/* ---- heaps: locked ---- */

static void ring_insert(struct heap *heap, struct superblock *s) {
    struct superblock **const first = &heap->row[s->class].first[s->group];
    if (*first == NULL) {
        s->next = s->previous = s;
        heap->classes[s->group] |= UINT64_C(1) << s->class;
    } else {
        s->next = *first;
        s->previous = (*first)->previous;
        s->next->previous = s->previous->next = s;
    }
    *first = s;
}

static void ring_remove(struct heap *heap, struct superblock *s) {
    struct superblock **const first = &heap->row[s->class].first[s->group];
    if (s->next == s) {
        *first = NULL;
        heap->classes[s->group] &= ~(UINT64_C(1) << s->class);
        return;
    }
    s->previous->next = s->next;
    s->next->previous = s->previous;
    if (*first == s)
        *first = s->next;
}

/* After S has been used: to the front of its group. */
static void regroup(struct heap *heap, struct superblock *s) {
    const unsigned group = group_of(s);
    if (group == s->group && heap->row[s->class].first[group] == s)
        return;
    ring_remove(heap, s);
    s->group = (uint8_t)group;
    ring_insert(heap, s);
}

static void heap_add(struct heap *heap, struct superblock *s) {
    __atomic_store_n(&s->owner, heap, __ATOMIC_RELAXED);
    heap->held += bytes_held(s);
    heap->used += bytes_used(s);
    ring_insert(heap, s);
}

/* It stays the owner, until another heap adds S under both locks. */
static void heap_drop(struct heap *heap, struct superblock *s) {
    heap->held -= bytes_held(s);
    heap->used -= bytes_used(s);
    ring_remove(heap, s);
}

/* malloc 2: the fullest of class C; an empty one of another class, the one used longest ago; NULL. */
static struct superblock *heap_find(const struct heap *heap, unsigned c) {
    for (unsigned group = NEARLY_FULL + 1; group-- > EMPTY;)
        if (heap->row[c].first[group] != NULL)
            return heap->row[c].first[group];
    if (heap->classes[EMPTY] == 0)
        return NULL;
    return heap->row[__builtin_ctzll(heap->classes[EMPTY])].first[EMPTY]->previous;
}

static bool invariant_holds(const struct hoard *hoard, const struct heap *heap) {
    return heap->used + KEPT * hoard->superblock >= heap->held ||
           4 * heap->used >= QUARTERS_FULL * heap->held;
}

/* Which one to give away, where the invariant does not hold: the emptiest. Rather of another class than BUSY, in which
 * this thread is at work; and of a class the one used longest ago. */
static struct superblock *heap_emptiest(const struct heap *heap, unsigned busy) {
    unsigned group = EMPTY;
    while (heap->classes[group] == 0)
        group++; /* to F_EMPTY at most */
    const uint64_t others = heap->classes[group] & ~(UINT64_C(1) << busy);
    return heap->row[__builtin_ctzll(others != 0 ? others : heap->classes[group])].first[group]->previous;
}

static void restore(struct hoard *hoard, struct heap *heap, unsigned busy) {
    if (__builtin_expect(invariant_holds(hoard, heap), 1))
        return;
    struct heap *const global = &hoard->heap[0];
    lock_acquire(&global->lock);
    do {
        struct superblock *const s = heap_emptiest(heap, busy);
        heap_drop(heap, s);
        heap_add(global, s);
    } while (!invariant_holds(hoard, heap));
    lock_release(&global->lock);
}

/* ---- malloc and free ---- */

static unsigned threads; /* that have taken a heap, of any configuration */
static __attribute__((tls_model("initial-exec"))) _Thread_local unsigned my_heap; /* 0: none yet */

static struct heap *heap_of_thread(struct hoard *hoard) {
    if (__builtin_expect(my_heap == 0, 0))
        my_heap = 1 + __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % HEAPS;
    return &hoard->heap[my_heap];
}

/* A superblock of class C with a free block, of HEAP, which has none of its own; NULL: no memory. */
static struct superblock *heap_refill(struct hoard *hoard, struct heap *heap, unsigned c) {
    struct heap *const global = &hoard->heap[0];
    lock_acquire(&global->lock);
    struct superblock *s = heap_find(global, c);
    if (s != NULL)
        heap_drop(global, s);
    else
        s = new_superblock(hoard);
    if (s != NULL) {
        if (s->capacity == 0 || s->class != c)
            format(hoard, s, c);
        heap_add(heap, s);
    }
    lock_release(&global->lock);
    return s;
}

static void *take_block(struct heap *heap, struct superblock *s) {
    struct free_block *block = s->free;
    if (block != NULL)
        s->free = block->next;
    else
        block = (struct free_block *)(void *)((char *)s + HEADER + (size_t)s->carved++ * s->size);
    s->used++;
    heap->used += s->size;
    regroup(heap, s);
    return block;
}

static void *large_malloc(struct hoard *hoard, size_t size) {
    const size_t slack = HEADER + hoard->superblock,
                 page = hoard->page; /* a header aligned to S is in there */
    if (size > PTRDIFF_MAX - slack)
        return NULL;
    const size_t bytes =
        (size + slack - 1) & ~(page - 1); /* whole pages: the mapping begins with one, S after it */
    char *const mapping = os_map(bytes);
    if (mapping == NULL)
        return NULL;
    struct superblock *const s = superblock_of(hoard, mapping + hoard->superblock - 1);
    s->large.mapping = mapping;
    s->large.bytes = bytes;
    char *const block = (char *)s + HEADER;
    __atomic_fetch_add(&hoard->large_used, (size_t)(mapping + bytes - block), __ATOMIC_RELAXED);
    __atomic_fetch_add(&hoard->large_mapped, bytes, __ATOMIC_RELAXED);
    return block;
}

static size_t large_usable(const struct superblock *s) {
    return (size_t)(s->large.mapping + s->large.bytes - ((const char *)s + HEADER));
}

static void large_free(struct hoard *hoard, struct superblock *s) {
    __atomic_fetch_sub(&hoard->large_used, large_usable(s), __ATOMIC_RELAXED);
    __atomic_fetch_sub(&hoard->large_mapped, s->large.bytes, __ATOMIC_RELAXED);
    os_unmap(s->large.mapping, s->large.bytes);
}

static void *allocate(struct hoard *hoard, size_t size) {
    if (__builtin_expect(size > hoard->superblock / 2, 0))
        return large_malloc(hoard, size);
    const unsigned c = size_class_of(size + (size == 0));
    struct heap *const heap = heap_of_thread(hoard);
    void *block = NULL;
    lock_acquire(&heap->lock);
    struct superblock *s = heap_find(heap, c);
    if (s != NULL && s->class == c) {
        block = take_block(heap, s);
    } else {
        if (s != NULL) {
            heap_drop(heap, s);
            format(hoard, s, c);
            heap_add(heap, s);
        } else {
            s = heap_refill(hoard, heap, c);
        }
        if (s != NULL) {
            block = take_block(heap, s);
            restore(hoard, heap, c);
        }
    }
    lock_release(&heap->lock);
    return block;
}

/* The heap that owns S, locked. */
static struct heap *lock_owner(const struct superblock *s) {
    for (;;) {
        struct heap *const heap = owner_of(s);
        lock_acquire(&heap->lock);
        if (__builtin_expect(owner_of(s) == heap, 1))
            return heap;
        lock_release(&heap->lock);
    }
}

static void release(struct hoard *hoard, void *block) {
    if (block == NULL)
        return;
    struct superblock *const s = superblock_of(hoard, block);
    if (__builtin_expect(owner_of(s) == NULL, 0)) {
        large_free(hoard, s);
        return;
    }
    struct heap *const heap = lock_owner(s);
    struct free_block *const freed = block;
    freed->next = s->free;
    s->free = freed;
    s->used--;
    heap->used -= s->size;
    regroup(heap, s);
    if (heap != &hoard->heap[0])
        restore(hoard, heap, s->class);
    lock_release(&heap->lock);
}

/* ---- the rest of the table ---- */

static bool initialise(struct hoard *hoard) {
    hoard->page = os_page_size();
    if (hoard->superblock < hoard->page)
        hoard->superblock = hoard->page;
    return true;
}

static size_t usable(const struct hoard *hoard, const void *block) {
    if (block == NULL)
        return 0;
    const struct superblock *const s = superblock_of(hoard, block);
    return owner_of(s) == NULL ? large_usable(s) : s->size;
}

/* Gives the global heap's empty superblocks back; those that heaps keep stay. */
static bool trim(struct hoard *hoard) {
    struct heap *const global = &hoard->heap[0];
    lock_acquire(&global->lock);
    const bool any = global->classes[EMPTY] != 0;
    while (global->classes[EMPTY] != 0) {
        struct superblock *const s = global->row[__builtin_ctzll(global->classes[EMPTY])].first[EMPTY];
        heap_drop(global, s);
        discard(hoard, s);
    }
    lock_release(&global->lock);
    return any;
}

/* Calls VISIT for each superblock of HEAP, which is locked, until it returns false. */
static bool heap_visit(const struct heap *heap, bool (*visit)(const struct superblock *s, void *of),
                       void *of) {
    for (unsigned i = 0; i < CLASSES * GROUPS; i++) {
        const struct superblock *const first = heap->row[i / GROUPS].first[i % GROUPS], *s = first;
        if (s == NULL)
            continue;
        do
            if (!visit(s, of))
                return false;
        while ((s = s->next) != first);
    }
    return true;
}

static bool add_stats(const struct superblock *s, void *of) {
    struct allocator_stats *const stats = of;
    stats->cached += bytes_touched(s) - bytes_used(s);
    stats->resident += HEADER + bytes_touched(s);
    return true;
}

static void sum_stats(struct hoard *hoard, struct allocator_stats *stats) {
    const size_t large = __atomic_load_n(&hoard->large_used, __ATOMIC_RELAXED);
    *stats = (struct allocator_stats){
        .live = large,
        .resident = large,
        .mapped = __atomic_load_n(&hoard->large_mapped, __ATOMIC_RELAXED),
    };
    for (unsigned i = 0; i <= HEAPS; i++) {
        struct heap *const heap = &hoard->heap[i];
        lock_acquire(&heap->lock);
        stats->live += heap->used;
        heap_visit(heap, add_stats, stats);
        for (const struct region *region = hoard->regions; i == 0 && region != NULL; region = region->next) {
            stats->mapped += (REGION_SUPERBLOCKS + 1) * hoard->superblock;
            stats->resident += hoard->page;
        }
        lock_release(&heap->lock);
    }
}

/* ---- check ---- */

struct audit {
    const struct hoard *hoard;
    const struct heap *heap;
    size_t superblocks, most; /* seen; that there are */
    size_t used, held;        /* of HEAP */
    const char *wrong;        /* NULL: nothing yet */
};

static bool free_list_is_right(const struct superblock *s) {
    const uintptr_t first = (uintptr_t)s + HEADER;
    const struct free_block *block = s->free;
    for (unsigned left = s->carved - s->used; left > 0; left--, block = block->next) {
        const uintptr_t at = (uintptr_t)block - first;
        if (block == NULL || at % s->size != 0 || at / s->size >= s->carved)
            return false;
    }
    return block == NULL; /* so none stands there twice */
}

static bool audit_superblock(const struct superblock *s, void *of) {
    struct audit *const audit = of;
    audit->used += bytes_used(s);
    audit->held += bytes_held(s);
    if (++audit->superblocks > audit->most)
        audit->wrong = "a ring has no end";
    else if (s->next->previous != s || s->previous->next != s)
        audit->wrong = "a ring is broken";
    else if (owner_of(s) != audit->heap)
        audit->wrong = "a superblock has another owner";
    else if (s->size != size_class_bytes(s->class) || bytes_held(s) + HEADER > audit->hoard->superblock)
        audit->wrong = "a superblock is not as its class";
    else if (s->used > s->carved || s->carved > s->capacity || !free_list_is_right(s))
        audit->wrong = "a free list is not as its counts";
    else if (s->group != group_of(s) || (audit->heap->classes[s->group] >> s->class & 1) == 0)
        audit->wrong = "a superblock is in the wrong group";
    return audit->wrong == NULL;
}

static bool audit_heap(struct audit *audit, const struct heap *heap) {
    audit->heap = heap;
    audit->used = audit->held = 0;
    if (!heap_visit(heap, audit_superblock, audit))
        return false;
    for (unsigned i = 0; i < CLASSES * GROUPS; i++)
        if ((heap->row[i / GROUPS].first[i % GROUPS] != NULL) !=
            (heap->classes[i % GROUPS] >> i / GROUPS & 1))
            audit->wrong = "a bit of the groups is wrong";
    if (audit->used != heap->used || audit->held != heap->held)
        audit->wrong = "u or a is not what the superblocks have";
    else if (heap != &audit->hoard->heap[0] && !invariant_holds(audit->hoard, heap))
        audit->wrong = "u < a - K * S and u < (1 - f) * a";
    return audit->wrong == NULL;
}

static bool audit_all(const struct hoard *hoard, char *why, size_t why_size) {
    struct audit audit = {.hoard = hoard};
    for (const struct region *region = hoard->regions; region != NULL; region = region->next)
        audit.most += REGION_SUPERBLOCKS - (size_t)__builtin_popcountll(region->clean);
    for (unsigned i = 0; i <= HEAPS; i++)
        if (!audit_heap(&audit, &hoard->heap[i])) {
            snprintf(why, why_size, "heap %u, u = %zu, a = %zu: %s", i, hoard->heap[i].used,
                     hoard->heap[i].held, audit.wrong);
            return false;
        }
    snprintf(why, why_size, "%zu superblocks, %zu of them in heaps", audit.most, audit.superblocks);
    return audit.superblocks == audit.most;
}

/* ---- the two ---- */

#define HOARD(symbol, label, bytes, text, source)                                                            \
    static struct hoard symbol = {.superblock = (bytes)};                                                    \
    static bool symbol##_init(char *why, size_t why_size) {                                                  \
        (void)why, (void)why_size;                                                                           \
        return initialise(&symbol);                                                                          \
    }                                                                                                        \
    static void *symbol##_malloc(size_t size) {                                                              \
        return allocate(&symbol, size);                                                                      \
    }                                                                                                        \
    static void symbol##_free(void *block) {                                                                 \
        release(&symbol, block);                                                                             \
    }                                                                                                        \
    static size_t symbol##_usable_size(void *block) {                                                        \
        return usable(&symbol, block);                                                                       \
    }                                                                                                        \
    static bool symbol##_trim(void) {                                                                        \
        return trim(&symbol);                                                                                \
    }                                                                                                        \
    static void symbol##_stats(struct allocator_stats *stats) {                                              \
        sum_stats(&symbol, stats);                                                                           \
    }                                                                                                        \
    static bool symbol##_check(char *why, size_t why_size) {                                                 \
        return audit_all(&symbol, why, why_size);                                                            \
    }                                                                                                        \
    const struct allocator allocator_##symbol = {                                                            \
        .name = label,                                                                                       \
        .summary = text,                                                                                     \
        .origin = source,                                                                                    \
        .init = symbol##_init,                                                                               \
        .malloc = symbol##_malloc,                                                                           \
        .free = symbol##_free,                                                                               \
        .usable_size = symbol##_usable_size,                                                                 \
        .trim = symbol##_trim,                                                                               \
        .stats = symbol##_stats,                                                                             \
        .check = symbol##_check,                                                                             \
    };

HOARD(hoard, "hoard", 8192, "a heap a thread, superblocks of 8 KiB, what is too much goes to a global heap",
      "Berger, McKinley, Blumofe, Wilson, ASPLOS 2000")

/* Of today's Hoard the superblock's size, and nothing else, so that a difference between the two is that size's. It also
 * has f = 1/8, K = 2 with counts for each class, and in front of all a cache for each thread. */
HOARD(hoard_256k, "hoard-256k", 262144, "the same with superblocks of 256 KiB, as Hoard has them today",
      "the same, with the superblocks of today's Hoard")
