/* SPDX-License-Identifier: MIT
 *
 * From the rows of rounds.tsv to the rows of summary.tsv: pure, no files, no clock. docs/design.md,
 * section 5.
 */
#ifndef COMPARE_SUMMARY_H
#define COMPARE_SUMMARY_H

#include "stats.h"

/* One figure of one cell in one round. Strings are owned by whoever made the row. */
struct round_row {
    const char *workload, *params; /* params: key=value joined by commas, "-" where there are none */
    unsigned threads;
    const char *allocator; /* the second run of the baseline is "NAME@control" */
    unsigned round;        /* from 1; 0: a pass outside the rounds (record.h) */
    const char *metric;
    double value;       /* NaN where status is not ok */
    const char *status; /* ok crashed timeout out-of-memory unavailable excluded not-concurrent */
    const char *note;   /* why, where it is not ok; or NULL */
};

struct summary_row {
    const char *workload, *params;
    unsigned threads;
    const char *allocator, *metric;
    double value;            /* the allocator's median over its rounds */
    double ratio, low, high; /* median of paired ratios against the baseline, and its interval; NaN: none */
    const char *verdict;     /* of stats_verdict_name, or "-" where no verdict is made */
    unsigned rounds;         /* paired rounds it rests on */
    const char *status;
};

struct summary_options {
    const char *baseline; /* NAME, or "best:A,B,C": in each cell the one with the lowest median time_ns */
    const char *order;    /* comma-separated names: allocators come in this order, others after; or NULL */
    unsigned
        comparisons; /* 0: counted from the rows (allocators other than baseline and control, in one cell) */
};

/* Summarises N rows, in any order, into a malloc'ed array in the order of first appearance (workload, params,
 * threads), then of allocators, then record.def's metric order. COUNT receives its length. Rows that failed
 * yield one row with metric time_ns, NaN figures and that status. A cell one of whose rounds is
 * not-concurrent in more than a fifth of them is not-concurrent: figures shown, verdict "-". Unknown metrics
 * are kept, without a verdict. Returns NULL with a line in WHY (a baseline that is nowhere in the rows). */
struct summary_row *summary_make(const struct round_row *rows, size_t n,
                                 const struct summary_options *options, size_t *count, char *why,
                                 size_t why_size);

#endif
