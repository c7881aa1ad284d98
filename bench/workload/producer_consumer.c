/* SPDX-License-Identifier: MIT
 *
 * producer-consumer: blocks that one thread allocates and another frees, as between the stages of a pipeline.
 * From the folklore of servers; `hot-free` is the worst case of allocators that return a block to where its
 * address says (Leijen and others 2019 tell of it).
 *
 * A producer allocates a block, writes it, and puts its address into a ring; a consumer takes it out, reads
 * the block and frees it. No thread frees what it allocated, so all memory has to find its way back from the
 * consumers to the producers, and that way is what is measured.
 *
 * A ring has one producer and one consumer, and room for 1024 addresses, which bounds the memory:
 *
 *     | produced (producer's line) | consumed (consumer's line) | address 0 ... 1023 |
 *
 * Addresses are handed over in batches. Each side publishes its count once a batch and looks at the other's
 * only where what it has seen of it is used up; so at best a batch of 16 costs both sides a handful of cache
 * lines, the same for every allocator. Who finds the ring full or empty waits by looking again (worker_wait):
 * the slower of the two sides sets the pace.
 *
 * Parameters: batch, addresses a batch, 1, 16 or 128; size, bytes of a block; and shape, who hands to whom:
 *   pairs         the even worker of two produces, the odd one after it consumes
 *   reversed      the same, and after each 8192 blocks the two change roles: what one's cache has been given
 *                 to free the same one now allocates
 *   one-to-many   worker 0 produces, all others consume: a batch for each of them in turn, and again
 *   many-to-many  even workers produce, odd ones consume: each producer deals to all of them as above, each
 *                 consumer takes a batch from each producer in turn. A ring for each two: of 8 threads 16
 *   hot-free      one-to-many, but consumers see nothing of a ring before all rings are full, and no ring is
 *                 filled again before all are empty: all threads but one free blocks of that one's at once,
 *                 as fast as they can; with batch=1 neighbours in memory go to different threads
 *
 * An operation is a block, one allocation and one free. In all, as many pass as are asked of all threads
 * together: time_ns is what all threads together spend on a block, as for a pair of malloc and free on one
 * thread. Rounds (a batch for each ring) are done whole. Which block goes to whom is fixed, in every shape.
 *
 * Not shown: blocks of several sizes at once, queues that several threads take from, threads that produce and
 * consume at the same time.
 */
#include "workload.h"

#include <stdio.h>
#include <string.h>

enum { BATCH = 0, SIZE = 1, SHAPE = 2, MOST_BATCH = 128, RING = 1024, BLOCKS_A_ROLE = 8 * RING };

/* How far one of a ring's two workers is. */
struct hand {
    _Alignas(128) uint64_t at; /* the number of the next block that it will put in or take out */
    uint64_t seen;             /* of the other's count */
    bool finished;             /* the producer has ended, and nothing is left */
};

/* consumed <= produced <= consumed + RING; a block's address is in address[its number % RING] from before
 * `produced` passes its number until `consumed` does. Where roles change, both workers are at the same number,
 * and the ring is empty: who produces next has taken out all, and who consumes next has put it in. */
struct ring {
    _Alignas(128) _Atomic uint64_t produced; /* by the producer alone, as is what follows */
    atomic_bool ended;                       /* it got NULL: nothing more will come */
    _Alignas(128) _Atomic uint64_t consumed; /* by the consumer alone */
    struct hand hand[2];                     /* [0]: of the worker that is the first to produce */
    _Alignas(128) void *address[RING];
};

/* The workers that hand to each other. Ring p * consumers + c is from producer p to consumer c. */
struct group {
    struct ring *ring;
    unsigned producers, consumers;
    unsigned own;  /* which of the producers, or of the consumers, this worker is */
    unsigned side; /* 0: it produces first */
    uint64_t batch;
    bool all_at_once; /* hot-free */
    bool reverses;
};

static bool is_shape(const struct cell *cell, const char *shape) {
    return strcmp(cell->word[SHAPE], shape) == 0;
}

/* All threads of a cell are one; `pairs` and `reversed` make as many of two. */
static struct group group_of(const struct worker *w) {
    const struct cell *const cell = w->cell;
    struct group g = {.ring = cell->state,
                      .producers = 1,
                      .consumers = 1,
                      .side = w->index % 2,
                      .batch = cell->number[BATCH],
                      .all_at_once = is_shape(cell, "hot-free"),
                      .reverses = is_shape(cell, "reversed")};
    if (g.all_at_once || is_shape(cell, "one-to-many")) {
        g.consumers = cell->threads - 1;
        g.side = w->index > 0;
        g.own = g.side == 0 ? 0 : w->index - 1;
    } else if (is_shape(cell, "many-to-many")) {
        g.producers = g.consumers = cell->threads / 2;
        g.own = w->index / 2;
    } else {
        g.ring += w->index / 2;
    }
    return g;
}

static unsigned rings_of(const struct cell *cell) {
    if (is_shape(cell, "hot-free") || is_shape(cell, "one-to-many"))
        return cell->threads - 1;
    return is_shape(cell, "many-to-many") ? cell->threads / 2 * (cell->threads / 2) : cell->threads / 2;
}

/* ---- one ring ---- */

static void read_block(const void *block, size_t size) {
    const volatile unsigned char *const byte = block;
    for (size_t at = 0; at < size; at += 4096)
        (void)byte[at];
    if (size != 0)
        (void)byte[size - 1];
}

/* Waits until the consumer has passed LEAST. */
static void await_consumed(const struct worker *w, const struct ring *r, struct hand *h, uint64_t least) {
    for (unsigned looks = 0;; looks++) {
        /* Pairs with the consumer's store: it has read the addresses whose room is used again. */
        h->seen = atomic_load_explicit(&r->consumed, memory_order_acquire);
        if (h->seen >= least)
            return;
        worker_wait(w, looks);
    }
}

/* Waits until the producer has passed LEAST, or has ended. */
static void await_produced(const struct worker *w, const struct ring *r, struct hand *h, uint64_t least) {
    for (unsigned looks = 0;; looks++) {
        /* First `ended`, whose store comes last. The loads pair with the producer's stores: it has written
         * the addresses and the blocks. */
        const bool ended = atomic_load_explicit(&r->ended, memory_order_acquire);
        h->seen = atomic_load_explicit(&r->produced, memory_order_acquire);
        if (h->seen >= least || ended)
            return;
        worker_wait(w, looks);
    }
}

static void publish(struct ring *r, const struct hand *h) {
    atomic_store_explicit(&r->produced, h->at, memory_order_release);
}

/* False: it got NULL. */
__attribute__((noinline, aligned(64))) static bool fill(const struct worker *w, struct ring *r,
                                                        struct hand *h, uint64_t batch) {
    void *(*const allocate)(size_t) = w->malloc;
    const size_t size = w->cell->number[SIZE];
    uint64_t at = h->at;
    const uint64_t end = at + batch;
    for (; at != end; at++) {
        void *const block = allocate(size);
        if (__builtin_expect(block == NULL, 0))
            break;
        touch_block(block, size);
        r->address[at % RING] = block;
    }
    h->at = at;
    return at == end;
}

/* A batch; less, and then never again anything, where the producer has ended. */
__attribute__((noinline, aligned(64))) static void drain(const struct worker *w, struct ring *r,
                                                         struct hand *h, uint64_t batch) {
    void (*const release)(void *) = w->free;
    const size_t size = w->cell->number[SIZE];
    const uint64_t whole = h->at + batch, end = h->seen < whole ? h->seen : whole;
    for (uint64_t at = h->at; at != end; at++) {
        void *const block = r->address[at % RING];
        read_block(block, size);
        release(block);
    }
    h->at = end;
    h->finished = end != whole;
    atomic_store_explicit(&r->consumed, end, memory_order_release);
}

/* ---- a worker's rings ---- */

/* The ring that a producer fills as its STEP-th of a round, and the hand for it. Consumers' order fits: at each
 * step each ring that is filled is taken from, so that nobody can wait for somebody who waits for him. */
static struct ring *ring_to(const struct group *g, unsigned step) {
    return &g->ring[g->own * g->consumers + (g->own + step) % g->consumers];
}

static struct ring *ring_from(const struct group *g, unsigned step) {
    return &g->ring[(g->own + g->producers - step) % g->producers * g->consumers + g->own % g->consumers];
}

static void end_all(const struct group *g) {
    for (unsigned step = 0; step < g->consumers; step++) {
        struct ring *const r = ring_to(g, step);
        publish(r, &r->hand[g->side]);
        atomic_store_explicit(&r->ended, true, memory_order_release);
    }
}

/* Waits, where it has to, for what it needs to fill a batch. ROUND: of its role. */
static void make_room(const struct worker *w, const struct group *g, const struct ring *r, struct hand *h,
                      uint64_t round) {
    if (!g->all_at_once) {
        if (h->at + g->batch > h->seen + RING)
            await_consumed(w, r, h, h->at + g->batch - RING);
    } else if (round % (RING / g->batch) == 0) {
        await_consumed(w, r, h, h->at);
    }
}

/* Returns how many blocks. False in DONE: it got NULL. */
static uint64_t produce(const struct worker *w, const struct group *g, uint64_t rounds, bool *done) {
    uint64_t blocks = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        for (unsigned step = 0; step < g->consumers; step++) {
            struct ring *const r = ring_to(g, step);
            struct hand *const h = &r->hand[g->side];
            make_room(w, g, r, h, round);
            const uint64_t before = h->at;
            *done = fill(w, r, h, g->batch);
            blocks += h->at - before;
            if (!*done) {
                end_all(g);
                return blocks;
            }
            if (!g->all_at_once)
                publish(r, h);
        }
        const bool rings_full = (round + 1) % (RING / g->batch) == 0 || round + 1 == rounds;
        for (unsigned step = 0; g->all_at_once && rings_full && step < g->consumers; step++)
            publish(ring_to(g, step), &ring_to(g, step)->hand[g->side]);
    }
    return blocks;
}

/* Whatever comes of the producers, the rings are empty at the end. */
static uint64_t consume(const struct worker *w, const struct group *g, uint64_t rounds) {
    uint64_t blocks = 0;
    for (uint64_t round = 0; round < rounds; round++)
        for (unsigned step = 0; step < g->producers; step++) {
            struct ring *const r = ring_from(g, step);
            struct hand *const h = &r->hand[g->side];
            if (h->finished)
                continue;
            if (h->seen < h->at + g->batch)
                await_produced(w, r, h, h->at + g->batch);
            const uint64_t before = h->at;
            drain(w, r, h, g->batch);
            blocks += h->at - before;
        }
    return blocks;
}

/* ---- a cell ---- */

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    if (cell->threads % 2 != 0) {
        snprintf(why, why_size, "excluded: %u threads are not pairs", cell->threads);
        return false;
    }
    cell->state = memory_map(rings_of(cell) * sizeof(struct ring));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the rings");
    return cell->state != NULL;
}

static void finish(struct cell *cell) {
    memory_unmap(cell->state, rings_of(cell) * sizeof(struct ring));
}

/* One role, or one after another. All rings are empty when it begins. */
static enum work_result run(struct worker *w, uint64_t operations) {
    const struct group g = group_of(w);
    const unsigned workers = g.producers + g.consumers;
    const uint64_t a_round = g.batch * g.producers * g.consumers;
    uint64_t rounds = (operations * workers + a_round - 1) / a_round, blocks = 0;
    bool done = true;
    for (bool produces = g.side == 0; rounds > 0 && done; produces = !produces) {
        const uint64_t some =
            g.reverses && rounds > BLOCKS_A_ROLE / g.batch ? BLOCKS_A_ROLE / g.batch : rounds;
        struct hand *const h = &g.ring->hand[g.side]; /* where roles change, of its only ring */
        if (g.reverses) {
            if (h->finished) /* the other has ended, and would take nothing */
                break;
            h->seen = h->at;
        }
        blocks += produces ? produce(w, &g, some, &done) : consume(w, &g, some);
        rounds -= some;
    }
    w->done = blocks * (g.side == 0 ? g.producers : g.consumers) / workers;
    return done ? WORK_DONE : WORK_OUT_OF_MEMORY;
}

const struct workload workload_producer_consumer = {
    .name = "producer-consumer",
    .aliases = "pipeline",
    .summary = "one thread allocates, another frees: memory that must find its way back between threads",
    .not_shown =
        "blocks of several sizes at once, queues that several threads take from, threads in both roles at once",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "2,4,8",
    .in_pairs = true,
    .parameters = {{"batch", "16", 1, MOST_BATCH, "blocks that are handed over at once"},
                   {"size", "64", 1, 1 << 20, "bytes"},
                   {"shape", "pairs;reversed,one-to-many,many-to-many,hot-free", 0, 0, "who hands to whom"}},
    .excluded_traits =
        TRAIT_NEVER_FREES | TRAIT_FLOOR, /* the consumer reads what the producer must not touch */
    .operations = 20000,
    .prepare = prepare,
    .run = run,
    .finish = finish,
};
