/* SPDX-License-Identifier: MIT
 *
 * Every workload of the list through the same assertions, on allocators that log what is asked of them:
 * whatever was allocated is used and freed, a NULL at any place is survived, and the requests depend on the
 * seed and the worker alone, not on the allocator.
 */
#include "workload.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 4, MOST_EVENTS = 1 << 19, FRESH = 0xa5 };

/* ---- what is run ---- */

struct example {
    const char *workload;
    const char *word[WORKLOAD_PARAMETERS];
    uint64_t operations;
    bool by_seed, by_worker; /* do requests differ between seeds, between workers? */
    bool by_luck;            /* they depend on who comes first, if there are two */
    bool frees_by_luck;      /* only what is freed does, if there are two who free */
    bool is_list;            /* a node's last word has only its first byte written */
};

static const struct example examples[] = {
    {.workload = "uncontended", .word = {"pair", "8"}, .operations = 50},
    {.workload = "contended", .word = {"pair", "1"}, .operations = 50},
    {.workload = "contended", .word = {"pair", "32760"}, .operations = 50},
    {.workload = "contended", .word = {"batch-fifo", "64"}, .operations = 250},
    {.workload = "contended", .word = {"batch-lifo", "64"}, .operations = 250},
    {.workload = "contended",
     .word = {"batch-shuffled", "64"},
     .operations = 250,
     .by_seed = true,
     .by_worker = true},
    {.workload = "distinct-sizes", .operations = 50, .by_worker = true},
    {.workload = "intensity", .word = {"10"}, .operations = 50},
    {.workload = "list-reversal", .word = {"private"}, .operations = 1500, .is_list = true},
    {.workload = "list-reversal", .word = {"shared"}, .operations = 1500, .by_luck = true, .is_list = true},
    {.workload = "false-sharing-active", .word = {"8", "3"}, .operations = 50},
    {.workload = "false-sharing-passive", .word = {"8", "3"}, .operations = 50},
    {.workload = "producer-consumer", .word = {"16", "64", "pairs"}, .operations = 900, .by_worker = true},
    {.workload = "producer-consumer", .word = {"1", "32760", "pairs"}, .operations = 50, .by_worker = true},
    {.workload = "producer-consumer",
     .word = {"128", "64", "reversed"},
     .operations = 9000,
     .by_worker = true},
    {.workload = "producer-consumer",
     .word = {"3", "64", "one-to-many"},
     .operations = 2000,
     .by_worker = true},
    {.workload = "producer-consumer",
     .word = {"16", "64", "many-to-many"},
     .operations = 2000,
     .by_worker = true},
    {.workload = "producer-consumer", .word = {"1", "64", "hot-free"}, .operations = 3000, .by_worker = true},
    {.workload = "mixed-sizes", .word = {"1"}, .operations = 2000, .by_seed = true, .by_worker = true},
    {.workload = "phase-change", .word = {"1"}, .operations = 2000, .by_seed = true, .by_worker = true},
    {.workload = "blowup", .word = {"40", "1024"}, .operations = 5000, .by_worker = true},
    {.workload = "threadtest", .word = {"1000", "3", "8"}, .operations = 1500},
    {.workload = "linux-scalability", .word = {"8", "1000"}, .operations = 1500},
    {.workload = "glibc-simple", .word = {"25", "4096"}, .operations = 90},
    {.workload = "glibc-thread", .word = {"64"}, .operations = 500, .by_seed = true, .by_worker = true},
    {.workload = "larson",
     .word = {"8", "1000", "50", "3"},
     .operations = 400,
     .by_seed = true,
     .by_worker = true},
    {.workload = "larson",
     .word = {"7", "8", "20", "1000"},
     .operations = 300,
     .by_seed = true,
     .by_worker = true},
    {.workload = "shbench", .word = {"100", "0"}, .operations = 500, .by_seed = true, .by_worker = true},
    {.workload = "shbench", .word = {"100", "25"}, .operations = 1000, .by_seed = true, .by_worker = true},
    {.workload = "xmalloc",
     .word = {"64", "50"},
     .operations = 5000,
     .by_worker = true,
     .frees_by_luck = true},
    {.workload = "xmalloc",
     .word = {"mixed", "1"},
     .operations = 500,
     .by_seed = true,
     .by_worker = true,
     .frees_by_luck = true},
    {.workload = "server",
     .word = {"1", "3"},
     .operations = 1,
     .by_seed = true,
     .by_worker = true,
     .frees_by_luck = true},
    {.workload = "rptest",
     .word = {"200", "linear", "2000"},
     .operations = 5000,
     .by_seed = true,
     .by_worker = true},
    {.workload = "rptest",
     .word = {"128", "exponential", "16000"},
     .operations = 5000,
     .by_seed = true,
     .by_worker = true},
    {.workload = "thread-churn",
     .word = {"40"},
     .operations = 50,
     .by_seed = true,
     .by_worker = true,
     .frees_by_luck = true},
    {.workload = "alloc-test",
     .word = {"1024", "1024"},
     .operations = 2000,
     .by_seed = true,
     .by_worker = true},
    {.workload = "size-drift", .word = {"1", "1"}, .operations = 2000, .by_seed = true, .by_worker = true},
    {.workload = "large", .word = {"small", "2", "1"}, .operations = 10, .by_seed = true, .by_worker = true},
    {.workload = "realloc-growth",
     .word = {"4096", "5"},
     .operations = 2000,
     .by_seed = true,
     .by_worker = true},
    {.workload = "empirical",
     .word = {"fleet", "1", "5", "32760"},
     .operations = 6000,
     .by_seed = true,
     .by_worker = true},
    {.workload = "application", .word = {"1"}, .operations = 6, .by_seed = true, .by_worker = true},
};
enum { EXAMPLES = sizeof examples / sizeof *examples };

static const struct workload *workload_named(const char *name) {
    for (const struct workload *const *w = workload_list; *w != NULL; w++)
        if (strcmp((*w)->name, name) == 0)
            return *w;
    fail_msg("no workload is named %s", name);
    return NULL;
}

/* ---- the allocators: malloc of the process, and one that never hands out an address twice ---- */

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
    unsigned char *arena;
    atomic_size_t arena_used;
} mock;
enum { ARENA_BYTES = 64 << 20 };

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

static void *arena_malloc(size_t size) {
    note(2 * size);
    if (is_refused())
        return NULL;
    const size_t whole = (sizeof(struct front) + size + 15) / 16 * 16;
    const size_t at = atomic_fetch_add(&mock.arena_used, whole);
    if (at + whole > ARENA_BYTES)
        abort(); /* the test wants a larger arena */
    return new_block((struct front *)(void *)(mock.arena + at), size);
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

static void arena_free(void *block) {
    end_block(block);
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
static const struct allocator arena_allocator = {.name = "arena", .malloc = arena_malloc, .free = arena_free};

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
    mock.calls = mock.peak_live = mock.peak_bytes = mock.arena_used = 0;
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

static unsigned threads_of(const struct example *e) {
    return strcmp(workload_named(e->workload)->threads, "1") == 0 ? 1 : THREADS;
}

/* So many that nothing hangs on luck. */
static unsigned few_threads_of(const struct example *e) {
    if (!e->by_luck && !e->frees_by_luck)
        return threads_of(e);
    return workload_named(e->workload)->in_pairs ? 2 : 1;
}

static int reset(void **state) {
    (void)state;
    unsigned char *const arena = mock.arena;
    memset(&mock, 0, sizeof mock);
    mock.arena = arena;
    warm = false;
    return 0;
}

static bool equal_logs(const struct log *a, const struct log *b) {
    return a->events == b->events && memcmp(a->event, b->event, a->events * sizeof *a->event) == 0;
}

/* Removes all frees. */
static void keep_allocations(struct log *log) {
    size_t kept = 0;
    for (size_t i = 0; i < log->events; i++)
        if (log->event[i] % 2 == 0)
            log->event[kept++] = log->event[i];
    log->events = kept;
}

/* ---- every workload ---- */

static void every_workload_of_the_list_has_an_example(void **state) {
    (void)state;
    for (const struct workload *const *w = workload_list; *w != NULL; w++) {
        unsigned found = 0;
        for (unsigned i = 0; i < EXAMPLES; i++)
            found += strcmp(examples[i].workload, (*w)->name) == 0;
        if (found == 0)
            fail_msg("%s has no example in this test", (*w)->name);
    }
}

static void all_operations_are_done_and_all_blocks_used_and_freed(void **state) {
    (void)state;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        const unsigned threads = threads_of(&examples[i]);
        run(&examples[i], &libc_allocator, threads, 1, logs[0]);
        for (unsigned t = 0; t < threads; t++) {
            assert_int_equal(last.seat[t].result, WORK_DONE);
            assert_true(last.seat[t].worker.done >= examples[i].operations);
        }
        if (mock.not_used != 0)
            fail_msg("%s: %lu blocks were never written", examples[i].workload, mock.not_used);
    }
}

/* As when the harness finds no room for its workers. */
static void a_cell_that_never_ran_leaves_nothing(void **state) {
    (void)state;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        prepare(&examples[i], &libc_allocator, threads_of(&examples[i]), 1);
        finish();
    }
}

static void requests_are_the_same_for_two_allocators(void **state) {
    (void)state;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        const unsigned threads = few_threads_of(&examples[i]);
        run(&examples[i], &libc_allocator, threads, 5, logs[0]);
        run(&examples[i], &arena_allocator, threads, 5, logs[1]);
        for (unsigned t = 0; t < threads; t++)
            assert_true(equal_logs(&logs[0][t], &logs[1][t]));
    }
}

static void what_is_allocated_is_the_same_where_only_frees_hang_on_luck(void **state) {
    (void)state;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        if (!examples[i].frees_by_luck)
            continue;
        run(&examples[i], &libc_allocator, THREADS, 5, logs[0]);
        run(&examples[i], &arena_allocator, THREADS, 5, logs[1]);
        for (unsigned t = 0; t < THREADS; t++) {
            keep_allocations(&logs[0][t]);
            keep_allocations(&logs[1][t]);
            assert_true(equal_logs(&logs[0][t], &logs[1][t]));
        }
    }
}

static void requests_differ_between_seeds_and_workers_where_they_should(void **state) {
    (void)state;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        const struct example *const e = &examples[i];
        const unsigned threads = few_threads_of(e);
        run(e, &libc_allocator, threads, 5, logs[0]);
        run(e, &libc_allocator, threads, 6, logs[1]);
        assert_int_equal(equal_logs(&logs[0][0], &logs[1][0]), !e->by_seed);
        if (threads > 1)
            assert_int_equal(equal_logs(&logs[0][0], &logs[0][1]), !e->by_worker);
    }
}

/* Each call in PARTS or so of an example fails: once alone, and once with all that come after it. */
static void fail_calls_of(const struct example *e, unsigned parts) {
    const unsigned threads = threads_of(e);
    mock.fail_first = 0;
    run(e, &libc_allocator, threads, 1, logs[0]);
    const unsigned long calls = mock.calls;
    for (unsigned long nth = 1; nth <= calls; nth += nth < 5 ? 1 : calls / parts + 1) {
        mock.fail_first = nth;
        for (int forever = 0; forever < 2; forever++) {
            unsigned failed = 0;
            mock.fail_last = forever ? -1UL : nth;
            run(e, &libc_allocator, threads, 1, logs[0]);
            for (unsigned t = 0; t < threads; t++) {
                assert_int_not_equal(last.seat[t].result, WORK_WRONG);
                failed += last.seat[t].result == WORK_OUT_OF_MEMORY;
            }
            assert_true(forever ? failed >= 1 : failed == 1);
        }
    }
}

static void null_at_any_call_ends_in_out_of_memory_and_no_leak(void **state) {
    for (unsigned i = 0; i < EXAMPLES; i++) {
        reset(state);
        fail_calls_of(&examples[i], 37);
    }
}

/* Who has failed there does not run: the others must not wait for him. */
static void so_does_null_in_the_warm_up(void **state) {
    for (unsigned i = 0; i < EXAMPLES; i++) {
        reset(state);
        warm = true;
        if (workload_named(examples[i].workload)->warms_up)
            fail_calls_of(&examples[i], 11);
    }
}

/* Else no script decides it, or none that is easily added up. */
static bool knows_its_peak(const struct example *e) {
    static const char *const others[] = {"list-reversal", "producer-consumer", "xmalloc", "server", "rptest"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(e->workload, others[i]) == 0)
            return false;
    return strcmp(e->workload, "shbench") != 0 || last.cell.number[1] == 0;
}

/* What the workers of the last run say of their peaks, held to what the allocator saw. Each worker's peak is
 * its own: where there are several, theirs need not coincide. */
static void hold_to_peaks_seen(const struct example *e, unsigned threads) {
    unsigned long blocks = 0, bytes = 0;
    for (unsigned t = 0; t < threads; t++) {
        blocks += last.seat[t].worker.peak_live_blocks;
        bytes += last.seat[t].worker.peak_live_bytes;
    }
    if (!knows_its_peak(e)) {
        assert_int_equal(blocks + bytes, 0);
    } else if (strcmp(e->workload, "thread-churn") == 0) { /* and one block in each thread's hand */
        assert_in_range(mock.peak_live, blocks, blocks + threads);
    } else if (threads == 1 || strcmp(e->workload, "phase-change") == 0 ||
               strcmp(e->workload, "blowup") == 0) { /* whose workers wait for each other */
        assert_int_equal(blocks, mock.peak_live);
        assert_int_equal(bytes, mock.peak_bytes);
    } else {
        assert_true(blocks >= mock.peak_live && bytes >= mock.peak_bytes);
    }
}

static void who_knows_its_peak_knows_it_exactly(void **state) {
    (void)state;
    warm = true;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        const struct example *const e = &examples[i];
        if (!workload_named(e->workload)->in_pairs) {
            run(e, &libc_allocator, 1, 1, logs[0]);
            hold_to_peaks_seen(e, 1);
        }
        run(e, &libc_allocator, threads_of(e), 1, logs[0]);
        hold_to_peaks_seen(e, threads_of(e));
    }
    /* Several times through the table of steps; of this seed the peak is in the second walk, not in the first. */
    static const struct example walks[] = {
        {.workload = "mixed-sizes", .word = {"1"}, .operations = 200000},
        {.workload = "alloc-test", .word = {"128", "1024"}, .operations = 150000},
        {.workload = "large", .word = {"small", "3", "1"}, .operations = 11000},
        {.workload = "realloc-growth", .word = {"512", "4"}, .operations = 150000},
        {.workload = "empirical", .word = {"fleet", "1", "5", "32760"}, .operations = 150000},
    };
    for (unsigned i = 0; i < sizeof walks / sizeof *walks; i++) {
        run(&walks[i], &libc_allocator, 1, 24, logs[0]);
        hold_to_peaks_seen(&walks[i], 1);
    }
}

/* ---- what one of them promises ---- */

static void pairs_and_batches_free_in_the_order_of_their_shape(void **state) {
    (void)state;
    static const char *const shapes[] = {"batch-fifo", "batch-lifo", "batch-shuffled"};
    for (unsigned shape = 0; shape < 3; shape++) {
        const struct example e = {.workload = "contended", .word = {shapes[shape], "16"}, .operations = 101};
        run(&e, &libc_allocator, 1, 1, logs[0]);
        const uint64_t *const event = logs[0][0].event;
        assert_int_equal(last.seat[0].worker.done, 200);
        assert_int_equal(logs[0][0].events, 400);
        unsigned in_place = 0, same = 0;
        for (unsigned i = 0; i < 100; i++) {
            assert_int_equal(event[i], 2 * 16);
            const uint64_t freed = event[100 + i] / 2;
            in_place += freed == (shape == 1 ? 99 - i : i);
            same += event[300 + i] / 2 == 100 + freed;
        }
        assert_true(shape == 2 ? in_place < 50 && same < 50 : in_place == 100 && same == 100);
    }
}

static void distinct_sizes_are_those_of_the_table(void **state) {
    (void)state;
    static const uint64_t sizes[THREADS] = {16, 64, 128, 256};
    const struct example e = {.workload = "distinct-sizes", .operations = 1};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    for (unsigned t = 0; t < THREADS; t++)
        assert_int_equal(logs[0][t].event[0], 2 * sizes[t]);
}

static void intensity_alone_times_its_work(void **state) {
    (void)state;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        run(&examples[i], &libc_allocator, threads_of(&examples[i]), 1, logs[0]);
        assert_int_equal(last.cell.work_ns >= 0, strcmp(examples[i].workload, "intensity") == 0);
    }
}

/* The recursion is one: the old list lives until the new one is whole. */
static void a_reversal_holds_both_lists_at_its_turn(void **state) {
    (void)state;
    const struct example e = {
        .workload = "list-reversal", .word = {"private"}, .operations = 1, .is_list = true};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    assert_int_equal(last.seat[0].worker.done, 1000);
    assert_int_equal(mock.peak_live, 2000 + 2);
    const struct log *const log = &logs[0][0];
    assert_int_equal(log->run_ended - log->run_began, 2000);
    for (unsigned k = 0; k < 1000; k++) { /* the last node of the old list goes first */
        assert_int_equal(log->event[log->run_began + k], 2 * (2 * sizeof(void *) + 4 * ((1000 + k) % 101)));
        assert_int_equal(log->event[log->run_began + 1000 + k], 2 * (2 + k) + 1);
    }
}

static void a_list_out_of_order_is_found(void **state) {
    (void)state;
    const struct example e = {
        .workload = "list-reversal", .word = {"private"}, .operations = 2000, .is_list = true};
    mock.damage = 1500;
    run(&e, &libc_allocator, 1, 1, logs[0]);
    assert_int_equal(last.seat[0].result, WORK_WRONG);
    assert_non_null(last.seat[0].worker.why);
}

/* Each consumer takes the blocks of its producer, in their order; no more live at once than the rings hold. */
static void what_a_producer_allocates_its_consumer_frees(void **state) {
    (void)state;
    enum { BLOCKS = 2 * 3000 };
    const struct example e = {
        .workload = "producer-consumer", .word = {"16", "40", "pairs"}, .operations = 2999};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_true(mock.peak_live <= THREADS / 2 * 1024);
    for (unsigned t = 0; t < THREADS; t++) {
        assert_int_equal(last.seat[t].worker.done, BLOCKS / 2);
        assert_int_equal(logs[0][t].events, BLOCKS);
        for (uint64_t i = 0; i < BLOCKS; i++)
            assert_int_equal(logs[0][t].event[i], t % 2 == 0 ? 2 * 40 : 2 * i + 1);
    }
}

/* Worker 0 deals batches to the others in turn; each frees its own in their order. All at once or not. */
static void what_one_allocates_all_others_free(void **state) {
    (void)state;
    enum { BATCH = 16, OTHERS = THREADS - 1, ROUNDS = 200, LOT = 1024 / BATCH * BATCH };
    for (int hot = 0; hot < 2; hot++) {
        const struct example e = {.workload = "producer-consumer",
                                  .word = {"16", "40", hot ? "hot-free" : "one-to-many"},
                                  .operations = (uint64_t)ROUNDS * BATCH * OTHERS / THREADS};
        reset(NULL);
        run(&e, &libc_allocator, THREADS, 1, logs[0]);
        assert_int_equal(logs[0][0].events, ROUNDS * BATCH * OTHERS);
        for (unsigned t = 0; t < THREADS; t++)
            assert_int_equal(last.seat[t].worker.done, ROUNDS * BATCH * OTHERS / THREADS);
        for (unsigned t = 1; t < THREADS; t++) {
            assert_int_equal(logs[0][t].events, ROUNDS * BATCH);
            for (uint64_t i = 0; i < ROUNDS * BATCH; i++) {
                const uint64_t batch = i / BATCH * OTHERS + t - 1;
                assert_int_equal(logs[0][t].event[i], 2 * (batch * BATCH + i % BATCH) + 1);
            }
        }
        if (hot) /* nothing is freed before all rings are full, nor allocated before all are empty */
            assert_int_equal(mock.peak_live, LOT * OTHERS);
        else
            assert_true(mock.peak_live <= 1024 * OTHERS);
    }
}

/* Consumer j's k-th batch of a round is the k-th that its producer deals in it. */
static void many_deal_to_many(void **state) {
    (void)state;
    enum { BATCH = 16, HALF = THREADS / 2, ROUNDS = 200 };
    const struct example e = {.workload = "producer-consumer",
                              .word = {"16", "40", "many-to-many"},
                              .operations = ROUNDS * BATCH * HALF / 2};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_true(mock.peak_live <= 1024 * HALF * HALF);
    for (unsigned t = 0; t < THREADS; t++) {
        assert_int_equal(last.seat[t].worker.done, ROUNDS * BATCH * HALF / 2);
        assert_int_equal(logs[0][t].events, ROUNDS * BATCH * HALF);
        for (uint64_t i = 0; i < ROUNDS * BATCH * HALF; i++)
            assert_int_equal(logs[0][t].event[i], t % 2 == 0 ? 2 * 40 : 2 * i + 1);
    }
}

static void producers_and_consumers_change_roles(void **state) {
    (void)state;
    enum { A_ROLE = 8192, ROLES = 3 };
    const struct example e = {.workload = "producer-consumer",
                              .word = {"16", "40", "reversed"},
                              .operations = (uint64_t)A_ROLE * ROLES / 2};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_true(mock.peak_live <= THREADS / 2 * 1024);
    for (unsigned t = 0; t < THREADS; t++) {
        assert_int_equal(last.seat[t].worker.done, A_ROLE * ROLES / 2);
        assert_int_equal(logs[0][t].events, A_ROLE * ROLES);
        for (uint64_t i = 0; i < A_ROLE * ROLES; i++)
            assert_int_equal(logs[0][t].event[i] % 2, (i / A_ROLE + t) % 2);
    }
}

/* Two workers: the second frees the first's batches in their order. Four: each as many. */
static void batches_travel_in_order_and_no_more_than_the_list_holds(void **state) {
    (void)state;
    enum { BATCH = 50, BATCHES = 300 };
    const struct example e = {.workload = "xmalloc", .word = {"40", "50"}, .operations = BATCH * BATCHES / 2};
    run(&e, &libc_allocator, 2, 1, logs[0]);
    assert_true(mock.peak_live <= 102 * BATCH);
    assert_int_equal(logs[0][1].events, BATCH * BATCHES);
    for (uint64_t i = 0; i < BATCH * BATCHES; i++)
        assert_int_equal(logs[0][1].event[i], 2 * i + 1);
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_true(mock.peak_live <= (100 + THREADS) * BATCH);
    for (unsigned t = 0; t < THREADS; t++) {
        assert_int_equal(logs[0][t].events, BATCH * BATCHES);
        assert_int_equal(last.seat[t].worker.done, BATCH * BATCHES / 2);
    }
}

/* Blocks made in enter() that the timed part never freed. */
static size_t survivors(const struct log *log) {
    size_t initial = log->run_began, freed = 0;
    for (size_t i = log->run_began; i < log->run_ended; i++)
        freed += log->event[i] % 2 == 1 && log->event[i] / 2 < initial;
    return initial - freed;
}

static void mixed_sizes_keep_their_live_set(void **state) {
    (void)state;
    const struct example e = {.workload = "mixed-sizes", .word = {"16"}, .operations = 200000};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    const double live = 16 << 20, before = (double)last.bytes_before, after = (double)last.bytes_after;
    assert_true(before > 0.85 * live && before < 1.15 * live);
    assert_true(after > 0.85 * live && after < 1.15 * live);
    const double share = (double)survivors(log) / (double)log->run_began;
    assert_true(share > 0.04 && share < 0.06);
}

/* One phase of LOG, whose next event is *AT: SIZE_OF[number] and LIVE go on from the phases before. Returns how
 * many blocks it freed. */
static size_t replay_phase(const struct log *log, size_t *at, uint32_t *size_of, size_t *number,
                           uint64_t *live) {
    enum { PEAK_BYTES = 1 << 20 };
    const uint64_t size = log->event[*at] / 2;
    const size_t first = *number;
    for (; *at < log->run_ended && log->event[*at] == 2 * size; (*at)++) {
        size_of[(*number)++] = (uint32_t)size;
        *live += size;
    }
    assert_true(*live <= PEAK_BYTES && *live + size > PEAK_BYTES);
    const size_t wanted = (*number - first) - (*number - first) / 10;
    size_t freed = 0, ascents = 0;
    for (; freed < wanted; (*at)++, freed++) {
        const uint64_t event = log->event[*at];
        assert_true(*at < log->run_ended && event % 2 == 1);
        assert_in_range(event / 2, first, *number - 1);
        *live -= size;
        ascents += freed > 0 && event > log->event[*at - 1];
    }
    if (freed > 100)
        assert_in_range(ascents, freed * 4 / 10, freed * 6 / 10);
    return freed;
}

static void phases_reach_one_peak_with_every_size_and_keep_a_tenth(void **state) {
    (void)state;
    static uint32_t size_of[MOST_EVENTS / 2];
    const struct example e = {.workload = "phase-change", .word = {"1"}, .operations = 1};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    size_t at = log->run_began, number = 0, freed = 0;
    uint64_t live = 0, sizes = 0;
    for (int phase = 0; phase < 12; phase++) {
        sizes += log->event[at] / 2;
        freed += replay_phase(log, &at, size_of, &number, &live);
    }
    assert_int_equal(sizes, 16 + 32 + 48 + 64 + 96 + 128 + 256 + 512 + 1024 + 2048 + 4096 + 8192);
    for (; at < log->run_ended; at++, freed++) { /* then the tenths, to the last block */
        assert_int_equal(log->event[at] % 2, 1);
        live -= size_of[log->event[at] / 2];
    }
    assert_int_equal(live, 0);
    assert_int_equal(freed, number);
    assert_int_equal(last.seat[0].worker.done, number);
}

/* In turns: the blocks of the one before are freed, in their order, then as many allocated. */
static void one_live_set_goes_round_all_threads(void **state) {
    (void)state;
    enum { K = 1024, ROUNDS = 4, TURN = 2 * K };
    const struct example e = {.workload = "blowup", .word = {"40", "1024"}, .operations = 1};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_int_equal(mock.peak_live, K);
    for (unsigned t = 0; t < THREADS; t++) {
        const struct log *const log = &logs[0][t];
        assert_int_equal(log->events, 2 * ROUNDS * K);
        assert_int_equal(last.seat[t].worker.done, ROUNDS * K);
        for (size_t i = 0; i < log->events; i++) { /* worker 0 begins with the second half of a turn */
            const size_t at = t == 0 ? i + K : i, round = at / TURN;
            const uint64_t freed = (t == 0 ? round - 1 : round) * K + at % TURN;
            assert_int_equal(log->event[i], at % TURN < K ? 2 * freed + 1 : 2 * 40);
        }
    }
}

static void assert_frees_in_order(const struct log *log, size_t at, uint64_t first, uint64_t blocks) {
    for (uint64_t i = 0; i < blocks; i++)
        assert_int_equal(log->event[at + i], 2 * (first + i) + 1);
}

/* Objects are all threads' together, blocks each one's own; batches are done whole. */
static void old_batches_are_allocated_and_freed_in_order(void **state) {
    (void)state;
    static const struct {
        struct example example;
        unsigned threads;
        uint64_t batch, batches, size;
    } cases[] = {
        {{.workload = "threadtest", .word = {"1000", "0", "8"}, .operations = 251},
         THREADS,
         1000 / THREADS,
         2,
         8},
        {{.workload = "threadtest", .word = {"2", "0", "8"}, .operations = 3}, THREADS, 1, 3, 8},
        {{.workload = "linux-scalability", .word = {"512", "1000"}, .operations = 1}, THREADS, 1000, 1, 512},
        {{.workload = "linux-scalability", .word = {"8", "100"}, .operations = 101}, THREADS, 100, 2, 8},
        {{.workload = "glibc-simple", .word = {"25", "16"}, .operations = 26}, 1, 25, 2, 16},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const uint64_t batch = cases[c].batch;
        run(&cases[c].example, &libc_allocator, cases[c].threads, 1, logs[0]);
        for (unsigned t = 0; t < cases[c].threads; t++) {
            const struct log *const log = &logs[0][t];
            assert_int_equal(last.seat[t].worker.done, batch * cases[c].batches);
            assert_int_equal(log->events, 2 * batch * cases[c].batches);
            for (uint64_t b = 0; b < cases[c].batches; b++) {
                for (uint64_t i = 0; i < batch; i++)
                    assert_int_equal(log->event[2 * b * batch + i], 2 * cases[c].size);
                assert_frees_in_order(log, (2 * b + 1) * batch, b * batch, batch);
            }
        }
    }
}

/* Half of the sizes below 8 bytes, one of 100 above 395; all slots are hit. */
static void sizes_of_glibc_thread_fall_with_the_inverse_square(void **state) {
    (void)state;
    const struct example e = {.workload = "glibc-thread", .word = {"1024"}, .operations = 65536};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    size_t below_8 = 0, above_395 = 0;
    for (size_t i = log->run_began; i < log->run_ended; i += 2) {
        assert_int_equal(log->event[i] % 2, 1);
        const uint64_t size = log->event[i + 1] / 2;
        assert_in_range(size, 4, 32760);
        below_8 += size < 8;
        above_395 += size > 395;
    }
    assert_int_equal(log->run_began, 1024);
    assert_int_equal(log->run_ended, 1024 + 2 * 65536);
    assert_in_range(below_8, 65536 * 48 / 100, 65536 * 52 / 100);
    assert_in_range(above_395, 65536 * 8 / 1000, 65536 * 12 / 1000);
    assert_int_equal(survivors(log), 0);
}

/* Of 2001 steps each thread does 3 x 200 and ends; the fourth the rest. The slots outlive them all. */
static void threads_of_larson_end_and_others_go_on_with_their_slots(void **state) {
    (void)state;
    const struct example e = {.workload = "larson", .word = {"8", "1000", "200", "3"}, .operations = 2001};
    threads_made = 0;
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_int_equal(threads_made, 4 * THREADS);
    assert_int_equal(mock.peak_live, 200 * THREADS);
    for (unsigned t = 0; t < THREADS; t++) {
        const struct log *const log = &logs[0][t];
        size_t own = 0;
        assert_int_equal(last.seat[t].worker.done, 2001);
        assert_int_equal(log->run_ended, 2 * 2001);
        for (size_t i = 0; i < log->run_ended; i += 2) {
            assert_int_equal(log->event[i] % 2, 1);
            assert_in_range(log->event[i + 1] / 2, 8, 999);
            own += log->event[i] > 1; /* else it is the main thread's, or this one's first */
        }
        assert_in_range(own, 2001 - 201, 2001);
    }
}

/* The third that a turn of KIND frees, by its events: blocks are numbered in the order of their allocation, and
 * LIVE says of each of the ALLOCATED so far whether it lives. Returns how many are younger than the one before. */
static size_t replay_turn(const uint64_t *event, size_t third, unsigned kind, bool *live, size_t allocated) {
    size_t oldest = 0, younger = 0;
    for (size_t i = 0; i < third; i++) {
        const uint64_t number = event[i] / 2;
        assert_int_equal(event[i] % 2, 1);
        assert_true(number < allocated && live[number]);
        while (!live[oldest])
            oldest++;
        if (kind == 0)
            assert_int_equal(number, allocated - 1 - i);
        if (kind == 1)
            assert_int_equal(number, oldest);
        live[number] = false;
        younger += i > 0 && event[i] > event[i - 1];
    }
    return younger;
}

static void thirds_of_shbench_are_the_youngest_the_oldest_and_any(void **state) {
    (void)state;
    enum { SLOTS = 3000, THIRD = SLOTS / 3, TURNS = 30 };
    static bool live[SLOTS + TURNS * THIRD];
    const struct example e = {.workload = "shbench", .word = {"3000", "0"}, .operations = TURNS * THIRD};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    size_t allocated = SLOTS, small = 0;
    assert_int_equal(log->run_began, SLOTS);
    assert_int_equal(log->run_ended, SLOTS + 2 * TURNS * THIRD);
    memset(live, true, sizeof live);
    for (unsigned turn = 0; turn < TURNS; turn++, allocated += THIRD) {
        const uint64_t *const event = log->event + SLOTS + (size_t)2 * turn * THIRD;
        const size_t younger = replay_turn(event, THIRD, turn % 3, live, allocated);
        if (turn % 3 == 2)
            assert_in_range(younger, THIRD * 4 / 10, THIRD * 6 / 10);
        for (size_t i = THIRD; i < 2 * THIRD; i++) {
            assert_in_range(event[i], 2 * 8, 2 * 100);
            small += event[i] / 2 < 32;
        }
    }
    assert_in_range(small, TURNS * THIRD * 48 / 100, TURNS * THIRD * 54 / 100);
}

/* All of what a worker gives, the next one frees, four turns later; what is under way at the end too. */
static void what_shbench_gives_the_next_worker_frees(void **state) {
    (void)state;
    enum { SLOTS = 300, THIRD = SLOTS / 3, TURNS = 20, LAG = 4 };
    const struct example e = {.workload = "shbench", .word = {"300", "100"}, .operations = TURNS * THIRD};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    for (unsigned t = 0; t < THREADS; t++) {
        const struct log *const log = &logs[0][t], *const giver = &logs[0][(t + THREADS - 1) % THREADS];
        assert_int_equal(last.seat[t].worker.done, TURNS * THIRD);
        assert_int_equal(giver->run_ended - giver->run_began, (2 * TURNS - LAG) * THIRD);
        for (size_t i = 0; i < LAG * THIRD; i++)
            assert_int_equal(log->event[SLOTS + i] % 2, 0);
        for (size_t i = 0; i < THIRD; i++) /* the first turn's: the youngest of those that there were */
            assert_int_equal(log->event[SLOTS + LAG * THIRD + i], 2 * (SLOTS - 1 - i) + 1);
    }
}

/* Half of a phase's blocks are freed at its end, in their order; one of a hundred is large. */
static void a_server_keeps_half_of_its_blocks_to_the_end_of_the_phase(void **state) {
    (void)state;
    enum { STEPS = 5000, PHASES = 2 };
    const struct example e = {.workload = "server", .word = {"50", "2"}, .operations = 1};
    threads_made = 0;
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    assert_int_equal(threads_made, PHASES);
    assert_int_equal(last.seat[0].worker.done, STEPS * PHASES);
    assert_int_equal(log->events, 2 * STEPS * PHASES); /* all of it inside run() */
    assert_int_equal(log->run_ended, log->events);
    size_t large = 0, allocated = 0, at = 0, freed = 0;
    for (; allocated < STEPS; at++) {
        const bool is_free = log->event[at] % 2 == 1;
        assert_int_equal(is_free || log->event[at] / 2 % 8 == 0, true);
        allocated += !is_free;
        large += !is_free && log->event[at] / 2 > 256;
    }
    assert_in_range(large, 25, 90);
    at += log->event[at] > log->event[at + 1]; /* the last step may have freed one */
    for (uint64_t before = 0; log->event[at + freed] % 2 == 1 && log->event[at + freed] >= before; freed++)
        before = log->event[at + freed];
    assert_in_range(freed, STEPS * 45 / 100, STEPS * 55 / 100);
}

static const struct allocator checked_allocator = {
    .name = "checked", .malloc = libc_malloc, .free = libc_free, .traits = TRAIT_CHECKED};

static void a_block_that_someone_else_wrote_to_is_found(void **state) {
    (void)state;
    const struct example e = {.workload = "server", .word = {"1", "3"}, .operations = 1};
    mock.damage = 42;
    run(&e, &checked_allocator, 1, 1, logs[0]);
    assert_int_equal(last.seat[0].result, WORK_WRONG);
    assert_non_null(last.seat[0].worker.why);
}

/* Of T workers each does as many; a set that is sent is freed by another, eight sets later. */
static void sets_go_to_others_and_the_rest_stays(void **state) {
    (void)state;
    const struct example e = {.workload = "rptest", .word = {"200", "linear", "2000"}, .operations = 5000};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_true(mock.peak_live <= THREADS * (200 + 16 * 100));
    for (unsigned t = 0; t < THREADS; t++) {
        const struct log *const log = &logs[0][t];
        assert_int_equal(last.seat[t].worker.done, last.seat[0].worker.done);
        assert_int_equal(log->mallocs, last.seat[t].worker.done);
        for (size_t i = 0; i < log->events; i++)
            assert_true(log->event[i] % 2 == 1 || (log->event[i] >= 2 * 8 && log->event[i] <= 2 * 2000));
    }
    run(&e, &libc_allocator, 1, 1, logs[0]);
    assert_true(mock.peak_live <= 200 + 9 * 100);
    assert_true(mock.peak_live >= 8 * 30);
}

static void each_generation_is_a_thread_and_leaves_one_block(void **state) {
    (void)state;
    const struct example e = {.workload = "thread-churn", .word = {"40"}, .operations = 41};
    threads_made = 0;
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    assert_int_equal(threads_made, THREADS * 80);
    for (unsigned t = 0; t < THREADS; t++) {
        assert_int_equal(last.seat[t].worker.done, 80);
        assert_int_equal(logs[0][t].mallocs, 80);
    }
}

/* What LOG allocates and frees: LIVE[number] is the size of a live block. */
static uint32_t replayed[MOST_EVENTS];

static size_t replay(const struct log *log, size_t at, size_t *number) {
    const uint64_t event = log->event[at];
    if (event % 2 == 0) {
        replayed[(*number)++] = (uint32_t)(event / 2);
        return event / 2;
    }
    const size_t size = replayed[event / 2];
    replayed[event / 2] = 0;
    return size;
}

/* A slot is chosen far more often if it is hot; half of the slots are full; each doubling of the size is half as
 * frequent. */
static void alloc_test_keeps_half_of_its_slots_full_of_small_blocks(void **state) {
    (void)state;
    enum { SLOTS = 10000 };
    const struct example e = {.workload = "alloc-test", .word = {"10000", "1024"}, .operations = 50000};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    size_t number = 0, allocated = 0, up_to[4] = {0};
    for (size_t i = 0; i < log->run_ended; i++) {
        const size_t size = replay(log, i, &number);
        if (log->event[i] % 2 == 1)
            continue;
        assert_in_range(size, 1, 1024);
        allocated++;
        for (unsigned k = 0; k < 4; k++)
            up_to[k] += size <= 8U << k;
    }
    static const double wanted[4] = {0.709, 0.854, 0.927, 0.964}; /* 1/2 + 1/2 of 1/4 + 1/4 of 1/8 ... */
    for (unsigned k = 0; k < 4; k++) {
        const double share = (double)up_to[k] / (double)allocated, least = wanted[k] - 0.06;
        assert_true(share > least && share < wanted[k] + 0.06);
    }
    assert_in_range(log->run_began, SLOTS * 45 / 100, SLOTS * 55 / 100);
    assert_int_equal(log->run_ended - log->run_began, 100000);
    size_t live = 0;
    for (size_t i = 0; i < number; i++)
        live += replayed[i] != 0;
    assert_in_range(live, SLOTS * 45 / 100, SLOTS * 55 / 100);
    assert_true(survivors(log) > log->run_began / 4); /* 50 000 pairs pick 35 % of the slots hardly ever */
}

/* The bytes stay the same, the blocks become fewer by the factor that they grow by, and as many again. */
static void a_drift_of_sizes_keeps_its_bytes(void **state) {
    (void)state;
    enum { BOUND = 1 << 20, PARTS = 8 };
    const struct example e = {.workload = "size-drift", .word = {"1", "3"}, .operations = 1};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    size_t number = 0, live = 0, blocks = 0;
    double bytes[PARTS] = {0}, births[PARTS] = {0}, allocated = 0;
    bool filled = false;
    for (size_t i = 0; i < log->events; i++) {
        const size_t size = replay(log, i, &number);
        const bool birth = log->event[i] % 2 == 0;
        live += birth ? size : -size;
        blocks += birth ? 1 : (size_t)-1;
        assert_true(live <= BOUND + 32760);
        filled |= live > BOUND;
        if (birth && filled) { /* the cycle: 2 x 3 x 10 times the bound */
            const unsigned part = (unsigned)(allocated / BOUND / 60 * PARTS);
            bytes[part] += (double)size;
            births[part]++;
            allocated += (double)size;
        }
    }
    assert_int_equal(blocks, 0);
    assert_int_equal(last.seat[0].worker.done, number);
    double mean[PARTS];
    for (unsigned i = 0; i < PARTS; i++)
        mean[i] = bytes[i] / births[i];
    assert_true(mean[3] > 4 * mean[0] && mean[4] > 4 * mean[7]); /* of the 8 that the ends have */
    assert_true(mean[1] > mean[0] && mean[2] > mean[1] && mean[3] > mean[2] && mean[5] < mean[4]);
}

static void large_blocks_are_of_the_range_and_touched_if_wanted(void **state) {
    (void)state;
    static const struct {
        const char *word;
        size_t least, most;
    } ranges[] = {
        {"64k-32m", 64 << 10, 32 << 20}, {"published", 5 << 20, 25 << 20}, {"small", 64 << 10, 1 << 20}};
    for (unsigned r = 0; r < 3; r++) {
        const struct example e = {.workload = "large", .word = {ranges[r].word, "4", "0"}, .operations = 20};
        mock.not_used = 0;
        run(&e, &libc_allocator, 1, 1, logs[0]);
        assert_int_equal(mock.not_used, 24);
        assert_int_equal(mock.peak_live, 4);
        for (size_t i = 0; i < logs[0][0].events; i++)
            if (logs[0][0].event[i] % 2 == 0)
                assert_in_range(logs[0][0].event[i] / 2, ranges[r].least, ranges[r].most);
    }
}

/* Nearly each request replaces a block that is smaller; none is of a size that hangs. */
static void blocks_grow_to_their_final_size(void **state) {
    (void)state;
    const struct example e = {.workload = "realloc-growth", .word = {"200000", "8"}, .operations = 5000};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    size_t number = 0, largest = 0, growths = 0;
    for (size_t i = 0; i < log->run_ended; i++) {
        const size_t size = replay(log, i, &number);
        if (log->event[i] % 2 == 1 && i > 0 && log->event[i - 1] % 2 == 0) /* malloc and free: it moved */
            growths += size < replayed[number - 1]; /* else one began and another ended */
        largest = size > largest ? size : largest;
        assert_true(size < 32761 || size > 65528);
        assert_true(size <= 200000);
    }
    assert_true(largest > 65536 && growths > 4000);
    assert_int_equal(last.seat[0].worker.done, number);
}

static void a_realloc_that_loses_contents_is_found(void **state) {
    (void)state;
    const struct example e = {.workload = "realloc-growth", .word = {"4096", "4"}, .operations = 100};
    mock.forgets = true;
    run(&e, &libc_allocator, 1, 1, logs[0]);
    assert_int_equal(last.seat[0].result, WORK_WRONG);
    assert_non_null(strstr(last.seat[0].worker.why, "realloc"));
}

static char distribution_path[] = "/tmp/workload_test_XXXXXX";

static void write_distribution(const char *text) {
    strcpy(distribution_path + strlen(distribution_path) - 6, "XXXXXX");
    const int file = mkstemp(distribution_path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

/* Births by rate, live blocks by count, and both stay so. */
static void a_distribution_decides_what_lives_and_what_is_born(void **state) {
    (void)state;
    write_distribution(
        "# size, rate, live\n\n16, 300, 1000\r\n 4096,100, 1000\n32, 100, 0\n40000, 1000, 1000");
    const struct example e = {
        .workload = "empirical", .word = {distribution_path, "1", "0", "32760"}, .operations = 50000};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    unlink(distribution_path);
    const struct log *const log = &logs[0][0];
    size_t number = 0, live[3] = {0}, born[3] = {0};
    for (size_t i = 0; i < log->run_ended; i++) {
        const size_t size = replay(log, i, &number);
        const unsigned class = size == 16 ? 0 : size == 4096 ? 1 : 2;
        assert_true(class < 2 || size == 32);
        live[class] += log->event[i] % 2 == 0 ? 1 : (size_t)-1;
        born[class] += log->event[i] % 2 == 0 && i >= log->run_began;
        if (i >= log->run_began && log->event[i] % 2 == 0)
            assert_in_range(live[class], class == 2 ? 1 : 255,
                            class == 2 ? 1 : 256); /* 1 MiB / (16 + 4096) */
    }
    assert_in_range(born[0], 29000, 31000);
    assert_in_range(born[1], 9000, 11000);
    assert_in_range(born[2], 9000, 11000);
}

static void a_share_of_blocks_is_freed_by_the_next_thread(void **state) {
    (void)state;
    const struct example e = {
        .workload = "empirical", .word = {"fleet", "1", "50", "32760"}, .operations = 20000};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    for (unsigned t = 0; t < THREADS; t++) { /* numbers are of who allocated: so some are freed twice over */
        const struct log *const log = &logs[0][t];
        size_t frees = 0;
        for (size_t i = log->run_began; i < log->run_ended; i++)
            frees += log->event[i] % 2;
        assert_in_range(frees, 18000, 20000 - 1); /* the last rounds' are on their way */
        assert_int_equal(log->run_ended - log->run_began - frees, 20000);
    }
}

static void a_wrong_distribution_is_told_by_its_line(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"8,1\n", ":1: a comma"},
        {"8,1,1\n\n8,1,1,1\n", ":3: more than"},
        {"8,1,\n9,1,1\n", ":1: three"},
        {"8,x,1\n", ":1: three"},
        {"0,1,1\n", ":1: the size"},
        {"1.5,1,1\n", ":1: the size"},
        {"8,-1,1\n", ":1: rate"},
        {"8,1,nan\n", ":1: rate"},
        {"8,1,inf\n", ":1: rate"},
        {"", "no size up to 32760"},
        {"40000,1,1\n", "no size up to 32760"},
        {"8,0,1\n", "no size up to 32760"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char why[400] = "";
        write_distribution(wrong[i][0]);
        struct cell cell = {.allocator = &libc_allocator,
                            .workload = workload_named("empirical"),
                            .word = {distribution_path},
                            .number = {0, 1, 0, 32760},
                            .threads = 1};
        assert_false(cell.workload->prepare(&cell, why, sizeof why));
        cell.workload->finish(&cell);
        unlink(distribution_path);
        assert_int_equal(memory_mapped(), 0);
        assert_int_equal(strncmp(why, "unavailable: ", 13), 0);
        if (strstr(why, wrong[i][1]) == NULL || strstr(why, distribution_path) == NULL)
            fail_msg("%s: not \"%s\"", why, wrong[i][1]);
    }
}

/* Strings, values and the nodes of both indexes; nothing outlives its document. */
static void an_application_drops_each_document(void **state) {
    (void)state;
    const struct example e = {.workload = "application", .word = {"16"}, .operations = 4};
    run(&e, &libc_allocator, 1, 1, logs[0]);
    const struct log *const log = &logs[0][0];
    size_t number = 0, live = 0, emptied = 0, largest = 0;
    for (size_t i = 0; i < log->run_ended; i++) {
        const size_t size = replay(log, i, &number);
        live += log->event[i] % 2 == 0 ? 1 : (size_t)-1;
        emptied += live == 0;
        largest = size > largest ? size : largest;
    }
    assert_int_equal(emptied, 4);
    assert_in_range(largest, 256, 4096);
    assert_true(mock.peak_live > 1000);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_workload_of_the_list_has_an_example),
        TEST(all_operations_are_done_and_all_blocks_used_and_freed),
        TEST(a_cell_that_never_ran_leaves_nothing),
        TEST(requests_are_the_same_for_two_allocators),
        TEST(what_is_allocated_is_the_same_where_only_frees_hang_on_luck),
        TEST(requests_differ_between_seeds_and_workers_where_they_should),
        TEST(null_at_any_call_ends_in_out_of_memory_and_no_leak),
        TEST(so_does_null_in_the_warm_up),
        TEST(who_knows_its_peak_knows_it_exactly),
        TEST(pairs_and_batches_free_in_the_order_of_their_shape),
        TEST(distinct_sizes_are_those_of_the_table),
        TEST(intensity_alone_times_its_work),
        TEST(a_reversal_holds_both_lists_at_its_turn),
        TEST(a_list_out_of_order_is_found),
        TEST(what_a_producer_allocates_its_consumer_frees),
        TEST(what_one_allocates_all_others_free),
        TEST(many_deal_to_many),
        TEST(producers_and_consumers_change_roles),
        TEST(batches_travel_in_order_and_no_more_than_the_list_holds),
        TEST(mixed_sizes_keep_their_live_set),
        TEST(phases_reach_one_peak_with_every_size_and_keep_a_tenth),
        TEST(one_live_set_goes_round_all_threads),
        TEST(old_batches_are_allocated_and_freed_in_order),
        TEST(sizes_of_glibc_thread_fall_with_the_inverse_square),
        TEST(threads_of_larson_end_and_others_go_on_with_their_slots),
        TEST(thirds_of_shbench_are_the_youngest_the_oldest_and_any),
        TEST(what_shbench_gives_the_next_worker_frees),
        TEST(a_server_keeps_half_of_its_blocks_to_the_end_of_the_phase),
        TEST(a_block_that_someone_else_wrote_to_is_found),
        TEST(sets_go_to_others_and_the_rest_stays),
        TEST(each_generation_is_a_thread_and_leaves_one_block),
        TEST(alloc_test_keeps_half_of_its_slots_full_of_small_blocks),
        TEST(a_drift_of_sizes_keeps_its_bytes),
        TEST(large_blocks_are_of_the_range_and_touched_if_wanted),
        TEST(blocks_grow_to_their_final_size),
        TEST(a_realloc_that_loses_contents_is_found),
        TEST(a_distribution_decides_what_lives_and_what_is_born),
        TEST(a_share_of_blocks_is_freed_by_the_next_thread),
        TEST(a_wrong_distribution_is_told_by_its_line),
        TEST(an_application_drops_each_document),
    };
    mock.arena = malloc(ARENA_BYTES);
    if (mock.arena == NULL)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(mock.arena);
    return failed;
}
