/* SPDX-License-Identifier: MIT
 *
 * glibc-simple: n blocks of one size are allocated, then freed in the same order, again and again, on one
 * thread. The simple malloc benchmark of glibc's own benchtests, 2019: where a thread's cache of free blocks
 * is shorter than n, what stands behind it is measured.
 *
 * Parameters: blocks, n; size, bytes. Published: 25, 100, 400 and 1600 blocks, each with sizes from 16 to 4096
 * bytes. Defaults: 400 and 128; small: blocks=25, large: blocks=1600. glibc runs it on the main thread and on
 * another; here, as everywhere, it is another.
 *
 * An operation is a block: one allocation and one free; batches are done whole.
 *
 * Not shown: other threads, blocks of several sizes at once, any order but FIFO, a heap that outlives its
 * batch.
 */
#include "workload.h"

enum { BLOCKS = 0, SIZE = 1, MOST_BLOCKS = 65536 };

struct state {
    void *block[MOST_BLOCKS];
};

__attribute__((noinline, aligned(64))) static void free_all(const struct worker *w, void *const *block,
                                                            uint64_t blocks) {
    void (*const release)(void *) = w->free;
    for (uint64_t i = 0; i < blocks; i++)
        release(block[i]);
}

/* Returns how many it got. */
__attribute__((noinline, aligned(64))) static uint64_t allocate_all(const struct worker *w, void **block,
                                                                    uint64_t blocks, size_t size) {
    void *(*const allocate)(size_t) = w->malloc;
    for (uint64_t i = 0; i < blocks; i++) {
        block[i] = allocate(size);
        if (__builtin_expect(block[i] == NULL, 0))
            return i;
        touch_block(block[i], size);
    }
    return blocks;
}

static enum work_result enter(struct worker *w) {
    w->state = memory_map(sizeof(struct state));
    return w->state == NULL ? WORK_OUT_OF_MEMORY : WORK_DONE;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    const uint64_t blocks = w->cell->number[BLOCKS];
    const size_t size = w->cell->number[SIZE];
    w->peak_live_blocks = blocks;
    w->peak_live_bytes = blocks * size;
    while (w->done < operations) {
        const uint64_t got = allocate_all(w, s->block, blocks, size);
        free_all(w, s->block, got);
        w->done += got;
        if (got < blocks)
            return WORK_OUT_OF_MEMORY;
    }
    return WORK_DONE;
}

static void leave(struct worker *w) {
    memory_unmap(w->state, sizeof(struct state));
}

const struct workload workload_glibc_simple = {
    .name = "glibc-simple",
    .aliases = "bench-malloc-simple",
    .summary = "on one thread n blocks of one size, then n frees in the same order: glibc's own benchmark",
    .not_shown = "other threads, blocks of several sizes at once, any order but FIFO",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "1",
    .parameters =
        {{"blocks", "400", 1, MOST_BLOCKS,
          "allocated before the first is freed; small 25, large 1600; published 25, 100, 400, 1600"},
         {"size", "128", 1, 32760, "bytes; published from 16 to 4096"}},
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .enter = enter,
    .run = run,
    .leave = leave,
};
