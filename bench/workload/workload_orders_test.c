/* SPDX-License-Identifier: MIT
 *
 * What each workload promises of its order: which worker allocates how many blocks, who frees them and when,
 * and that a block that was damaged on its way is found.
 */
#include "workload_rig.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(pairs_and_batches_free_in_the_order_of_their_shape),
        TEST(a_reversal_holds_both_lists_at_its_turn),
        TEST(a_list_out_of_order_is_found),
        TEST(what_a_producer_allocates_its_consumer_frees),
        TEST(what_one_allocates_all_others_free),
        TEST(many_deal_to_many),
        TEST(producers_and_consumers_change_roles),
        TEST(batches_travel_in_order_and_no_more_than_the_list_holds),
        TEST(one_live_set_goes_round_all_threads),
        TEST(old_batches_are_allocated_and_freed_in_order),
        TEST(threads_of_larson_end_and_others_go_on_with_their_slots),
        TEST(thirds_of_shbench_are_the_youngest_the_oldest_and_any),
        TEST(what_shbench_gives_the_next_worker_frees),
        TEST(a_server_keeps_half_of_its_blocks_to_the_end_of_the_phase),
        TEST(a_block_that_someone_else_wrote_to_is_found),
        TEST(sets_go_to_others_and_the_rest_stays),
        TEST(each_generation_is_a_thread_and_leaves_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
