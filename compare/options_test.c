/* SPDX-License-Identifier: MIT
 *
 * The command line over the campaign file. What ends the program is tried in a child.
 */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char campaigns[64], said[2048];
static struct options o;

static void campaign(const char *name, const char *text) {
    char path[96];
    snprintf(path, sizeof path, "%s/%s.txt", campaigns, name);
    FILE *const file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int write_campaigns(void **state) {
    (void)state;
    snprintf(campaigns, sizeof campaigns, "/tmp/options_test.XXXXXX");
    if (mkdtemp(campaigns) == NULL)
        return -1;
    campaign("default", "allocators a b\nbaseline base\nmin-time 0.5\nseed 7\nrounds 3\nline-sharing yes\n"
                        "cells w threads=1 also=null\ncells v threads=2,4\n");
    campaign("figure", "allocators fig b\nbudget 60\ncells f\n");
    campaign("full", "cells everything\n");
    return 0;
}

static int remove_campaigns(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", campaigns);
    return system(command); /* NOLINT: a name of our own */
}

/* The words of LINE, of which none holds a blank. */
static enum subcommand parse(const char *line) {
    static char text[4096];
    static char *argv[32];
    int argc = 0;
    snprintf(text, sizeof text, "compare %s", line);
    for (char *rest = text; argc < 31 && rest != NULL;)
        argv[argc++] = strsep(&rest, " ");
    argv[argc] = NULL;
    return options_parse(&o, argc, argv, campaigns, campaigns);
}

/* The status with which the program ends; what it says is in SAID. */
static int ends(const char *line) {
    int ends_of_pipe[2], status;
    size_t used = 0;
    assert_int_equal(pipe(ends_of_pipe), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends_of_pipe[1], STDERR_FILENO);
        dup2(ends_of_pipe[1], STDOUT_FILENO);
        parse(line);
        _exit(99); /* it did not end */
    }
    close(ends_of_pipe[1]);
    for (ssize_t n; (n = read(ends_of_pipe[0], said + used, sizeof said - 1 - used)) > 0;)
        used += (size_t)n;
    said[used] = '\0';
    close(ends_of_pipe[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refused(const char *line, const char *words) {
    assert_int_equal(ends(line), 2);
    if (strstr(said, words) == NULL)
        fail_msg("of %s, \"%s\" does not say \"%s\"", line, said, words);
}

static void without_options_the_campaign_file_is_the_plan(void **state) {
    (void)state;
    assert_int_equal(parse("run"), SUBCOMMAND_RUN);
    assert_string_equal(o.plan.name, "run");
    assert_string_equal(o.plan.allocators, "a,b");
    assert_string_equal(o.plan.baseline, "base");
    assert_true(o.plan.min_time == 0.5 && o.plan.line_sharing);
    assert_int_equal(o.plan.seed, 7);
    assert_int_equal(o.plan.rounds, 3);
    assert_int_equal(o.plan.cell_count, 2);
    assert_string_equal(o.plan.cells[0].also, "null");
    assert_string_equal(o.subject, "a");
    assert_false(o.dry_run || o.baseline_given || o.allocators_given);
    assert_null(o.out);
    assert_null(o.from);
    assert_null(o.export);
}

static void each_option_is_over_the_file(void **state) {
    (void)state;
    assert_int_equal(
        parse("run -a x,y --baseline best:x,z --rounds=12 --min-time 0.25 --seed 0 -o dir --from old "
              "--export t.md --dry-run"),
        SUBCOMMAND_RUN);
    assert_string_equal(o.plan.allocators, "x,y");
    assert_string_equal(o.plan.baseline, "best:x,z");
    assert_int_equal(o.plan.rounds, 12);
    assert_true(o.plan.min_time == 0.25);
    assert_int_equal(o.plan.seed, 0);
    assert_string_equal(o.out, "dir");
    assert_string_equal(o.from, "old");
    assert_string_equal(o.export, "t.md");
    assert_true(o.dry_run && o.baseline_given && o.allocators_given);
    assert_string_equal(o.subject, "x");
    assert_int_equal(o.plan.cell_count, 2);
    assert_string_equal(o.plan.cells[1].threads, "2,4");
}

static void named_allocators_are_alone(void **state) {
    (void)state;
    parse("run -a x");
    assert_string_equal(o.plan.cells[0].also, "");
}

static void named_workloads_are_the_only_cells(void **state) {
    (void)state;
    parse("run -w u/size=8,size=16,v");
    assert_int_equal(o.plan.cell_count, 1);
    assert_string_equal(o.plan.cells[0].workload, "u/size=8,size=16,v");
    assert_string_equal(o.plan.cells[0].threads, "");
    assert_string_equal(o.plan.cells[0].also, "");
}

static void an_option_given_twice_adds(void **state) {
    (void)state;
    parse("run -w x -a c -w y/k=1 -a d -t 1 -t 2");
    assert_int_equal(o.plan.cell_count, 1);
    assert_string_equal(o.plan.cells[0].workload, "x,y/k=1");
    assert_string_equal(o.plan.cells[0].threads, "1,2");
    assert_string_equal(o.plan.allocators, "c,d");
}

static void named_threads_are_of_every_cell(void **state) {
    (void)state;
    parse("run -t 16");
    assert_string_equal(o.plan.cells[0].threads, "16");
    assert_string_equal(o.plan.cells[1].threads, "16");
    parse("run -t 16 -w u");
    assert_string_equal(o.plan.cells[0].threads, "16");
}

static void figure_and_full_are_files_of_their_own(void **state) {
    (void)state;
    assert_int_equal(parse("figure"), SUBCOMMAND_FIGURE);
    assert_string_equal(o.plan.name, "figure");
    assert_string_equal(o.subject, "fig");
    assert_string_equal(o.plan.baseline, "glibc");
    assert_true(o.plan.budget == 60);
    assert_int_equal(parse("figure --full"), SUBCOMMAND_FIGURE);
    assert_string_equal(o.plan.cells[0].workload, "everything");
    assert_string_equal(o.plan.allocators, "");
    assert_string_equal(o.subject, "ao");
    assert_int_equal(parse("list"), SUBCOMMAND_LIST);
}

static void a_label_is_the_subject_of_its_so(void **state) {
    (void)state;
    parse("run -a mine=so:/lib/x.so:pre_,glibc");
    assert_string_equal(o.subject, "mine");
    assert_string_equal(o.plan.allocators, "mine=so:/lib/x.so:pre_,glibc");
}

static void numbers_out_of_their_limits(void **state) {
    (void)state;
    refused("run --rounds 2.5", "--rounds 2.5: a whole number from 1 to 1000 is wanted");
    refused("run --rounds 1e10", "--rounds 1e10: a whole number from 1 to 1000 is wanted");
    refused("run --rounds nan", "--rounds nan: ");
    refused("run --seed -1", "--seed -1: a whole number from 0 to 9007199254740992 is wanted");
    refused("run --min-time inf", "--min-time inf: a number from 0.0001 to 3600 is wanted");
    refused("run --min-time 1s", "--min-time 1s: ");
}

static void texts_that_would_be_cut(void **state) {
    (void)state;
    char line[4096];
    snprintf(line, sizeof line, "run -w %01024d", 0);
    refused(line, "...: at most 1023 characters are taken");
    snprintf(line, sizeof line, "run -a %02048d", 0);
    refused(line, "...: at most 2047 characters are taken");
    refused("run --baseline=", "--baseline: a name is wanted");
}

static void faults_of_the_campaign_file_name_it(void **state) {
    (void)state;
    campaign("default", "baseline base\nround 3\n");
    refused("run", "/default.txt:2: no setting is called \"round\"");
    campaign("default", "baseline base\n");
    refused("run", "/default.txt: no line of cells, and no --workloads: there is nothing to measure");
    parse("run -w u");
    assert_string_equal(o.plan.cells[0].workload, "u");
}

static void diff_takes_two_directories_and_a_percentage(void **state) {
    (void)state;
    assert_int_equal(parse("diff old new"), SUBCOMMAND_DIFF);
    assert_string_equal(o.diff.before, "old");
    assert_string_equal(o.diff.after, "new");
    assert_true(o.diff.max_regression == 0.05);
    assert_false(o.diff.other_machine);
    parse("diff --max-regression 12.5% a b --other-machine");
    assert_true(o.diff.max_regression == 0.125);
    assert_true(o.diff.other_machine);
    refused("diff old", "two directories of results are wanted: OLD NEW");
    refused("diff a b c", "\"c\": two directories of results are compared, no more");
    refused("diff a b --max-regression 5",
            "--max-regression 5: a percentage from 0% to 1000% is wanted, with its sign");
    refused("diff a b --max-regression=1001%", "is wanted, with its sign");
    refused("diff a b --rounds 9", "unrecognized option");
}

#define with_campaigns(f) cmocka_unit_test_setup_teardown(f, write_campaigns, remove_campaigns)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_campaigns(without_options_the_campaign_file_is_the_plan),
        with_campaigns(each_option_is_over_the_file),
        with_campaigns(named_allocators_are_alone),
        with_campaigns(named_workloads_are_the_only_cells),
        with_campaigns(an_option_given_twice_adds),
        with_campaigns(named_threads_are_of_every_cell),
        with_campaigns(figure_and_full_are_files_of_their_own),
        with_campaigns(a_label_is_the_subject_of_its_so),
        with_campaigns(numbers_out_of_their_limits),
        with_campaigns(texts_that_would_be_cut),
        with_campaigns(faults_of_the_campaign_file_name_it),
        with_campaigns(diff_takes_two_directories_and_a_percentage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
