/* SPDX-License-Identifier: MIT
 *
 * distinct-sizes: pairs, as `contended` makes them, but thread i has a size of its own: 16, 64, 128, 256,
 * 512, 1024, 2048 or 4096 bytes [i mod 8]. The man page libatomic-malloc(3): "If all threads happen to
 * allocate different-sized objects, you might get lucky. Otherwise expect contention and false-sharing
 * problems."
 *
 * An operation is a pair. Not shown: what `contended` does not show; and on more than eight threads sizes
 * repeat.
 */
#include "workload.h"

static const size_t sizes[] = {16, 64, 128, 256, 512, 1024, 2048, 4096};

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    const size_t size = sizes[w->index % (sizeof sizes / sizeof *sizes)];
    w->peak_live_blocks = 1;
    w->peak_live_bytes = size;
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

const struct workload workload_distinct_sizes = {
    .name = "distinct-sizes",
    .summary = "malloc and free, every thread of its own size: what free lists by size cost and save",
    .not_shown = "cache misses of a real heap, cross-thread frees, anything of memory",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "1,2,4,8",
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .run = run,
};
