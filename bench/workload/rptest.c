/* SPDX-License-Identifier: MIT
 *
 * rptest: each thread frees and allocates in bursts all over its own slots, and now and then hands a burst to
 * another thread. After rpmalloc's benchmark (Jansson 2017), told anew from descriptions.
 *
 * A worker keeps `slots` slots. In each loop it frees the blocks in 30 to 100 of them, then allocates into 30
 * to 100, where a block that is still there is freed first; it walks the slots with a stride each for the two,
 * a prime, so that order of allocation and order of freeing have nothing to do with each other. About half of
 * the slots are full at a time. In every second loop it also fills a set with 30 to 100 blocks for another
 * worker, each of the others in turn, and frees a set that came from one: the one sent eight sets before, so
 * that who is a little behind holds nobody up. That is what differs from the original, where a thread frees
 * what has arrived: here who frees which block, and in which of his loops, is fixed, and no thread can be
 * handed more than it frees. Who is 16 sets ahead of his receiver, or 8 of his sender, waits (worker_wait).
 *
 *     worker i:  set k -> worker i + 1 + k mod (T - 1)          outbox of i: | sent | set 0 ... set 15 |
 *                set k - 8 <- worker i - 1 - (k - 8) mod (T - 1)
 *
 * One thread hands sets to itself. The numbers 30 to 100 of a loop are the same for all workers, so that all
 * do as many operations; sizes are each worker's own.
 *
 * Parameters: slots, 1000 as published; small 200, large 20000. sizes: `linear`, uniform from 8 to `most`, as
 * published; `exponential`, each doubling half as frequent. most: bytes, 16000 as published. Published run:
 * N threads, random, linear, 500 loops, twice (the second time finds a heap that has been used; here that is
 * what the warm-up is for). 500 loops are some 50 000 operations. Of a block the first word, the last byte and one
 * byte a page are written.
 *
 * An operation is a block: one allocation and one free. Loops are done whole. Not shown: a live set that
 * grows, sizes and lifetimes of real programs (uniform sizes are nobody's), reading of blocks.
 */
#include "workload.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SLOTS = 0, /* the parameters */
    SIZES = 1,
    MOST = 2,
    LEAST_SLOTS = 128,
    LEAST_SIZE = 8,
    LEAST_BURST = 30,
    MOST_BURST = 100,
    LOOPS = 1 << 12, /* drawn; then again from the first */
    TABLE = 1 << 16,
    DELAY = 8, /* sets */
    OUTBOX = 16,
};

/* Set number m of a sender is in set[m % OUTBOX] from before `sent` passes m until `taken` is m + 1. */
struct set {
    _Alignas(128) _Atomic uint64_t taken; /* by its receiver */
    _Alignas(128) unsigned blocks;        /* by its sender, as is what follows */
    void *block[MOST_BURST];
};
struct outbox {
    _Alignas(128) _Atomic uint64_t sent;
    struct set set[OUTBOX];
};
struct shared {
    _Alignas(128) atomic_bool ended; /* somebody had no memory: nobody may wait any more */
    struct outbox outbox[];          /* [threads] */
};

struct loop {
    uint8_t frees, allocates, hands;
};

struct state {
    uint64_t loops, sets, sizes; /* so far */
    uint32_t slots, free_at, free_stride, allocate_at, allocate_stride;
    struct loop loop[LOOPS];
    uint16_t size[TABLE];
    void *slot[]; /* [slots] */
};

/* ---- before and after ---- */

static size_t shared_bytes(const struct cell *cell) {
    return sizeof(struct shared) + cell->threads * sizeof(struct outbox);
}

static size_t state_bytes(const struct cell *cell) {
    return sizeof(struct state) + cell->number[SLOTS] * sizeof(void *);
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    cell->state = memory_map(shared_bytes(cell));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the sets of blocks");
    return cell->state != NULL;
}

static void finish(struct cell *cell) {
    memory_unmap(cell->state, shared_bytes(cell));
}

static enum work_result end_all(const struct worker *w) {
    struct shared *const shared = w->cell->state;
    atomic_store_explicit(&shared->ended, true, memory_order_relaxed);
    return WORK_OUT_OF_MEMORY;
}

/* The first primes from LEAST on that visit all slots. */
static uint32_t draw_stride(uint32_t slots, unsigned which) {
    static const uint32_t prime[] = {37, 83, 113, 59, 101, 71, 43, 97, 67, 89}; /* smaller than LEAST_SLOTS */
    unsigned found = 0;
    for (unsigned i = 0;; i++)
        if (slots % prime[i] != 0 && found++ == which)
            return prime[i];
}

static uint16_t draw_size(uint64_t *random, bool exponential, uint64_t most) {
    if (!exponential)
        return (uint16_t)(LEAST_SIZE + random_below(random, most - LEAST_SIZE + 1));
    /* Density 1/size^2, cut off at MOST. */
    const double from = 1.0 / LEAST_SIZE, to = 1.0 / (double)(most + 1);
    return (uint16_t)(1.0 / (from - random_unit(random) * (from - to)));
}

static uint8_t draw_burst(uint64_t *random) {
    return (uint8_t)(LEAST_BURST + random_below(random, MOST_BURST - LEAST_BURST + 1));
}

static void draw(struct state *s, const struct worker *w) {
    const bool exponential = strcmp(w->cell->word[SIZES], "exponential") == 0;
    s->slots = (uint32_t)w->cell->number[SLOTS];
    s->free_stride = draw_stride(s->slots, 0);
    s->allocate_stride = draw_stride(s->slots, 1);
    uint64_t common = w->cell->seed, own = w->seed;
    for (unsigned i = 0; i < LOOPS; i++)
        s->loop[i] = (struct loop){draw_burst(&common), draw_burst(&common), draw_burst(&common)};
    for (unsigned i = 0; i < TABLE; i++)
        s->size[i] = draw_size(&own, exponential, w->cell->number[MOST]);
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(state_bytes(w->cell));
    if (s == NULL)
        return end_all(w);
    draw(s, w);
    return WORK_DONE;
}

/* All workers have ended: own sets that nobody will take any more are freed by their sender. */
static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    struct outbox *const o = &((struct shared *)w->cell->state)->outbox[w->index];
    for (uint64_t m = s->sets < OUTBOX ? 0 : s->sets - OUTBOX; m < s->sets; m++) {
        const struct set *const set = &o->set[m % OUTBOX];
        if (atomic_load_explicit(&set->taken, memory_order_relaxed) == m + 1)
            continue;
        for (unsigned i = 0; i < set->blocks; i++)
            w->free(set->block[i]);
    }
    for (uint32_t i = 0; i < s->slots; i++)
        if (s->slot[i] != NULL)
            w->free(s->slot[i]);
    memory_unmap(s, state_bytes(w->cell));
}

/* ---- what one worker does by itself ---- */

static void *allocate(struct worker *w, struct state *s) {
    const size_t size = s->size[s->sizes++ % TABLE];
    void *const block = w->malloc(size);
    if (__builtin_expect(block == NULL, 0))
        return NULL;
    touch_block(block, size);
    static const uint64_t word = UINT64_C(0x0101010101010101);
    memcpy(block, &word, sizeof word);
    w->done++;
    return block;
}

static uint32_t step(uint32_t at, uint32_t stride, uint32_t slots) {
    at += stride;
    return at < slots ? at : at - slots;
}

__attribute__((noinline, aligned(64))) static void free_some(const struct worker *w, struct state *s,
                                                             unsigned visits) {
    void (*const release)(void *) = w->free;
    for (; visits > 0; visits--) {
        s->free_at = step(s->free_at, s->free_stride, s->slots);
        void *const block = s->slot[s->free_at];
        if (block == NULL)
            continue;
        s->slot[s->free_at] = NULL;
        release(block);
    }
}

__attribute__((noinline, aligned(64))) static bool allocate_some(struct worker *w, struct state *s,
                                                                 unsigned blocks) {
    void (*const release)(void *) = w->free;
    for (; blocks > 0; blocks--) {
        s->allocate_at = step(s->allocate_at, s->allocate_stride, s->slots);
        void **const slot = &s->slot[s->allocate_at];
        if (*slot != NULL)
            release(*slot);
        if ((*slot = allocate(w, s)) == NULL)
            return false;
    }
    return true;
}

/* ---- what it hands over ---- */

/* Waits until COUNT has reached LEAST. False: it never will. */
static bool await(const struct worker *w, const _Atomic uint64_t *count, uint64_t least) {
    const struct shared *const shared = w->cell->state;
    for (unsigned looks = 0;; looks++) {
        /* Pairs with the store that is awaited: of `sent`, after which the set and its blocks are as the sender
         * has written them; of `taken`, before which the receiver has read them. */
        if (atomic_load_explicit(count, memory_order_acquire) >= least)
            return true;
        if (atomic_load_explicit(&shared->ended, memory_order_relaxed))
            return false;
        worker_wait(w, looks);
    }
}

/* How far from a sender its receiver is, of set M; the other way round from a receiver its sender. */
static unsigned distance(const struct cell *cell, uint64_t m) {
    return cell->threads == 1 ? 0 : 1 + (unsigned)(m % (cell->threads - 1));
}

/* Frees set M of whoever has sent it to this worker. False: it will not come. */
static bool take_set(const struct worker *w, uint64_t m) {
    const unsigned threads = w->cell->threads;
    struct shared *const shared = w->cell->state;
    struct outbox *const o = &shared->outbox[(w->index + threads - distance(w->cell, m)) % threads];
    struct set *const set = &o->set[m % OUTBOX];
    if (!await(w, &o->sent, m + 1))
        return false;
    for (unsigned i = 0; i < set->blocks; i++)
        w->free(set->block[i]);
    atomic_store_explicit(&set->taken, m + 1, memory_order_release);
    return true;
}

static void give_back(const struct worker *w, struct set *set) {
    for (; set->blocks > 0; set->blocks--)
        w->free(set->block[set->blocks - 1]);
}

/* Sends set s->sets. What is amiss where it is not DONE: own memory, or another's, for whom this one stops. */
static bool send_set(struct worker *w, struct state *s, unsigned blocks, enum work_result *result) {
    const uint64_t m = s->sets;
    struct outbox *const o = &((struct shared *)w->cell->state)->outbox[w->index];
    struct set *const set = &o->set[m % OUTBOX];
    if (m >= OUTBOX && !await(w, &set->taken, m - OUTBOX + 1))
        return false;
    for (set->blocks = 0; set->blocks < blocks; set->blocks++)
        if ((set->block[set->blocks] = allocate(w, s)) == NULL) {
            give_back(w, set);
            *result = end_all(w);
            return false;
        }
    atomic_store_explicit(&o->sent, ++s->sets, memory_order_release);
    return true;
}

/* False: this was the last loop; RESULT says why. */
static bool run_loop(struct worker *w, struct state *s, enum work_result *result) {
    const struct loop *const loop = &s->loop[s->loops % LOOPS];
    free_some(w, s, loop->frees);
    if (!allocate_some(w, s, loop->allocates)) {
        *result = end_all(w);
        return false;
    }
    if (s->loops++ % 2 == 0)
        return true;
    return (s->sets < DELAY || take_set(w, s->sets - DELAY)) && send_set(w, s, loop->hands, result);
}

/* A worker that stops for another's sake is done: that one tells. */
static enum work_result run(struct worker *w, uint64_t operations) {
    enum work_result result = WORK_DONE;
    while (w->done < operations && run_loop(w, w->state, &result))
        ;
    return result;
}

const struct workload workload_rptest = {
    .name = "rptest",
    .aliases = "rpmalloc-benchmark",
    .summary = "bursts of frees and allocations all over a thread's slots, some for another thread to free",
    .not_shown = "a live set that grows, sizes and lifetimes of real programs, reading of blocks",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"slots", "1000", LEAST_SLOTS, 10000000, "of each thread; small 200, large 20000"},
                   {"sizes", "linear;exponential", 0, 0, "how they are drawn"},
                   {"most", "16000", 64, 32760, "bytes of the largest block; the smallest has 8"}},
    .excluded_traits = TRAIT_FLOOR | TRAIT_NEVER_FREES,
    .operations = 100000,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
