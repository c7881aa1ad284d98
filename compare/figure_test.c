/* SPDX-License-Identifier: MIT
 *
 * The sentence that answers, to the letter, of made-up summaries: it says what they show and no more.
 */
#include "figure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64 };
static struct summary_row rows[MOST];
static size_t row_count;
static char params[MOST][16];
static char answer[1024];

static int nothing_measured(void **state) {
    (void)state;
    row_count = 0;
    return 0;
}

static void add(const char *workload, const char *p, unsigned threads, const char *metric, double value,
                double ratio, const char *verdict, const char *status) {
    rows[row_count++] = (struct summary_row){.workload = workload,
                                             .params = p,
                                             .threads = threads,
                                             .allocator = "ao",
                                             .metric = metric,
                                             .value = value,
                                             .ratio = ratio,
                                             .low = ratio * 0.9,
                                             .high = ratio * 1.1,
                                             .verdict = verdict,
                                             .rounds = 9,
                                             .status = status};
}

static void list(unsigned threads, double ratio, const char *verdict) {
    add("list-reversal", "counter=private", threads, "time_ns", 10 * ratio, ratio, verdict, "ok");
}

static void list_without_verdict(unsigned threads, const char *status) {
    add("list-reversal", "counter=private", threads, "time_ns", NAN, NAN, "-", status);
}

/* A point of the curve: WORK units, which take WORK_NS. */
static void point(unsigned work, double work_ns, double ratio, const char *verdict) {
    char *const p = params[row_count];
    snprintf(p, sizeof params[0], "work=%u", work);
    add("intensity", p, 2, "time_ns", 100 * ratio, ratio, verdict, isnan(ratio) ? "not-concurrent" : "ok");
    add("intensity", p, 2, "work_ns", work_ns, NAN, "-", "ok");
}

static void answers_of(const char *subject, const char *baseline, const char *expected) {
    figure_answer(rows, row_count, subject, baseline, answer, sizeof answer);
    assert_string_equal(answer, expected);
}

#define LISTS        "AO_malloc against glibc on this machine, list reversal: "
#define ONE_AND_MORE LISTS "0.69 times glibc's time on one thread, 4.90 to 6.30 times under contention; "

/* With what curve there is. */
static void answers_with_lists(const char *expected) {
    list(1, 0.69, "better");
    list(2, 4.9, "worse");
    list(4, 6.3, "worse");
    list(8, 5.5, "worse");
    answers_of("ao", "glibc", expected);
}

static void the_worked_example(void **state) {
    (void)state;
    /* From 8 at 10 ns to 2 at 1000 ns: a quarter over two decades. 4 is half way on logarithmic axes, 100 ns;
     * 3 is log(8/3)/log(4) = 0.7075 of the way, 10 * 100^0.7075 = 260 ns. */
    point(0, 10, 8, "worse");
    point(100, 1000, 2, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 8.0 times slower without work between them, and the slowdown falls through 4 at 100 ns and through 3 at 260 ns of private work a pair.");
}

static void points_are_taken_by_work_not_as_they_stand(void **state) {
    (void)state;
    point(1000, 10000, 1, "not-separated");
    point(100, 1000, 2, "worse");
    point(0, 10, 8, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 8.0 times slower without work between them, and the slowdown falls through 4 at 100 ns and through 3 at 260 ns of private work a pair.");
}

static void the_most_is_called_that_where_it_is_not_without_work(void **state) {
    (void)state;
    point(10, 10, 8, "worse");
    point(100, 1000, 2, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are at most 8.0 times slower, and the slowdown falls through 4 at 100 ns and through 3 at 260 ns of private work a pair.");
}

static void a_curve_that_never_reaches_4(void **state) {
    (void)state;
    /* From 3.6 to 2.5 in one decade: 10^(log(3.6/3)/log(3.6/2.5)) = 10^0.5 = 3.162 */
    point(0, 10, 3.6, "worse");
    point(30, 100, 2.5, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 3.6 times slower without work between them, and the slowdown falls through 3 at 32 ns of private work a pair.");
}

static void a_curve_that_never_falls_below_3(void **state) {
    (void)state;
    /* 5/4 is the root of 5/3.2: half way */
    point(0, 10, 5, "worse");
    point(30, 1000, 3.2, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 3.20 to 5.00 times as slow over the rates of allocation measured: the slowdown falls through 4 at 100 ns of private work a pair and is still 3.20 at 1000 ns, the most measured.");
}

static void a_curve_that_never_falls_below_4(void **state) {
    (void)state;
    point(0, 10, 6, "worse");
    point(30, 1000, 5, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 5.00 to 6.00 times as slow over the rates of allocation measured, and still 5.00 times at 1000 ns of private work a pair, the most measured.");
}

static void a_curve_that_rises_falls_through_nothing(void **state) {
    (void)state;
    point(0, 10, 1.5, "worse");
    point(30, 1000, 5, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 1.50 to 5.00 times as slow over the rates of allocation measured, and still 5.00 times at 1000 ns of private work a pair, the most measured.");
}

static void a_curve_that_rises_again_has_not_fallen(void **state) {
    (void)state;
    point(0, 10, 8, "worse");
    point(30, 100, 2, "worse");
    point(100, 1000, 5, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 2.00 to 8.00 times as slow over the rates of allocation measured, and still 5.00 times at 1000 ns of private work a pair, the most measured.");
}

static void a_curve_under_the_band(void **state) {
    (void)state;
    point(0, 10, 1.4, "not-separated");
    point(30, 1000, 1, "not-separated");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 1.00 to 1.40 times as slow over the rates of allocation measured, which does not reach the page's 3 to 4 (not separated).");
}

static void one_point_is_no_curve(void **state) {
    (void)state;
    point(100, 250, 1.9, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 1.90 times as slow at the one rate of allocation measured, 250 ns of private work a pair.");
}

static void no_curve(void **state) {
    (void)state;
    answers_with_lists(ONE_AND_MORE "how it depends on the rate of allocation was not measured.");
}

static void slowdowns_that_are_not_separated_are_said(void **state) {
    (void)state;
    point(0, 10, 8, "not-separated");
    point(100, 1000, 2, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are 8.0 times slower without work between them, and the slowdown falls through 4 at 100 ns and through 3 at 260 ns of private work a pair (not all separated).");
}

static void rates_without_a_verdict_are_said(void **state) {
    (void)state;
    point(0, 10, NAN, "-");
    point(10, 10, 8, "worse");
    point(100, 1000, 2, "worse");
    answers_with_lists(
        ONE_AND_MORE
        "pairs of 64 bytes on two threads are at most 8.0 times slower, and the slowdown falls through 4 at 100 ns and through 3 at 260 ns of private work a pair (1 of 3 cells without a verdict).");
}

static void lists_that_are_not_separated_are_said(void **state) {
    (void)state;
    list(1, 0.98, "not-separated");
    list(2, 1.2, "not-separated");
    list(8, 1.4, "worse");
    answers_of(
        "ao", "glibc",
        LISTS
        "0.98 times glibc's time on one thread (not separated), 1.20 to 1.40 times under contention (not all separated); how it depends on the rate of allocation was not measured.");
}

static void lists_that_failed_are_said(void **state) {
    (void)state;
    list(1, 0.69, "better");
    list(2, 4.9, "not-separated");
    list_without_verdict(4, "not-concurrent");
    list_without_verdict(8, "crashed");
    answers_of(
        "ao", "glibc",
        LISTS
        "0.69 times glibc's time on one thread, 4.90 times under contention (not separated; 2 of 3 cells without a verdict); how it depends on the rate of allocation was not measured.");
}

static void one_side_alone(void **state) {
    (void)state;
    list_without_verdict(1, "timeout");
    list(2, 4.9, "worse");
    point(0, 10, NAN, "-");
    answers_of(
        "ao", "glibc",
        LISTS
        "no verdict on one thread, 4.90 times glibc's time under contention; no verdict on how it depends on the rate of allocation.");
    row_count = 0;
    list(1, 0.69, "better");
    answers_of(
        "ao", "glibc",
        LISTS
        "0.69 times glibc's time on one thread, not measured under contention; how it depends on the rate of allocation was not measured.");
}

static void nothing_to_answer_with(void **state) {
    (void)state;
    answers_of("ao", "glibc", "AO_malloc against glibc: nothing that answers was measured.");
    list_without_verdict(2, "crashed");
    answers_of("ao", "glibc", "AO_malloc against glibc: no cell that would answer has a verdict.");
    answers_of("other", "glibc", "other against glibc: nothing that answers was measured.");
    answers_of("ao", "ao", "AO_malloc is the baseline: nothing was measured that it could be held against.");
}

static void other_baselines(void **state) {
    (void)state;
    list(1, 2, "worse");
    point(0, 10, 2, "worse");
    point(10, 30, 1.5, "worse");
    answers_of(
        "ao", "jemalloc",
        "AO_malloc against jemalloc on this machine, list reversal: 2.00 times jemalloc's time on one thread, not measured under contention; pairs of 64 bytes on two threads are 1.50 to 2.00 times as slow over the rates of allocation measured, which does not reach 3 to 4.");
    row_count = 1;
    answers_of(
        "ao", "best:glibc,jemalloc",
        "AO_malloc against the fastest of glibc,jemalloc on this machine, list reversal: 2.00 times the fastest's time on one thread, not measured under contention; how it depends on the rate of allocation was not measured.");
}

#define answer_test(f) cmocka_unit_test_setup(f, nothing_measured)

int main(void) {
    const struct CMUnitTest tests[] = {
        answer_test(the_worked_example),
        answer_test(points_are_taken_by_work_not_as_they_stand),
        answer_test(the_most_is_called_that_where_it_is_not_without_work),
        answer_test(a_curve_that_never_reaches_4),
        answer_test(a_curve_that_never_falls_below_3),
        answer_test(a_curve_that_never_falls_below_4),
        answer_test(a_curve_that_rises_falls_through_nothing),
        answer_test(a_curve_that_rises_again_has_not_fallen),
        answer_test(a_curve_under_the_band),
        answer_test(one_point_is_no_curve),
        answer_test(no_curve),
        answer_test(slowdowns_that_are_not_separated_are_said),
        answer_test(rates_without_a_verdict_are_said),
        answer_test(lists_that_are_not_separated_are_said),
        answer_test(lists_that_failed_are_said),
        answer_test(one_side_alone),
        answer_test(nothing_to_answer_with),
        answer_test(other_baselines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
