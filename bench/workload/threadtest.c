/* SPDX-License-Identifier: MIT
 *
 * threadtest: every thread allocates a batch of small objects, then frees them all, again and again, and has
 * to do with no other. Berger and others (Hoard), ASPLOS 2000, section 5. What is left to meet on is the
 * allocator itself: whoever scales does it here. A batch is longer than what caches of free blocks hold, so
 * that they run empty and full.
 *
 * Parameters, under their published names:
 *   objects   live at the end of a batch, all threads together: each has objects/P of them (one at least)
 *   work      multiplies of a dependent chain after each malloc and after each free
 *   size      bytes of an object
 * Published: 1000 iterations, 10 000 objects, work 0, size 8 (these are the defaults); the paper has 100
 * iterations of 100 000 objects. Small: objects=1000, large: objects=100000. Iterations are what the number
 * of operations makes them. The published runs give P threads together one amount of work and want 1/P of
 * the time; here each thread has its own number of operations, and perfect scaling is a flat time_ns.
 *
 * An operation is an object: one allocation and one free; batches are done whole.
 *
 * Not shown: any order of frees but that of the allocations, cross-thread frees, a heap that outlives its
 * batch; with size=8 most allocators hand out 16 bytes, glibc 24: ask for other sizes too.
 */
#include "workload.h"

enum { OBJECTS = 0, WORK = 1, SIZE = 2 };

struct state {
    uint64_t objects; /* of this thread */
    void *object[];   /* [objects] */
};

static uint64_t own_objects(const struct cell *cell) {
    const uint64_t share = cell->number[OBJECTS] / cell->threads;
    return share > 0 ? share : 1;
}

static size_t state_bytes(const struct cell *cell) {
    return sizeof(struct state) + own_objects(cell) * sizeof(void *);
}

/* The empty asm keeps the compiler from folding the chain; it costs nothing. */
static inline uint64_t do_work(uint64_t x, uint64_t units) {
    for (uint64_t i = 0; i < units; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* Returns how many it got. */
__attribute__((noinline, aligned(64))) static uint64_t allocate_all(struct worker *w, struct state *s) {
    void *(*const allocate)(size_t) = w->malloc;
    const uint64_t objects = s->objects, units = w->cell->number[WORK];
    const size_t size = w->cell->number[SIZE];
    uint64_t x = w->seed;
    for (uint64_t i = 0; i < objects; i++) {
        void *const object = s->object[i] = allocate(size);
        if (__builtin_expect(object == NULL, 0))
            return i;
        touch_block(object, size);
        x = do_work(x, units);
    }
    return objects;
}

__attribute__((noinline, aligned(64))) static void free_all(struct worker *w, struct state *s,
                                                            uint64_t objects) {
    void (*const release)(void *) = w->free;
    const uint64_t units = w->cell->number[WORK];
    uint64_t x = w->seed;
    for (uint64_t i = 0; i < objects; i++) {
        release(s->object[i]);
        x = do_work(x, units);
    }
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(state_bytes(w->cell));
    if (s == NULL)
        return WORK_OUT_OF_MEMORY;
    s->objects = own_objects(w->cell);
    w->peak_live_blocks = s->objects;
    w->peak_live_bytes = s->objects * w->cell->number[SIZE];
    return WORK_DONE;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    while (w->done < operations) {
        const uint64_t got = allocate_all(w, s);
        free_all(w, s, got);
        w->done += got;
        if (got < s->objects)
            return WORK_OUT_OF_MEMORY;
    }
    return WORK_DONE;
}

static void leave(struct worker *w) {
    memory_unmap(w->state, state_bytes(w->cell));
}

const struct workload workload_threadtest = {
    .name = "threadtest",
    .summary =
        "batches of small objects, allocated and freed by each thread on its own: who scales does it here",
    .not_shown = "frees in another order, cross-thread frees, a heap that outlives its batch",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters =
        {{"objects", "10000", 1, 10000000,
          "live at the end of a batch, all threads together; small 1000, large 100000 (the paper's)"},
         {"work", "0", 0, 1000000, "multiplies after each malloc and after each free"},
         {"size", "8", 1, 32760, "bytes"}},
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .enter = enter,
    .run = run,
    .leave = leave,
};
