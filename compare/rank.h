/* SPDX-License-Identifier: MIT
 *
 * A ranking of the allocators in one directory of results. Pure.
 */
#ifndef COMPARE_RANK_H
#define COMPARE_RANK_H

#include "arena.h"
#include "store.h"

#include <stdio.h>

/* An allocator's geometric mean, over the cells that all have, of its ratios to the baseline: taken in each round, so
 * that rounds give its median and interval as they give a cell's. */
struct rank_row {
    const char *allocator;
    struct stats_interval mean;
    enum stats_verdict verdict;
    size_t better, together, worse; /* of those cells, as each alone is judged */
    bool like_first, like_before;   /* not separated from the first row, from the row before */
};

struct ranking {
    const char *metric;
    struct rank_row *row; /* the lowest mean first */
    size_t rows, cells, cells_of_any;
    unsigned rounds;
    struct words left_out; /* "NAME (3 of 17 cells)": had too few to be ranked */
};

/* By METRIC, of which less is better. FLOORS: those that are no allocators. LEAST: cells whose baseline has less than
 * this do not count. No rows where there is nothing to rank. */
struct ranking rank_by(const struct summary_row *rows, size_t n, const struct store *store, const char *metric,
                       const struct words *floors, double least);

/* The three questions: time, the slowest call of a thousand, peak memory. */
enum { RANKINGS = 3 };
void rank_all(struct ranking ranking[RANKINGS], const struct summary_row *rows, size_t n, const struct store *store);

/* "By time" and so on. */
const char *rank_title(const struct ranking *ranking);

/* For a terminal; nothing where nobody is ranked. */
void rank_print(FILE *file, const struct ranking *ranking, const char *baseline);

#endif
