/* SPDX-License-Identifier: MIT
 *
 * Made-up rounds whose summary is known.
 */
#include "summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 200000 };
static struct round_row rows[MOST];
static size_t row_count;
static struct summary_row *summary;
static size_t summary_count;
static char why[256];

static void add(const char *allocator, unsigned round, const char *metric, double value, const char *status) {
    rows[row_count++] = (struct round_row){"w", "p=1", 2, allocator, round, metric, value, status, NULL};
}

static bool summarise(const char *baseline, const char *order) {
    free(summary);
    const struct summary_options options = {.baseline = baseline, .order = order};
    summary = summary_make(rows, row_count, &options, &summary_count, why, sizeof why);
    return summary != NULL;
}

static const struct summary_row *find(const char *allocator, const char *metric) {
    for (size_t i = 0; i < summary_count; i++)
        if (strcmp(summary[i].allocator, allocator) == 0 && strcmp(summary[i].metric, metric) == 0)
            return &summary[i];
    fail_msg("no row of %s, %s", allocator, metric);
    return NULL;
}

static void near(double a, double b) {
    if (fabs(a - b) > 1e-9)
        fail_msg("%g is not %g", a, b);
}

/* Nine rounds on a machine that slows down by half a percent a round: the pairs do not see it. */
static int drifting(void **state) {
    (void)state;
    row_count = 0;
    for (unsigned r = 1; r <= 9; r++) {
        const double drift = 1 + r * 0.005;
        add("slow", r, "time_ns", (30 + (double)r / 10) * drift, "ok");
        add("glibc", r, "time_ns", 10 * drift, "ok");
        add("glibc@control", r, "time_ns", (r % 2 == 0 ? 9.9 : 10.1) * drift, "ok");
        add("fast", r, "time_ns", 5 * drift, "ok");
        add("fast", r, "concurrency", 0.99, "ok");
    }
    return 0;
}

static void pairs_cancel_the_drift(void **state) {
    (void)state;
    assert_true(summarise("glibc", NULL));
    const struct summary_row *const slow = find("slow", "time_ns"), *const fast = find("fast", "time_ns");
    near(slow->ratio, 3.05);
    near(slow->low, 3.01); /* two comparisons at 9 rounds: the extremes */
    near(slow->high, 3.09);
    assert_string_equal(slow->verdict, "worse");
    assert_int_equal(slow->rounds, 9);
    near(fast->ratio, 0.5);
    assert_string_equal(fast->verdict, "better");
    near(slow->value, 30.5 * 1.025);
}

static void the_baseline_and_the_control_have_verdicts_of_their_own(void **state) {
    (void)state;
    assert_true(summarise("glibc", NULL));
    near(find("glibc", "time_ns")->ratio, 1);
    assert_string_equal(find("glibc", "time_ns")->verdict, "baseline");
    assert_string_equal(find("glibc@control", "time_ns")->verdict, "control");
    near(find("glibc@control", "time_ns")->low, 0.99);
}

static void facts_have_no_verdict(void **state) {
    (void)state;
    assert_true(summarise("glibc", NULL));
    near(find("fast", "concurrency")->value, 0.99);
    assert_true(isnan(find("fast", "concurrency")->ratio));
    assert_string_equal(find("fast", "concurrency")->verdict, "-");
}

static void another_baseline_leaves_the_foreign_control_out(void **state) {
    (void)state;
    assert_true(summarise("fast", NULL));
    near(find("glibc", "time_ns")->ratio, 2);
    for (size_t i = 0; i < summary_count; i++)
        assert_string_not_equal(summary[i].allocator, "glibc@control");
}

static void the_best_of_several_is_chosen_in_each_cell(void **state) {
    (void)state;
    assert_true(summarise("best:glibc,fast", NULL));
    assert_string_equal(find("fast", "time_ns")->verdict, "baseline");
    near(find("glibc", "time_ns")->ratio, 2);
    assert_string_equal(find("glibc@control", "time_ns")->verdict, "control");
    near(find("glibc@control", "time_ns")->low, 0.99); /* against glibc, not against the best */
}

static void allocators_come_in_the_order_asked_for(void **state) {
    (void)state;
    assert_true(summarise("glibc", "fast,glibc"));
    assert_string_equal(summary[0].allocator, "fast");
    assert_string_equal(summary[0].metric, "time_ns");
    assert_string_equal(summary[1].metric, "concurrency");
    assert_string_equal(summary[2].allocator, "glibc");
}

static void a_missing_baseline_is_said(void **state) {
    (void)state;
    assert_false(summarise("nonsense", NULL));
    assert_non_null(strstr(why, "nonsense"));
}

static void a_failure_is_the_status_and_no_verdict_rests_on_it(void **state) {
    (void)state;
    drifting(state);
    add("broken", 1, "time_ns", NAN, "crashed");
    add("broken", 2, "time_ns", NAN, "crashed");
    assert_true(summarise("glibc", NULL));
    assert_string_equal(find("broken", "time_ns")->status, "crashed");
    assert_string_equal(find("broken", "time_ns")->verdict, "-");
    assert_true(isnan(find("broken", "time_ns")->value));
    near(find("slow", "time_ns")->ratio, 3.05);
}

static void more_than_a_fifth_not_concurrent_takes_the_verdict_away(void **state) {
    (void)state;
    row_count = 0;
    for (unsigned r = 1; r <= 10; r++) {
        add("glibc", r, "time_ns", 10, "ok");
        add("a", r, "time_ns", 20, r <= 2 ? "not-concurrent" : "ok");
        add("b", r, "time_ns", 20, r <= 3 ? "not-concurrent" : "ok");
    }
    assert_true(summarise("glibc", NULL));
    assert_string_equal(find("a", "time_ns")->verdict, "worse");
    assert_int_equal(find("a", "time_ns")->rounds, 8);
    assert_string_equal(find("b", "time_ns")->status, "not-concurrent");
    assert_string_equal(find("b", "time_ns")->verdict, "-");
    near(find("b", "time_ns")->value, 20);
}

static void zero_has_no_ratio_and_higher_may_be_better(void **state) {
    (void)state;
    row_count = 0;
    for (unsigned r = 1; r <= 9; r++) {
        add("glibc", r, "ops_per_second", 100, "ok");
        add("glibc", r, "page_faults", 3, "ok");
        add("a", r, "ops_per_second", 200, "ok");
        add("a", r, "page_faults", 0, "ok");
    }
    add("a", 0, "line_sharing", 0.25, "ok");
    assert_true(summarise("glibc", NULL));
    assert_string_equal(find("a", "ops_per_second")->verdict, "better");
    assert_true(isnan(find("a", "page_faults")->ratio));
    near(find("a", "page_faults")->value, 0);
    near(find("a", "line_sharing")->value, 0.25);
    assert_string_equal(find("a", "line_sharing")->verdict, "-");
}

/* 100 000 rows: quick, or this test would be noticed. */
static void many_rows_are_no_trouble(void **state) {
    (void)state;
    static char workload[200][16];
    static const char *const allocators[] = {"glibc", "a", "b", "c", "d"};
    row_count = 0;
    for (int w = 0; w < 200; w++) {
        snprintf(workload[w], sizeof workload[w], "w%d", w);
        for (unsigned r = 1; r <= 25; r++)
            for (int a = 0; a < 5; a++)
                for (int m = 0; m < 4; m++) {
                    static const char *const metric[] = {"time_ns", "ops_per_second", "page_faults",
                                                         "concurrency"};
                    add(allocators[a], r, metric[m], 1 + a, "ok");
                    rows[row_count - 1].workload = workload[w];
                }
    }
    assert_int_equal(row_count, 100000);
    assert_true(summarise("glibc", NULL));
    assert_int_equal(summary_count, 200 * 5 * 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pairs_cancel_the_drift, drifting),
        cmocka_unit_test_setup(the_baseline_and_the_control_have_verdicts_of_their_own, drifting),
        cmocka_unit_test_setup(facts_have_no_verdict, drifting),
        cmocka_unit_test_setup(another_baseline_leaves_the_foreign_control_out, drifting),
        cmocka_unit_test_setup(the_best_of_several_is_chosen_in_each_cell, drifting),
        cmocka_unit_test_setup(allocators_come_in_the_order_asked_for, drifting),
        cmocka_unit_test_setup(a_missing_baseline_is_said, drifting),
        cmocka_unit_test(a_failure_is_the_status_and_no_verdict_rests_on_it),
        cmocka_unit_test(more_than_a_fifth_not_concurrent_takes_the_verdict_away),
        cmocka_unit_test(zero_has_no_ratio_and_higher_may_be_better),
        cmocka_unit_test(many_rows_are_no_trouble),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(summary);
    return failed;
}
