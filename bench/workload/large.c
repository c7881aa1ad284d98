/* SPDX-License-Identifier: MIT
 *
 * large: few and large blocks, which allocators mostly take from the system and give back to it, or keep.
 * After malloc-large of the mimalloc benchmarks (Leijen, 2019).
 *
 * Every thread has slots; an operation frees what a random slot holds and fills it with a block of another
 * size. First all slots are filled, untimed; what lives at the end is freed untimed. Slots and sizes are
 * drawn beforehand, in a table that the run walks round and round.
 *
 * Parameter range, of the sizes:
 *   64k-32m     log-uniform from 64 KiB to 32 MiB (mean 5 MiB)
 *   published   uniform from 5 to 25 MiB, as in malloc-large
 *   small       log-uniform from 64 KiB to 1 MiB
 *   large       log-uniform from 1 MiB to 128 MiB
 * Parameter slots, all threads together, but two a thread at least: published 20.
 * Parameter touch: 1, one byte a page is written; 0, none. Without it time is that of the calls alone and
 * nothing is resident, which is what suites that touch nothing compare: with it, who gives all back to the
 * system pays a fault a page (page_faults), and who keeps it pays in resident memory.
 *
 * Not shown: small blocks beside the large ones, cross-thread frees, reading of the blocks. Who has a heap of
 * a fixed size is left out. An address space that is limited can be had by `ulimit -v`, and ends this sooner.
 */
#include "workload.h"

#include <math.h>
#include <string.h>

enum {
    RANGE = 0,
    SLOTS = 1,
    TOUCH = 2, /* the parameters */
    LEAST_SLOTS = 2,
    STEPS = 4096,
    MOST_RUNS = 2, /* the warm-up, and what is timed */
};

static const struct range {
    const char *name;
    double least, most;
    bool uniform;
} ranges[] = {
    {"64k-32m", 64 << 10, 32 << 20, false},
    {"published", 5 << 20, 25 << 20, true},
    {"small", 64 << 10, 1 << 20, false},
    {"large", 1 << 20, 128 << 20, false},
};

struct step {
    uint32_t slot;
    uint32_t size;
};

struct slot {
    void *block;
    uint64_t size; /* that it begins with, up to leave() */
};

struct state {
    struct step step[STEPS];
    uint64_t run[MOST_RUNS]; /* steps that each run() did; each begins at the table's first */
    unsigned runs;
    uint32_t slots;
    struct slot slot[];
};

static uint32_t slots_of(const struct cell *cell) {
    const uint64_t part = (cell->number[SLOTS] + cell->threads - 1) / cell->threads;
    return (uint32_t)(part < LEAST_SLOTS ? LEAST_SLOTS : part);
}

static size_t state_bytes(const struct cell *cell) {
    return sizeof(struct state) + slots_of(cell) * sizeof(struct slot);
}

static const struct range *range_of(const struct cell *cell) {
    const struct range *range = ranges;
    while (strcmp(range->name, cell->word[RANGE]) != 0)
        range++;
    return range;
}

static uint32_t draw_size(uint64_t *random, const struct range *range) {
    const double unit = random_unit(random);
    return (uint32_t)(range->uniform ? range->least + unit * (range->most - range->least)
                                     : range->least * pow(range->most / range->least, unit));
}

/* NULL is no fault: whoever asks for that much must expect it. */
static void *take(const struct worker *w, size_t size, bool touch) {
    void *const block = w->malloc(size);
    if (block != NULL && touch)
        touch_block(block, size);
    return block;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(state_bytes(w->cell));
    if (s == NULL)
        return WORK_OUT_OF_MEMORY;
    const struct range *const range = range_of(w->cell);
    uint64_t random = w->seed;
    s->slots = slots_of(w->cell);
    for (uint32_t i = 0; i < s->slots; i++)
        s->slot[i].size = draw_size(&random, range);
    for (uint32_t i = 0; i < STEPS; i++) {
        s->step[i].slot = (uint32_t)random_below(&random, s->slots);
        s->step[i].size = draw_size(&random, range);
    }
    for (uint32_t i = 0; i < s->slots; i++)
        if ((s->slot[i].block = take(w, s->slot[i].size, w->cell->number[TOUCH] != 0)) == NULL)
            return WORK_OUT_OF_MEMORY;
    return WORK_DONE;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    const bool touch = w->cell->number[TOUCH] != 0;
    s->run[s->runs++] = operations;
    for (uint64_t i = 0; i < operations; i++) {
        const struct step *const step = &s->step[i % STEPS];
        struct slot *const slot = &s->slot[step->slot];
        w->free(slot->block);
        slot->block = take(w, step->size, touch);
        if (slot->block == NULL) {
            w->done = i;
            return WORK_OUT_OF_MEMORY;
        }
    }
    w->done = operations;
    return WORK_DONE;
}

/* Does to the sizes what the runs did to the blocks. After one walk through all steps the next leaves the same
 * sizes (of a slot that no step picks: the first), so that the third repeats the second, and so on. */
static void note_peak(struct worker *w) {
    struct state *const s = w->state;
    uint64_t live = 0;
    for (uint32_t i = 0; i < s->slots; i++)
        live += s->slot[i].size;
    w->peak_live_bytes = live;
    w->peak_live_blocks = s->slots;
    for (unsigned r = 0; r < s->runs; r++) {
        const uint64_t all = s->run[r], two_walks = 2 * STEPS;
        const uint64_t telling = all < two_walks ? all : two_walks + all % STEPS;
        for (uint64_t i = 0; i < telling; i++) {
            const struct step *const step = &s->step[i % STEPS];
            live = live - s->slot[step->slot].size + step->size;
            s->slot[step->slot].size = step->size;
            w->peak_live_bytes = live > w->peak_live_bytes ? live : w->peak_live_bytes;
        }
    }
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    note_peak(w);
    for (uint32_t i = 0; i < s->slots; i++)
        if (s->slot[i].block != NULL)
            w->free(s->slot[i].block);
    memory_unmap(s, state_bytes(w->cell));
}

const struct workload workload_large = {
    .name = "large",
    .aliases = "malloc-large",
    .summary = "a few blocks of 64 KiB to 32 MiB: taken from the system each time, or kept?",
    .not_shown = "small blocks beside the large ones, cross-thread frees, reading of the blocks",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"range", "64k-32m;published,small,large", 0, 0, "of the sizes"},
                   {"slots", "20", 2, 1024, "live blocks, all threads together"},
                   {"touch", "1,0", 0, 0, "is a byte a page written?"}},
    .excluded_traits = TRAIT_FLOOR | TRAIT_NEVER_FREES | TRAIT_BOUNDED,
    .operations = 500,
    .enter = enter,
    .run = run,
    .leave = leave,
};
