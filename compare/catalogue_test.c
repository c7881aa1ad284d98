/* SPDX-License-Identifier: MIT
 *
 * What bench says that there is, taken apart: bench is a script that says what a test wrote.
 */
#include "catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], bench[96], why[512];
static struct catalogue c;
static struct plan plan;

static void write_file(const char *path, const char *text) {
    FILE *const file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A bench whose shell script is TEXT; it keeps its arguments in DIR/arguments. */
static void bench_is(const char *text) {
    char script[4096];
    snprintf(script, sizeof script, "#!/bin/sh\nprintf '%%s ' \"$@\" >>%s/arguments\n%s\n", dir, text);
    write_file(bench, script);
    assert_int_equal(chmod(bench, 0700), 0);
}

static int make(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/catalogue_test.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(bench, sizeof bench, "%s/bench", dir);
    plan = (struct plan){.allocators = "x,mine=so:/m.so", .baseline = "sys", .cell_count = 1};
    snprintf(plan.cells[0].workload, sizeof plan.cells[0].workload, "w");
    bench_is("cat <<'END'\n"
             "allocator\tax\tx ex\tok\tbounded,floor\t-\tlibx\t/x.so\tsays x\t-\n"
             "allocator\tmine\t-\tunavailable\t-\t-\t-\t-\tyours\tit is not here\n"
             "allocator\tglibc\tsys libc\tok\t-\t-\tlibc6\t/libc.so\tthe system's\t-\n"
             "workload\tw\t-\tscripted\tsize=8|16\t1,2\tdoes\tdoes not\tsyscalls\t0.5\n"
             "cell\tw\tsize=8\t2\tax\tok\tscripted\t12000000000\t-\n"
             "cell\tw\tsize=8\t2\tmine\tunavailable\tscripted\t12000000000\tit is not here\n"
             "cell\tw\tsize=8\t2\tax\tok\tscripted\t12000000000\t-\n"
             "cell\tv\t-\t2\tglibc\texcluded\tsteady\t0\tit hangs\n"
             "remark\tof a later bench\n"
             "END");
    return 0;
}

static int remove_all(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command); /* NOLINT: a name of our own */
}

static void reads(void) {
    if (!catalogue_read(&c, bench, &plan, why, sizeof why))
        fail_msg("%s", why);
}

static void was_asked(const char *expected) {
    char path[96], text[512] = "";
    snprintf(path, sizeof path, "%s/arguments", dir);
    FILE *const file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    remove(path);
    assert_string_equal(text, expected);
}

static void each_field_is_where_the_page_says(void **state) {
    (void)state;
    reads();
    assert_int_equal(c.allocators, 3);
    assert_string_equal(c.allocator[0].spec, "x"); /* as it was asked for */
    assert_string_equal(c.allocator[0].name, "ax");
    assert_string_equal(c.allocator[0].traits, "bounded,floor");
    assert_string_equal(c.allocator[0].path, "/x.so");
    assert_string_equal(c.allocator[1].spec, "mine=so:/m.so");
    assert_string_equal(c.allocator[1].status, "unavailable");
    assert_string_equal(c.allocator[1].why, "it is not here");
    assert_int_equal(c.workloads, 1);
    assert_string_equal(c.workload[0].grid, "size=8|16");
    assert_string_equal(c.workload[0].not_shown, "does not");
}

static void cells_of_one_place_are_a_group_and_none_is_there_twice(void **state) {
    (void)state;
    reads();
    assert_int_equal(c.groups, 2);
    assert_string_equal(c.group[0].workload, "w");
    assert_string_equal(c.group[0].params, "size=8");
    assert_int_equal(c.group[0].threads, 2);
    assert_true(c.group[0].scripted);
    assert_int_equal(c.group[0].operations, 12000000000);
    assert_true(c.group[0].syscalls && !c.group[0].latency);
    assert_true(c.group[0].least_concurrency == 0.5);
    assert_int_equal(c.group[0].members, 2);
    assert_string_equal(c.group[0].member[0].spec, "x");
    assert_string_equal(c.group[0].member[1].why, "it is not here");
    assert_false(c.group[1].scripted);
    assert_string_equal(c.group[1].member[0].status, "excluded");
}

static void bench_is_asked_once_for_a_line_of_cells_and_always_for_the_baseline(void **state) {
    (void)state;
    reads();
    was_asked("--list=tsv --allocators=x,mine=so:/m.so,sys --workloads=w ");
    plan = (struct plan){.allocators = "x,sys", .baseline = "best:sys,je", .cell_count = 2};
    snprintf(plan.cells[1].threads, sizeof plan.cells[1].threads, "1,2");
    snprintf(plan.cells[1].also, sizeof plan.cells[1].also, "null,x");
    reads();
    was_asked("--list=tsv --allocators=x,sys,je --list=tsv --allocators=x,sys,je,null --threads=1,2 ");
    *plan.allocators = '\0'; /* all there are: the baseline is one of them */
    reads();
    was_asked("--list=tsv --list=tsv --threads=1,2 ");
}

static void names_aliases_and_specs_are_one_allocator(void **state) {
    (void)state;
    reads();
    assert_string_equal(catalogue_name(&c, "glibc"), "glibc");
    assert_string_equal(catalogue_name(&c, "libc"), "glibc");
    assert_string_equal(catalogue_name(&c, "mine=so:/m.so"), "mine");
    assert_string_equal(catalogue_name(&c, "lib"), "lib"); /* none is called so */
    assert_null(catalogue_allocator_named(&c, "lib"));
    assert_null(catalogue_allocator_named(&c, ""));
}

static void the_baseline_has_the_names_of_its_rows(void **state) {
    (void)state;
    static const char *const baselines[][2] = {{"sys", "glibc"},
                                               {"best:sys,ex,glibc", "best:glibc,ax"},
                                               {"mine=so:/m.so", "mine"},
                                               {"unknown", "unknown"}};
    reads();
    for (size_t i = 0; i < sizeof baselines / sizeof *baselines; i++) {
        snprintf(plan.baseline, sizeof plan.baseline, "%s", baselines[i][0]);
        catalogue_resolve_baseline(&c, &plan);
        assert_string_equal(plan.baseline, baselines[i][1]);
    }
}

static void short_lines_are_no_harm(void **state) {
    (void)state;
    bench_is("printf 'allocator\\tx\\n\\ncell\\tw\\n'");
    reads();
    assert_int_equal(c.allocators, 1);
    assert_string_equal(c.allocator[0].why, "-");
}

static void bench_s_own_words_say_what_is_wrong(void **state) {
    (void)state;
    bench_is("echo 'bench: no workload is called \"w\"' >&2; exit 2");
    assert_false(catalogue_read(&c, bench, &plan, why, sizeof why));
    assert_string_equal(why, "no workload is called \"w\"");
    bench_is("exit 2");
    assert_false(catalogue_read(&c, bench, &plan, why, sizeof why));
    assert_string_equal(why, "bench --list=tsv does not run");
    bench_is("kill -9 $$");
    assert_false(catalogue_read(&c, bench, NULL, why, sizeof why));
    assert_string_equal(why, "bench --list=tsv does not run; COMPARE_BENCH names the bench program");
}

#define with_bench(f) cmocka_unit_test_setup_teardown(f, make, remove_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_bench(each_field_is_where_the_page_says),
        with_bench(cells_of_one_place_are_a_group_and_none_is_there_twice),
        with_bench(bench_is_asked_once_for_a_line_of_cells_and_always_for_the_baseline),
        with_bench(names_aliases_and_specs_are_one_allocator),
        with_bench(the_baseline_has_the_names_of_its_rows),
        with_bench(short_lines_are_no_harm),
        with_bench(bench_s_own_words_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
