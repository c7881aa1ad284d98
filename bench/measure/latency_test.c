/* SPDX-License-Identifier: MIT
 *
 * Latencies on a clock that stands still but for what the allocator under test takes, and for a step at each reading: so
 * what must be found is known.
 */
#include <time.h>

static int fake_clock(clockid_t clock, struct timespec *t);
#define clock_gettime fake_clock
#include "latency.c"
#undef clock_gettime

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { READING_NS = 20 };
static uint64_t time_ns;

static int fake_clock(clockid_t clock, struct timespec *t) {
    (void)clock;
    time_ns += READING_NS;
    t->tv_sec = (time_t)(time_ns / 1000000000);
    t->tv_nsec = (long)(time_ns % 1000000000);
    return 0;
}

/* ---- an allocator whose times are known ---- */

static unsigned calls, malloc_ns, free_ns, sleep_ns, sleeps_every;

static void take(uint64_t ns) {
    time_ns += ns;
    if (sleeps_every != 0 && ++calls % sleeps_every == 0)
        time_ns += sleep_ns;
}

static void *known_malloc(size_t size) {
    static char block[64];
    (void)size;
    take(malloc_ns);
    return block;
}

static void known_free(void *block) {
    (void)block;
    take(free_ns);
}

static void *known_realloc(void *block, size_t size) {
    (void)size;
    take(700);
    return block;
}

static const struct allocator known = {
    .name = "known", .malloc = known_malloc, .free = known_free, .realloc = known_realloc};

static struct latency_figures run(double gap_ns, unsigned pairs) {
    struct latency_figures f;
    struct latency *const latency = latency_start(&known, gap_ns, 1);
    const struct allocator *const a = latency_allocator(latency);
    a->free(a->malloc(8)); /* before the beginning: not counted */
    latency_begin(latency, 0);
    for (unsigned i = 0; i < pairs; i++)
        a->free(a->malloc(8));
    latency_end();
    a->free(a->malloc(8));
    latency_stop(latency, &f);
    return f;
}

static int begin_anew(void **state) {
    (void)state;
    calls = sleep_ns = sleeps_every = 0;
    malloc_ns = 100, free_ns = 50;
    return 0;
}

/* At most 1.6 % too large, and never too small. */
static void is_about(double measured, double ns) {
    if (!(measured >= ns && measured <= ns * 1.016 + 1))
        fail_msg("%g is not %g", measured, ns);
}

static void malloc_and_free_are_told_apart(void **state) {
    (void)state;
    const struct latency_figures f = run(0, 1000);
    assert_int_equal(f.calls[LATENCY_MALLOC], 1000);
    assert_int_equal(f.calls[LATENCY_FREE], 1000);
    is_about(f.quantile[LATENCY_MALLOC][LATENCY_P50], 100 + READING_NS);
    is_about(f.quantile[LATENCY_MALLOC][LATENCY_MAX], 100 + READING_NS);
    is_about(f.quantile[LATENCY_FREE][LATENCY_P99], 50 + READING_NS);
    is_about(f.quantile[LATENCY_ALL][LATENCY_P50], 50 + READING_NS);
    is_about(f.quantile[LATENCY_ALL][LATENCY_P90], 100 + READING_NS);
}

static void a_realloc_counts_as_a_malloc(void **state) {
    (void)state;
    struct latency_figures f;
    struct latency *const latency = latency_start(&known, 0, 1);
    const struct allocator *const a = latency_allocator(latency);
    latency_begin(latency, 0);
    void *const block = a->malloc(8);
    for (unsigned i = 0; i < 9; i++)
        assert_ptr_equal(a->realloc(block, 8), block);
    latency_end();
    latency_stop(latency, &f);
    assert_int_equal(f.calls[LATENCY_MALLOC], 10);
    assert_int_equal(f.calls[LATENCY_FREE], 0);
    is_about(f.quantile[LATENCY_MALLOC][LATENCY_P50], 700 + READING_NS);
}

static void a_sleeper_is_found_where_it_sleeps(void **state) {
    (void)state;
    sleeps_every = 1000, sleep_ns = 1000000;
    const struct latency_figures f = run(0, 50000); /* 100 of 100000 calls, all of them frees */
    is_about(f.quantile[LATENCY_ALL][LATENCY_P99], 100 + READING_NS);
    is_about(f.quantile[LATENCY_ALL][LATENCY_P99_9], 100 + READING_NS);
    is_about(f.quantile[LATENCY_ALL][LATENCY_P99_99], sleep_ns + 50 + READING_NS);
    is_about(f.quantile[LATENCY_FREE][LATENCY_P99_9], sleep_ns + 50 + READING_NS);
    is_about(f.quantile[LATENCY_MALLOC][LATENCY_MAX], 100 + READING_NS);
}

/* A call every 1000 ns, of which one in 1000 takes 1 ms: so at that moment a thousand are due behind it. */
static void in_the_open_loop_those_behind_a_slow_call_are_slow(void **state) {
    (void)state;
    sleeps_every = 10000, sleep_ns = 1000000;
    const struct latency_figures closed = run(0, 50000), open = run(1000, 50000);
    assert_true(closed.quantile[LATENCY_ALL][LATENCY_P99] < 1000);
    assert_true(open.quantile[LATENCY_ALL][LATENCY_P99] > 500000);
    assert_true(open.quantile[LATENCY_ALL][LATENCY_P50] < 1000);
    assert_false(open.overrun);
    assert_false(closed.overrun);
}

static void who_cannot_keep_up_is_overrun(void **state) {
    (void)state;
    malloc_ns = free_ns = 500;
    assert_false(run(1000, 50000).overrun);
    assert_true(run(400, 50000).overrun);
}

static void arrivals_are_the_same_each_time(void **state) {
    (void)state;
    const uint64_t start = time_ns;
    run(1000, 1000);
    const uint64_t once = time_ns - start;
    malloc_ns = 0;
    const uint64_t again_start = time_ns;
    run(1000, 1000);
    const double difference = (double)(time_ns - again_start) - (double)once;
    assert_true(difference < 1000 && difference > -1000); /* both waited for what was due last */
}

static void every_time_has_a_bucket_that_holds_it(void **state) {
    (void)state;
    unsigned before = 0;
    for (uint64_t ns = 0; ns < (UINT64_C(1) << 39); ns += 1 + ns / 500) {
        const unsigned bucket = bucket_of(ns);
        assert_true(bucket >= before && bucket < BUCKETS);
        assert_true(bucket_top(bucket) >= (double)ns && bucket_top(bucket) <= (double)ns * (1 + 1.0 / 64) + 1);
        before = bucket;
    }
    assert_int_equal(bucket_of(UINT64_MAX), BUCKETS - 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, begin_anew)
    const struct CMUnitTest tests[] = {
        TEST(malloc_and_free_are_told_apart),
        TEST(a_realloc_counts_as_a_malloc),
        TEST(a_sleeper_is_found_where_it_sleeps),
        TEST(in_the_open_loop_those_behind_a_slow_call_are_slow),
        TEST(who_cannot_keep_up_is_overrun),
        TEST(arrivals_are_the_same_each_time),
        TEST(every_time_has_a_bucket_that_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
