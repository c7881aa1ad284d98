/* SPDX-License-Identifier: MIT
 *
 * thread-churn: threads that live for one block. After mimalloc's mleak (2020 or so), which asks whether what a
 * thread leaves behind is found again: its heap, its cache, the block itself.
 *
 * A worker makes a thread and waits for its end, `generations` times. The thread allocates one block of 128
 * bytes, writes zeroes to it, swaps it into a slot of a table of 1000 that all share, frees what was there,
 * and ends. Slots are drawn beforehand. At most 1000 blocks live, 128 kB: an allocator that keeps a heap for
 * each thread that ever was takes more with each generation, and `peak_resident_bytes`, the result, shows it;
 * for what that comes to once all is freed, there is the pass --after-free. What each thread allocates is
 * fixed, and so is which slots are full at the end; whose block a thread frees depends on who comes first,
 * where two workers make threads.
 *
 * Parameter generations: 500; small 50, large 5000. As many threads live at a time as there are workers.
 * Published: 10 at a time (--threads=10), `5` and `50` for 500 and 5000 generations. All generations are done
 * whole, however few operations are asked for, and without a warm-up, for it is the first ones that take the
 * memory. An operation is a thread: one allocation and one free.
 *
 * time_ns is that of a thread, nearly all of it the system's and the harness': `bump`, which has nothing to
 * set up for a thread and nothing to clean up, shows how much, and what is above it is an allocator's cost of
 * a thread. pthread_create itself asks glibc's malloc for one table of 272 bytes, on the worker, whatever the
 * subject, and the join frees it. With glibc as the subject these are its own, as in any program of threads:
 * some 50 ns more of 15 us or more, and one more block that lives while a thread does.
 *
 * Not shown: threads that do any work, several sizes, many threads at once.
 */
#include "workload.h"

#include <stdio.h>
#include <string.h>

enum { GENERATIONS = 0, SLOTS = 1000, SIZE = 128 };

/* Written by all: to meet there is the point. */
struct table {
    _Alignas(128) _Atomic(void *) slot[SLOTS];
};

struct state {
    uint64_t at;
    bool out_of_memory;
    uint16_t slot[]; /* [generations]: where each thread puts its block */
};

static size_t state_bytes(const struct cell *cell) {
    return sizeof(struct state) + cell->number[GENERATIONS] * sizeof(uint16_t);
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    cell->state = memory_map(sizeof(struct table));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the table of blocks");
    return cell->state != NULL;
}

static void finish(struct cell *cell) {
    memory_unmap(cell->state, sizeof(struct table));
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(state_bytes(w->cell));
    if (s == NULL)
        return WORK_OUT_OF_MEMORY;
    uint64_t random = w->seed;
    for (uint64_t i = 0; i < w->cell->number[GENERATIONS]; i++)
        s->slot[i] = (uint16_t)random_below(&random, SLOTS);
    return WORK_DONE;
}

/* All of a thread's life. */
static void live(struct worker *w) {
    struct state *const s = w->state;
    struct table *const t = w->cell->state;
    void *const block = w->malloc(SIZE);
    if (block == NULL) {
        s->out_of_memory = true;
        return;
    }
    memset(block, 0, SIZE);
    /* Release for the block that goes in, acquire for the one that comes out: each with another swap. */
    void *const old = atomic_exchange_explicit(&t->slot[s->slot[s->at++]], block, memory_order_acq_rel);
    if (old != NULL)
        w->free(old);
}

static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    do
        for (s->at = 0; s->at < w->cell->number[GENERATIONS]; w->done++) {
            w->on_new_thread(w, live);
            if (s->out_of_memory)
                return WORK_OUT_OF_MEMORY;
        }
    while (w->done < operations);
    return WORK_DONE;
}

/* All workers have ended: the first gives back what is in the table. No slot was ever emptied, so that this is
 * the most that lived, but for blocks in threads' hands. */
static void leave(struct worker *w) {
    struct table *const t = w->cell->state;
    for (unsigned i = 0; w->index == 0 && i < SLOTS; i++) {
        void *const block = atomic_load_explicit(&t->slot[i], memory_order_relaxed);
        if (block == NULL)
            continue;
        w->peak_live_blocks++;
        w->peak_live_bytes += SIZE;
        w->free(block);
    }
    memory_unmap(w->state, state_bytes(w->cell));
}

const struct workload workload_thread_churn = {
    .name = "thread-churn",
    .aliases = "mleak",
    .summary = "threads that live for one block, one generation after another: what do they leave behind?",
    .not_shown = "threads that do any work, several sizes, many threads at once",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .whole_scripts = true,
    .makes_threads = true,
    .threads = "1,2,4,8",
    .parameters = {{"generations", "500", 1, 1000000,
                    "threads that each worker makes, one after another; small 50, large 5000"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 1,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
