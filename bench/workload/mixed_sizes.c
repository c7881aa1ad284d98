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
#include "slots.h"

#include <math.h>

enum {
    LIVE = 0, /* the parameter */
    LEAST = 8,
    MOST = 32760, /* sizes */
    HOT_SLOTS = 16,
    HOT_PERCENT = 70,
    KEPT_ONE_IN = 20,
    MOST_RUNS = 2, /* the warm-up, and what is timed */
};

struct state {
    struct slots slots;
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

static bool draw(struct slots *s, uint64_t seed, double live_bytes) {
    uint64_t random = seed;
    if (!slots_map(s, (uint32_t)fmax(live_bytes / mean_size(), 2 * HOT_SLOTS)))
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
    if (s == NULL || !draw(&s->slots, w->seed, (double)w->cell->number[LIVE] * 1048576 / w->cell->threads))
        return WORK_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < s->slots.slots; i++) {
        if ((s->slots.block[i] = w->malloc(s->slots.initial[i])) == NULL)
            return WORK_OUT_OF_MEMORY;
        touch_block(s->slots.block[i], s->slots.initial[i]);
    }
    return WORK_DONE;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    s->run[s->runs++] = operations;
    s->slots.walked = 0;
    return slots_walk(w, &s->slots, operations, touch_block);
}

static void note_peak(struct worker *w) {
    struct state *const s = w->state;
    uint64_t live = slots_live_bytes(&s->slots), most = live;
    for (unsigned r = 0; r < s->runs; r++)
        slots_replay(&s->slots, s->run[r], &live, &most);
    w->peak_live_bytes = most;
    w->peak_live_blocks = s->slots.slots;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    if (s->runs > 0)
        note_peak(w);
    for (uint32_t i = 0; s->slots.block != NULL && i < s->slots.slots; i++)
        w->free(s->slots.block[i]);
    slots_unmap(&s->slots);
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
