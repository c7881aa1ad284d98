/* SPDX-License-Identifier: MIT
 *
 * What a process printed and how it ended, read as figures or as a failure.
 */
#include "cell.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct cell_result result;

static void parse(enum child_end end, int code, const char *out, const char *last_line) {
    const struct child_result child = {
        .end = end, .code = code, .seconds = 1.5, .peak_kib = 2048, .out = out, .last_line = last_line};
    memset(&result, '!', sizeof result);
    cell_parse(&child, &result);
    assert_true(result.seconds == 1.5);
    assert_int_equal(result.interrupted, end == CHILD_INTERRUPTED);
}

static void no_figure(void) {
    for (int i = 0; i < RECORDS; i++)
        assert_true(isnan(result.value[i]));
}

/* What fails has a status, a reason, and no figure at all. */
static void failed(const char *status, const char *note) {
    assert_string_equal(result.status, status);
    assert_string_equal(result.note, note);
    no_figure();
}

#define BENCHMARK(members) "{\"context\": {\"num_cpus\": 2}, \"benchmarks\": [{" members "}]}\n"

static void every_figure_is_read_under_its_key(void **state) {
    (void)state;
    char text[16384];
    size_t used = (size_t)snprintf(text, sizeof text, "{\"benchmarks\": [{\"name\": \"w/ao/size=64/threads:2\", \"cpu_time\": 9, ");
    for (int i = 0; i < RECORDS; i++) /* a half each, and none that says overrun */
        used += (size_t)snprintf(text + used, sizeof text - used, "\"%s\": %g, ", record_info[i].key,
                                 i == RECORD_overrun ? 0 : i + 0.5);
    assert_true(used < sizeof text - 32);
    snprintf(text + used, sizeof text - used, "\"new_figure\": 1}]}\n");
    parse(CHILD_EXITED, 0, text, "");
    assert_string_equal(result.status, "ok");
    assert_string_equal(result.note, "");
    for (int i = 0; i < RECORDS; i++)
        if (result.value[i] != (i == RECORD_overrun ? 0 : i + 0.5))
            fail_msg("%s is %g", record_info[i].name, result.value[i]);
}

static void whose_calls_are_overrun_has_figures_all_the_same(void **state) {
    (void)state;
    parse(CHILD_EXITED, 0, BENCHMARK("\"real_time\": 1, \"p99_9_ns\": 700, \"closed_malloc_p99_99_ns\": 90, \"overrun\": 1"), "");
    assert_string_equal(result.status, "overrun");
    assert_true(result.value[RECORD_p99_9_ns] == 700);
    assert_true(result.value[RECORD_closed_malloc_p99_99_ns] == 90);
    assert_string_equal(record_info[RECORD_p99_9_ns].name, "p99.9_ns");
    assert_string_equal(record_info[RECORD_closed_malloc_p99_99_ns].name, "closed_malloc_p99.99_ns");
}

static void a_figure_that_is_absent_or_no_number_is_none(void **state) {
    (void)state;
    parse(CHILD_EXITED, 0, BENCHMARK("\"real_time\": 31, \"page_faults\": \"12\", \"concurrency\": null"),
          "a warning that is no matter");
    assert_string_equal(result.status, "ok");
    assert_true(result.value[RECORD_time_ns] == 31);
    for (int i = 0; i < RECORDS; i++)
        assert_true(i == RECORD_time_ns || isnan(result.value[i]));
}

static void without_a_time_there_is_no_result(void **state) {
    (void)state;
    static const char *const outs[] = {
        BENCHMARK("\"concurrency\": 1"),
        BENCHMARK("\"concurrency\": 1, \"real_time\": 0"),
        BENCHMARK("\"concurrency\": 1, \"real_time\": -3"),
        BENCHMARK("\"concurrency\": 1, \"real_time\": \"31\""),
    };
    for (size_t i = 0; i < sizeof outs / sizeof *outs; i++) {
        parse(CHILD_EXITED, 0, outs[i], "");
        failed("crashed", "unreadable output: no real_time above 0");
    }
}

static void the_word_before_the_colon_is_the_status(void **state) {
    (void)state;
    parse(CHILD_EXITED, 1,
          BENCHMARK("\"error_occurred\": true, \"error_message\": \"out-of-memory: 64 bytes were refused\", "
                    "\"real_time\": 31"),
          "");
    failed("out-of-memory", "64 bytes were refused");
    static const char *const words[] = {"unavailable", "excluded", "wrong"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char out[256];
        snprintf(out, sizeof out, BENCHMARK("\"error_occurred\": true, \"error_message\": \"%s:  why: so\""),
                 words[i]);
        parse(CHILD_EXITED, 1, out, "");
        failed(words[i], "why: so");
    }
}

static void any_other_word_is_a_crash(void **state) {
    (void)state;
    static const char *const messages[] = {"timeout: late", "ok: it is not", "out-of-memory", "wrongly: done",
                                           ""};
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        char out[256];
        snprintf(out, sizeof out, BENCHMARK("\"error_occurred\": true, \"error_message\": \"%s\""),
                 messages[i]);
        parse(CHILD_EXITED, 1, out, "");
        failed("crashed", messages[i]);
    }
    parse(CHILD_EXITED, 1, BENCHMARK("\"error_occurred\": true"), "");
    failed("crashed", "an error without a message");
}

static void rubbish(void **state) {
    (void)state;
    static const char *const outs[] = {
        "",
        "\n",
        "Segmentation fault\n",
        "{\"benchmarks\": [{\"real_time\": 31",
        "{\"benchmarks\": []}",
        "{\"benchmarks\": [31]}",
        "{\"benchmarks\": {\"real_time\": 31}}",
        "{\"context\": {}}",
        "[]",
        "a warning\n" BENCHMARK("\"real_time\": 31"),
        BENCHMARK("\"real_time\": 31") "a warning\n",
        BENCHMARK("\"real_time\": NaN"),
        BENCHMARK("\"real_time\": 1e999"),
    };
    for (size_t i = 0; i < sizeof outs / sizeof *outs; i++) {
        parse(CHILD_EXITED, 0, outs[i], "");
        failed("crashed", "unreadable output, exit status 0");
    }
    parse(CHILD_EXITED, 2, "", "bench: no workload is called \"x\"");
    failed("crashed", "unreadable output, exit status 2: bench: no workload is called \"x\"");
}

static void figures_of_a_process_that_failed_do_not_count(void **state) {
    (void)state;
    parse(CHILD_EXITED, 1, BENCHMARK("\"real_time\": 31"), "something at exit");
    failed("crashed", "exit status 1: something at exit");
    parse(CHILD_SIGNALLED, SIGSEGV, BENCHMARK("\"real_time\": 31"), "free(): invalid pointer");
    failed("crashed", "Segmentation fault: free(): invalid pointer");
    parse(CHILD_SIGNALLED, SIGABRT, BENCHMARK("\"real_time\": 31"), "");
    failed("crashed", "Aborted");
}

static void limits(void **state) {
    (void)state;
    parse(CHILD_TIMEOUT, SIGKILL, BENCHMARK("\"real_time\": 31"), "");
    failed("timeout", "ended after 2 s");
    parse(CHILD_MEMORY, SIGKILL, "", "");
    failed("out-of-memory", "ended with 2 MiB resident, half of what the machine had available");
    parse(CHILD_TALKATIVE, SIGKILL, BENCHMARK("\"real_time\": 31"), "");
    failed("crashed", "unreadable output: more than any answer has");
}

static void an_interrupted_cell_has_no_result(void **state) {
    (void)state;
    parse(CHILD_INTERRUPTED, SIGKILL, BENCHMARK("\"real_time\": 31"), "");
    no_figure();
}

static void a_reason_is_one_field_of_one_line(void **state) {
    (void)state;
    char words[2000];
    parse(CHILD_EXITED, 1, BENCHMARK("\"error_occurred\": true, \"error_message\": \"wrong: a\\tb\\nc\""),
          "");
    failed("wrong", "a b c");
    memset(words, 'x', sizeof words);
    words[sizeof words - 1] = '\0';
    parse(CHILD_SIGNALLED, SIGSEGV, "", words);
    assert_int_equal(strlen(result.note), sizeof result.note - 1);
    assert_memory_equal(result.note, "Segmentation fault: xxx", 23);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_read_under_its_key),
        cmocka_unit_test(whose_calls_are_overrun_has_figures_all_the_same),
        cmocka_unit_test(a_figure_that_is_absent_or_no_number_is_none),
        cmocka_unit_test(without_a_time_there_is_no_result),
        cmocka_unit_test(the_word_before_the_colon_is_the_status),
        cmocka_unit_test(any_other_word_is_a_crash),
        cmocka_unit_test(rubbish),
        cmocka_unit_test(figures_of_a_process_that_failed_do_not_count),
        cmocka_unit_test(limits),
        cmocka_unit_test(an_interrupted_cell_has_no_result),
        cmocka_unit_test(a_reason_is_one_field_of_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
