/* SPDX-License-Identifier: MIT
 *
 * compare diff: the results of two runs, cell by cell. A machine is faster on one day than on another, so each time is
 * first divided by the baseline's of its own round; the log-ratios of the two runs are then two independent samples, and
 * what is judged is the interval of their shift (stats.h), at 95 % for all comparisons together (Bonferroni).
 *
 * What the interval does not hold is what differs between two runs but not within one: another layout of memory after a
 * reboot, another neighbour on the host. The baseline's second run and libraries that are the same in both show it, and a
 * warning says so where they have moved. Who can run both builds should do so in one campaign (docs/adding.md).
 */
#ifndef COMPARE_DIFF_H
#define COMPARE_DIFF_H

#include "arena.h"
#include "options.h"
#include "store.h"
#include <stdio.h>

/* In the order in which they are shown. */
enum diff_kind {
    DIFF_WORSE,
    DIFF_MEMORY, /* more memory in the same time */
    DIFF_BETTER,
    DIFF_SAME,   /* not separated */
    DIFF_TOO_FEW /* rounds for an interval */
};

struct diff_cell {
    const struct round_row *row;  /* its workload, params, threads, allocator and metric */
    double before, after;         /* the median ratio to the baseline in OLD and in NEW */
    unsigned rounds[2];           /* that these rest on */
    struct stats_interval change; /* of NEW over OLD */
    enum diff_kind kind;
    bool too_much; /* worse, and the median is above what may be */
};

/* A cell that is not compared. */
struct diff_left {
    const struct round_row *row;
    const char *why;
    bool broken; /* there were figures in OLD, and in NEW it fails */
};

struct diff {
    const char *baseline;
    double max_regression;
    struct diff_cell *cell;
    size_t cells, intervals; /* how many have one */
    size_t too_much;
    struct diff_left *left;
    size_t lefts, broken;
    struct words warnings;
};

/* The baseline that the results have in common; NULL with a line in WHY where there is none, or where machine or baseline
 * are not the same and OTHER_MACHINE is false. */
const char *diff_baseline(const struct store *before, const struct store *after, bool other_machine,
                          char *why, size_t why_size);

/* Compares all that both have. Pure. */
struct diff diff_make(const struct store *before, const struct store *after, const char *baseline,
                      double max_regression);

/* Lines for people, regressions first. */
void diff_print(FILE *out, const struct diff *diff, bool colours);

/* All of it in a sentence; with FOR_GITHUB, where it is a regression, as a line that GitHub marks as an error. */
const char *diff_answer(const struct diff *diff, bool for_github);

/* The subcommand; its exit status. */
int diff_main(const struct options_diff *options);

#endif
