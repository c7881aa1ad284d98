/* SPDX-License-Identifier: MIT
 *
 * Every workload of the list through the same assertions: whatever was allocated is used and freed, a NULL at
 * any place is survived, and the requests depend on the seed and the worker alone, not on the allocator.
 */
#include "workload_rig.h"

/* ---- what is run ---- */

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

/* ---- a second allocator, that never hands out an address twice ---- */

enum { ARENA_BYTES = 64 << 20 };
static struct {
    unsigned char *byte;
    atomic_size_t used;
} arena;

static void *arena_malloc(size_t size) {
    note(2 * size);
    if (is_refused())
        return NULL;
    const size_t whole = (sizeof(struct front) + size + 15) / 16 * 16;
    const size_t at = atomic_fetch_add(&arena.used, whole);
    if (at + whole > ARENA_BYTES)
        abort(); /* the test wants a larger arena */
    return new_block((struct front *)(void *)(arena.byte + at), size);
}

static void arena_free(void *block) {
    end_block(block);
}

static const struct allocator arena_allocator = {.name = "arena", .malloc = arena_malloc, .free = arena_free};

static void run_in_arena(const struct example *e, unsigned threads, uint64_t seed, struct log *log) {
    arena.used = 0;
    run(e, &arena_allocator, threads, seed, log);
}

/* ---- every workload ---- */

static unsigned threads_of(const struct example *e) {
    return strcmp(workload_named(e->workload)->threads, "1") == 0 ? 1 : THREADS;
}

/* So many that nothing hangs on luck. */
static unsigned few_threads_of(const struct example *e) {
    if (!e->by_luck && !e->frees_by_luck)
        return threads_of(e);
    return workload_named(e->workload)->in_pairs ? 2 : 1;
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
        run_in_arena(&examples[i], threads, 5, logs[1]);
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
        run_in_arena(&examples[i], THREADS, 5, logs[1]);
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

static void intensity_alone_times_its_work(void **state) {
    (void)state;
    for (unsigned i = 0; i < EXAMPLES; i++) {
        run(&examples[i], &libc_allocator, threads_of(&examples[i]), 1, logs[0]);
        assert_int_equal(last.cell.work_ns >= 0, strcmp(examples[i].workload, "intensity") == 0);
    }
}

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
        TEST(intensity_alone_times_its_work),
    };
    arena.byte = malloc(ARENA_BYTES);
    if (arena.byte == NULL)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(arena.byte);
    return failed;
}
