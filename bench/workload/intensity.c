/* SPDX-License-Identifier: MIT
 *
 * intensity: pairs of 64 bytes with private work between the operations, to see at which rate of allocation
 * contention begins to matter. Ours.
 *
 * Parameter work: W units after the malloc and W after the free; a unit is one multiply-and-add of a
 * dependent chain in registers, the same instructions for every allocator. The x axis to draw against is not
 * W but the time of the work alone: after its timed part every worker does the work of some pairs without an
 * allocator, all at the same time, and worker 0's time for one pair, its loop included, is reported as
 * work_ns.
 *
 * An operation is a pair, its 2 W units included. Not shown: work that uses the caches. The chain does not
 * wait for the block, so a CPU that runs ahead hides some of an uncontended allocator's time behind it, as it
 * does in programs.
 */
#include "workload.h"

#include <time.h>

enum { SIZE = 64, ALONE_NS = 2000000 };

/* The empty asm keeps the compiler from folding the chain; it costs nothing. */
__attribute__((noinline, aligned(64))) static uint64_t do_work(uint64_t x, uint64_t units) {
    for (uint64_t i = 0; i < units; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    const uint64_t units = w->cell->number[0];
    uint64_t x = w->seed;
    w->peak_live_blocks = 1;
    w->peak_live_bytes = SIZE;
    for (uint64_t i = 0; i < operations; i++) {
        void *const block = allocate(SIZE);
        if (__builtin_expect(block == NULL, 0)) {
            w->done = i;
            return WORK_OUT_OF_MEMORY;
        }
        touch_block(block, SIZE);
        x = do_work(x, units);
        release(block);
        x = do_work(x, units);
    }
    w->done = operations;
    return WORK_DONE;
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* In leave(), for there all workers run at once, as in the timed part. The clock is read once in 10 000 units
 * or more, so that it weighs nothing even where there is no work. */
static void time_work_alone(struct worker *w) {
    const uint64_t units = w->cell->number[0], between_clocks = 1 + 10000 / (units + 1), start = now_ns();
    uint64_t x = w->seed, pairs = 0, end;
    do {
        for (uint64_t i = 0; i < between_clocks; i++, pairs++) {
            x = do_work(x, units);
            x = do_work(x, units);
        }
        end = now_ns();
    } while (end - start < ALONE_NS);
    if (w->index == 0)
        w->cell->work_ns = (double)(end - start) / (double)pairs;
}

const struct workload workload_intensity = {
    .name = "intensity",
    .summary =
        "malloc and free of 64 bytes with private work between: at which rate contention begins to matter",
    .not_shown = "work that uses the caches",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"work", "0,10,30,100,300,1000,3000", 0, 1000000,
                    "multiplies after each malloc and after each free"}},
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .run = run,
    .leave = time_work_alone,
};
