/* SPDX-License-Identifier: MIT
 *
 * compare diff on made-up rounds whose changes are known.
 */
#include "diff.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- two results ---- */

static struct store before, after;

static void say(struct store *store, const char *key, const char *value) {
    store->head = arena_grow(store->head, store->heads, sizeof *store->head);
    struct host_fact *const fact = &store->head[store->heads++];
    snprintf(fact->key, sizeof fact->key, "%s", key);
    snprintf(fact->value, sizeof fact->value, "%s", value);
}

static int begin(void **state) {
    (void)state;
    before = (struct store){.dir = "old", .finished = true};
    after = (struct store){.dir = "new", .finished = true};
    for (int i = 0; i < 2; i++) {
        struct store *const store = i == 0 ? &before : &after;
        say(store, "host", "a machine");
        say(store, "baseline", "best:base,a");
        say(store, "library base", "/lib/libbase.so 1 sha256:1");
        say(store, "library a", i == 0 ? "/lib/liba.so 1 sha256:2" : "/lib/liba.so 2 sha256:3");
        say(store, "floor", "null");
    }
    return 0;
}

static void row(struct store *store, const char *allocator, const char *workload, unsigned round,
                const char *metric, double value, const char *status) {
    store->row = arena_grow(store->row, store->rows, sizeof *store->row);
    store->row[store->rows++] =
        (struct round_row){workload, "-", 1, allocator, round, metric, value, status, NULL};
}

/* How fast the machine is: it drifts from round to round, and NEW's is half as fast. */
static double drift(const struct store *store, unsigned round) {
    return (store == &after ? 2 : 1) * (1 + 0.3 * (round % 3));
}

/* ROUNDS around VALUE, with a noise of 1 % that is another in each round. */
static void rounds(struct store *store, const char *allocator, const char *workload, const char *metric,
                   double value, unsigned n) {
    for (unsigned r = 1; r <= n; r++)
        row(store, allocator, workload, r, metric,
            value * (1 + 0.005 * ((r * 7 + value) / 9 - floor((r * 7 + value) / 9) - 0.5)) *
                (strcmp(metric, "time_ns") == 0 ? drift(store, r) : 1),
            "ok");
}

/* Nine rounds in each. */
static void both(const char *allocator, const char *workload, const char *metric, double then, double now) {
    rounds(&before, allocator, workload, metric, then, 9);
    rounds(&after, allocator, workload, metric, now, 9);
}

static struct diff made(void) {
    return diff_make(&before, &after, "base", 0.05);
}

static void near(double a, double b) {
    if (!(fabs(a / b - 1) < 0.01))
        fail_msg("%g is not about %g", a, b);
}

static bool warns(const struct diff *d, const char *text) {
    for (size_t i = 0; i < d->warnings.count; i++)
        if (strstr(d->warnings.word[i], text) != NULL)
            return true;
    return false;
}

/* ---- verdicts ---- */

static void a_slower_machine_is_no_regression(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("a", "w", "time_ns", 80, 80);
    const struct diff d = made();
    assert_int_equal(d.cells, 1);
    assert_int_equal(d.cell[0].kind, DIFF_SAME);
    near(d.cell[0].before, 0.8);
    near(d.cell[0].after, 0.8);
    near(d.cell[0].change.median, 1);
    assert_int_equal(d.too_much + d.broken + d.lefts, 0);
}

static void what_is_separated_and_above_the_limit_is_too_much(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        static const char *const workloads[] = {"far", "near", "less", "same"};
        static const double now[] = {88, 83, 60, 80};
        both("base", workloads[i], "time_ns", 100, 100);
        both("a", workloads[i], "time_ns", 80, now[i]);
    }
    const struct diff d = made();
    assert_int_equal(d.cells, 4);
    assert_int_equal(d.too_much, 1);
    assert_string_equal(d.cell[0].row->workload, "far");
    assert_true(d.cell[0].too_much);
    near(d.cell[0].change.median, 1.1);
    assert_true(d.cell[0].change.low > 1);
    assert_string_equal(d.cell[1].row->workload, "near");
    assert_int_equal(d.cell[1].kind, DIFF_WORSE);
    assert_false(d.cell[1].too_much);
    assert_int_equal(d.cell[2].kind, DIFF_BETTER);
    assert_int_equal(d.cell[3].kind, DIFF_SAME);
}

static void a_large_change_that_is_not_separated_is_none(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    for (unsigned r = 1; r <= 9; r++) {
        row(&before, "a", "w", r, "time_ns", (r % 2 == 0 ? 50 : 150) * drift(&before, r), "ok");
        row(&after, "a", "w", r, "time_ns", (r % 2 == 1 ? 250 : 50) * drift(&after, r), "ok");
    }
    const struct diff d = made();
    assert_true(d.cell[0].after > 1.2 * d.cell[0].before);
    assert_int_equal(d.cell[0].kind, DIFF_SAME);
    assert_int_equal(d.too_much, 0);
}

static void more_memory_in_the_same_time_has_its_own_lines(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        static const char *const workloads[] = {"slower", "same"};
        both("base", workloads[i], "time_ns", 100, 100);
        both("base", workloads[i], "peak_resident_bytes", 4e6, 4e6);
        both("a", workloads[i], "time_ns", 80, i == 0 ? 90 : 80);
        both("a", workloads[i], "peak_resident_bytes", 4e6, 6e6);
    }
    const struct diff d = made();
    assert_int_equal(d.cells, 4);
    assert_int_equal(d.too_much, 3);
    assert_int_equal(d.cell[0].kind, DIFF_WORSE);
    assert_int_equal(d.cell[1].kind, DIFF_WORSE);
    assert_int_equal(d.cell[2].kind, DIFF_MEMORY);
    assert_string_equal(d.cell[2].row->workload, "same");
    near(d.cell[2].change.median, 1.5);
}

static void little_memory_is_not_compared(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("base", "w", "peak_resident_bytes", 8192, 8192);
    both("a", "w", "time_ns", 80, 80);
    both("a", "w", "peak_resident_bytes", 4096, 8192);
    assert_int_equal(made().cells, 1);
}

static void latencies_are_compared_where_both_have_them(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("base", "w", "p99.9_ns", 1000, 1000);
    both("a", "w", "time_ns", 80, 80);
    rounds(&before, "a", "w", "p99.9_ns", 2000, 9);
    assert_int_equal(made().cells, 1);
    assert_int_equal(made().lefts, 0);
    rounds(&after, "a", "w", "p99.9_ns", 3000, 9);
    const struct diff d = made();
    assert_int_equal(d.cells, 2);
    assert_string_equal(d.cell[0].row->metric, "p99.9_ns");
    near(d.cell[0].change.median, 1.5);
    assert_true(d.cell[0].too_much);
}

static void all_comparisons_share_the_five_percent(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    rounds(&before, "a", "w", "time_ns", 80, 4);
    rounds(&after, "a", "w", "time_ns", 160, 4); /* 4 and 4 are enough for one: 2 / 70 */
    assert_int_equal(made().cell[0].kind, DIFF_WORSE);
    rounds(&before, "b", "w", "time_ns", 80, 4);
    rounds(&after, "b", "w", "time_ns", 160, 4);
    const struct diff d = made();
    assert_int_equal(d.cell[0].kind, DIFF_TOO_FEW);
    assert_int_equal(d.intervals, 0);
    assert_true(warns(&d, "too few rounds"));
}

/* ---- what is not compared ---- */

static void cells_of_one_run_are_named(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("a", "w", "time_ns", 80, 80);
    rounds(&before, "gone", "w", "time_ns", 80, 9);
    rounds(&after, "come", "w", "time_ns", 80, 9);
    rounds(&after, "come", "w", "peak_resident_bytes", 8e6, 9);
    const struct diff d = made();
    assert_int_equal(d.cells, 1);
    assert_int_equal(d.lefts, 2);
    assert_string_equal(d.left[0].row->allocator, "come");
    assert_string_equal(d.left[0].why, "only in NEW");
    assert_string_equal(d.left[1].why, "only in OLD");
    assert_int_equal(d.broken, 0);
}

static void what_fails_in_new_alone_is_broken(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("base", "v", "time_ns", 100, 100);
    rounds(&before, "a", "w", "time_ns", 80, 9);
    row(&after, "a", "w", 1, "time_ns", NAN, "crashed");
    row(&before, "a", "v", 1, "time_ns", NAN, "out-of-memory");
    row(&after, "a", "v", 1, "time_ns", NAN, "out-of-memory");
    row(&before, "b", "v", 1, "time_ns", NAN, "timeout");
    rounds(&after, "b", "v", "time_ns", 80, 9);
    const struct diff d = made();
    assert_int_equal(d.cells, 0);
    assert_int_equal(d.broken, 1);
    assert_int_equal(d.lefts, 3);
    assert_string_equal(d.left[0].why, "out-of-memory in both");
    assert_string_equal(d.left[1].why, "timeout in OLD");
    assert_string_equal(d.left[2].why, "crashed in NEW");
    assert_true(d.left[2].broken);
}

static void no_verdict_rests_on_threads_that_took_turns(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    rounds(&before, "a", "w", "time_ns", 80, 9);
    for (unsigned r = 1; r <= 9; r++)
        row(&after, "a", "w", r, "time_ns", 200 * drift(&after, r), r < 3 ? "not-concurrent" : "ok");
    assert_int_equal(made().cells, 0);
    assert_string_equal(made().left[0].why, "not-concurrent in NEW");
    after.row[after.rows - 8].status = "ok"; /* one of nine */
    const struct diff d = made();
    assert_int_equal(d.cells, 1);
    assert_int_equal(d.cell[0].rounds[1], 8);
}

static void nor_on_a_baseline_whose_threads_did(void **state) {
    (void)state;
    both("a", "w", "time_ns", 80, 160);
    rounds(&before, "base", "w", "time_ns", 100, 9);
    for (unsigned r = 1; r <= 9; r++)
        row(&after, "base", "w", r, "time_ns", 100 * drift(&after, r), r < 3 ? "not-concurrent" : "ok");
    const struct diff d = made();
    assert_int_equal(d.cells, 0);
    assert_int_equal(d.lefts, 1); /* the baseline is not named itself */
    assert_string_equal(d.left[0].why, "base beside it: not-concurrent in NEW");
}

static void a_script_of_another_length_is_another_measurement(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("a", "w", "time_ns", 80, 160);
    struct calibration then = {"w", "-", 1, 1000, 1}, now = {"w", "-", 1, 2000, 1};
    before.calibration = &then;
    after.calibration = &now;
    before.calibrations = after.calibrations = 1;
    assert_int_equal(made().cells, 1);
    now.operations = 2001;
    assert_int_equal(made().cells, 0);
    assert_string_equal(made().left[0].why, "another script: 1000 operations a thread in OLD, 2001 in NEW");
    then.operations = 0; /* by time */
    assert_int_equal(made().cells, 1);
}

static void without_the_baseline_beside_it_nothing_is_compared(void **state) {
    (void)state;
    both("a", "w", "time_ns", 80, 90);
    both("null", "w", "time_ns", 1, 2); /* no allocator */
    const struct diff d = made();
    assert_int_equal(d.cells, 0);
    assert_int_equal(d.lefts, 1);
    assert_string_equal(d.left[0].why, "base beside it: not measured in both");
}

/* ---- doubts ---- */

static void a_baseline_that_moves_against_itself_is_said(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("base@control", "w", "time_ns", 100, 110);
    both("a", "w", "time_ns", 80, 80);
    const struct diff d = made();
    assert_int_equal(d.cells, 1);
    assert_int_equal(d.too_much, 0);
    assert_true(warns(&d, "the baseline against itself has moved from OLD to NEW in 1 of 1"));
}

static void the_same_code_that_moves_is_said(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("a", "w", "time_ns", 80, 100);
    const struct diff other = made();
    assert_false(warns(&other, "same code"));
    snprintf(after.head[3].value, sizeof after.head[3].value, "/elsewhere/liba.so 1 sha256:2");
    const struct diff same = made();
    assert_true(warns(&same, "a is the same code in OLD and NEW, and yet 1 of its figures"));
    const struct diff within = diff_make(&before, &after, "base", 0.5); /* less than what may be */
    assert_false(warns(&within, "same code"));
}

/* ---- whether they may be compared ---- */

static void only_one_machine_and_one_baseline_are_compared(void **state) {
    (void)state;
    char why[1024];
    assert_string_equal(diff_baseline(&before, &after, false, why, sizeof why), "base");
    snprintf(after.head[2].value, sizeof after.head[2].value, "/lib/libbase.so 2 sha256:9");
    assert_null(diff_baseline(&before, &after, false, why, sizeof why));
    assert_non_null(strstr(why, "base is another library"));
    assert_string_equal(diff_baseline(&before, &after, true, why, sizeof why), "base");
    assert_int_equal(begin(NULL), 0);
    snprintf(after.head[0].value, sizeof after.head[0].value, "another");
    assert_null(diff_baseline(&before, &after, false, why, sizeof why));
    assert_non_null(strstr(why, "of another machine than new (a machine; and another)"));
    assert_string_equal(diff_baseline(&before, &after, true, why, sizeof why), "base");
    snprintf(after.head[1].value, sizeof after.head[1].value, "a");
    assert_null(diff_baseline(&before, &after, true, why, sizeof why));
    assert_non_null(strstr(why, "a common one is wanted"));
}

/* ---- the answer ---- */

static void the_answer_is_an_error_of_github_only_there_and_then(void **state) {
    (void)state;
    both("base", "w", "time_ns", 100, 100);
    both("a", "w", "time_ns", 80, 80);
    struct diff d = made();
    const char *const good =
        "no regression of more than 5 % in 1 comparisons; 0 better, 0 worse by less, 1 not separated";
    assert_string_equal(diff_answer(&d, false), good);
    assert_string_equal(diff_answer(&d, true), good);
    assert_int_equal(begin(NULL), 0);
    both("base", "w", "time_ns", 100, 100);
    both("a", "w", "time_ns", 80, 160);
    d = made();
    assert_non_null(strstr(diff_answer(&d, false),
                           "1 regression of more than 5 % in 1 comparisons; first w/threads:1 a "));
    const char *const error = diff_answer(&d, true);
    assert_ptr_equal(strstr(error, "::error title=compare diff::1 regression of more than 5 %25 in"), error);
}

#define of_two_results(f) cmocka_unit_test_setup(f, begin)

int main(void) {
    const struct CMUnitTest tests[] = {
        of_two_results(a_slower_machine_is_no_regression),
        of_two_results(what_is_separated_and_above_the_limit_is_too_much),
        of_two_results(a_large_change_that_is_not_separated_is_none),
        of_two_results(more_memory_in_the_same_time_has_its_own_lines),
        of_two_results(little_memory_is_not_compared),
        of_two_results(latencies_are_compared_where_both_have_them),
        of_two_results(all_comparisons_share_the_five_percent),
        of_two_results(cells_of_one_run_are_named),
        of_two_results(what_fails_in_new_alone_is_broken),
        of_two_results(no_verdict_rests_on_threads_that_took_turns),
        of_two_results(nor_on_a_baseline_whose_threads_did),
        of_two_results(a_script_of_another_length_is_another_measurement),
        of_two_results(without_the_baseline_beside_it_nothing_is_compared),
        of_two_results(a_baseline_that_moves_against_itself_is_said),
        of_two_results(the_same_code_that_moves_is_said),
        of_two_results(only_one_machine_and_one_baseline_are_compared),
        of_two_results(the_answer_is_an_error_of_github_only_there_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
