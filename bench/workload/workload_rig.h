/* SPDX-License-Identifier: MIT
 *
 * A workload in a test: one cell of it runs as in the harness, less clocks, on an allocator that logs what each
 * worker asks of it, sees whether blocks are used and freed, and fails or does damage where it is told to.
 * Only for the workload_*test.c beside it.
 */
#ifndef WORKLOAD_RIG_H
#define WORKLOAD_RIG_H

#include "workload.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, MOST_EVENTS = 1 << 19, FRESH = 0xa5 };

struct example {
    const char *workload;
    const char *word[WORKLOAD_PARAMETERS];
    uint64_t operations;
    bool by_seed, by_worker; /* do requests differ between seeds, between workers? */
    bool by_luck;            /* they depend on who comes first, if there are two */
    bool frees_by_luck;      /* only what is freed does, if there are two who free */
    bool is_list;            /* a node's last word has only its first byte written */
};

static const struct workload *workload_named(const char *name) {
    for (const struct workload *const *w = workload_list; *w != NULL; w++)
        if (strcmp((*w)->name, name) == 0)
            return *w;
    fail_msg("no workload is named %s", name);
    return NULL;
}

/* ---- the allocator: malloc of the process, behind a log and what is to go wrong ---- */

/* What a worker asked for, in order: 2 x size for an allocation, 2 x number + 1 for a free of the allocation
 * of that number. Where the timed part began and ended. */
struct log {
    uint64_t event[MOST_EVENTS];
    size_t events, mallocs, run_began, run_ended;
};

/* Before every block. */
struct front {
    _Alignas(16) uint64_t state;
    uint64_t number;
    size_t size;
};
enum { LIVE = 0x11fe, DEAD = 0xdead };

static struct {
    atomic_ulong calls, live, live_bytes, peak_live, peak_bytes;
    atomic_ulong not_live, not_used;     /* blocks freed that were so */
    unsigned long fail_first, fail_last; /* these calls, counted from 1, get NULL */
    unsigned long damage;                /* at this call the block handed out last is written to */
    size_t tail;                         /* one of so many bytes at a block's end must have been written */
    struct front *newest;                /* kept only where there is damage to do */
    bool forgets;                        /* realloc does not copy */
} mock;

static _Thread_local struct log *own_log; /* NULL on the main thread */

static void note(uint64_t event) {
    if (own_log == NULL)
        return;
    if (own_log->events == MOST_EVENTS)
        abort(); /* the test wants a longer log */
    own_log->event[own_log->events++] = event;
}

static void damage_newest(void) {
    if (mock.newest != NULL)
        ((int *)(void *)(mock.newest + 1))[2] += 1;
}

static void raise_to(atomic_ulong *most, unsigned long seen) {
    unsigned long before = atomic_load(most);
    while (seen > before && !atomic_compare_exchange_weak(most, &before, seen))
        ;
}

static void *new_block(struct front *front, size_t size) {
    *front = (struct front){.state = LIVE, .number = own_log == NULL ? 0 : own_log->mallocs++, .size = size};
    memset(front + 1, FRESH, size);
    raise_to(&mock.peak_bytes, atomic_fetch_add(&mock.live_bytes, size) + size);
    raise_to(&mock.peak_live, atomic_fetch_add(&mock.live, 1) + 1);
    if (mock.damage != 0)
        mock.newest = front;
    return front + 1;
}

static bool is_refused(void) {
    const unsigned long call = atomic_fetch_add(&mock.calls, 1) + 1;
    if (call == mock.damage)
        damage_newest();
    return call >= mock.fail_first && call <= mock.fail_last;
}

static void *libc_malloc(size_t size) {
    note(2 * size);
    return is_refused() ? NULL : new_block(malloc(sizeof(struct front) + size), size);
}

static bool is_used(const unsigned char *byte, size_t size) {
    for (size_t at = 0; at < size; at += 4096)
        if (byte[at] == FRESH)
            return false;
    for (size_t at = size > mock.tail ? size - mock.tail : 0; at < size; at++)
        if (byte[at] != FRESH)
            return true;
    return false;
}

/* The front of a block, which is dead afterwards; NULL for NULL and for what was not live. */
static struct front *end_block(void *block) {
    if (block == NULL)
        return NULL;
    struct front *const front = (struct front *)block - 1;
    note(2 * front->number + 1);
    if (front->state != LIVE) {
        atomic_fetch_add(&mock.not_live, 1);
        return NULL;
    }
    if (!is_used(block, front->size))
        atomic_fetch_add(&mock.not_used, 1);
    front->state = DEAD;
    atomic_fetch_sub(&mock.live, 1);
    atomic_fetch_sub(&mock.live_bytes, front->size);
    return front;
}

static void libc_free(void *block) {
    free(end_block(block));
}

/* The same requests and the same log as malloc and free, but never both blocks live. */
static void *libc_realloc(void *block, size_t size) {
    note(2 * size);
    if (is_refused())
        return NULL;
    struct front *const raw = malloc(sizeof(struct front) + size), *const old = end_block(block);
    void *const moved = new_block(raw, size);
    if (old != NULL && !mock.forgets)
        memcpy(moved, block, old->size < size ? old->size : size);
    free(old);
    return moved;
}

static const struct allocator libc_allocator = {
    .name = "libc", .malloc = libc_malloc, .free = libc_free, .realloc = libc_realloc};

/* ---- a driver: what the harness does, less clocks ---- */

struct seat {
    struct worker worker;
    enum work_result result;
    struct log *log;
    pthread_barrier_t *barrier;
    pthread_t thread;
};

static struct run {
    struct cell cell;
    struct seat seat[THREADS];
    unsigned long bytes_before, bytes_after; /* live, around the timed part */
} last;

static struct log logs[2][THREADS]; /* of two runs that are compared */

static bool warm; /* as in the harness: first a quarter of the operations, where a workload wants it */

/* Of one that its worker waits for: its requests are the worker's. */
struct made {
    struct worker *worker;
    void (*body)(struct worker *);
    struct log *log;
};

static atomic_ulong threads_made;

static void *work_as_made(void *argument) {
    struct made *const made = argument;
    own_log = made->log;
    made->body(made->worker);
    return NULL;
}

static void on_new_thread(struct worker *worker, void (*body)(struct worker *)) {
    struct made made = {worker, body, own_log};
    pthread_t thread;
    atomic_fetch_add(&threads_made, 1);
    assert_int_equal(pthread_create(&thread, NULL, work_as_made, &made), 0);
    pthread_join(thread, NULL);
}

static void *work(void *argument) {
    struct seat *const seat = argument;
    struct worker *const worker = &seat->worker;
    const struct workload *const workload = worker->cell->workload;
    own_log = seat->log;
    seat->result = workload->enter == NULL ? WORK_DONE : workload->enter(worker);
    if (warm && workload->warms_up && seat->result == WORK_DONE) {
        seat->result = workload->run(worker, worker->cell->operations / 4);
        worker->done = 0;
    }
    own_log->run_began = own_log->events;
    pthread_barrier_wait(seat->barrier);
    pthread_barrier_wait(seat->barrier);
    if (seat->result == WORK_DONE)
        seat->result = workload->run(worker, worker->cell->operations);
    own_log->run_ended = own_log->events;
    pthread_barrier_wait(seat->barrier);
    pthread_barrier_wait(seat->barrier);
    if (workload->leave != NULL)
        workload->leave(worker);
    return NULL;
}

static void start_seat(unsigned index, struct log *log, pthread_barrier_t *barrier) {
    struct cell *const cell = &last.cell;
    struct seat *const seat = &last.seat[index];
    *seat = (struct seat){.worker = {.cell = cell,
                                     .malloc = cell->allocator->malloc,
                                     .free = cell->allocator->free,
                                     .on_new_thread = on_new_thread,
                                     .index = index,
                                     .seed = cell->seed * 1000 + index},
                          .log = log,
                          .barrier = barrier};
    log->events = log->mallocs = 0;
    assert_int_equal(pthread_create(&seat->thread, NULL, work, seat), 0);
}

static void crew(unsigned threads, struct log *log) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++)
        start_seat(i, &log[i], &barrier);
    pthread_barrier_wait(&barrier);
    last.bytes_before = mock.live_bytes;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    last.bytes_after = mock.live_bytes;
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(last.seat[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
}

static void prepare(const struct example *e, const struct allocator *allocator, unsigned threads,
                    uint64_t seed) {
    char why[200] = "";
    struct cell *const cell = &last.cell;
    *cell = (struct cell){.allocator = allocator,
                          .workload = workload_named(e->workload),
                          .threads = threads,
                          .seed = seed,
                          .operations = e->operations,
                          .work_ns = -1};
    for (unsigned i = 0; i < WORKLOAD_PARAMETERS && e->word[i] != NULL; i++) {
        cell->word[i] = e->word[i];
        cell->number[i] = strtoull(e->word[i], NULL, 10);
    }
    mock.tail = e->is_list ? 8 : 1;
    mock.calls = mock.peak_live = mock.peak_bytes = 0;
    if (cell->workload->prepare != NULL && !cell->workload->prepare(cell, why, sizeof why))
        fail_msg("%s: %s", e->workload, why);
}

/* Nothing may be left behind, whatever came of it. */
static void finish(void) {
    if (last.cell.workload->finish != NULL)
        last.cell.workload->finish(&last.cell);
    assert_int_equal(mock.live, 0);
    assert_int_equal(mock.not_live, 0);
    assert_int_equal(memory_mapped(), 0);
}

/* What came of it is in `last`, LOG and `mock`. */
static void run(const struct example *e, const struct allocator *allocator, unsigned threads, uint64_t seed,
                struct log *log) {
    prepare(e, allocator, threads, seed);
    crew(threads, log);
    finish();
}

static int reset(void **state) {
    (void)state;
    memset(&mock, 0, sizeof mock);
    warm = false;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

#endif
