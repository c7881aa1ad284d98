/* SPDX-License-Identifier: MIT
 *
 * Campaign files: what each line means, and that what it cannot mean is said with file and line.
 */
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64], why[1024];
static struct plan plan;

static bool read_text(const char *text) {
    snprintf(path, sizeof path, "/tmp/plan_test.%d", (int)getpid());
    FILE *const file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    const bool good = plan_read(&plan, path, why, sizeof why);
    remove(path);
    return good;
}

static void reads(const char *text) {
    plan = (struct plan){.baseline = "glibc", .min_time = 0.05, .seed = 1};
    if (!read_text(text))
        fail_msg("%s", why);
}

/* TEXT is refused, with the file's name in front of EXPECTED. */
static void refused(const char *text, const char *expected) {
    plan = (struct plan){0};
    assert_false(read_text(text));
    assert_memory_equal(why, path, strlen(path));
    assert_string_equal(why + strlen(path), expected);
}

static void every_setting(void **state) {
    (void)state;
    reads("# all of them\n\nallocators ao \t ao-debian glibc # three\n  baseline best:glibc,jemalloc\n"
          "min-time 0.04\nbudget 120\nrounds 15\nseed 9007199254740992\nline-sharing yes\nmemory-time yes\nsyscalls yes\nvalgrind yes\n"
          "cells list-reversal/counter=private threads=1,2\ncells intensity also=null threads=2\ncells");
    assert_string_equal(plan.allocators, "ao,ao-debian,glibc");
    assert_string_equal(plan.baseline, "best:glibc,jemalloc");
    assert_true(plan.min_time == 0.04 && plan.budget == 120);
    assert_int_equal(plan.rounds, 15);
    assert_int_equal(plan.seed, UINT64_C(9007199254740992));
    assert_true(plan.line_sharing && plan.memory_time && plan.syscalls && plan.valgrind && !plan.after_free);
    assert_int_equal(plan.cell_count, 3);
    assert_string_equal(plan.cells[0].workload, "list-reversal/counter=private");
    assert_string_equal(plan.cells[0].threads, "1,2");
    assert_string_equal(plan.cells[0].also, "");
    assert_string_equal(plan.cells[1].workload, "intensity");
    assert_string_equal(plan.cells[1].threads, "2");
    assert_string_equal(plan.cells[1].also, "null");
    assert_string_equal(plan.cells[2].workload, "");
}

static void what_a_file_does_not_say_stays(void **state) {
    (void)state;
    reads("");
    assert_string_equal(plan.baseline, "glibc");
    assert_true(plan.min_time == 0.05);
    assert_int_equal(plan.seed, 1);
    assert_int_equal(plan.cell_count, 0);
}

static void line_ends_of_other_systems_are_no_part_of_a_name(void **state) {
    (void)state;
    reads("baseline jemalloc\r\nline-sharing yes\r\ncells w threads=2\r\n");
    assert_string_equal(plan.baseline, "jemalloc");
    assert_string_equal(plan.cells[0].threads, "2");
}

static void unknown_settings(void **state) {
    (void)state;
    refused("baseline glibc\n# one\nalocators ao\n", ":3: no setting is called \"alocators\"");
    refused("frobnicate\n", ":1: no setting is called \"frobnicate\"");
}

static void numbers(void **state) {
    (void)state;
    refused("\nrounds many\n", ":2: \"rounds many\": a whole number from 0 to 1000 is wanted");
    refused("rounds 2.5\n", ":1: \"rounds 2.5\": a whole number from 0 to 1000 is wanted");
    refused("rounds 1e10\n", ":1: \"rounds 1e10\": a whole number from 0 to 1000 is wanted");
    refused("rounds -1\n", ":1: \"rounds -1\": a whole number from 0 to 1000 is wanted");
    refused("rounds\n", ":1: \"rounds \": a whole number from 0 to 1000 is wanted");
    refused("seed 1e30\n", ":1: \"seed 1e30\": a whole number from 0 to 9007199254740992 is wanted");
    refused("min-time 0\n", ":1: \"min-time 0\": a number from 0.0001 to 3600 is wanted");
    refused("min-time 0.04 s\n", ":1: \"min-time 0.04 s\": a number from 0.0001 to 3600 is wanted");
    refused("min-time inf\n", ":1: \"min-time inf\": a number from 0.0001 to 3600 is wanted");
    refused("budget nan\n", ":1: \"budget nan\": a number from 0 to 1000000000 is wanted");
}

static void words(void **state) {
    (void)state;
    refused("line-sharing true\n", ":1: \"line-sharing true\": yes or no is wanted");
    refused("baseline\n", ":1: \"baseline \": one name is wanted, or best:A,B,C");
    refused("baseline glibc jemalloc\n",
            ":1: \"baseline glibc jemalloc\": one name is wanted, or best:A,B,C");
    refused("cells w thread=2\n", ":1: \"thread=2\": cells WORKLOAD [threads=N,...] [also=ALLOCATOR,...]");
}

static void what_does_not_fit_is_refused_not_cut(void **state) {
    (void)state;
    char text[3000] = "cells w threads=";
    memset(text + strlen(text), '1', 128);
    refused(text, ":1: \"1111111111111111111111111111111111111111...\" is longer than 127 characters");
    text[16 + 127] = '\0';
    reads(text);
    assert_int_equal(strlen(plan.cells[0].threads), 127);
    snprintf(text, sizeof text, "# a comment\nallocators %2100s\nbaseline glibc\n", "x");
    refused(text, ":2: the line is longer than 2047 characters");
    *text = '\0';
    for (int i = 0; i <= PLAN_CELLS; i++)
        strcat(text, "cells w\n");
    refused(text, ":33: more than 32 lines of cells");
}

static void files_that_cannot_be_read(void **state) {
    (void)state;
    assert_false(plan_read(&plan, "/nonexistent/x.txt", why, sizeof why));
    assert_string_equal(why, "/nonexistent/x.txt: No such file or directory");
    assert_false(plan_read(&plan, "/tmp", why, sizeof why));
    assert_string_equal(why, "/tmp: Is a directory");
}

static void the_first_baseline(void **state) {
    (void)state;
    char name[16];
    snprintf(plan.baseline, sizeof plan.baseline, "best:a,b");
    plan_first_baseline(&plan, name, sizeof name);
    assert_string_equal(name, "a");
    snprintf(plan.baseline, sizeof plan.baseline, "glibc");
    plan_first_baseline(&plan, name, sizeof name);
    assert_string_equal(name, "glibc");
}

/* One file after another: each differs from the first in one thing. */
static void plans_that_measure_something_else_have_another_identity(void **state) {
    (void)state;
    static const char *const other[] = {
        "allocators b\ncells w threads=1 also=n\n",
        "baseline x\nallocators a\ncells w threads=1 also=n\n",
        "rounds 9\nallocators a\ncells w threads=1 also=n\n",
        "seed 2\nallocators a\ncells w threads=1 also=n\n",
        "min-time 1\nallocators a\ncells w threads=1 also=n\n",
        "budget 1\nallocators a\ncells w threads=1 also=n\n",
        "line-sharing yes\nallocators a\ncells w threads=1 also=n\n",
        "memory-time yes\nallocators a\ncells w threads=1 also=n\n",
        "syscalls yes\nallocators a\ncells w threads=1 also=n\n",
        "valgrind yes\nallocators a\ncells w threads=1 also=n\n",
        "allocators a\ncells v threads=1 also=n\n",
        "allocators a\ncells w threads=2 also=n\n",
        "allocators a\ncells w threads=1\n",
        "allocators a\ncells w threads=1 also=n\ncells w threads=1 also=n\n",
    };
    static char first[PLAN_IDENTITY], text[PLAN_IDENTITY];
    reads("allocators a\ncells w threads=1 also=n\n");
    plan_identity(&plan, first, sizeof first);
    reads("# the same\n allocators  a\nline-sharing no\ncells w also=n threads=1\n");
    plan_identity(&plan, text, sizeof text);
    assert_string_equal(text, first);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        reads(other[i]);
        plan_identity(&plan, text, sizeof text);
        assert_string_not_equal(text, first);
    }
}

static void an_identity_that_does_not_fit_stays_within_its_room(void **state) {
    (void)state;
    char text[64];
    reads("allocators a b c d e f g h i j k l m n o p q r s t u v w x y z\ncells w threads=1\ncells v\n");
    for (size_t size = 1; size < sizeof text; size++) {
        memset(text, '!', sizeof text);
        plan_identity(&plan, text, size);
        assert_true(strlen(text) < size && text[size] == '!');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting),
        cmocka_unit_test(what_a_file_does_not_say_stays),
        cmocka_unit_test(line_ends_of_other_systems_are_no_part_of_a_name),
        cmocka_unit_test(unknown_settings),
        cmocka_unit_test(numbers),
        cmocka_unit_test(words),
        cmocka_unit_test(what_does_not_fit_is_refused_not_cut),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(the_first_baseline),
        cmocka_unit_test(plans_that_measure_something_else_have_another_identity),
        cmocka_unit_test(an_identity_that_does_not_fit_stays_within_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
