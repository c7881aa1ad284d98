/* SPDX-License-Identifier: MIT
 *
 * larson: a server whose threads come and go while its blocks stay. Larson and Krishnan, "Memory Allocation
 * for Long-Running Server Applications", ISMM 1998.
 *
 * Before: the main thread allocates `chunks` blocks for each worker, of sizes from `min` to `max` - 1, permutes
 * them over all, and replaces four times as many of them at random. Then each worker's blocks are in the hands of
 * one thread at a time: rounds x chunks times it frees the block of a random slot and allocates another in its
 * place; then it ends, and a new one goes on with the same slots. So nearly all blocks are
 * freed by another thread than allocated them, most often by one that came after it: what becomes of the
 * memory of threads that have ended is the question. Slots and sizes come from a table drawn beforehand
 * (slots.h).
 *
 * Parameters, under their published names: min, max, bytes; chunks, blocks of each thread; rounds. Published:
 * 5 s of 8, 1000, 5000 chunks, 100 rounds, seed 4141; and 10 s of 7, 8, 1000, 10 000. Defaults: 8, 1000, 1000,
 * 30, so that in a cell of 50 ms threads end at all; small: chunks=100,rounds=300, large: chunks=5000,rounds=100,
 * which wants --benchmark_min_time=5, as do the published ones.
 *
 * An operation is a step: one free and one allocation; the last thread of a run ends early where its rounds are
 * more than is asked for. The clock runs while threads begin and end: what the allocator does then is part of
 * the figure, and so are some 40 us of the system's and the harness's, with the defaults once in 30 000
 * operations (worker->on_new_thread; `glibc` alone sees a calloc and a free more a thread).
 *
 * Published, a thread begins its successor and then ends; here the worker's own thread begins each once the one
 * before has ended, so that no figure hangs on which of the two is first.
 *
 * Not shown: a server's sizes and lifetimes, for both are uniform; blocks that two running threads pass between
 * them (those of the beginning apart); reading of the blocks.
 */
#include "slots.h"

#include <stdio.h>

enum {
    MIN = 0,
    MAX = 1,
    CHUNKS = 2,
    ROUNDS = 3,            /* the parameters */
    REPLACED_BEFORE = 4,   /* times as many as there are blocks */
};

/* A worker's. */
struct share {
    _Alignas(128) struct slots slots;
    uint64_t live_bytes, peak_bytes; /* before the run */
    bool refused;                    /* before the run there was NULL; of the first share, for all */
    uint64_t left;                   /* steps of this run */
    enum work_result result;
};

/* ---- before ---- */

static uint32_t draw_size(const struct cell *cell, uint64_t *random) {
    const uint64_t min = cell->number[MIN];
    return (uint32_t)(min + random_below(random, cell->number[MAX] - min));
}

/* The block of any slot, all workers' counted through, is replaced; the first time it is NULL. */
static bool replace(struct cell *cell, uint64_t at, uint32_t size) {
    struct share *const s = (struct share *)cell->state + at / cell->number[CHUNKS];
    const uint64_t slot = at % cell->number[CHUNKS];
    cell->allocator->free(s->slots.block[slot]);
    void *const block = s->slots.block[slot] = cell->allocator->malloc(size);
    if (block == NULL)
        return false;
    touch_block(block, size);
    s->live_bytes = s->live_bytes - s->slots.initial[slot] + size;
    s->peak_bytes = s->live_bytes > s->peak_bytes ? s->live_bytes : s->peak_bytes;
    s->slots.initial[slot] = size;
    return true;
}

static void swap(struct cell *cell, uint64_t a, uint64_t b) {
    const uint64_t chunks = cell->number[CHUNKS];
    struct share *const s = (struct share *)cell->state + a / chunks, *const t = (struct share *)cell->state +
                                                                                 b / chunks;
    void *const block = s->slots.block[a % chunks];
    const uint32_t size = s->slots.initial[a % chunks];
    s->slots.block[a % chunks] = t->slots.block[b % chunks];
    s->slots.initial[a % chunks] = t->slots.initial[b % chunks];
    t->slots.block[b % chunks] = block;
    t->slots.initial[b % chunks] = size;
}

/* What is live of a share is only known once all have been permuted. */
static void count_live(struct cell *cell) {
    for (unsigned t = 0; t < cell->threads; t++) {
        struct share *const s = (struct share *)cell->state + t;
        s->live_bytes = 0;
        for (uint32_t i = 0; i < s->slots.slots; i++)
            s->live_bytes += s->slots.initial[i];
        s->peak_bytes = s->live_bytes;
    }
}

/* False: NULL, and what there is stays in the slots. */
static bool age(struct cell *cell) {
    const uint64_t all = cell->threads * cell->number[CHUNKS];
    uint64_t random = cell->seed;
    for (uint64_t i = 0; i < all; i++)
        if (!replace(cell, i, draw_size(cell, &random)))
            return false;
    for (uint64_t i = all - 1; i > 0; i--)
        swap(cell, i, random_below(&random, i + 1));
    count_live(cell);
    for (uint64_t i = 0; i < REPLACED_BEFORE * all; i++)
        if (!replace(cell, random_below(&random, all), draw_size(cell, &random)))
            return false;
    return true;
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    if (cell->number[MIN] >= cell->number[MAX]) {
        snprintf(why, why_size, "excluded: sizes are from min to max - 1, and there are none");
        return false;
    }
    struct share *const share = cell->state = memory_map(cell->threads * sizeof *share);
    bool mapped = share != NULL;
    for (unsigned i = 0; mapped && i < cell->threads; i++)
        mapped = slots_map(&share[i].slots, (uint32_t)cell->number[CHUNKS]);
    if (!mapped) {
        snprintf(why, why_size, "out-of-memory: no room for the tables of %u threads", cell->threads);
        return false;
    }
    share->refused = !age(cell);
    return true;
}

static void finish(struct cell *cell) {
    struct share *const share = cell->state;
    for (unsigned i = 0; share != NULL && i < cell->threads; i++) {
        struct slots *const s = &share[i].slots;
        for (uint32_t b = 0; s->block != NULL && b < s->slots; b++)
            cell->allocator->free(s->block[b]);
        slots_unmap(s);
    }
    memory_unmap(share, cell->threads * sizeof *share);
}

/* ---- lives ---- */

__attribute__((noinline, aligned(64))) static enum work_result walk(struct worker *w, struct slots *s,
                                                                    uint64_t operations) {
    return slots_walk(w, s, operations, touch_block);
}

/* On a thread of its own. */
static void live(struct worker *w) {
    struct share *const s = w->state;
    const uint64_t whole = w->cell->number[ROUNDS] * w->cell->number[CHUNKS],
                   steps = s->left < whole ? s->left : whole;
    s->result = walk(w, &s->slots, steps);
    s->left -= steps;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    struct share *const s = w->state;
    s->result = WORK_DONE;
    s->left = operations;
    while (s->left > 0 && s->result == WORK_DONE)
        w->on_new_thread(w, live);
    return s->result;
}

static enum work_result enter(struct worker *w) {
    struct share *const share = w->cell->state, *const s = w->state = share + w->index;
    uint64_t random = w->seed;
    for (uint32_t i = 0; i < s->slots.steps; i++)
        s->slots.step[i] =
            (struct step){(uint32_t)random_below(&random, s->slots.slots), draw_size(w->cell, &random)};
    return w->index == 0 && share->refused ? WORK_OUT_OF_MEMORY : WORK_DONE;
}

static void leave(struct worker *w) {
    struct share *const s = w->state;
    const uint64_t peak = slots_peak_bytes(&s->slots);
    w->peak_live_blocks = s->slots.slots;
    w->peak_live_bytes = peak > s->peak_bytes ? peak : s->peak_bytes;
}

const struct workload workload_larson = {
    .name = "larson",
    .summary =
        "random blocks replaced by threads that end and leave them to new ones: a server in the long run",
    .not_shown =
        "a server's sizes and lifetimes, blocks passed between running threads, reading of the blocks",
    .kind = WORKLOAD_STEADY,
    .keeps_live_set = true,
    .warms_up = true,
    .makes_threads = true,
    .threads = "1,2,4,8",
    .parameters =
        {{"min", "8", 1, 32759, "bytes of the smallest block; published 8 and 7"},
         {"max", "1000", 2, 32760, "bytes that all blocks stay below; published 1000 and 8"},
         {"chunks", "1000", 1, 1 << 18,
          "live blocks of each thread; small 100, large 5000; published 5000 and 1000"},
         {"rounds", "30", 1, 1 << 20,
          "a thread replaces rounds x chunks blocks, then a new one does; published 100 and 10000"}},
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
