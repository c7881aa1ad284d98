/* SPDX-License-Identifier: MIT
 *
 * server: threads that begin and end, keep some of their blocks for a while, and free each other's. After
 * mimalloc's mstress (Leijen, 2018), told anew from descriptions. Its authors say not to use it as a
 * benchmark, for it is a stress test; what is ours is sizes as programs have them, and that all waiting and
 * all sizes are decided by the script, so that it can be one.
 *
 * A script has `phases`. In each of them every worker makes a thread, which does (index mod 8 + 1) x 100 x
 * `scale` steps and then waits for the others, frees what it kept, and ends. A step allocates one block, and
 *   one of two          keeps it to the end of the phase
 *   one of four         swaps it with what is in a slot of a table of 1000 that all share, and frees that
 *   one of four         puts it into one of 64 slots of its own in place of what is there, which it frees
 * When all threads have ended the first worker frees every other slot of the table, the odd ones and the even
 * ones in turn, and the next phase begins, which does the same steps. After the last one all is freed.
 *
 * Sizes: half of the blocks 24, 32, 48, 64 or 96 bytes, half log-uniform from 16 to 256, in steps of 8; but one of
 * 100 is a hundred times as large, one of 1000 a thousand times, one of 10 000 ten thousand times, up to
 * 2.5 MB: each of these has as many bytes in all as the ordinary ones, some 70 a step. Sizes from 32 761 to
 * 65 528 bytes become 65 536, for the packaged AO_malloc never returns from requests between.
 *
 * In the head of each block stand its size and the complement of it. Whoever frees a block looks at them and
 * at its last byte; under `checked:` all bytes are written and looked at.
 *
 * Parameters: scale, 50 as published; small 5, large 500. phases, 25 as published. On one thread 2500 blocks are
 * kept in a phase, 0.7 MB in all, on eight 36 times as many. An operation is a step: one allocation and one free.
 * Workers' shares differ, and each counts as if it had done the mean: with a core for each of eight workers
 * time_ns is 1.8 times that of one, for seven wait for the largest share. Scripts are done whole, without a
 * warm-up. What each thread allocates is fixed; whose block it gets from the table depends on who comes first,
 * where there are two. So the script does not decide what lives at most, to the byte, and nothing is said of it.
 *
 * Not shown: long-lived blocks (none but those of the table outlives its phase), requests that wait for input.
 * Threads of small shares wait for large ones (worker_wait): with fewer cores than threads that costs time.
 */
#include "workload.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SCALE = 0, /* the parameters */
    PHASES = 1,
    STEPS_A_SCALE = 100,
    SHARES = 8,
    TABLE_SLOTS = 1000,
    OWN_SLOTS = 64,
    LEAST = 16,
    MOST = 256, /* of an ordinary block */
    LARGEST = 10000 * MOST,
    NEVER_FROM = 32761, /* see above */
    NEVER_TO = 65528,
    INSTEAD = 65536,
};

/* Where a step's block goes: a slot of the table, one of its own, or neither. */
enum { OWN = TABLE_SLOTS, KEPT = TABLE_SLOTS + OWN_SLOTS };
struct step {
    uint32_t size;
    uint32_t to;
};

struct head {
    uint32_t complement, size;
};

struct shared {
    _Alignas(128) _Atomic uint64_t arrived; /* of all workers, at all meetings so far */
    _Alignas(128) atomic_bool ended;        /* somebody had no memory, or found a block damaged */
    _Alignas(128) _Atomic(void *) slot[TABLE_SLOTS];
};

struct state {
    uint64_t meetings, steps, kept;
    struct step *step; /* [steps] */
    void **keep;       /* [steps], of which KEPT are there */
    void *own[OWN_SLOTS];
    bool checks_all;
    enum work_result result;
};

/* ---- blocks ---- */

static void write_block(void *block, uint32_t size, bool all) {
    const struct head head = {~size, size};
    if (all)
        memset(block, 1, size);
    else
        touch_block(block, size);
    memcpy(block, &head, sizeof head);
}

static bool is_intact(const void *block, bool all) {
    const unsigned char *const byte = block;
    struct head head;
    memcpy(&head, block, sizeof head);
    if (head.complement != ~head.size || head.size < LEAST || head.size > LARGEST)
        return false;
    for (size_t at = all ? sizeof head : head.size - 1; at < head.size; at++)
        if (byte[at] != 1)
            return false;
    return true;
}

/* ---- meetings ---- */

/* The others must not wait for this one. */
static enum work_result end_all(const struct worker *w, enum work_result result) {
    struct shared *const shared = w->cell->state;
    atomic_store_explicit(&shared->ended, true, memory_order_relaxed);
    return result;
}

/* Until all workers are there. False: it will not come to that. */
static bool meet(const struct worker *w, struct state *s) {
    struct shared *const shared = w->cell->state;
    const uint64_t all = ++s->meetings * w->cell->threads;
    /* Release and acquire pair with those of the other workers: what was done before is seen after. */
    atomic_fetch_add_explicit(&shared->arrived, 1, memory_order_acq_rel);
    for (unsigned looks = 0; atomic_load_explicit(&shared->arrived, memory_order_acquire) < all; looks++) {
        if (atomic_load_explicit(&shared->ended, memory_order_relaxed))
            return false;
        worker_wait(w, looks);
    }
    return true;
}

/* ---- a thread's life ---- */

static bool free_block(struct worker *w, struct state *s, void *block) {
    if (block == NULL)
        return true;
    const bool intact = is_intact(block, s->checks_all);
    w->free(block);
    if (!intact) {
        w->why = "a block was written to by someone else";
        s->result = end_all(w, WORK_WRONG);
    }
    return intact;
}

static void free_kept(struct worker *w, struct state *s) {
    for (uint64_t i = 0; i < s->kept; i++)
        free_block(w, s, s->keep[i]);
    s->kept = 0;
    for (unsigned i = 0; i < OWN_SLOTS; i++) {
        free_block(w, s, s->own[i]);
        s->own[i] = NULL;
    }
}

/* False: no more steps; s->result says why. */
static bool do_step(struct worker *w, struct state *s, struct step step) {
    struct shared *const shared = w->cell->state;
    void *old = NULL, *const block = w->malloc(step.size);
    if (__builtin_expect(block == NULL, 0)) {
        s->result = end_all(w, WORK_OUT_OF_MEMORY);
        return false;
    }
    write_block(block, step.size, s->checks_all);
    if (step.to == KEPT) {
        s->keep[s->kept++] = block;
    } else if (step.to >= OWN) {
        old = s->own[step.to - OWN];
        s->own[step.to - OWN] = block;
    } else {
        /* Release for what was written into the one, acquire for the other: each pairs with another swap. */
        old = atomic_exchange_explicit(&shared->slot[step.to], block, memory_order_acq_rel);
    }
    return free_block(w, s, old);
}

__attribute__((noinline, aligned(64))) static void live(struct worker *w) {
    struct state *const s = w->state;
    for (uint64_t i = 0; i < s->steps; i++)
        if (!do_step(w, s, s->step[i]))
            break;
    if (s->result == WORK_DONE && meet(w, s) && w->index == 0)
        memory_note_committed();
    free_kept(w, s);
}

/* ---- a script ---- */

/* From slot FIRST on, each STRIDE-th. Nobody else is at the table. */
static void empty_table(struct worker *w, struct state *s, unsigned first, unsigned stride) {
    struct shared *const shared = w->cell->state;
    for (unsigned i = first; i < TABLE_SLOTS; i += stride) {
        free_block(w, s, atomic_load_explicit(&shared->slot[i], memory_order_relaxed));
        atomic_store_explicit(&shared->slot[i], NULL, memory_order_relaxed);
    }
}

/* All have met when it begins and when it ends. False: the script is over. */
static bool run_phase(struct worker *w, struct state *s, uint64_t phase) {
    w->on_new_thread(w, live);
    if (s->result != WORK_DONE || !meet(w, s))
        return false;
    if (w->index == 0 && phase + 1 < w->cell->number[PHASES])
        empty_table(w, s, (phase + 1) % 2, 2);
    else if (w->index == 0)
        empty_table(w, s, 0, 1);
    return s->result == WORK_DONE && meet(w, s);
}

static uint64_t steps_of(const struct cell *cell, unsigned index) {
    return (index % SHARES + 1) * STEPS_A_SCALE * cell->number[SCALE];
}

/* Of a phase, a worker's share of all that is done. */
static uint64_t mean_steps(const struct cell *cell) {
    uint64_t all = 0;
    for (unsigned i = 0; i < cell->threads; i++)
        all += steps_of(cell, i);
    return all / cell->threads;
}

/* A worker that stops for another's sake is done: that one tells. */
static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    const uint64_t steps = mean_steps(w->cell);
    do
        for (uint64_t phase = 0; phase < w->cell->number[PHASES]; phase++) {
            if (!run_phase(w, s, phase))
                return s->result;
            w->done += steps;
        }
    while (w->done < operations);
    return WORK_DONE;
}

/* ---- before and after ---- */

static uint32_t draw_size(uint64_t *random) {
    static const uint32_t peak[] = {24, 32, 48, 64, 96};
    const uint64_t nth = random_below(random, 10000);
    const uint32_t factor = nth < 1 ? 10000 : nth < 1 + 10 ? 1000 : nth < 1 + 10 + 100 ? 100 : 1;
    uint32_t size;
    if (random_below(random, 2) == 0)
        size = peak[random_below(random, sizeof peak / sizeof *peak)];
    else
        size = ((uint32_t)(LEAST * exp(random_unit(random) * log((double)MOST / LEAST))) + 7) / 8 * 8;
    size *= factor;
    return size >= NEVER_FROM && size <= NEVER_TO ? INSTEAD : size;
}

static uint32_t draw_place(uint64_t *random) {
    const uint64_t quarter = random_below(random, 4);
    if (quarter < 2)
        return KEPT;
    return (uint32_t)(quarter == 2 ? random_below(random, TABLE_SLOTS)
                                   : OWN + random_below(random, OWN_SLOTS));
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL)
        return end_all(w, WORK_OUT_OF_MEMORY);
    s->checks_all = (w->cell->allocator->traits & TRAIT_CHECKED) != 0;
    s->steps = steps_of(w->cell, w->index);
    s->step = memory_map(s->steps * sizeof *s->step);
    s->keep = memory_map(s->steps * sizeof *s->keep);
    if (s->step == NULL || s->keep == NULL)
        return end_all(w, WORK_OUT_OF_MEMORY);
    uint64_t random = w->seed;
    for (uint64_t i = 0; i < s->steps; i++)
        s->step[i] = (struct step){draw_size(&random), draw_place(&random)};
    return WORK_DONE;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    memory_unmap(s->step, s->steps * sizeof *s->step);
    memory_unmap(s->keep, s->steps * sizeof *s->keep);
    memory_unmap(s, sizeof *s);
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    cell->state = memory_map(sizeof(struct shared));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the table of blocks");
    return cell->state != NULL;
}

/* What a script that was not done to its end has left in the table. */
static void finish(struct cell *cell) {
    struct shared *const shared = cell->state;
    if (shared == NULL)
        return;
    for (unsigned i = 0; i < TABLE_SLOTS; i++) {
        void *const block = atomic_load_explicit(&shared->slot[i], memory_order_relaxed);
        if (block != NULL)
            cell->allocator->free(block);
    }
    memory_unmap(shared, sizeof *shared);
}

const struct workload workload_server = {
    .name = "server",
    .aliases = "mstress",
    .summary = "threads of unequal shares that come and go and free each other's blocks, a few of them huge",
    .not_shown = "long-lived blocks, requests that wait for input",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .whole_scripts = true,
    .makes_threads = true,
    .threads = "1,2,4,8",
    .parameters = {{"scale", "50", 1, 10000,
                    "hundreds of steps of the smallest share in a phase; small 5, large 500"},
                   {"phases", "25", 1, 100000, "after each of which all threads end"}},
    .excluded_traits = TRAIT_FLOOR | TRAIT_NEVER_FREES,
    .operations = 1,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
