/* SPDX-License-Identifier: MIT
 *
 * Claims on made-up figures whose verdicts are known.
 */
#include "claim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- what there is ---- */

static struct round_row rows[4096];
static size_t count;
static struct safety_row safety_row[8];
static struct safety_rows safety;

static void figure(const char *allocator, const char *workload, unsigned threads, unsigned round,
                   const char *metric, double value) {
    rows[count++] = (struct round_row){workload, "-", threads, allocator, round, metric, value, "ok", NULL};
}

/* Nine rounds between LOW and HIGH; the machine's drift is in all allocators' figures of a round alike. */
static void figures(const char *allocator, const char *workload, unsigned threads, const char *metric,
                    double low, double high) {
    for (unsigned round = 1; round <= 9; round++) {
        const double drift = 1 + 0.3 * (round % 3);
        figure(allocator, workload, threads, round, metric, drift * (low + (high - low) * (round - 1) / 8));
    }
}

static int forget(void **state) {
    (void)state;
    count = 0;
    safety = (struct safety_rows){safety_row, 0};
    return 0;
}

static void near(double a, double b) {
    if (!(fabs(a - b) < 1e-9))
        fail_msg("%g is not %g", a, b);
}

/* ---- claims of a text ---- */

static struct claims claims;
static char why[1024];

static bool reads(const char *text) {
    char path[] = "/tmp/claim_test_XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    const bool good = claims_read(&claims, path, why, sizeof why);
    unlink(path);
    return good;
}

#define HEAD  "allocators a glibc\ncells pair\n\nclaim c\nsays \"something\"\nwhere a page\nmeasures time\n"
#define CELLS "of a\ncells pair/threads:1\n"

static struct claim_rows judge(const char *rest) {
    if (!reads(arena_format(HEAD "%s", rest)))
        fail_msg("%s", why);
    return claims_judge(&claims, rows, count, &safety);
}

static struct claim_row the_row(const char *rest) {
    const struct claim_rows judged = judge(rest);
    assert_int_equal(judged.count, 1);
    return judged.row[0];
}

static void is(const char *verdict, const char *rest) {
    const struct claim_row row = the_row(rest);
    if (strcmp(row.verdict, verdict) != 0)
        fail_msg("%s, not %s, of\n%s%s", row.verdict, verdict, rest, row.note);
}

/* ---- a value and its bound ---- */

static void a_bound_that_is_turned_round_fails(void **state) {
    (void)state;
    figures("a", "pair", 1, "time_ns", 79, 81);
    figures("glibc", "pair", 1, "time_ns", 100, 100);
    is("holds", CELLS "value time_ns / glibc:time_ns\nbound <= 1\n");
    is("fails", CELLS "value time_ns / glibc:time_ns\nbound >= 1\n");
    is("fails", CELLS "value glibc:time_ns / time_ns\nbound <= 1\n");
    is("holds", CELLS "value time_ns / glibc:time_ns\nbound within 0.7 0.9\n");
    is("fails", CELLS "value time_ns / glibc:time_ns\nbound within 1.1 1.3\n");
}

static void an_interval_that_contains_the_bound_is_undecided(void **state) {
    (void)state;
    figures("a", "pair", 1, "time_ns", 95, 106);
    figures("glibc", "pair", 1, "time_ns", 100, 100);
    is("undecided", CELLS "value time_ns / glibc:time_ns\nbound <= 1\n");
    is("undecided", CELLS "value time_ns / glibc:time_ns\nbound >= 1\n");
    is("undecided", CELLS "value time_ns / glibc:time_ns\nbound within 1 2\n");
    is("holds", CELLS "value time_ns / glibc:time_ns\nbound <= 1.2\n");
}

static void what_drifts_with_the_machine_is_paired(void **state) {
    (void)state;
    figures("a", "pair", 1, "time_ns", 80, 80); /* from 80 to 128 by the drift */
    figures("glibc", "pair", 1, "time_ns", 100, 100);
    const struct claim_row row = the_row(CELLS "value time_ns / glibc:time_ns\nbound <= 1\n");
    near(row.low, 0.8);
    near(row.high, 0.8);
}

static void a_factor_may_be_of_another_cell(void **state) {
    (void)state;
    figures("a", "pair", 1, "ops_per_second", 10, 10);
    figures("a", "pair", 2, "ops_per_second", 19, 19);
    figures("null", "pair", 1, "ops_per_second", 100, 100);
    figures("null", "pair", 2, "ops_per_second", 200, 200);
    const struct claim_row row = the_row(
        "of a\ncells pair/threads:2\n"
        "value ops_per_second / ops_per_second@threads:1 / null:ops_per_second * null:ops_per_second@threads:1\n"
        "bound >= 0.85\n");
    assert_string_equal(row.verdict, "holds");
    near(row.value, 0.95);
    figures("a", "list", 1, "time_ns", 50, 50);
    figures("a", "pair", 1, "time_ns", 5, 5);
    is("holds", CELLS "value time_ns@list/threads:1 / time_ns\nbound within 9.9 10.1\n");
}

static void a_bound_may_be_a_sum(void **state) {
    (void)state;
    figure("a", "pair", 4, 1, "peak_committed_bytes", 1000);
    figure("a", "pair", 4, 1, "peak_live_bytes", 300);
    static const char text[] = "of a\ncells pair/threads:4\nvalue peak_committed_bytes\n"
                               "bound <= 2*peak_live_bytes + %d*threads + 20\n";
    is("holds", arena_format(text, 95)); /* 600 + 380 + 20 */
    is("fails", arena_format(text, 94));
}

static void what_is_nothing_is_at_most_nothing(void **state) {
    (void)state;
    figure("a", "pair", 1, 0, "line_sharing", 0);
    is("holds", CELLS "value line_sharing\nbound <= 0\n");
    is("fails", CELLS "value line_sharing\nbound >= 0.01\n");
    forget(NULL);
    figure("a", "pair", 1, 0, "line_sharing", 0.25);
    is("fails", CELLS "value line_sharing\nbound <= 0\n");
}

static void what_was_not_measured_is_undecided(void **state) {
    (void)state;
    const char *const text = CELLS "value time_ns / glibc:time_ns\nbound <= 1\n";
    figures("a", "pair", 1, "time_ns", 80, 80);
    is("undecided", text);
    assert_string_equal(the_row(text).note, "glibc: not measured");
    figures("glibc", "pair", 1, "time_ns", 100, 100);
    rows[count - 1].status = "crashed";
    is("undecided", text);
    for (size_t i = 1; i <= 3; i++) /* a third of the rounds */
        rows[count - i].status = "not-concurrent";
    is("undecided", text);
    rows[count - 3].status = rows[count - 2].status = "ok"; /* one of nine */
    is("holds", text);
    is("undecided", "of a\nundecided on every machine\n");
}

static void two_rounds_that_differ_have_no_interval(void **state) {
    (void)state;
    figure("a", "pair", 1, 1, "time_ns", 80);
    figure("a", "pair", 1, 2, "time_ns", 81);
    is("undecided", CELLS "value time_ns\nbound <= 100\n");
    assert_string_equal(the_row(CELLS "value time_ns\nbound <= 100\n").note,
                        "too few rounds for an interval");
}

/* ---- several rows ---- */

static void needs(const char *verdict, const char *word, const char *bounds_text) {
    const struct claim_rows judged = judge(arena_format("of a\nagainst p q r\ncells pair/threads:1\n"
                                                        "value time_ns / peer:time_ns\n%s\nneeds %s\n",
                                                        bounds_text, word));
    assert_int_equal(judged.count, 4);
    assert_true(judged.row[3].is_sum);
    assert_string_equal(judged.row[3].verdict, verdict);
}

static void a_claim_says_how_many_of_its_rows_must_hold(void **state) {
    (void)state;
    figures("a", "pair", 1, "time_ns", 100, 100);
    figures("p", "pair", 1, "time_ns", 150, 150);
    figures("q", "pair", 1, "time_ns", 120, 120);
    figures("r", "pair", 1, "time_ns", 50, 50);
    needs("holds", "most", "bound <= 1");
    needs("fails", "all", "bound <= 1");
    needs("holds", "any", "bound <= 0.7");
    needs("fails", "most", "bound <= 0.7");
    needs("fails", "any", "bound <= 0.1");
    needs("holds", "all", "bound <= 3");
}

static void a_safety_line_is_what_the_matrix_says(void **state) {
    (void)state;
    safety_row[safety.count++] = (struct safety_row){.allocator = "a",
                                                     .column = "progress",
                                                     .params = "path=pair,k=2",
                                                     .points = 52,
                                                     .failed = 4,
                                                     .verdict = "fails",
                                                     .note = "-"};
    safety_row[safety.count++] = (struct safety_row){.allocator = "a",
                                                     .column = "signal",
                                                     .params = "path=pair",
                                                     .points = 40,
                                                     .verdict = "holds",
                                                     .note = "-"};
    safety_row[safety.count++] = (struct safety_row){.allocator = "a",
                                                     .column = "fork",
                                                     .params = "path=pair",
                                                     .verdict = "not-measured",
                                                     .note = "no kernel for it"};
    is("holds", "of a\nsafety signal path=pair holds\n");
    is("fails", "of a\nsafety signal path=pair fails\n");
    is("holds", "of a\nsafety progress path=pair,k=2 fails\n");
    is("fails", "of a\nsafety progress path=pair,k=2 holds\n");
    is("undecided", "of a\nsafety fork path=pair holds\n");
    is("undecided", "of b\nsafety signal path=pair holds\n");
    reads(HEAD "of a b\nsafety signal path=pair holds\nsafety fork path=pair holds\n");
    assert_int_equal(claims_safety_cells(&claims).count, 4);
}

static void a_curve_crosses(void **state) {
    (void)state;
    static const char *const cells[] = {"w0", "w1", "w2"};
    const char *const text =
        "of a\nagainst glibc\ncells w0/threads:2 w1/threads:2 w2/threads:2\ncrosses 3 4\n";
    static const double ratio[][3] = {{8, 5, 2}, {8, 5, 4.5}, {2, 1.5, 1}, {3.5, 2, 1}};
    static const char *const verdict[] = {"holds", "fails", "fails", "holds"};
    for (size_t k = 0; k < 4; k++) {
        forget(NULL);
        for (unsigned i = 0; i < 3; i++) {
            figures("a", cells[i], 2, "time_ns", 10 * ratio[k][i], 10.1 * ratio[k][i]);
            figures("glibc", cells[i], 2, "time_ns", 10, 10);
            for (unsigned round = 1; round <= 9; round++)
                figure("a", cells[i], 2, round, "work_ns", 10 * pow(10, i));
        }
        const struct claim_row row = the_row(text);
        assert_string_equal(row.verdict, verdict[k]);
        if (k == 0) { /* between 100 and 1000 ns, from 5 to 2 */
            assert_true(100 < row.low && row.low < row.high && row.high < 1000);
        }
    }
}

/* ---- what cannot be read ---- */

static void refuses(const char *fault, const char *text) {
    assert_false(reads(text));
    if (strstr(why, fault) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why, fault);
}

static void what_is_wrong_is_said_with_its_line(void **state) {
    (void)state;
    refuses("it has no claim", "allocators a\n");
    refuses(":8: no line of a claim is called \"speaks\"", HEAD "speaks\n");
    refuses(":8: of: nothing follows", HEAD "of\n");
    refuses("there is one already", HEAD CELLS "value time_ns\nbound <= 1\nclaim c\n");
    refuses("cells, value and bound are wanted", HEAD "of a\n");
    refuses("cells, value and bound are wanted", HEAD CELLS "value time_ns\n");
    refuses("cells, value and bound are wanted",
            HEAD CELLS "value time_ns\nbound <= 1\nsafety signal path=pair holds\n");
    refuses("factors with * or / between them", HEAD CELLS "value time_ns time_ns\nbound <= 1\n");
    refuses("a factor is missing", HEAD CELLS "value time_ns /\nbound <= 1\n");
    refuses("<= SUM, >= SUM or within A B", HEAD CELLS "value time_ns\nbound < 1\n");
    refuses("<= SUM, >= SUM or within A B", HEAD CELLS "value time_ns\nbound within 1\n");
    refuses("NUMBER or NUMBER*METRIC", HEAD CELLS "value time_ns\nbound <= much\n");
    refuses("a term is missing", HEAD CELLS "value time_ns\nbound <=\n");
    refuses("workload and threads:N are wanted", HEAD "of a\ncells pair\n");
    refuses("COLUMN PARAMS holds, or fails", HEAD "of a\nsafety signal path=pair\n");
    refuses("all, most or any", HEAD CELLS "needs some\n");
    refuses("two numbers are wanted", HEAD "of a\ncrosses 4 3\n");
    refuses("no line against", HEAD CELLS "value time_ns / peer:time_ns\nbound <= 1\n");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, forget)
    const struct CMUnitTest tests[] = {
        TEST(a_bound_that_is_turned_round_fails),
        TEST(an_interval_that_contains_the_bound_is_undecided),
        TEST(what_drifts_with_the_machine_is_paired),
        TEST(a_factor_may_be_of_another_cell),
        TEST(a_bound_may_be_a_sum),
        TEST(what_is_nothing_is_at_most_nothing),
        TEST(what_was_not_measured_is_undecided),
        TEST(two_rounds_that_differ_have_no_interval),
        TEST(a_claim_says_how_many_of_its_rows_must_hold),
        TEST(a_safety_line_is_what_the_matrix_says),
        TEST(a_curve_crosses),
        TEST(what_is_wrong_is_said_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
