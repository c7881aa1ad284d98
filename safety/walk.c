/* SPDX-License-Identifier: MIT
 *
 * walk.h.
 */
#include "walk.h"

#include "raw.h"

#include <stdlib.h>

enum { EXERCISE = 10000 };

const char walk_prelude[] = "10 times 40 blocks of mixed sizes and their frees; 200 pairs of the size; 48 blocks of mixed sizes, "
                            "held; 20 blocks of the size, freed last first; 60 pairs";

size_t walk_size(enum path path) {
    return path == PATH_LARGE ? WALK_LARGE : WALK_SIZE;
}

static size_t mixed(size_t i) {
    static const unsigned short sizes[] = {16, 64, 24, 200, 64, 1000, 40, 3000, 64, 100, 8, 500};
    return sizes[i % (sizeof sizes / sizeof *sizes)];
}

static void pairs(struct oracle *o, int n, size_t size) {
    while (n-- > 0)
        oracle_free(o, oracle_malloc(o, size));
}

static void some(struct oracle *o, size_t n, size_t size, bool held) {
    const size_t before = o->count;
    for (size_t i = 0; i < n; i++)
        oracle_malloc(o, size == 0 ? mixed(i) : size);
    while (!held && o->count > before)
        o->subject->free(oracle_gives(o, o->count - 1));
}

static void prelude(struct oracle *o, size_t size) {
    for (int i = 0; i < 10; i++)
        some(o, 40, 0, false);
    pairs(o, 200, size);
    some(o, 48, 0, true);
    some(o, 20, size, false);
    pairs(o, 60, size);
}

static int by_address(const void *a, const void *b) {
    const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

size_t walk_spacing(uintptr_t *address, size_t n) {
    qsort(address, n, sizeof *address, by_address);
    size_t least = SIZE_MAX;
    for (size_t i = 1; i < n; i++)
        least = address[i] - address[i - 1] < least ? address[i] - address[i - 1] : least;
    return least;
}

/* ---- threads ---- */

struct helper {
    struct walker *walker;
    int ready;
};

static void *allocate_foreign(void *argument) {
    struct helper *const h = argument;
    struct walker *const w = h->walker;
    static struct oracle o; /* one walker at a time has such blocks */
    o.subject = w->oracle.subject;
    o.fault = w->oracle.fault;
    pairs(&o, 20, WALK_SIZE);
    for (int i = 0; i < WALK_FOREIGN; i++) {
        w->foreign[i] = o.subject->malloc(WALK_SIZE);
        oracle_took(&w->oracle, w->foreign[i], WALK_SIZE);
    }
    raw_set(&h->ready, 1);
    static const int never;
    raw_await(&never, 1); /* it lives as long as the process */
    return NULL;
}

static void start_thread(pthread_t *thread, void *(*body)(void *), void *argument) {
    if (pthread_create(thread, NULL, body, argument) != 0)
        raw_exit(TRAP_LOST);
}

static void prepare(struct walker *w) {
    if (w->path == PATH_COLD || w->path == PATH_THREAD)
        return;
    prelude(&w->oracle, walk_size(w->path));
    if (w->path == PATH_XFREE) {
        static struct helper helper;
        static pthread_t thread;
        helper.walker = w;
        start_thread(&thread, allocate_foreign, &helper);
        raw_await(&helper.ready, 1);
    }
}

static void hold(struct walker *w, void *block) {
    oracle_took(&w->oracle, block, WALK_SIZE);
    w->oracle.count--; /* hundreds of blocks: they are checked at the end, not against each new one */
    w->held[w->holds++] = block;
    *(uint64_t *)block = (uint64_t)(uintptr_t)block;
}

static void walk(struct walker *w) {
    struct oracle *const o = &w->oracle;
    void *block;
    switch (w->path) {
    case PATH_REFILL:
        hold(w, trap_malloc(o->subject->malloc, WALK_SIZE));
        break;
    case PATH_XFREE:
        trap_free(o->subject->free, oracle_gives_block(o, w->foreign[0]));
        w->foreign[0] = NULL;
        break;
    default:
        block = trap_malloc(o->subject->malloc, walk_size(w->path));
        oracle_took(o, block, walk_size(w->path));
        trap_free(o->subject->free, oracle_gives_block(o, block));
    }
}

static void *walker_main(void *argument) {
    struct walker *const w = argument;
    trap_thread();
    prepare(w);
    for (size_t i = 0; w->path == PATH_REFILL && i < w->refill; i++)
        hold(w, w->oracle.subject->malloc(WALK_SIZE));
    raw_set(&w->state, WALKER_READY);
    raw_await(&w->go, 1);
    if (w->begin != NULL)
        w->begin(w);
    walk(w);
    w->reached = trap_end();
    if (w->after != NULL)
        w->after(w);
    raw_set(&w->state, WALKER_DONE);
    return NULL;
}

void walker_start(struct walker *w, const struct allocator *subject, int *fault) {
    w->oracle.subject = subject;
    w->oracle.fault = fault;
    if (w->path == PATH_THREAD) {
        static struct oracle other; /* this thread's blocks */
        other.subject = subject;
        other.fault = fault;
        prelude(&other, WALK_SIZE);
    }
    start_thread(&w->thread, walker_main, w);
    raw_await(&w->state, WALKER_READY);
}

void walker_walk(struct walker *w) {
    raw_set(&w->go, 1);
    raw_await(&w->state, WALKER_STOPPED);
}

/* ---- on the walker's thread ---- */

void walk_handler(struct walker *w, bool keeps_first) {
    struct oracle *const o = &w->oracle;
    void *block[8];
    for (int i = 0; i < 8; i++) {
        const size_t size = i == 5 ? 200 : i == 6 ? 24 : walk_size(w->path);
        block[i] = trap_malloc(o->subject->malloc, size);
        oracle_took(o, block[i], size);
    }
    for (int i = 6; i >= 0; i -= 2) /* every other one, so that no list is again as it was */
        trap_free(o->subject->free, oracle_gives_block(o, block[keeps_first ? i + 1 : i]));
    for (int i = 1; w->path == PATH_XFREE && i <= 4; i++)
        if (w->foreign[i] != NULL) { /* a handler in this one has freed them */
            void *const foreign = w->foreign[i];
            w->foreign[i] = NULL;
            trap_free(o->subject->free, oracle_gives_block(o, foreign));
        }
}

void walk_verify(struct walker *w) {
    struct oracle *const o = &w->oracle;
    oracle_check(o);
    oracle_exercise(o, EXERCISE, walk_size(w->path));
    oracle_drain(o);
    while (w->holds > 0) {
        void *const block = w->held[--w->holds];
        if (*(const uint64_t *)block != (uint64_t)(uintptr_t)block) {
            raw_set(o->fault, FAULT_DOUBLED); /* only its own owner writes there, or another's */
            raw_exit(EXIT_FAULT);
        }
        o->subject->free(block);
    }
}

void walk_record(struct walker *w) {
    struct trap_record *const record = w->record;
    size_t warm = 0;
    for (w->refill = 0; w->path == PATH_REFILL && w->refill + 1 < WALK_HELD; w->refill++) {
        record->count = 0;
        trap_start_record(record);
        void *const block = trap_malloc(w->oracle.subject->malloc, WALK_SIZE);
        trap_end();
        hold(w, block);
        if (warm == 0)
            warm = record->count;
        if (record->stale || record->count > warm + warm / 2 + 10)
            return;
    }
    w->no_refill = w->path == PATH_REFILL;
    record->count = 0;
    trap_start_record(record);
}
