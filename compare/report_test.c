/* SPDX-License-Identifier: MIT
 *
 * The report of made-up results: who is ranked where and why, what a picture becomes, and that no word of a result
 * is read as the page's own.
 */
#include "report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- made-up rounds ---- */

static struct store made;

static void row(const char *workload, unsigned threads, const char *allocator, unsigned round,
                const char *metric, double value, const char *status) {
    made.row = arena_grow(made.row, made.rows, sizeof *made.row);
    made.row[made.rows++] =
        (struct round_row){workload, "-", threads, allocator, round, metric, value, status, NULL};
}

/* ROUNDS of a cell in which the allocator takes TIMES the baseline's time, give or take SPREAD by turns. */
static void cell(const char *workload, const char *allocator, unsigned rounds, double times, double spread) {
    for (unsigned r = 1; r <= rounds; r++)
        row(workload, 1, allocator, r, "time_ns", 50 * times * (r % 2 ? 1 + spread : 1 / (1 + spread)), "ok");
}

static struct ranking ranked(const char *metric, double least) {
    static const struct words none;
    const struct summary_options options = {.baseline = "base"};
    char why[256];
    size_t n;
    struct summary_row *const rows = summary_make(made.row, made.rows, &options, &n, why, sizeof why);
    assert_non_null(rows);
    const struct ranking ranking = rank_by(rows, n, &made, metric, &none, least);
    free(rows);
    return ranking;
}

static void is_at(const struct ranking *r, size_t place, const char *allocator, double mean,
                  enum stats_verdict verdict) {
    assert_true(place < r->rows);
    assert_string_equal(r->row[place].allocator, allocator);
    assert_true(fabs(r->row[place].mean.median - mean) < 1e-9);
    assert_int_equal(r->row[place].verdict, verdict);
}

static int forget(void **state) {
    (void)state;
    made = (struct store){0};
    return 0;
}

static void the_mean_is_geometric_over_the_cells(void **state) {
    (void)state;
    for (int w = 0; w < 2; w++) {
        cell(w ? "one" : "two", "base", 9, 1, 0);
        cell(w ? "one" : "two", "slow", 9, w ? 8 : 2, 0);
        cell(w ? "one" : "two", "fast", 9, 0.5, 0);
    }
    const struct ranking r = ranked("time_ns", 0);
    assert_int_equal(r.rows, 3);
    assert_int_equal(r.cells, 2);
    assert_int_equal(r.rounds, 9);
    is_at(&r, 0, "fast", 0.5, VERDICT_BETTER);
    is_at(&r, 1, "base", 1, VERDICT_BASELINE);
    is_at(&r, 2, "slow", 4, VERDICT_WORSE);
    assert_false(r.row[1].like_before);
    assert_int_equal(r.row[0].better, 2);
    assert_string_equal(
        report_rank_words(&r, "base"),
        "Fastest: fast, 0.50 [0.50, 0.50] times base's time, by the geometric mean over 2 cells.");
}

static void what_is_not_separated_is_said(void **state) {
    (void)state;
    cell("one", "base", 10, 1, 0);
    cell("one", "near", 10, 0.98, 0.2);
    cell("one", "nearer", 10, 0.99, 0.2);
    const struct ranking r = ranked("time_ns", 0);
    assert_int_equal(r.row[0].verdict, VERDICT_NOT_SEPARATED);
    assert_true(r.row[2].verdict == VERDICT_BASELINE || r.row[2].like_before);
    assert_non_null(strstr(report_rank_words(&r, "base"), "but not separated from base; nor is any other"));
}

static void two_that_share_their_noise_are_separated(void **state) {
    (void)state;
    cell("one", "base", 9, 1, 0);
    cell("one", "a", 9, 1, 0.5);
    cell("one", "b", 9, 1.1, 0.5);
    const struct ranking r = ranked("time_ns", 0);
    const size_t a = strcmp(r.row[0].allocator, "a") == 0 ? 0 : 1;
    assert_string_equal(r.row[a + 1].allocator, "b");
    assert_false(r.row[a + 1].like_before);
}

static void too_few_rounds_separate_nothing(void **state) {
    (void)state;
    cell("one", "base", 3, 1, 0);
    cell("one", "fast", 3, 0.1, 0);
    const struct ranking r = ranked("time_ns", 0);
    is_at(&r, 0, "fast", 0.1, VERDICT_NOT_SEPARATED);
    assert_int_equal(r.rounds, 3);
    assert_true(r.row[1].like_before);
}

static void only_cells_that_all_have_count(void **state) {
    (void)state;
    static const char *const works[] = {"one", "two", "three", "four"};
    for (int w = 0; w < 4; w++) {
        cell(works[w], "base", 9, 1, 0);
        cell(works[w], "all", 9, w == 3 ? 100 : 2, 0);
        if (w < 3)
            cell(works[w], "three", 9, 3, 0);
    }
    cell("one", "once", 9, 0.1, 0);
    for (unsigned r = 1; r <= 9; r++)
        row("two", 1, "crashes", r, "time_ns", NAN, "crashed");
    const struct ranking r = ranked("time_ns", 0);
    assert_int_equal(r.cells, 3);
    assert_int_equal(r.cells_of_any, 4);
    assert_int_equal(r.rows, 3);
    is_at(&r, 1, "all", 2, VERDICT_WORSE);
    assert_int_equal(r.left_out.count, 2);
    assert_string_equal(r.left_out.word[0], "once (1 of 4 cells)");
    assert_string_equal(r.left_out.word[1], "crashes (0 of 4 cells)");
}

static void small_cells_do_not_count_by_memory(void **state) {
    (void)state;
    for (unsigned r = 1; r <= 9; r++)
        for (int large = 0; large < 2; large++) {
            row(large ? "large" : "small", 1, "base", r, "peak_resident_bytes", large ? 1e7 : 4096, "ok");
            row(large ? "large" : "small", 1, "mine", r, "peak_resident_bytes", large ? 2e7 : 4e6, "ok");
        }
    const struct ranking r = ranked("peak_resident_bytes", 1024 * 1024);
    assert_int_equal(r.cells, 1);
    is_at(&r, 1, "mine", 2, VERDICT_WORSE);
}

static void alone_nobody_is_ranked(void **state) {
    (void)state;
    cell("one", "base", 9, 1, 0);
    const struct ranking r = ranked("time_ns", 0);
    assert_int_equal(r.rows, 0);
}

/* ---- pictures ---- */

static void colours_and_ids_of_a_picture_are_the_pages(void **state) {
    (void)state;
    struct words colours = {0};
    const char *const piece = report_picture(
        "<?xml version=\"1.0\"?>\n<svg \n width=\"10\" height=\"5\" viewBox=\"0 0 10 5\">\n<title>Gnuplot</title>"
        "<rect id='a' fill=\"#ffffff\"/><use xlink:href='#a' stroke='rgb( 51,  51,  51)' fill = 'black'/>"
        "<text>#ffffff black id='a' &lt;</text></svg>\n",
        "name", "p1-", &colours);
    assert_string_equal(piece, "<svg viewBox=\"0 0 10 5\">\n<title>name</title>"
                               "<rect id='p1-a' fill=\"var(--pffffff)\"/><use xlink:href='#p1-a' "
                               "stroke='var(--p333333)' fill='var(--p000000)'/>"
                               "<text>#ffffff black id='a' &lt;</text></svg>\n");
    assert_int_equal(colours.count, 3);
}

static void what_gnuplot_does_not_draw_is_not_taken(void **state) {
    (void)state;
    static const char *const bad[] = {
        "<svg><script>alert(1)</script></svg>",
        "<svg onload=\"x()\"></svg>",
        "<svg><foreignObject/></svg>",
        "<svg><a href=\"x\"></a></svg>",
        "<svg><image href=\"x\"/></svg>",
        "<svg><text",
        "<svg><path d=x/></svg>",
        "nothing",
        "<svg><!-- --></svg>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct words colours = {0};
        assert_null(report_picture(bad[i], "name", "p", &colours));
    }
}

static void dark_colours_turn_round(void **state) {
    (void)state;
    assert_int_equal(report_dark(0xffffff), 0x171717);
    assert_true(report_dark(0x000000) > 0xe0e0e0);
    assert_true((report_dark(0x332288) & 0xff) > 0xb0);          /* a dark blue becomes a light one */
    assert_true(report_dark(0x56b4e9) != report_dark(0x0072b2)); /* of one hue, and still apart */
    assert_true((report_dark(0x56b4e9) & 0xff) < (report_dark(0x0072b2) & 0xff));
}

/* ---- pages ---- */

static char *written(void (*write)(FILE *, const struct report *), const struct report *report) {
    static char *page;
    static size_t size;
    FILE *const out = open_memstream(&page, &size);
    write(out, report);
    fclose(out);
    return page;
}

static const char odd[] = "<i>&\"'|`x`*_[a](b)";

/* Every word that results may hold. */
static struct report report_of_oddities(struct report_set *set) {
    static struct host_fact head[] = {{"cpu", ""}, {"command", ""}, {"library x", ""}, {"plan", ""}};
    for (size_t i = 0; i < 4; i++)
        snprintf(head[i].value, sizeof head[i].value, "%s", odd);
    static struct summary_row rows[] = {
        {odd, odd, 1, odd, "time_ns", 50, 1, 1, 1, "baseline", 9, "ok"},
        {odd, odd, 1, "b", "time_ns", 60, 1.2, 1.1, 1.3, "worse", 9, "ok"},
        {odd, odd, 2, "b", "time_ns", NAN, NAN, NAN, NAN, "-", 0, odd},
    };
    static struct safety_row safety = {odd, "signal", odd, 9, 9, 1, odd, "fails", odd, odd, "7", odd};
    static struct report_claim claim = {odd, odd, odd, odd, odd, odd, odd, odd, odd, odd, odd};
    static struct rank_row rank[] = {{odd, {1, 1, 1, true}, VERDICT_BASELINE, 0, 0, 0, false, false},
                                     {odd, {2, 1, 3, true}, VERDICT_NOT_SEPARATED, 0, 0, 0, true, true}};
    *set =
        (struct report_set){.dir = odd, .title = odd, .baseline = odd, .answer = odd, .row = rows, .rows = 3};
    set->store.head = head;
    set->store.heads = 4;
    words_add(&set->warnings, odd);
    words_add(&set->failures, odd);
    set->ranking[0] =
        (struct ranking){.metric = "time_ns", .row = rank, .rows = 2, .cells = 1, .cells_of_any = 1};
    set->tables = report_tables(rows, 3);
    set->safety = (struct safety_rows){&safety, 1};
    set->claim = &claim;
    set->claims = 1;
    return (struct report){.set = set, .sets = 1, .tree = odd, .css = "", .js = ""};
}

static void no_word_of_results_is_html(void **state) {
    (void)state;
    struct report_set set;
    const struct report report = report_of_oddities(&set);
    char *const page = written(report_html, &report);
    assert_null(strstr(page, "<i>&"));
    assert_null(strstr(page, "<i>&amp;"));
    assert_null(strstr(page, "\"'"));
    assert_non_null(strstr(page, "&lt;i&gt;&amp;&quot;&#39;"));
    free(page);
}

static void no_word_of_results_is_markdown(void **state) {
    (void)state;
    struct report_set set;
    const struct report report = report_of_oddities(&set);
    char *const page = written(report_markdown, &report);
    char *const link = strstr(page, "How each number"), *const commands = strstr(page, "Again");
    assert_non_null(link);
    *commands = '\0'; /* behind it are commands, set off by four blanks */
    assert_null(strstr(page, "<i>"));
    assert_null(strstr(page, "[a]("));
    assert_null(strstr(page, "'|"));
    assert_non_null(strstr(page, "&lt;i\\>&amp;\"'\\|\\`x\\`\\*\\_\\[a\\](b)"));
    free(page);
}

static void tables_have_a_line_an_allocator(void **state) {
    (void)state;
    const struct summary_row rows[] = {
        {"w", "k=1", 1, "a", "time_ns", 1, 1, 1, 1, "baseline", 9, "ok"},
        {"w", "k=1", 1, "a", "ops_per_second", 1, 1, 1, 1, "baseline", 9, "ok"},
        {"w", "k=1", 2, "b", "time_ns", 3, 3, 3, 3, "worse", 9, "ok"},
        {"w", "k=2", 1, "a", "time_ns", 1, 1, 1, 1, "baseline", 9, "ok"},
        {"w", "k=1", 1, "a", "malloc_p50_ns", 1, 1, 1, 1, "baseline", 9, "ok"},
        {"v", "-", 1, "a", "p99.9_ns", 1, 1, 1, 1, "baseline", 9, "ok"},
    };
    const struct report_tables tables = report_tables(rows, sizeof rows / sizeof *rows);
    assert_int_equal(tables.count, 2);
    const struct report_table *const t = tables.table;
    assert_int_equal(t->columns, 3);
    assert_int_equal(t->allocators.count, 2);
    assert_false(t->one_params);
    assert_ptr_equal(t->cell[0], &rows[0]);
    assert_null(t->cell[1]);
    assert_ptr_equal(t->cell[3 + 1], &rows[2]);
    assert_string_equal(report_column_words(t, 1), "k=1, 2 threads");
    assert_string_equal(tables.table[1].metric, "p99.9_ns");
}

static void a_claims_sentence_is_found(void **state) {
    (void)state;
    static const char md[] = "## one\n\n> \"first\"\n\np. 1.\n\n## one-more\n\n> \"second\"\n";
    assert_string_equal(report_says(md, "one"), "\"first\"");
    assert_string_equal(report_says(md, "one-more"), "\"second\"");
    assert_string_equal(report_says(md, "more"), "");
    assert_string_equal(report_says(NULL, "one"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_mean_is_geometric_over_the_cells, forget),
        cmocka_unit_test_setup(what_is_not_separated_is_said, forget),
        cmocka_unit_test_setup(two_that_share_their_noise_are_separated, forget),
        cmocka_unit_test_setup(too_few_rounds_separate_nothing, forget),
        cmocka_unit_test_setup(only_cells_that_all_have_count, forget),
        cmocka_unit_test_setup(small_cells_do_not_count_by_memory, forget),
        cmocka_unit_test_setup(alone_nobody_is_ranked, forget),
        cmocka_unit_test(colours_and_ids_of_a_picture_are_the_pages),
        cmocka_unit_test(what_gnuplot_does_not_draw_is_not_taken),
        cmocka_unit_test(dark_colours_turn_round),
        cmocka_unit_test(no_word_of_results_is_html),
        cmocka_unit_test(no_word_of_results_is_markdown),
        cmocka_unit_test(tables_have_a_line_an_allocator),
        cmocka_unit_test(a_claims_sentence_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
