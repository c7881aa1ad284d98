/* SPDX-License-Identifier: MIT
 *
 * uncontended / contended: the bare cost of a malloc/free pair, and the cost of meeting. One body, two names:
 * `uncontended` is one thread, `contended` any number, all on the same size. From the folklore of allocator
 * benchmarks; Lever and Boreham 2000 made it a paper.
 *
 * Parameter shape:
 *   pair            malloc, write, free
 *   batch-fifo      100 mallocs, then 100 frees in the same order
 *   batch-lifo      ... in the reverse order, which flatters free lists
 *   batch-shuffled  ... in one of 16 orders drawn beforehand, in turn
 * Parameter size: bytes. The default sizes stop at 32 760, for the packaged AO_malloc never returns from
 * requests between that and 65 528.
 *
 * An operation is a pair; batches are done whole. Not shown: cache misses of a real heap, cross-thread frees,
 * anything of memory.
 */
#include "workload.h"

#include <string.h>

enum { BATCH = 100, ORDERS = 16, SHAPE = 0, SIZE = 1 };

struct state {
    void *block[BATCH];
    uint8_t order[ORDERS][BATCH];
};

__attribute__((noinline, aligned(64))) static enum work_result run_pairs(struct worker *w,
                                                                         uint64_t operations, size_t size) {
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    for (uint64_t i = 0; i < operations; i++) {
        void *const block = allocate(size);
        if (__builtin_expect(block == NULL, 0)) {
            w->done = i;
            return WORK_OUT_OF_MEMORY;
        }
        touch_block(block, size);
        release(block);
    }
    w->done = operations;
    return WORK_DONE;
}

/* OPERATIONS is rounded up to whole batches. */
__attribute__((noinline, aligned(64))) static enum work_result run_batches(struct worker *w,
                                                                           uint64_t operations, size_t size) {
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    struct state *const s = w->state;
    for (uint64_t batch = 0; w->done < operations; batch++) {
        for (int i = 0; i < BATCH; i++) {
            void *const block = allocate(size);
            if (__builtin_expect(block == NULL, 0)) {
                while (i-- > 0)
                    release(s->block[i]);
                return WORK_OUT_OF_MEMORY;
            }
            touch_block(block, size);
            s->block[i] = block;
        }
        const uint8_t *const order = s->order[batch % ORDERS];
        for (int i = 0; i < BATCH; i++)
            release(s->block[order[i]]);
        w->done += BATCH;
    }
    return WORK_DONE;
}

static void draw_order(uint8_t order[BATCH], const char *shape, uint64_t *random) {
    const bool reverse = strcmp(shape, "batch-lifo") == 0, shuffle = strcmp(shape, "batch-shuffled") == 0;
    for (unsigned i = 0; i < BATCH; i++)
        order[i] = (uint8_t)(reverse ? BATCH - 1 - i : i);
    for (unsigned i = BATCH - 1; shuffle && i > 0; i--) {
        const unsigned j = (unsigned)random_below(random, i + 1);
        const uint8_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL)
        return WORK_OUT_OF_MEMORY;
    uint64_t random = w->seed;
    for (int i = 0; i < ORDERS; i++)
        draw_order(s->order[i], w->cell->word[SHAPE], &random);
    return WORK_DONE;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    const bool pairs = strcmp(w->cell->word[SHAPE], "pair") == 0;
    w->peak_live_blocks = pairs ? 1 : BATCH;
    w->peak_live_bytes = w->peak_live_blocks * w->cell->number[SIZE];
    return (pairs ? run_pairs : run_batches)(w, operations, w->cell->number[SIZE]);
}

static void leave(struct worker *w) {
    memory_unmap(w->state, sizeof(struct state));
}

#define ONE_SIZE_FOR_ALL                                                                                     \
    .not_shown = "cache misses of a real heap, cross-thread frees, anything of memory",                      \
    .kind = WORKLOAD_STEADY, .warms_up = true,                                                               \
    .parameters = {{"shape", "pair,batch-fifo,batch-lifo,batch-shuffled", 0, 0,                              \
                    "in which order blocks live and die"},                                                   \
                   {"size", "8,16,64,256,1024,8192,32760", 1, 1 << 20, "bytes"}},                            \
    .excluded_traits = TRAIT_NEVER_FREES, .operations = 20000, .enter = enter, .run = run, .leave = leave

const struct workload workload_uncontended = {
    .name = "uncontended",
    .summary = "malloc and free of one size on one thread: the bare cost",
    .threads = "1",
    ONE_SIZE_FOR_ALL,
};

const struct workload workload_contended = {
    .name = "contended",
    .summary = "malloc and free of one size on every thread: the cost of meeting",
    .threads = "1,2,4,8",
    ONE_SIZE_FOR_ALL,
};
