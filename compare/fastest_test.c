/* SPDX-License-Identifier: MIT
 *
 * Who was fastest, of made-up summaries: a name is given only to whom most of its own cells bear out.
 */
#include "figure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct summary_row rows[16];
static size_t row_count;

static int nothing_measured(void **state) {
    (void)state;
    row_count = 0;
    return 0;
}

static void add(const char *allocator, unsigned threads, double ratio, const char *verdict) {
    rows[row_count++] =
        (struct summary_row){"w",   "-",   threads, allocator, "time_ns", ratio,
                             ratio, ratio, ratio,   verdict,   9,         isnan(ratio) ? "crashed" : "ok"};
}

static void answers(const char *baseline, const char *expected) {
    char answer[512];
    figure_fastest(rows, row_count, baseline, answer, sizeof answer);
    assert_string_equal(answer, expected);
}

static void the_lowest_geometric_mean_is_fastest(void **state) {
    (void)state;
    add("glibc", 1, 1, "baseline");
    add("glibc", 2, 1, "baseline");
    add("a", 1, 0.5, "better");
    add("a", 2, 0.5, "better");
    add("b", 1, 0.2, "better"); /* the geometric mean of 0.2 and 0.8 is 0.4, the arithmetic 0.5 */
    add("b", 2, 0.8, "better");
    answers("glibc", "Fastest over its 2 cells was b: 0.40 times glibc's time by the geometric mean.");
}

static void a_baseline_that_all_are_slower_than_is_not_called_unseparated(void **state) {
    (void)state;
    add("glibc", 1, 1, "baseline");
    add("a", 1, 2, "worse");
    answers("glibc", "None was faster than glibc by the geometric mean of its ratios.");
}

static void a_mean_that_few_of_its_cells_bear_out_is_said_to_be(void **state) {
    (void)state;
    add("glibc", 1, 1, "baseline");
    add("a", 1, 0.25, "better");
    add("a", 2, 1.1, "not-separated");
    add("b", 1, 0.9, "better");
    add("b", 2, 0.9, "better");
    answers(
        "glibc",
        "None stands out: the lowest geometric mean is a's, 0.52 times glibc's time, but it is separated as faster in only 1 of its 2 cells.");
}

static void the_control_and_what_failed_are_no_candidates(void **state) {
    (void)state;
    add("glibc", 1, 1, "baseline");
    add("glibc@control", 1, 0.5, "control");
    add("a", 1, NAN, "-");
    answers("glibc", "No cell was measured that could be compared with glibc.");
    add("b", 1, 0.9, "better");
    answers("glibc", "Fastest over its 1 cells was b: 0.90 times glibc's time by the geometric mean.");
}

static void figures_other_than_time_do_not_count(void **state) {
    (void)state;
    add("glibc", 1, 1, "baseline");
    add("a", 1, 0.9, "better");
    add("b", 1, 0.1, "better");
    rows[2].metric = "peak_resident_bytes";
    answers("glibc", "Fastest over its 1 cells was a: 0.90 times glibc's time by the geometric mean.");
}

#define answer_test(f) cmocka_unit_test_setup(f, nothing_measured)

int main(void) {
    const struct CMUnitTest tests[] = {
        answer_test(the_lowest_geometric_mean_is_fastest),
        answer_test(a_baseline_that_all_are_slower_than_is_not_called_unseparated),
        answer_test(a_mean_that_few_of_its_cells_bear_out_is_said_to_be),
        answer_test(the_control_and_what_failed_are_no_candidates),
        answer_test(figures_other_than_time_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
