/* SPDX-License-Identifier: MIT
 *
 * Every workload of the list through the same assertions: whatever was allocated is used and freed, and the
 * requests depend on the seed and the worker alone, not on the allocator.
 */
#include "workload_examples.h"

/* ---- a second allocator, that never hands out an address twice ---- */

enum { ARENA_BYTES = 384 << 20 };
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
