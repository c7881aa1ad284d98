/* SPDX-License-Identifier: MIT
 *
 * Results directories: what is written is what is read, and what was cut off or belongs to something else is
 * not taken for measured.
 */
#include "store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64], dir[96], path[128], why[8192];
static struct host head;

static const struct round_row rows[] = {
    {"w", "size=64", 2, "ao", 1, "page_faults", 0, "ok", NULL},
    {"w", "size=64", 2, "ao", 1, "time_ns", 31.0625, "ok", NULL},
    {"w", "size=64", 2, "glibc@control", 1, "time_ns", 1.23456789e-7, "not-concurrent", "took turns"},
    {"v", "-", 1, "broken", 12, "time_ns", NAN, "crashed", "Segmentation fault"},
    {"v", "-", 1, "ao", 0, "line_sharing", 0.25, "ok", NULL},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void fact(const char *key, const char *value) {
    struct host_fact *const f = &head.fact[head.facts++];
    snprintf(f->key, sizeof f->key, "%s", key);
    snprintf(f->value, sizeof f->value, "%s", value);
}

/* A directory's name that is not yet taken, and a head. */
static int fresh(void **state) {
    (void)state;
    snprintf(base, sizeof base, "/tmp/store_test.XXXXXX");
    if (mkdtemp(base) == NULL)
        return -1;
    snprintf(dir, sizeof dir, "%s/a/r", base);
    snprintf(path, sizeof path, "%s/rounds.tsv", dir);
    head = (struct host){0};
    fact("cpu", "Some CPU: 3 GHz");
    fact("plan", "0123 allocators=ao,glibc");
    fact("bench", "/b unpackaged sha256:1");
    fact("library ao", "/b - sha256:1");
    fact("host", "cpu=Some CPU");
    return 0;
}

static int remove_all(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command); /* NOLINT: a name of our own */
}

static struct store created(void) {
    struct store store;
    if (!store_create(&store, dir, &head, why, sizeof why))
        fail_msg("%s", why);
    return store;
}

static struct store read_again(void) {
    struct store store;
    if (!store_read(&store, dir, why, sizeof why))
        fail_msg("%s", why);
    return store;
}

static void append(const char *text) {
    FILE *const file = fopen(path, "ae");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static char *contents(const char *of) {
    static char text[2][8192];
    static int which;
    FILE *const file = fopen(of, "re");
    assert_non_null(file);
    which = !which;
    text[which][fread(text[which], 1, sizeof text[which] - 1, file)] = '\0';
    fclose(file);
    return text[which];
}

static void assert_rows(const struct store *store, size_t n) {
    assert_int_equal(store->rows, n);
    for (size_t i = 0; i < n; i++) {
        const struct round_row *const a = &rows[i], *const b = &store->row[i];
        assert_string_equal(a->workload, b->workload);
        assert_string_equal(a->params, b->params);
        assert_int_equal(a->threads, b->threads);
        assert_string_equal(a->allocator, b->allocator);
        assert_int_equal(a->round, b->round);
        assert_string_equal(a->metric, b->metric);
        assert_true(isnan(a->value) ? isnan(b->value) : a->value == b->value);
        assert_string_equal(a->status, b->status);
        assert_string_equal(a->note == NULL ? "none" : a->note, b->note == NULL ? "none" : b->note);
    }
}

static void what_was_written_is_read(void **state) {
    (void)state;
    struct store store = created();
    store_add_calibration(&store, (struct calibration){"w", "size=64", 2, UINT64_C(12000000000), 0.25});
    store_add_rows(&store, rows, ROWS);
    struct store again = read_again(); /* before the end: it is there */
    assert_false(again.finished);
    assert_rows(&again, ROWS);
    store_finish(&store);
    again = read_again();
    assert_true(again.finished);
    assert_rows(&again, ROWS);
    assert_string_equal(store_head(&again, "cpu"), "Some CPU: 3 GHz");
    assert_string_equal(store_head(&again, "nothing"), "");
    assert_int_equal(again.calibrations, 1);
    assert_string_equal(again.calibration[0].params, "size=64");
    assert_int_equal(again.calibration[0].operations, 12000000000);
    assert_true(again.calibration[0].seconds == 0.25);
}

static void going_on_changes_nothing_of_what_there_is(void **state) {
    (void)state;
    struct store store = created();
    store_add_calibration(&store, (struct calibration){"w", "size=64", 2, 7, 0.25});
    store_add_rows(&store, rows, 3);
    fclose(store.file);
    const char *const before = contents(path);
    struct store again = read_again();
    assert_true(store_resume(&again, why, sizeof why));
    assert_string_equal(contents(path), before);
    store_add_rows(&again, rows + 3, ROWS - 3);
    store_finish(&again);
    again = read_again();
    assert_rows(&again, ROWS);
}

/* At every byte at which writing may have stopped: a cell is there whole, or not at all. */
static void cut_off_anywhere_only_whole_cells_are_left(void **state) {
    (void)state;
    struct store store = created();
    store_add_rows(&store, rows, ROWS);
    fclose(store.file);
    size_t ends[ROWS];
    const char *const text = contents(path), *at = text;
    const size_t length = strlen(text);
    for (size_t i = 0; i < ROWS; i++) { /* rows stand behind the head and the names of the columns */
        at = i == 0 ? strstr(text, "note\n") + 5 : at;
        at = strchr(at, '\n') + 1;
        ends[i] = (size_t)(at - text);
    }
    for (size_t cut = length; cut > 0; cut--) {
        size_t whole = 0;
        for (size_t i = 1; i < ROWS; i++) /* the first is of the second's cell */
            whole = cut >= ends[i] ? i + 1 : whole;
        assert_int_equal(truncate(path, (off_t)cut), 0);
        struct store again = read_again();
        assert_rows(&again, whole);
    }
}

static void comments_short_lines_and_further_columns_are_passed_over(void **state) {
    (void)state;
    struct store store = created();
    store_add_rows(&store, rows, 2);
    fclose(store.file);
    append("#\n# no colon\n#: \n\n# calibration: w\tsize=64\nw\tsize=64\t2\n");
    append(
        "w\tsize=64\t2\tglibc@control\t1\ttime_ns\t1.23456789e-7\tnot-concurrent\ttook turns\tmore\tyet\n");
    struct store again = read_again();
    assert_rows(&again, 3);
    assert_int_equal(again.calibrations, 0);
    assert_false(again.finished);
}

static void tabs_and_line_ends_break_no_row(void **state) {
    (void)state;
    const struct round_row broken = {
        "w", "-", 1, "x", 1, "time_ns", NAN, "crashed", "a\tb\nc\r\n# finished: d"};
    snprintf(head.fact[0].value, sizeof head.fact[0].value, "two\nlines");
    struct store store = created();
    store_add_rows(&store, &broken, 1);
    fclose(store.file);
    const struct store again = read_again();
    assert_int_equal(again.rows, 1);
    assert_false(again.finished);
    assert_string_equal(again.row[0].note, "a b c  # finished: d");
    assert_string_equal(store_head(&again, "cpu"), "two lines");
}

static void only_the_same_goes_on(void **state) {
    (void)state;
    struct store store = created();
    fclose(store.file);
    store = read_again();
    assert_true(store_agrees(&store, &head, why, sizeof why));
    snprintf(head.fact[0].value, sizeof head.fact[0].value, "load and date may differ");
    assert_true(store_agrees(&store, &head, why, sizeof why));
    for (size_t i = 1; i < 5; i++) {
        struct host_fact *const f = &head.fact[i], kept = *f;
        snprintf(f->value, sizeof f->value, "another");
        assert_false(store_agrees(&store, &head, why, sizeof why));
        assert_non_null(strstr(why, "/a/r cannot be gone on with: its "));
        assert_non_null(strstr(why, kept.key));
        assert_non_null(strstr(why, "now: another"));
        *f = kept;
    }
}

static void a_library_that_came_or_went_is_another(void **state) {
    (void)state;
    struct store store = created();
    fclose(store.file);
    store = read_again();
    fact("library jemalloc", "/j");
    assert_false(store_agrees(&store, &head, why, sizeof why));
    assert_non_null(strstr(why, "its library jemalloc differs (there: none; now: /j)"));
    head.facts--;
    snprintf(head.fact[3].key, sizeof head.fact[3].key, "libraries"); /* ao's went */
    assert_false(store_agrees(&store, &head, why, sizeof why));
    assert_non_null(strstr(why, "its library ao differs (there: /b - sha256:1; now: none)"));
}

static void what_is_there_is_never_written_over(void **state) {
    (void)state;
    assert_true(store_is_new(base) && store_is_new(dir));
    struct store store = created(), other;
    fclose(store.file);
    assert_false(store_is_new(dir));
    assert_false(store_create(&other, dir, &head, why, sizeof why));
    assert_non_null(strstr(why, "File exists"));
    snprintf(dir, sizeof dir, "%s/a", path); /* under a file */
    assert_false(store_is_new(dir));
    assert_false(store_create(&other, dir, &head, why, sizeof why));
    assert_false(store_read(&other, dir, why, sizeof why));
    assert_non_null(strstr(why, "Not a directory"));
}

static void a_copy_has_the_head_and_the_rows_and_is_finished(void **state) {
    (void)state;
    struct store store = created();
    store_add_rows(&store, rows, ROWS);
    snprintf(dir, sizeof dir, "%s/copy", base);
    assert_true(store_copy_rounds(&store, dir, why, sizeof why));
    fclose(store.file);
    const struct store copy = read_again();
    assert_rows(&copy, ROWS);
    assert_true(copy.finished);
    assert_string_equal(store_head(&copy, "bench"), "/b unpackaged sha256:1");
}

static void a_summary_that_does_not_fit_is_said_and_the_old_one_stays(void **state) {
    (void)state;
    static const struct summary_row row = {"w", "-", 1, "ao", "time_ns", 1, NAN, NAN, NAN, "-", 9, "ok"};
    struct store store = created();
    fclose(store.file);
    assert_true(store_write_summary(&store, dir, "glibc", &row, 1, why, sizeof why));
    snprintf(path, sizeof path, "%s/summary.tsv", dir);
    const char *const before = contents(path);
    assert_non_null(strstr(before, "# baseline: glibc\nworkload\t"));
    assert_non_null(strstr(before, "w\t-\t1\tao\ttime_ns\t1\t-\t-\t-\t-\t9\tok\n"));
    strcat(path, ".new");
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_false(store_write_summary(&store, dir, "ao", &row, 1, why, sizeof why));
    assert_non_null(strstr(why, "summary.tsv cannot be written: No space left on device"));
    path[strlen(path) - 4] = '\0';
    assert_string_equal(contents(path), before);
}

#define store_case(f) cmocka_unit_test_setup_teardown(f, fresh, remove_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        store_case(what_was_written_is_read),
        store_case(going_on_changes_nothing_of_what_there_is),
        store_case(cut_off_anywhere_only_whole_cells_are_left),
        store_case(comments_short_lines_and_further_columns_are_passed_over),
        store_case(tabs_and_line_ends_break_no_row),
        store_case(only_the_same_goes_on),
        store_case(a_library_that_came_or_went_is_another),
        store_case(what_is_there_is_never_written_over),
        store_case(a_copy_has_the_head_and_the_rows_and_is_finished),
        store_case(a_summary_that_does_not_fit_is_said_and_the_old_one_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
