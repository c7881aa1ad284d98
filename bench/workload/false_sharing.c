/* SPDX-License-Identifier: MIT
 *
 * false-sharing-active (Hoard's cache-thrash) and false-sharing-passive (Hoard's cache-scratch): Berger and
 * others, ASPLOS 2000, section 5. Every thread allocates one small object, writes all its bytes again and
 * again, frees it, and begins anew. If two threads' objects lie in one cache line, each write takes the line
 * from the other. Passive: before the start, one object a thread is allocated by the main thread and handed
 * over; each thread frees its one first. An allocator that gives such a block to the thread that freed it
 * makes false sharing that nobody asked for.
 *
 * Parameters: size, bytes of the object; writes, how many times all of it is written between malloc and free,
 * by each thread, however many there are: perfect scaling is a flat time_ns. The published runs divide a
 * total by the P threads and want 1/P: 1000 objects of 1 byte and 2 000 000/P writes, 100 of 8 and 1 000
 * 000/P.
 *
 * An operation is an object: one allocation, writes x size stores, one free. Both report line sharing, which
 * needs no clock: on few or noisy cores it is the figure to trust. Not shown: false sharing of objects that
 * live long, and what padding against it costs in memory.
 */
#include "workload.h"

#include <stdio.h>

enum { SIZE = 0, WRITES = 1 };

__attribute__((noinline, aligned(64))) static void write_all(volatile unsigned char *object, size_t size,
                                                             uint64_t times) {
    for (uint64_t t = 0; t < times; t++)
        for (size_t i = 0; i < size; i++)
            object[i] = (unsigned char)t;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    const size_t size = w->cell->number[SIZE];
    const uint64_t times = w->cell->number[WRITES];
    w->peak_live_blocks = 1;
    w->peak_live_bytes = size;
    for (; w->done < operations; w->done++) {
        void *const object = w->malloc(size);
        if (object == NULL)
            return WORK_OUT_OF_MEMORY;
        write_all(object, size, times);
        w->free(object);
    }
    return WORK_DONE;
}

/* [worker]: the object that it is handed, on a line of its own; NULL once it has taken it. */
struct handed {
    _Alignas(128) void *object;
};

static bool hand_over(struct cell *cell, char *why, size_t why_size) {
    struct handed *const handed = cell->state = memory_map(cell->threads * sizeof *handed);
    if (handed == NULL) {
        snprintf(why, why_size, "out-of-memory: no room for a table of %u objects", cell->threads);
        return false;
    }
    for (unsigned i = 0; i < cell->threads; i++) {
        void *const object = handed[i].object = cell->allocator->malloc(cell->number[SIZE]);
        if (object != NULL) /* else it is the worker's result */
            touch_block(object, cell->number[SIZE]);
    }
    return true;
}

static enum work_result run_passive(struct worker *w, uint64_t operations) {
    struct handed *const handed = (struct handed *)w->cell->state + w->index;
    if (handed->object == NULL)
        return WORK_OUT_OF_MEMORY;
    w->free(handed->object);
    handed->object = NULL;
    return run(w, operations);
}

static void take_back(struct cell *cell) {
    struct handed *const handed = cell->state;
    if (handed == NULL)
        return;
    for (unsigned i = 0; i < cell->threads; i++)
        cell->allocator->free(handed[i].object); /* of a worker that never came to it */
    memory_unmap(handed, cell->threads * sizeof *handed);
}

#define ONE_OBJECT_A_THREAD                                                                                  \
    .not_shown = "objects that live long; what padding costs in memory", .kind = WORKLOAD_STEADY,            \
    .threads = "1,2,4,8",                                                                                    \
    .parameters = {{"size", "8", 1, 64, "bytes of the object"},                                              \
                   {"writes", "1000", 1, 10000000, "times that all of it is written"}},                      \
    .excluded_traits = TRAIT_NEVER_FREES | TRAIT_FLOOR, .operations = 1000

const struct workload workload_false_sharing_active = {
    .name = "false-sharing-active",
    .aliases = "cache-thrash",
    .summary = "small objects written again and again: do two threads' objects share a line?",
    ONE_OBJECT_A_THREAD,
    .run = run,
};

const struct workload workload_false_sharing_passive = {
    .name = "false-sharing-passive",
    .aliases = "cache-scratch",
    .summary = "the same after freeing an object that another thread allocated: is its line taken over?",
    ONE_OBJECT_A_THREAD,
    .prepare = hand_over,
    .run = run_passive,
    .finish = take_back,
};
