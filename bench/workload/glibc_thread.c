/* SPDX-License-Identifier: MIT
 *
 * glibc-thread: every thread keeps 1024 slots, frees the block of a random one and allocates another in its
 * place; small sizes far more often than large ones. The threaded malloc benchmark of glibc's own
 * benchtests, 2014.
 *
 * Sizes are from 4 to 32 760 bytes (32 768 as published; the packaged AO_malloc never returns from that), with
 * a density that falls as the inverse square: X = 1 / ((1/most - 1/least) u + 1/least) for a uniform u. Half
 * are below 8 bytes, one of 100 is above 400, the mean is 36. Each block is written whole.
 *
 * Slots and sizes come from a table drawn beforehand (slots.h). All slots are filled in enter() and emptied
 * in leave(), both untimed.
 *
 * Parameter slots: of each thread. Published and default: 1024; small: slots=64, large: slots=65536, some 2.4
 * MB that random order keeps out of the first caches.
 *
 * An operation is a step: one free and one allocation. Not shown: cross-thread frees, lifetimes (each block
 * lives as long as any other on the average), reading of the blocks.
 */
#include "slots.h"

#include <string.h>

enum { SLOTS = 0, LEAST = 4, MOST = 32760 };

static uint32_t draw_size(uint64_t *random) {
    return (uint32_t)(1 / ((1.0 / MOST - 1.0 / LEAST) * random_unit(random) + 1.0 / LEAST));
}

static void draw(struct slots *s, uint64_t seed) {
    uint64_t random = seed;
    for (uint32_t i = 0; i < s->slots; i++)
        s->initial[i] = draw_size(&random);
    for (uint32_t i = 0; i < s->steps; i++)
        s->step[i] = (struct step){(uint32_t)random_below(&random, s->slots), draw_size(&random)};
}

static void write_all(void *block, size_t size) {
    memset(block, 1, size);
}

static enum work_result enter(struct worker *w) {
    struct slots *const s = w->state = memory_map(sizeof *s);
    if (s == NULL || !slots_map(s, (uint32_t)w->cell->number[SLOTS]))
        return WORK_OUT_OF_MEMORY;
    draw(s, w->seed);
    for (uint32_t i = 0; i < s->slots; i++) {
        if ((s->block[i] = w->malloc(s->initial[i])) == NULL)
            return WORK_OUT_OF_MEMORY;
        write_all(s->block[i], s->initial[i]);
    }
    return WORK_DONE;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    return slots_walk(w, w->state, operations, write_all);
}

static void leave(struct worker *w) {
    struct slots *const s = w->state;
    if (s == NULL)
        return;
    if (s->step != NULL && s->initial != NULL) {
        w->peak_live_blocks = s->slots;
        w->peak_live_bytes = slots_peak_bytes(s);
    }
    for (uint32_t i = 0; s->block != NULL && i < s->slots; i++)
        w->free(s->block[i]);
    slots_unmap(s);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_glibc_thread = {
    .name = "glibc-thread",
    .aliases = "bench-malloc-thread",
    .summary =
        "random slots freed and filled again, small sizes far more often than large: glibc's own benchmark",
    .not_shown = "cross-thread frees, lifetimes, reading of the blocks",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"slots", "1024", 1, 1 << 20, "live blocks of each thread; small 64, large 65536"}},
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .enter = enter,
    .run = run,
    .leave = leave,
};
