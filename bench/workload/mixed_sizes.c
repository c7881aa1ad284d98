/* SPDX-License-Identifier: MIT
 *
 * mixed-sizes: a live set of many sizes and lifetimes, as long-running programs have. Ours.
 *
 * Sizes: half of the blocks log-uniform from 8 to 32 760 bytes, half at the peaks 24, 48, 64, 96, 256 that
 * object sizes of programs show. Lifetimes, in steps, are a mixture of exponentials: of the blocks allocated
 * 70 % live for 23 on the average, 30 % for three times as many as there are slots; 5 % of the live set stays
 * from the beginning to the end.
 *
 * How: a worker owns slots, as many as blocks of the mean size make up its part of `live`. A table of steps
 * {slot, size} is drawn beforehand; a step frees what its slot holds and allocates anew, so that all
 * bookkeeping in the timed part is a few loads. How often steps pick a slot makes its blocks' lifetimes: 70 %
 * pick one of 16, 30 % one of the others, except that every twentieth slot is never picked. First every slot
 * is filled, untimed, in enter(); the timed steps walk the table round and round; what lives at the end is
 * freed untimed in leave(), so that the figure is of the steady state.
 *
 * Parameter live: MiB of live blocks, all threads together; 16, or 256, 512 or any other when asked for. An operation is a step: one free and one
 * allocation. Not shown: cross-thread frees, change of the mix over time, reading of the blocks.
 */
#include "workload.h"

#include <math.h>

enum {
    LIVE = 0, /* the parameter */
    LEAST = 8,
    MOST = 32760, /* sizes */
    HOT_SLOTS = 16,
    HOT_PERCENT = 70,
    KEPT_ONE_IN = 20,
    LEAST_STEPS = 1 << 16,
    STEPS_A_SLOT = 16, /* so that a walk through the table misses fewer than 1 % of the slots */
    MOST_RUNS = 2,     /* the warm-up, and what is timed */
};

struct step {
    uint32_t slot;
    uint32_t size;
};

struct state {
    uint32_t slots, steps;
    void **block;            /* [slots] */
    uint32_t *initial;       /* [slots]: the size a slot begins with */
    struct step *step;       /* [steps] */
    uint64_t run[MOST_RUNS]; /* steps that each run() did; each begins at the table's first */
    unsigned runs;
};

static uint32_t draw_size(uint64_t *random) {
    static const uint32_t peak[] = {24, 48, 64, 96, 256};
    if (random_below(random, 2) == 0)
        return peak[random_below(random, sizeof peak / sizeof *peak)];
    return (uint32_t)(LEAST * exp(random_unit(random) * log((double)MOST / LEAST)));
}

/* Of the drawing above: half the log-uniform's mean, half the peaks'. */
static double mean_size(void) {
    return 0.5 * (MOST - LEAST) / log((double)MOST / LEAST) + 0.5 * (24 + 48 + 64 + 96 + 256) / 5;
}

static uint32_t draw_slot(uint64_t *random, uint32_t slots) {
    if (random_below(random, 100) < HOT_PERCENT)
        return (uint32_t)random_below(random, HOT_SLOTS);
    uint32_t slot;
    do
        slot = HOT_SLOTS + (uint32_t)random_below(random, slots - HOT_SLOTS);
    while (slot % KEPT_ONE_IN == 0);
    return slot;
}

static bool draw(struct state *s, uint64_t seed, double live_bytes) {
    uint64_t random = seed;
    s->slots = (uint32_t)fmax(live_bytes / mean_size(), 2 * HOT_SLOTS);
    s->steps = s->slots < LEAST_STEPS / STEPS_A_SLOT ? LEAST_STEPS : STEPS_A_SLOT * s->slots;
    s->block = memory_map(s->slots * sizeof *s->block);
    s->initial = memory_map(s->slots * sizeof *s->initial);
    s->step = memory_map(s->steps * sizeof *s->step);
    if (s->block == NULL || s->initial == NULL || s->step == NULL)
        return false;
    for (uint32_t i = 0; i < s->slots; i++)
        s->initial[i] = draw_size(&random);
    for (uint32_t i = 0; i < s->steps; i++) {
        s->step[i].slot = draw_slot(&random, s->slots);
        s->step[i].size = draw_size(&random);
    }
    return true;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL || !draw(s, w->seed, (double)w->cell->number[LIVE] * 1048576 / w->cell->threads))
        return WORK_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < s->slots; i++) {
        if ((s->block[i] = w->malloc(s->initial[i])) == NULL)
            return WORK_OUT_OF_MEMORY;
        touch_block(s->block[i], s->initial[i]);
    }
    return WORK_DONE;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    s->run[s->runs++] = operations;
    const struct step *const first = s->step, *const end = first + s->steps, *at = first;
    void **const blocks = s->block;
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    for (uint64_t i = 0; i < operations; i++) {
        const struct step step = *at;
        at = at + 1 == end ? first : at + 1;
        release(blocks[step.slot]);
        void *const block = blocks[step.slot] = allocate(step.size);
        if (__builtin_expect(block == NULL, 0)) {
            w->done = i;
            return WORK_OUT_OF_MEMORY;
        }
        touch_block(block, step.size);
    }
    w->done = operations;
    return WORK_DONE;
}

/* Does to the table of sizes what run() did to the blocks. A walk through all steps leaves the same sizes
 * whatever was there before, so that the third walk repeats the second, and so on. */
static void note_peak(struct worker *w) {
    const struct state *const s = w->state;
    uint64_t live = 0;
    for (uint32_t i = 0; i < s->slots; i++)
        live += s->initial[i];
    uint64_t most = live;
    for (unsigned r = 0; r < s->runs; r++) {
        const uint64_t all = s->run[r], two_walks = 2 * (uint64_t)s->steps;
        const uint64_t telling = all < two_walks ? all : two_walks + all % s->steps;
        for (uint64_t i = 0; i < telling; i++) {
            const struct step *const step = &s->step[i % s->steps];
            live = live - s->initial[step->slot] + step->size;
            s->initial[step->slot] = step->size;
            most = live > most ? live : most;
        }
    }
    w->peak_live_bytes = most;
    w->peak_live_blocks = s->slots;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    if (s->runs > 0)
        note_peak(w);
    for (uint32_t i = 0; s->block != NULL && i < s->slots; i++)
        w->free(s->block[i]);
    memory_unmap(s->block, s->slots * sizeof *s->block);
    memory_unmap(s->initial, s->slots * sizeof *s->initial);
    memory_unmap(s->step, s->steps * sizeof *s->step);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_mixed_sizes = {
    .name = "mixed-sizes",
    .summary = "a live set of many sizes and lifetimes, 8 to 32760 bytes",
    .not_shown = "cross-thread frees, change over time, reading of the blocks",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"live", "16", 1, 4096,
                    "MiB of live blocks, all threads together; a heap that caches cannot hold: 256, 512"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 200000,
    .enter = enter,
    .run = run,
    .leave = leave,
};
