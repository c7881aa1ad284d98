/* SPDX-License-Identifier: MIT
 *
 * phase-change: memory once split for blocks of one size is wanted for another. Ours; the question is as old
 * as allocators of size classes, and the page of libatomic-malloc says of its own space performance "probably
 * quite poor in practice".
 *
 * A script of twelve phases, each of one size, small and large ones in turn (the table `sizes`). A phase fills:
 * it allocates until `peak` bytes are live, with what is left of the phases before; then it frees nine of ten
 * of its blocks, in random order. The tenth stays to the end of the script, when all is freed. So the live
 * bytes reach the same peak twelve times, and in a peak after the first most of them are of a size that just
 * before nobody wanted. Who keeps for a size what was once split for it holds at the end the fills of all
 * phases, 1 + 0.9 + ... + 0.9^11 = 7.2 times the peak; who gives back whole pages holds those in which one
 * of ten random blocks lives: nearly all pages of small blocks, few of large ones.
 *
 * What to look at: peak_resident_bytes and peak_committed_bytes over peak_live_bytes, which the script fixes.
 * Committed memory is noted at the end of each fill, in the timed part: some 30 us, twelve times a script.
 *
 * Parameter peak: MiB of live blocks, all threads together; 16, or 4, 256 or any other when asked for. Each
 * worker does a script of its own on its share; but none frees before all have filled, so that their peaks
 * fall together on any number of cores. Who gets NULL says so there, and all go home. An operation is a block: one allocation and one free. Scripts
 * are done whole, however few operations are asked for, at 16 MiB some 1.7 million on one thread; there is
 * no warm-up, for a heap that has been through a script is not the one in question.
 *
 * Not shown: time in a steady state (much of it is first touches of memory), cross-thread frees, sizes that
 * overlap in time, reading of the blocks.
 */
#include "workload.h"

#include <stdio.h>

enum { PEAK = 0, KEPT_ONE_IN = 10 };

static const uint32_t sizes[] = {64, 4096, 16, 1024, 128, 8192, 32, 2048, 256, 48, 512, 96};
enum { PHASES = sizeof sizes / sizeof *sizes };

/* Its blocks are those numbered first ... first + blocks - 1 of the script. */
struct phase {
    uint32_t first, blocks;
    uint32_t freed; /* of these, at its end */
};

/* Where workers meet. Nothing is handed over here but the news: relaxed accesses do. */
struct meeting {
    _Alignas(128) _Atomic uint64_t filled; /* fills of all workers and phases so far */
    _Alignas(128) atomic_bool ended;       /* somebody had no memory */
};

struct state {
    struct phase phase[PHASES];
    uint64_t fills; /* of this worker so far */
    uint32_t blocks;
    void **block;    /* [blocks] */
    uint32_t *order; /* [blocks]: each phase's numbers, in the order in which they are freed */
};

/* How many blocks each phase has; the most bytes and blocks live at once. */
static void plan(struct state *s, struct worker *w, uint64_t peak) {
    uint64_t kept_bytes = 0, kept_blocks = 0;
    for (unsigned i = 0; i < PHASES; i++) {
        struct phase *const p = &s->phase[i];
        p->first = s->blocks;
        p->blocks = (uint32_t)((peak - kept_bytes) / sizes[i]);
        p->freed = p->blocks - p->blocks / KEPT_ONE_IN;
        s->blocks += p->blocks;
        const uint64_t bytes = kept_bytes + (uint64_t)p->blocks * sizes[i], blocks = kept_blocks + p->blocks;
        w->peak_live_bytes = bytes > w->peak_live_bytes ? bytes : w->peak_live_bytes;
        w->peak_live_blocks = blocks > w->peak_live_blocks ? blocks : w->peak_live_blocks;
        kept_blocks += p->blocks - p->freed;
        kept_bytes += (uint64_t)(p->blocks - p->freed) * sizes[i];
    }
}

static void shuffle(uint32_t *order, const struct phase *p, uint64_t *random) {
    order += p->first;
    for (uint32_t i = 0; i < p->blocks; i++) {
        const uint32_t j = (uint32_t)random_below(random, i + 1);
        order[i] = order[j];
        order[j] = p->first + i;
    }
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    cell->state = memory_map(sizeof(struct meeting));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the workers' meeting");
    return cell->state != NULL;
}

static void finish(struct cell *cell) {
    memory_unmap(cell->state, sizeof(struct meeting));
}

/* What the harness sees as NULL; the others must not wait. */
static enum work_result end_all(const struct worker *w) {
    struct meeting *const m = w->cell->state;
    atomic_store_explicit(&m->ended, true, memory_order_relaxed);
    return WORK_OUT_OF_MEMORY;
}

/* Until all have filled as often as this worker. False: it will not come to that. */
static bool meet(struct worker *w) {
    struct meeting *const m = w->cell->state;
    const uint64_t all = ++((struct state *)w->state)->fills * w->cell->threads;
    atomic_fetch_add_explicit(&m->filled, 1, memory_order_relaxed);
    for (unsigned looks = 0; atomic_load_explicit(&m->filled, memory_order_relaxed) < all; looks++) {
        if (atomic_load_explicit(&m->ended, memory_order_relaxed))
            return false;
        worker_wait(w, looks);
    }
    return true;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL)
        return end_all(w);
    plan(s, w, w->cell->number[PEAK] * 1048576 / w->cell->threads);
    s->block = memory_map(s->blocks * sizeof *s->block);
    s->order = memory_map(s->blocks * sizeof *s->order);
    if (s->block == NULL || s->order == NULL)
        return end_all(w);
    uint64_t random = w->seed;
    for (unsigned i = 0; i < PHASES; i++)
        shuffle(s->order, &s->phase[i], &random);
    return WORK_DONE;
}

/* Returns how many it got. */
__attribute__((noinline, aligned(64))) static uint32_t fill(const struct worker *w, const struct phase *p,
                                                            size_t size) {
    void *(*const allocate)(size_t) = w->malloc;
    void **const block = ((struct state *)w->state)->block + p->first;
    const uint32_t blocks = p->blocks;
    for (uint32_t i = 0; i < blocks; i++) {
        block[i] = allocate(size);
        if (__builtin_expect(block[i] == NULL, 0))
            return i;
        touch_block(block[i], size);
    }
    return blocks;
}

/* Those that come FROM ... TO - 1 in the phase's order. */
__attribute__((noinline, aligned(64))) static void release(const struct worker *w, const struct phase *p,
                                                           uint32_t from, uint32_t to) {
    void (*const free_block)(void *) = w->free;
    const struct state *const s = w->state;
    const uint32_t *const order = s->order + p->first;
    for (uint32_t i = from; i < to; i++)
        free_block(s->block[order[i]]);
}

/* What the first PHASES_DONE phases have kept. */
static void release_kept(const struct worker *w, unsigned phases_done) {
    const struct state *const s = w->state;
    for (unsigned i = 0; i < phases_done; i++)
        release(w, &s->phase[i], s->phase[i].freed, s->phase[i].blocks);
}

/* Phases from the first on, as long as this worker and the others have memory. Returns how many were done;
 * nothing stays of the one that was not. */
static unsigned run_phases(struct worker *w, enum work_result *result) {
    const struct state *const s = w->state;
    for (unsigned i = 0; i < PHASES; i++) {
        const struct phase *const p = &s->phase[i];
        const uint32_t got = fill(w, p, sizes[i]);
        w->done += got;
        if (got < p->blocks)
            *result = end_all(w);
        if (got < p->blocks || !meet(w)) {
            for (uint32_t b = 0; b < got; b++)
                w->free(s->block[p->first + b]);
            return i;
        }
        memory_note_committed();
        release(w, p, 0, p->freed);
    }
    return PHASES;
}

/* A worker that stops for another's sake is done: that one tells. */
static enum work_result run(struct worker *w, uint64_t operations) {
    enum work_result result = WORK_DONE;
    unsigned phases;
    do {
        phases = run_phases(w, &result);
        release_kept(w, phases);
    } while (phases == PHASES && w->done < operations);
    return result;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    memory_unmap(s->block, s->blocks * sizeof *s->block);
    memory_unmap(s->order, s->blocks * sizeof *s->order);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_phase_change = {
    .name = "phase-change",
    .summary = "twelve sizes wanted one after another, a tenth of each kept: memory over peak live bytes",
    .not_shown =
        "time in a steady state, cross-thread frees, sizes that overlap in time, reading of the blocks",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .whole_scripts = true,
    .threads = "1,2,4,8",
    .parameters = {{"peak", "16", 1, 1024,
                    "MiB of live blocks that each phase reaches, all threads together; small 4, large 256"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 1,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
