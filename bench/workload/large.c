/* SPDX-License-Identifier: MIT
 *
 * large: few and large blocks, which allocators mostly take from the system and give back to it, or keep.
 * After malloc-large of the mimalloc benchmarks (Leijen, 2019).
 *
 * Every thread has slots; an operation frees what a random slot holds and fills it with a block of another
 * size. Slots and sizes are drawn beforehand, in a table that the run walks round and round. An operation may take
 * milliseconds and a run be short, so it is of whole turns of 100, each of which has as many of each hundredth of the
 * range as the next. First all slots are filled and a turn is done, untimed, lest each block be the first of its size.
 * What lives at the end is freed untimed.
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
    TURN = 100,
    STEPS = 40 * TURN,
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
    uint64_t size; /* that the run begins with, up to leave() */
};

struct state {
    struct step step[STEPS];
    uint64_t operations; /* of the run */
    uint64_t live, peak; /* bytes, before it */
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

/* UNIT from 0 to 1. */
static uint32_t size_at(const struct range *range, double unit) {
    return (uint32_t)(range->uniform ? range->least + unit * (range->most - range->least)
                                     : range->least * pow(range->most / range->least, unit));
}

static void draw_turn(uint64_t *random, const struct range *range, uint32_t slots, struct step *step) {
    for (uint32_t i = 0; i < TURN; i++) {
        const uint32_t place = (uint32_t)random_below(random, i + 1); /* a shuffle while it grows */
        step[i].slot = (uint32_t)random_below(random, slots);
        step[i].size = step[place].size;
        step[place].size = size_at(range, (i + random_unit(random)) / TURN);
    }
}

/* NULL is no fault: whoever asks for that much must expect it. */
static void *take(const struct worker *w, size_t size, bool touch) {
    void *const block = w->malloc(size);
    if (block != NULL && touch)
        touch_block(block, size);
    return block;
}

/* While no time is taken. */
static bool fill(const struct worker *w, struct state *s, uint32_t slot, uint32_t size) {
    struct slot *const it = &s->slot[slot];
    if (it->block != NULL)
        w->free(it->block);
    s->live = s->live - it->size + size;
    s->peak = s->live > s->peak ? s->live : s->peak;
    it->size = size;
    it->block = take(w, size, w->cell->number[TOUCH] != 0);
    return it->block != NULL;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(state_bytes(w->cell));
    if (s == NULL)
        return WORK_OUT_OF_MEMORY;
    const struct range *const range = range_of(w->cell);
    uint64_t random = w->seed;
    s->slots = slots_of(w->cell);
    for (uint32_t i = 0; i < STEPS; i += TURN)
        draw_turn(&random, range, s->slots, s->step + i);
    for (uint32_t i = 0; i < s->slots; i++)
        if (!fill(w, s, i, size_at(range, random_unit(&random))))
            return WORK_OUT_OF_MEMORY;
    struct step warm_up[TURN];
    draw_turn(&random, range, s->slots, warm_up);
    for (uint32_t i = 0; i < TURN; i++)
        if (!fill(w, s, warm_up[i].slot, warm_up[i].size))
            return WORK_OUT_OF_MEMORY;
    return WORK_DONE;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    const bool touch = w->cell->number[TOUCH] != 0;
    operations = (operations + TURN - 1) / TURN * TURN;
    s->operations = operations;
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

/* Does to the sizes what the run did to the blocks. After one walk through all steps the next leaves the same
 * sizes (of a slot that no step picks: the first), so that the third repeats the second, and so on. */
static void note_peak(struct worker *w) {
    struct state *const s = w->state;
    uint64_t live = s->live;
    w->peak_live_bytes = s->peak;
    w->peak_live_blocks = s->slots;
    for (uint64_t i = 0; i < s->operations && i < 2 * STEPS; i++) {
        const struct step *const step = &s->step[i % STEPS];
        live = live - s->slot[step->slot].size + step->size;
        s->slot[step->slot].size = step->size;
        w->peak_live_bytes = live > w->peak_live_bytes ? live : w->peak_live_bytes;
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
