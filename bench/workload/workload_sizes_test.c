/* SPDX-License-Identifier: MIT
 *
 * What each workload promises of its sizes: how they are distributed, how many blocks and bytes live at once,
 * and which blocks are never freed while it runs.
 */
#include "workload_rig.h"

#include <unistd.h>

static void distinct_sizes_are_those_of_the_table(void **state) {
    (void)state;
    static const uint64_t sizes[THREADS] = {16, 64, 128, 256};
    const struct example e = {.workload = "distinct-sizes", .operations = 1};
    run(&e, &libc_allocator, THREADS, 1, logs[0]);
    for (unsigned t = 0; t < THREADS; t++)
        assert_int_equal(logs[0][t].event[0], 2 * sizes[t]);
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
        assert_int_equal(mock.not_used, 4 + 100 + 100);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(distinct_sizes_are_those_of_the_table),
        TEST(mixed_sizes_keep_their_live_set),
        TEST(phases_reach_one_peak_with_every_size_and_keep_a_tenth),
        TEST(sizes_of_glibc_thread_fall_with_the_inverse_square),
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
    return cmocka_run_group_tests(tests, NULL, NULL);
}
