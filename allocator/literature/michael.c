/* SPDX-License-Identifier: MIT
 *
 * `michael`: Maged M. Michael, "Scalable Lock-Free Dynamic Memory Allocation", PLDI 2004. Written from what is
 * known of the algorithm and of the mistakes in its copies; no code of anybody's.
 *
 * A superblock is 16 KiB of blocks of one size. Its descriptor holds the anchor, one word that every malloc and
 * free of the superblock exchanges. A heap has for each class an active superblock, whose blocks are reserved 64 at
 * a time: who counts the credits in the active word down by one may pop one block, and will find one. Threads take
 * heaps in turn.
 *
 *     heap     of[class]: active  [ descriptor | credits:6 ]       partial [ descriptor ]     the class's list: more
 *                                       |                                                     of those, for all heaps
 *     descriptor:         anchor  [ tag:42 | state:2 | count:10 | avail:10 ]  heap  class  superblock
 *                                                                   |
 *     superblock:   | 8 | prefix payload | prefix payload | ...  <--+   prefix: of a free block the index of the next,
 *                   ^        ^ 16-aligned                               of another the descriptor, of a large one
 *                   page     size - 8 bytes                             the bytes of its mapping | 1
 *
 * malloc   1. Active: reserve by taking a credit, the last one takes the descriptor out of the word. Pop a block.
 *             The last one reserves up to 64 more and puts the descriptor back with them, if the word is still empty.
 *          2. Partial: take a descriptor out of the heap's slot, or else off the class's list. Reserve and pop.
 *          3. New: a superblock and a descriptor; its first block is the caller's, others are credits.
 *          4. No memory: the active and partial superblocks of all heaps. Then NULL.
 * free     Push the block. FULL before: put the descriptor into the slot, and what it displaces on the list. The last
 *          block: the superblock goes back at once, and who finds the EMPTY descriptor retires it.
 * Large    (two would not fit into a superblock): a mapping each.
 *
 * For each superblock of N blocks, at every moment:
 *     N = allocated + reserved + count,   length of the free list = reserved + count
 *     reserved = credits + 1, if it is active, + what mallocs inside have in hand
 * So who has a reservation pops from a list that is not empty until it has popped, and avail is the index of a block.
 *
 * States. ACTIVE: in an active word, or in the hand of the malloc that took the last credit. FULL: count is 0, in no
 * word, slot or list. PARTIAL: count > 0; in a slot, on a list, or in a hand on its way there. EMPTY: count is N,
 * written 0; its superblock is gone; the descriptor is where it was when PARTIAL, or is free.
 *
 *     new -> ACTIVE -> FULL <-> PARTIAL -> EMPTY        ACTIVE -> PARTIAL: another superblock came into the word
 *              ^----------------'                       ACTIVE -> EMPTY: trim only
 *
 * Who owns a descriptor. ACTIVE: who took it out of the word (the last credit; trim). FULL -> PARTIAL: whose free
 * made the change. PARTIAL or EMPTY: who takes it out of the slot or off the list. Whoever makes it EMPTY owns the
 * superblock and not the descriptor, because it may be anywhere. Only an owner puts a descriptor somewhere, and
 * only an owner that took it out of a slot or off a list, and then read EMPTY, retires it (trim: that itself made
 * it EMPTY, from ACTIVE). So it is in one place at most, and retired once a life: an EMPTY descriptor stays EMPTY
 * until it is retired, and two cannot take it out of one place. What was taken out and is not EMPTY is put back. It
 * may become EMPTY in a hand; then it is put back all the same, and the next who takes it out retires it. Such ones
 * wait in a slot or on the list of their class, 128 bytes each, and a class gets a new descriptor only after its
 * list was seen empty: there are never more than the class had superblocks at its peak, and one a heap and thread
 * inside.
 *
 * The list of a class is a stack with a version (ao/stack_tagged.h). The paper prefers a queue, Michael's and
 * Scott's, so that superblocks rest and gather free blocks before they are taken. But in that queue what was taken
 * off stays behind as its dummy: a descriptor could not be retired or put elsewhere until the next one is taken, so
 * that nodes would have to be something else than descriptors; and it needs a dummy before the first call. A stack
 * gives the descriptor itself, owned from the exchange on, which the argument above rests on, and all zero is an
 * empty one. What is lost: the superblock that is taken is the one that was put last, with few free blocks.
 *
 * Nothing is read too late. Descriptors, and the nodes that superblocks are listed by, are never given back or used
 * as anything else: a delayed pop of a list reads a link or what was one, and its version is over. A superblock's
 * words are read by who has a block or a reservation of it, so that it cannot become EMPTY. An active word whose
 * descriptor came back with as many credits (ABA) is as good: a credit is taken of what is there, and all else read
 * afterwards. The anchor's tag counts pops: a pop whose block was taken by another, and came back, fails. It wraps
 * after 2^42, at one every 10 ns twelve hours that a thread stands between two instructions, and then it must be
 * that very number.
 *
 * Linearisation points: malloc at its exchange of the anchor (new superblock: of the active word), NULL at the
 * failure of the system; free at its exchange of the anchor.
 *
 * Progress: lock-free; each exchange fails because another's has succeeded. 3 begins again only where another
 * malloc has put a superblock into the word, which has its block. No thread-local state but the number of its heap,
 * no initialisation, no locks: a handler anywhere, and a thread that never returns, are like a slow thread. One
 * that never returns keeps at most a superblock's free blocks and one of another; in 3 a hyperblock.
 *
 * Memory orders (anchors, words and slots change by read-modify-write only, so that release sequences go on; but for
 * the anchor of a descriptor that is not installed yet):
 *     active   taking a credit     acquire   the fields of the descriptor, from the install that put it there
 *              install             release   pairs with it; fields, first links, anchor
 *     anchor   load before a pop   acquire   before the load of the block's link, which the free that pushed it wrote
 *              every exchange      acq_rel   release: the link that was stored; what the freeing thread did with the
 *                                            block; and the load of the link stays before it. Acquire, pop: the
 *                                            same of the block; EMPTY: of all blocks, for the superblock's next owner
 *     slot     exchange            acq_rel   release: the state that it was put with; acquire: pairs with that, so
 *                                            that who takes it out reads no older state
 *     lists                                  as in stack_tagged.h, whose exchanges are full barriers
 *     link     store, load         relaxed   ordered by the anchor; may race with an owner's prefix, and is unused then
 *     heap     store, load         relaxed   published by the next exchange of the anchor; any of its class is right
 *
 * The errata of the paper and its copies are named E1 to E8 where they are dealt with, and in michael_test.c.
 *
 * Bad at: requests above 7160 bytes (a system call each), and below 16 (half is prefix). Three locked instructions a
 * pair. Up to 32 heaps keep a superblock or two a class each. Descriptors and address space never go back.
 */
#include "michael_memory.h"

#include <stdlib.h>

/* ---- partial superblocks ---- */

/* D is the caller's, and is not any more. E7: which heap, the caller has read once. */
static void put_partial(struct heap *heap, unsigned class, struct descriptor *d) {
    struct descriptor *const displaced = __atomic_exchange_n(&heap->of[class].partial, d, __ATOMIC_ACQ_REL);
    if (displaced != NULL && !descriptor_retire_if_empty(displaced))
        stack_tagged_push(&michael.of[class].partial, &displaced->link);
}

static struct descriptor *take_partial(struct heap *heap, unsigned class) {
    if (__atomic_load_n(&heap->of[class].partial, __ATOMIC_RELAXED) != NULL) {
        struct descriptor *const d = __atomic_exchange_n(&heap->of[class].partial, NULL, __ATOMIC_ACQ_REL);
        if (d != NULL)
            return d;
    }
    return descriptor_of(stack_tagged_pop(&michael.of[class].partial));
}

/* Whatever is EMPTY on top of a class's list. What is looked at is not owned, so it is only a hint whether to take
 * it. */
static void clean_list(struct heap *heap, unsigned class) {
    struct stack_tagged *const list = &michael.of[class].partial;
    for (;;) {
        const struct descriptor *const top =
            descriptor_of((AO_uintptr_t *)__atomic_load_n(&list->top.second, __ATOMIC_ACQUIRE));
        if (top == NULL || !descriptor_is_empty(top))
            return;
        struct descriptor *const d = descriptor_of(stack_tagged_pop(list));
        if (d == NULL)
            return;
        if (!descriptor_retire_if_empty(d)) {
            put_partial(heap, class, d);
            return;
        }
    }
}

/* WAS became EMPTY by the caller's free, and is not the caller's: it may have been retired since, and even be a live
 * superblock's, in this very slot (E1). So the exchange makes it the caller's, whatever it is by now, and only then
 * it is looked at. WAS itself is not read before (E6). */
static void remove_empty(struct heap *heap, unsigned class, struct descriptor *was) {
    struct descriptor *d = was;
    if (!__atomic_compare_exchange_n(&heap->of[class].partial, &d, NULL, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        clean_list(heap, class);
    else if (!descriptor_retire_if_empty(was))
        put_partial(heap, class, was);
}

/* ---- malloc ---- */

/* A relaxed atomic, for a delayed pop may still read it as the link that it was. */
static inline void *hand_out(AO_uintptr_t *block, const struct descriptor *d) {
    __atomic_store_n(block, (AO_uintptr_t)d, __ATOMIC_RELAXED);
    return block + 1;
}

static inline AO_uintptr_t *first_free(const struct descriptor *d, anchor a, unsigned *next) {
    AO_uintptr_t *const block = block_at(d, anchor_avail(a));
    *next = (unsigned)__atomic_load_n(block, __ATOMIC_RELAXED) &
            INDEX_MASK; /* E4: perhaps no index, if A is over */
    return block;
}

static inline unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* D and RESERVED of its blocks are the caller's, and one more that it has popped, so that D cannot become EMPTY.
 * E3: the word must be empty. Whatever else is there has credits that would be lost. */
static void update_active(struct heap *heap, unsigned class, struct descriptor *d, unsigned reserved) {
    active none = 0;
    if (__atomic_compare_exchange_n(&heap->of[class].active, &none, (active)(uintptr_t)d | (reserved - 1),
                                    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return;
    anchor old = __atomic_load_n(&d->anchor, __ATOMIC_ACQUIRE), new;
    do
        new = anchor_make(anchor_avail(old), anchor_count(old) + reserved, PARTIAL, anchor_tag(old));
    while (!__atomic_compare_exchange_n(&d->anchor, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    put_partial(heap, class, d);
}

/* The caller has a reservation, and the last credit with it: D is its own, to be made active again or FULL. */
static void *pop_last(struct heap *heap, unsigned class, struct descriptor *d) {
    anchor old = __atomic_load_n(&d->anchor, __ATOMIC_ACQUIRE), new;
    unsigned more, next;
    AO_uintptr_t *block;
    do {
        block = first_free(d, old, &next);
        more = least(anchor_count(old), MOST_CREDITS);
        new = anchor_make(next, anchor_count(old) - more, more > 0 ? ACTIVE : FULL, anchor_tag(old) + 1);
    } while (!__atomic_compare_exchange_n(&d->anchor, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    if (more > 0)
        update_active(heap, class, d, more);
    return hand_out(block, d);
}

/* The caller has a reservation. The tag stands highest, so that it may overflow. */
static inline void *pop(const struct descriptor *d, anchor *at) {
    anchor old = __atomic_load_n(at, __ATOMIC_ACQUIRE), new;
    unsigned next;
    AO_uintptr_t *block;
    do {
        block = first_free(d, old, &next);
        new = ((old & ~(anchor)INDEX_MASK) | next) + anchor_make(0, 0, EMPTY, 1);
    } while (!__atomic_compare_exchange_n(at, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    return hand_out(block, d);
}

static inline void *from_active(struct heap *heap, unsigned class) {
    active *const word = &heap->of[class].active;
    active old = __atomic_load_n(word, __ATOMIC_RELAXED), new;
    do {
        if (__builtin_expect(old == 0, 0))
            return NULL;
        new = (old & CREDITS_MASK) == 0 ? 0 : old - 1;
    } while (!__atomic_compare_exchange_n(word, &old, new, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    struct descriptor *const d = (struct descriptor *)(uintptr_t)(old & ~(active)CREDITS_MASK);
    return __builtin_expect(new == 0, 0) ? pop_last(heap, class, d) : pop(d, &d->anchor);
}

/* D is the caller's. Reserves and pops in one exchange, which the paper does in two. NULL: it was EMPTY. */
static void *from_taken(struct heap *heap, unsigned class, struct descriptor *d) {
    __atomic_store_n(&d->heap, heap, __ATOMIC_RELAXED);
    anchor old = __atomic_load_n(&d->anchor, __ATOMIC_ACQUIRE), new;
    unsigned more, next;
    AO_uintptr_t *block;
    do {
        if (anchor_state(old) == EMPTY) {
            descriptor_retire(d);
            return NULL;
        }
        block = first_free(d, old, &next); /* PARTIAL, so that there is one */
        more = least(anchor_count(old) - 1, MOST_CREDITS);
        new = anchor_make(next, anchor_count(old) - 1 - more, more > 0 ? ACTIVE : FULL, anchor_tag(old) + 1);
    } while (!__atomic_compare_exchange_n(&d->anchor, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    if (more > 0)
        update_active(heap, class, d, more);
    return hand_out(block, d);
}

static void *from_partial(struct heap *heap, unsigned class) {
    void *block = NULL;
    for (struct descriptor *d; block == NULL && (d = take_partial(heap, class)) != NULL;)
        block = from_taken(heap, class, d);
    return block;
}

/* D and its superblock are nobody else's: one of its blocks is the caller's, RESERVED others are credits. The tag
 * goes on from the life before. */
static void descriptor_prepare(struct descriptor *d, struct superblock *superblock, struct heap *heap,
                               unsigned class, unsigned *reserved) {
    const unsigned size = (unsigned)size_class_bytes(class), count = (SUPERBLOCK - PREFIX) / size;
    d->superblock = superblock;
    d->memory = superblock->memory + PREFIX;
    d->reciprocal = (uint32_t)((((uint64_t)1 << 32) + size - 1) / size);
    __atomic_store_n(&d->heap, heap, __ATOMIC_RELAXED);
    __atomic_store_n(&d->class, class, __ATOMIC_RELAXED);
    __atomic_store_n(&d->size, size, __ATOMIC_RELAXED);
    __atomic_store_n(&d->count, count, __ATOMIC_RELAXED);
    for (unsigned i = 1; i < count; i++)
        __atomic_store_n(block_at(d, i), i + 1, __ATOMIC_RELAXED);
    *reserved = least(count - 1, MOST_CREDITS);
    const uint64_t tag = anchor_tag(__atomic_load_n(&d->anchor, __ATOMIC_RELAXED)) + 1;
    __atomic_store_n(&d->anchor, anchor_make(1, count - 1 - *reserved, ACTIVE, tag), __ATOMIC_RELAXED);
}

/* NULL: the word is not empty any more, or there is no memory. E5: the install is what publishes all that was
 * prepared. */
static void *from_new_superblock(struct heap *heap, unsigned class, bool *no_memory) {
    struct descriptor *const d = descriptor_alloc();
    struct superblock *const superblock = d == NULL ? NULL : superblock_alloc();
    *no_memory = superblock == NULL;
    if (superblock == NULL) {
        if (d != NULL)
            descriptor_retire(d); /* E8 */
        return NULL;
    }
    unsigned reserved;
    descriptor_prepare(d, superblock, heap, class, &reserved);
    active none = 0;
    if (__atomic_compare_exchange_n(&heap->of[class].active, &none, (active)(uintptr_t)d | (reserved - 1),
                                    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return hand_out(block_at(d, 0), d);
    const uint64_t tag = anchor_tag(__atomic_load_n(&d->anchor, __ATOMIC_RELAXED));
    __atomic_store_n(&d->anchor, anchor_make(0, 0, EMPTY, tag), __ATOMIC_RELAXED);
    superblock_free(superblock);
    descriptor_retire(d); /* E8 */
    return NULL;
}

/* A heap is a matter of speed: any will do. */
static void *from_any_heap(unsigned class) {
    void *block = NULL;
    for (unsigned i = 0; i < HEAPS && block == NULL; i++)
        if ((block = from_active(&michael.heap[i], class)) == NULL)
            block = from_partial(&michael.heap[i], class);
    return block;
}

static __attribute__((noinline)) void *malloc_elsewhere(struct heap *heap, unsigned class) {
    for (;;) {
        bool no_memory = false;
        void *block = from_partial(heap, class);
        if (block == NULL)
            block = from_new_superblock(heap, class, &no_memory);
        if (block == NULL)
            block = no_memory ? from_any_heap(class) : from_active(heap, class);
        if (block != NULL || no_memory)
            return block;
    }
}

static __attribute__((noinline, cold)) void *map_large(size_t size) {
    const size_t page = os_page_size();
    if (size > SIZE_MAX - ALIGNMENT - (page - 1))
        return NULL;
    const size_t bytes = (size + ALIGNMENT + page - 1) & ~(page - 1);
    AO_uintptr_t *const mapping = os_map(bytes);
    if (mapping == NULL)
        return NULL;
    __atomic_fetch_add(&michael.large_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&michael.large_count, 1, __ATOMIC_RELAXED);
    mapping[1] = bytes | 1;
    return mapping + 2;
}

__attribute__((aligned(64))) static void *michael_malloc(size_t size) {
    if (__builtin_expect(size > LARGEST_SMALL, 0))
        return map_large(size);
    const unsigned class = size_class_of(size + PREFIX);
    struct heap *const heap = heap_of_thread();
    void *const block = from_active(heap, class);
    return __builtin_expect(block != NULL, 1) ? block : malloc_elsewhere(heap, class);
}

/* ---- free ---- */

static __attribute__((noinline, cold)) void unmap_large(AO_uintptr_t *prefix) {
    const size_t bytes = *prefix - 1;
    __atomic_fetch_sub(&michael.large_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&michael.large_count, 1, __ATOMIC_RELAXED);
    if (!os_unmap(prefix - 1, bytes))
        abort(); /* not a block of ours: going on would unmap somebody else's memory */
}

/* What a free has to do after its exchange, by what it made of the state. Nothing of D is read here: EMPTY, it is
 * not the caller's (E6). PARTIAL from FULL, it is. */
static __attribute__((noinline)) void free_elsewhere(struct heap *heap, unsigned class, struct descriptor *d,
                                                     struct superblock *emptied) {
    if (emptied == NULL) {
        put_partial(heap, class, d);
        return;
    }
    superblock_free(emptied);
    remove_empty(heap, class, d);
}

/* All fields are read before the exchange (E6), the heap once a turn (E7): until the exchange succeeds D has the
 * block. The link is stored before it (E5), and what it was read from is the anchor that is exchanged. */
static inline void push(struct descriptor *d, AO_uintptr_t *block) {
    struct superblock *const superblock = d->superblock;
    const unsigned class = d->class, last = d->count - 1;
    const unsigned index = (unsigned)((uint64_t)((char *)block - d->memory) * d->reciprocal >> 32);
    anchor old = __atomic_load_n(&d->anchor, __ATOMIC_RELAXED), new;
    struct heap *heap;
    bool empties;
    do {
        __atomic_store_n(block, anchor_avail(old), __ATOMIC_RELAXED);
        heap = __atomic_load_n(&d->heap, __ATOMIC_RELAXED);
        empties = anchor_count(old) ==
                  last; /* so that it is PARTIAL: ACTIVE has a reservation (E2: FULL has count 0) */
        const enum state state = empties ? EMPTY : anchor_state(old) == FULL ? PARTIAL : anchor_state(old);
        new = anchor_make(index, empties ? 0 : anchor_count(old) + 1, state, anchor_tag(old));
    } while (!__atomic_compare_exchange_n(&d->anchor, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (__builtin_expect(empties || anchor_state(old) == FULL, 0))
        free_elsewhere(heap, class, d, empties ? superblock : NULL);
}

__attribute__((aligned(64))) static void michael_free(void *payload) {
    if (payload == NULL)
        return;
    AO_uintptr_t *const block = (AO_uintptr_t *)payload - 1;
    const AO_uintptr_t prefix = __atomic_load_n(block, __ATOMIC_RELAXED);
    if (__builtin_expect((prefix & 1) != 0, 0))
        unmap_large(block);
    else
        push((struct descriptor *)prefix, block);
}

static size_t michael_usable_size(void *payload) {
    if (payload == NULL)
        return 0;
    const AO_uintptr_t prefix = __atomic_load_n((AO_uintptr_t *)payload - 1, __ATOMIC_RELAXED);
    return (prefix & 1) != 0 ? prefix - 1 - ALIGNMENT : ((const struct descriptor *)prefix)->size - PREFIX;
}

/* ---- trim ---- */

/* Takes a superblock out of its word, and gives back what it had reserved. If all is free then, it was in no other
 * place: who makes it EMPTY here owns the descriptor too. */
static void deactivate(struct heap *heap, unsigned class) {
    const active was = __atomic_exchange_n(&heap->of[class].active, 0, __ATOMIC_ACQUIRE);
    if (was == 0)
        return;
    struct descriptor *const d = (struct descriptor *)(uintptr_t)(was & ~(active)CREDITS_MASK);
    struct superblock *const superblock = d->superblock;
    const unsigned reserved = (unsigned)(was & CREDITS_MASK) + 1, all = d->count;
    anchor old = __atomic_load_n(&d->anchor, __ATOMIC_ACQUIRE), new;
    bool empty;
    do {
        const unsigned count = anchor_count(old) + reserved;
        empty = count == all;
        new = anchor_make(anchor_avail(old), empty ? 0 : count, empty ? EMPTY : PARTIAL, anchor_tag(old));
    } while (!__atomic_compare_exchange_n(&d->anchor, &old, new, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    if (!empty) {
        put_partial(heap, class, d);
        return;
    }
    superblock_free(superblock);
    descriptor_retire(d);
}

/* While others make superblocks idle it goes on for no more than there were, about. */
static bool michael_trim(void) {
    for (unsigned h = 0; h < HEAPS; h++)
        for (unsigned c = 0; c < CLASSES; c++)
            deactivate(&michael.heap[h], c);
    const size_t most = __atomic_load_n(&michael.idle_count, __ATOMIC_RELAXED);
    size_t discarded = 0;
    for (struct superblock *idle; discarded < most && (idle = superblock_pop_idle()) != NULL; discarded++)
        superblock_discard(idle);
    return discarded != 0;
}

#include "michael_check.h"

const struct allocator allocator_michael = {
    .name = "michael",
    .summary = "Michael's lock-free malloc: superblocks with anchors, heaps with credits",
    .origin = "Michael, PLDI 2004; written independently",
    .traits = TRAIT_LOCK_FREE | TRAIT_SIGNAL_SAFE,
    .loss = {SUPERBLOCK + 64 + ALIGNMENT,
             HYPERBLOCK + SUPERBLOCK}, /* a superblock and a block; a hyperblock */
    .malloc = michael_malloc,
    .free = michael_free,
    .usable_size = michael_usable_size,
    .trim = michael_trim,
    .stats = michael_stats,
    .check = michael_check,
};
