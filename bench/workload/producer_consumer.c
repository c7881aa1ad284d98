/* SPDX-License-Identifier: MIT
 *
 * producer-consumer: blocks that one thread allocates and another frees, as between the stages of a pipeline.
 * From the folklore of servers.
 *
 * Threads come in pairs: the even one produces, the odd one after it consumes. The producer allocates a
 * block, writes it, and puts its address into a ring; the consumer takes it out, reads the block and frees
 * it. No thread ever frees what it allocated, so all memory has to find its way back from the consumer to the
 * producer, and that way is what is measured.
 *
 * The ring of a pair has room for 1024 addresses, which bounds the memory:
 *
 *     | produced (producer's line) | consumed (consumer's line) | address 0 ... 1023 |
 *
 * Addresses are handed over in batches. Each side publishes its count once a batch and looks at the other's
 * only where what it has seen of it is used up; so at best a batch of 16 costs both sides a handful of cache
 * lines, the same for every allocator. Who finds the ring full or empty waits
 * by looking again (worker_wait): the slower of the two sides sets the pace.
 *
 * Parameters: batch, addresses a batch; size, bytes of a block. An operation is a block, one allocation and
 * one free, and a pair passes twice as many as are asked of each of its threads: time_ns is what both threads
 * together spend on a block, as for a pair of malloc and free on one thread. Batches are done whole.
 *
 * Not shown: more than two threads on one ring, blocks of several sizes at once, threads that change roles.
 */
#include "workload.h"

#include <stdio.h>

enum { BATCH = 0, SIZE = 1, MOST_BATCH = 128, RING = 1024, BLOCKS_AN_OPERATION = 2 };

/* consumed <= produced <= consumed + RING; a block's address is in address[its number % RING] from before
 * `produced` passes its number until `consumed` does. */
struct pair {
    _Alignas(128) _Atomic uint64_t produced; /* by the producer alone, as is what follows */
    atomic_bool ended;                       /* it got NULL: nothing more will come */
    _Alignas(128) _Atomic uint64_t consumed; /* by the consumer alone */
    _Alignas(128) void *address[RING];
};

static void read_block(const void *block, size_t size) {
    const volatile unsigned char *const byte = block;
    for (size_t at = 0; at < size; at += 4096)
        (void)byte[at];
    if (size != 0)
        (void)byte[size - 1];
}

/* Waits until the consumer has passed LEAST. Returns how far it is. */
static uint64_t await_consumed(const struct worker *w, struct pair *p, uint64_t least) {
    for (unsigned looks = 0;; looks++) {
        /* Pairs with the consumer's store: it has read the addresses whose room is used again. */
        const uint64_t consumed = atomic_load_explicit(&p->consumed, memory_order_acquire);
        if (consumed >= least)
            return consumed;
        worker_wait(w, looks);
    }
}

/* Waits until the producer has passed LEAST, or has ended. Returns how far it is. */
static uint64_t await_produced(const struct worker *w, struct pair *p, uint64_t least) {
    for (unsigned looks = 0;; looks++) {
        /* First `ended`, whose store comes last. The loads pair with the producer's stores: it has written
         * the addresses and the blocks. */
        const bool ended = atomic_load_explicit(&p->ended, memory_order_acquire);
        const uint64_t produced = atomic_load_explicit(&p->produced, memory_order_acquire);
        if (produced >= least || ended)
            return produced;
        worker_wait(w, looks);
    }
}

__attribute__((noinline, aligned(64))) static enum work_result produce(struct worker *w, struct pair *p,
                                                                       uint64_t blocks) {
    void *(*const allocate)(size_t) = w->malloc;
    const size_t size = w->cell->number[SIZE];
    const uint64_t batch = w->cell->number[BATCH];
    const uint64_t begin = atomic_load_explicit(&p->produced, memory_order_relaxed), end = begin + blocks;
    uint64_t consumed = atomic_load_explicit(&p->consumed, memory_order_acquire);
    for (uint64_t at = begin; at != end;) {
        if (at + batch > consumed + RING)
            consumed = await_consumed(w, p, at + batch - RING);
        for (const uint64_t batch_end = at + batch; at != batch_end; at++) {
            void *const block = allocate(size);
            if (__builtin_expect(block == NULL, 0)) {
                atomic_store_explicit(&p->produced, at, memory_order_release);
                atomic_store_explicit(&p->ended, true, memory_order_release);
                w->done = (at - begin) / BLOCKS_AN_OPERATION;
                return WORK_OUT_OF_MEMORY;
            }
            touch_block(block, size);
            p->address[at % RING] = block;
        }
        atomic_store_explicit(&p->produced, at, memory_order_release);
    }
    w->done = blocks / BLOCKS_AN_OPERATION;
    return WORK_DONE;
}

/* Whatever comes of the producer, the ring is empty at the end. */
__attribute__((noinline, aligned(64))) static enum work_result consume(struct worker *w, struct pair *p,
                                                                       uint64_t blocks) {
    void (*const release)(void *) = w->free;
    const size_t size = w->cell->number[SIZE];
    const uint64_t batch = w->cell->number[BATCH];
    const uint64_t begin = atomic_load_explicit(&p->consumed, memory_order_relaxed), end = begin + blocks;
    uint64_t at = begin, produced = begin;
    while (at != end) {
        if (produced < at + batch)
            produced = await_produced(w, p, at + batch);
        if (at == produced) /* the producer has ended */
            break;
        for (const uint64_t batch_end = produced < at + batch ? produced : at + batch; at != batch_end;
             at++) {
            void *const block = p->address[at % RING];
            read_block(block, size);
            release(block);
        }
        atomic_store_explicit(&p->consumed, at, memory_order_release);
    }
    w->done = (at - begin) / BLOCKS_AN_OPERATION;
    return WORK_DONE;
}

static size_t pairs_bytes(const struct cell *cell) {
    return cell->threads / 2 * sizeof(struct pair);
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    if (cell->threads % 2 != 0) {
        snprintf(why, why_size, "excluded: %u threads are not pairs", cell->threads);
        return false;
    }
    cell->state = memory_map(pairs_bytes(cell));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the rings");
    return cell->state != NULL;
}

static void finish(struct cell *cell) {
    memory_unmap(cell->state, pairs_bytes(cell));
}

static enum work_result run(struct worker *w, uint64_t operations) {
    const uint64_t batch = w->cell->number[BATCH];
    const uint64_t blocks = (operations * BLOCKS_AN_OPERATION + batch - 1) / batch * batch;
    struct pair *const p = (struct pair *)w->cell->state + w->index / 2;
    return (w->index % 2 == 0 ? produce : consume)(w, p, blocks);
}

const struct workload workload_producer_consumer = {
    .name = "producer-consumer",
    .aliases = "pipeline",
    .summary = "one thread allocates, another frees: memory that must find its way back between threads",
    .not_shown =
        "more than two threads on one ring, blocks of several sizes at once, threads that change roles",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "2,4,8",
    .in_pairs = true,
    .parameters = {{"batch", "16", 1, MOST_BATCH, "blocks that are handed over at once"},
                   {"size", "64", 1, 1 << 20, "bytes"}},
    .excluded_traits =
        TRAIT_NEVER_FREES | TRAIT_FLOOR, /* the consumer reads what the producer must not touch */
    .operations = 20000,
    .prepare = prepare,
    .run = run,
    .finish = finish,
};
