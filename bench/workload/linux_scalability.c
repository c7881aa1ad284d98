/* SPDX-License-Identifier: MIT
 *
 * linux-scalability: every thread allocates N blocks of one size into a table, then frees them all in the
 * same order. Lever and Boreham, "malloc() performance in a multithreaded Linux environment", 2000. The
 * largest live set of the old micro-workloads: a heap is built from nothing, so that the system's pages, and
 * how an allocator asks for them, count as much as its lists; and N frees of memory that no cache still holds.
 *
 * Parameters: size, bytes of a block; blocks, N, of each thread. Published: 8 bytes and 10 000 000 blocks (the
 * paper has 512 bytes). Defaults: 8 and 1 000 000; small: blocks=10000, large: blocks=10000000.
 *
 * What to look at besides the time: page_faults; and peak_resident_bytes over peak_live_bytes = P x N x size,
 * which with 8 bytes is nearly all what a block costs beside its contents. Committed memory is noted by each
 * worker once its table is full, in the timed part: some 30 us.
 *
 * An operation is a block: one allocation and one free. Scripts are done whole, however few operations are
 * asked for; there is no warm-up, for a heap that has been through one may have its pages already. So has one of
 * a second script, where more operations than blocks are asked for: by hand, --ops=1 is one script.
 *
 * Not shown: a heap in a steady state, blocks of several sizes, any order but FIFO, cross-thread frees. The
 * threads' peaks fall together only where each has a core.
 */
#include "workload.h"

enum { SIZE = 0, BLOCKS = 1 };

/* Returns how many it got. */
__attribute__((noinline, aligned(64))) static uint64_t allocate_all(const struct worker *w, uint64_t blocks) {
    void *(*const allocate)(size_t) = w->malloc;
    void **const block = w->state;
    const size_t size = w->cell->number[SIZE];
    for (uint64_t i = 0; i < blocks; i++) {
        block[i] = allocate(size);
        if (__builtin_expect(block[i] == NULL, 0))
            return i;
        touch_block(block[i], size);
    }
    return blocks;
}

__attribute__((noinline, aligned(64))) static void free_all(const struct worker *w, uint64_t blocks) {
    void (*const release)(void *) = w->free;
    void *const *const block = w->state;
    for (uint64_t i = 0; i < blocks; i++)
        release(block[i]);
}

static enum work_result enter(struct worker *w) {
    w->state = memory_map(w->cell->number[BLOCKS] * sizeof(void *));
    return w->state == NULL ? WORK_OUT_OF_MEMORY : WORK_DONE;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    const uint64_t blocks = w->cell->number[BLOCKS];
    w->peak_live_blocks = blocks;
    w->peak_live_bytes = blocks * w->cell->number[SIZE];
    do {
        const uint64_t got = allocate_all(w, blocks);
        memory_note_committed();
        free_all(w, got);
        w->done += got;
        if (got < blocks)
            return WORK_OUT_OF_MEMORY;
    } while (w->done < operations);
    return WORK_DONE;
}

static void leave(struct worker *w) {
    memory_unmap(w->state, w->cell->number[BLOCKS] * sizeof(void *));
}

const struct workload workload_linux_scalability = {
    .name = "linux-scalability",
    .summary =
        "each thread fills a large table with blocks of one size, then frees all: a heap built from nothing",
    .not_shown = "a steady state, blocks of several sizes, any order but FIFO, cross-thread frees",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .whole_scripts = true,
    .threads = "1,2,4,8",
    .parameters =
        {{"size", "8", 1, 32760, "bytes; 512 in the paper"},
         {"blocks", "1000000", 1, 1 << 26,
          "allocated by each thread before the first is freed; small 10000, large 10000000 (published)"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 1,
    .enter = enter,
    .run = run,
    .leave = leave,
};
