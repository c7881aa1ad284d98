/* SPDX-License-Identifier: MIT
 *
 * Claims: sentences of a page or a paper, what is measured for each, and the verdict. Pure, but for the file that they
 * are read from.
 *
 * A file of claims is a campaign file (plan.h) with claims behind it, a block each:
 *     claim uncontended                       its id; the block ends at the next claim
 *     says "as good as, or slightly better than, most system malloc implementations"
 *     where libatomic-malloc(3), paragraph 4
 *     measures time of a pair on one thread   for the reader
 *     of ao ao-debian                         whom it is about
 *     against glibc jemalloc                  peers: a row for each, "peer" in terms
 *     cells uncontended/shape=pair,size=64/threads:1 list-reversal/counter=private/threads:1
 *     value time_ns / peer:time_ns
 *     bound <= 1.1
 *     needs most                              of its rows to hold (of each peer's first); all, which is the default; any
 *     undecided where an interval contains the bound
 *
 * A value is a product of factors. A factor is [ALLOCATOR:]METRIC[@CELL], with / before it where it divides; CELL is
 * another cell than the row's, or threads:N alone. It is computed round by round, so that what is compared was measured
 * side by side; its interval is that of stats.h, corrected for the number of peers. A figure that was taken once stands
 * for itself.
 *
 * A bound is <= SUM, >= SUM or within A B; a SUM is terms joined by +, each NUMBER, or NUMBER*METRIC of the same cell,
 * where `threads` is a metric too. A claim holds where the interval lies within the bound, fails where it lies outside,
 * and is undecided where it contains the bound, or where something was not measured.
 *
 * In place of cells, value and bound a claim may have
 *     safety progress path=pair,k=2 fails     lines of the safety matrix, and what is claimed of each: holds or fails
 *     crosses 3 4                             the curve of time_ns / peer:time_ns over the cells, by their work_ns, comes
 *                                             down through these: the private work at which it does
 * One with none of them is undecided, as its line of that name says.
 * Figures of `bench --limits` stand in the cell limits/threads:1.
 */
#ifndef COMPARE_CLAIM_H
#define COMPARE_CLAIM_H

#include "arena.h"
#include "safety.h"
#include "summary.h"

struct claim_cell {
    const char *workload, *params; /* "" in a factor: the row's */
    unsigned threads;              /* 0 in a factor: the row's */
};

struct claim_factor {
    const char *allocator; /* NULL: whom the row is about; "peer" */
    const char *metric;
    struct claim_cell at;
    bool divides;
};

struct claim_term {
    double number;
    const char *metric; /* NULL: the number alone */
};

enum claim_bound { BOUND_NONE, BOUND_AT_MOST, BOUND_AT_LEAST, BOUND_WITHIN };
enum claim_needs { NEEDS_ALL, NEEDS_MOST, NEEDS_ANY };

struct claim_safety {
    const char *column, *params, *claimed; /* holds or fails */
};

enum { CLAIM_PARTS = 32 };

struct claim {
    const char *id, *says, *where, *measures, *undecided;
    struct words of, against;
    struct claim_cell cell[CLAIM_PARTS];
    size_t cells;
    struct claim_factor factor[CLAIM_PARTS];
    size_t factors;
    enum claim_bound bound;
    struct claim_term term[CLAIM_PARTS]; /* of within: two numbers */
    size_t terms;
    enum claim_needs needs;
    struct claim_safety safety[CLAIM_PARTS];
    size_t safeties;
    double crosses_low, crosses_high; /* 0: it is no such claim */
};

struct claims {
    struct claim *claim;
    size_t count;
};

/* A verdict on one allocator, in one cell, against one peer. */
struct claim_row {
    const struct claim *claim;
    const char *allocator, *peer; /* peer NULL: none */
    const char *cell;             /* as bench names it, without the allocator; "-" in a sum of rows */
    const char *verdict;          /* holds fails undecided */
    double value, low, high;      /* NaN: none */
    const char *bound;            /* for the reader */
    const char *note;             /* why undecided; of a sum how many rows hold; or "" */
    bool is_sum;                  /* over all rows of this claim and allocator */
};

struct claim_rows {
    struct claim_row *row;
    size_t count;
};

/* The claims of FILE. False: WHY names the file, the line, and what is wrong with it. */
bool claims_read(struct claims *claims, const char *file, char *why, size_t why_size);

/* The cells of the safety matrix that CLAIMS need, each once. */
struct safety_cells claims_safety_cells(const struct claims *claims);

/* The allocators whose limits are claimed about. */
struct words claims_limits(const struct claims *claims);

/* All rows of each claim, each allocator's followed by their sum. */
struct claim_rows claims_judge(const struct claims *claims, const struct round_row *rounds, size_t n,
                               const struct safety_rows *safety);

/* DIR/claims.tsv and DIR/claims.md. */
bool claims_write(const struct claim_rows *rows, const char *dir, char *why, size_t why_size);

/* For a terminal. */
void claims_print(FILE *file, const struct claim_rows *rows, bool colours);

#endif
