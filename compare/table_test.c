/* SPDX-License-Identifier: MIT
 *
 * What is printed and exported of made-up rows, to the letter where a reader's eye or a program depends on
 * it.
 */
#include "table.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct summary_row rows[] = {
    {"list-reversal", "counter=private", 1, "ao", "time_ns", 31.5, 0.69, 0.66, 0.72, "better", 9, "ok"},
    {"list-reversal", "counter=private", 1, "glibc", "time_ns", 45.8, 1, 1, 1, "baseline", 9, "ok"},
    {"list-reversal", "counter=private", 2, "ao", "time_ns", 314, 6.71, 5.5, 7.25, "worse", 9, "ok"},
    {"list-reversal", "counter=private", 2, "glibc", "time_ns", 46.6, 1, 1, 1, "baseline", 9, "ok"},
    {"list-reversal", "counter=private", 2, "jemalloc", "time_ns", 45, 0.97, 0.9, 1.05, "not-separated", 9,
     "ok"},
    {"list-reversal", "counter=private", 2, "broken", "time_ns", NAN, NAN, NAN, NAN, "-", 0, "crashed"},
    {"list-reversal", "counter=private", 2, "turns", "time_ns", 1234, NAN, NAN, NAN, "-", 9,
     "not-concurrent"},
    {"list-reversal", "counter=private", 2, "turns", "peak_resident_bytes", 3500000, NAN, NAN, NAN, "-", 9,
     "ok"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static char *printed(const char *metric, bool colour) {
    char *text;
    size_t size;
    FILE *const out = open_memstream(&text, &size);
    table_print(out, rows, ROWS, metric, colour);
    fclose(out);
    return text;
}

static void the_terminal_table(void **state) {
    (void)state;
    char *const text = printed("time_ns", false);
    assert_string_equal(text, "\nlist-reversal  counter=private\n"
                              "  threads         1                   2\n"
                              "  ao              0.69 [0.66, 0.72]   6.71 [5.50, 7.25]\n"
                              "  glibc           45.8 ns             46.6 ns\n"
                              "  jemalloc                            0.97 [0.90, 1.05] ~\n"
                              "  broken                              crashed\n"
                              "  turns                               1.23 µs ?\n"
                              "\ntime_ns, ratios to glibc with the interval of the median\n"
                              "~ not separated from the baseline\n"
                              "? the threads took turns: no verdict\n");
    free(text);
}

/* Baseline, control and cells without a verdict do not count. */
static void the_sum_of_several_blocks(void **state) {
    (void)state;
    static const struct summary_row several[] = {
        {"a", "-", 1, "ao", "time_ns", 1, 0.5, 0.4, 0.6, "better", 9, "ok"},
        {"a", "-", 1, "glibc", "time_ns", 2, 1, 1, 1, "baseline", 9, "ok"},
        {"a", "-", 2, "ao", "time_ns", 1, 0.9, 0.8, 1.1, "not-separated", 9, "ok"},
        {"a", "-", 4, "ao", "time_ns", 1, NAN, NAN, NAN, "-", 9, "not-concurrent"},
        {"b", "size=8", 4, "ao", "time_ns", 1, 14, 12, 16, "worse", 9, "ok"},
        {"b", "size=8", 4, "glibc@control", "time_ns", 1, 1, 1, 1, "control", 9, "ok"},
    };
    char *text;
    size_t size;
    FILE *const out = open_memstream(&text, &size);
    table_print(out, several, sizeof several / sizeof *several, "time_ns", false);
    fclose(out);
    assert_non_null(strstr(text,
                           "\nall cells\n"
                           "                  better   ~        worse    median   highest\n"
                           "  ao              1        1        1        0.90     14.0  b size=8, 4 threads\n"
                           "\n"));
    free(text);
}

static void colour_only_where_asked(void **state) {
    (void)state;
    char *text = printed("time_ns", true);
    assert_non_null(strstr(text, "\033[31m6.71"));
    free(text);
    text = printed("peak_resident_bytes", false);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "3.34 MiB"));
    free(text);
}

static char *exported(const char *ending) {
    char path[64], why[256];
    snprintf(path, sizeof path, "/tmp/table_test.%d%s", (int)getpid(), ending);
    if (!table_export(path, rows, ROWS, why, sizeof why))
        fail_msg("%s", why);
    char *const text = calloc(1, 10000);
    FILE *const file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, 9999, file) > 0);
    fclose(file);
    remove(path);
    return text;
}

static void json_is_an_array_of_objects(void **state) {
    (void)state;
    char *const text = exported(".json");
    json_t *const array = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(array), ROWS);
    const json_t *const ao = json_array_get(array, 0), *const broken = json_array_get(array, 5);
    assert_true(fabs(json_real_value(json_object_get(ao, "ratio")) - 0.69) < 1e-9);
    assert_string_equal(json_string_value(json_object_get(ao, "verdict")), "better");
    assert_true(json_is_null(json_object_get(broken, "value")));
    json_decref(array);
    free(text);
}

static void csv_has_a_header_and_quotes_commas(void **state) {
    (void)state;
    static const struct summary_row commas = {"w", "a=1,b=2", 1,   "x", "time_ns", 1,
                                              NAN, NAN,       NAN, "-", 1,         "ok"};
    char *const text = exported(".csv");
    assert_non_null(
        strstr(text, "list-reversal,counter=private,1,ao,time_ns,31.5,0.69,0.66,0.72,better,9,ok\r\n"));
    assert_non_null(strstr(text, "broken,time_ns,,,,,-,0,crashed\r\n"));
    free(text);
    char why[128];
    assert_true(table_export("/dev/shm/table_test.csv", &commas, 1, why, sizeof why));
    FILE *const file = fopen("/dev/shm/table_test.csv", "re");
    char line[256];
    assert_non_null(fgets(line, sizeof line, file));
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "w,\"a=1,b=2\",1,x,time_ns,1,,,,-,1,ok\r\n");
    fclose(file);
    remove("/dev/shm/table_test.csv");
}

static void markdown_shows_time(void **state) {
    (void)state;
    char *const text = exported(".md");
    assert_non_null(
        strstr(text, "| list-reversal | counter=private | 2 | ao | 314.0 | 6.71 | 5.50 to 7.25 | worse |\n"));
    assert_null(strstr(text, "peak_resident_bytes"));
    free(text);
}

static void other_endings_and_places_are_refused(void **state) {
    (void)state;
    char why[256];
    assert_false(table_export("/tmp/x.xls", rows, ROWS, why, sizeof why));
    assert_non_null(strstr(why, ".json, .csv or .md"));
    assert_false(table_export("/nonexistent/x.json", rows, ROWS, why, sizeof why));
    assert_non_null(strstr(why, "No such file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_terminal_table),
        cmocka_unit_test(the_sum_of_several_blocks),
        cmocka_unit_test(colour_only_where_asked),
        cmocka_unit_test(json_is_an_array_of_objects),
        cmocka_unit_test(csv_has_a_header_and_quotes_commas),
        cmocka_unit_test(markdown_shows_time),
        cmocka_unit_test(other_endings_and_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
