/* SPDX-License-Identifier: MIT
 *
 * The statistics of a paired comparison: pure functions on arrays of doubles, no state, no clock, no files.
 *
 * A round yields one log-ratio (subject over baseline, measured side by side). Reported is their median with a
 * distribution-free interval from order statistics (the sign test turned round): no assumption of normality,
 * which timings, with a floor and a tail, never meet. Source: any text on nonparametric statistics, e.g.
 * Conover, Practical Nonparametric Statistics, "confidence interval for a quantile".
 *
 * Two runs are two independent samples of log-ratios: between them no round pairs with another. Their shift is estimated
 * after Hodges and Lehmann, with the interval that turns the test of Mann, Whitney and Wilcoxon round (the same text,
 * "confidence interval for the difference between two means").
 */
#ifndef COMPARE_STATS_H
#define COMPARE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Median of N > 0 values in any order; the mean of the middle two when N is even. Sorts VALUES. */
double stats_median(double *values, size_t n);

/* P(X <= k) for X binomial(n, 1/2). Exact to double precision for n up to 1000. */
double stats_binomial_half_cdf(unsigned n, unsigned k);

/* The largest k >= 1 such that [k-th smallest, k-th largest] of N values covers the median with probability at
 * least 1 - ALPHA; 0 where N is too small for any. */
unsigned stats_sign_rank(unsigned n, double alpha);

/* ALPHA for each of COMPARISONS intervals that hold together at 95 % (Bonferroni). COMPARISONS >= 1. */
double stats_alpha(unsigned comparisons);

/* The fewest rounds at which an interval exists for that many comparisons. */
unsigned stats_rounds_needed(unsigned comparisons);

struct stats_interval {
    double median, low, high;
    bool exists; /* false: too few rounds for this ALPHA; low and high are then the extremes */
};

/* Of N > 0 ratios (not logs; each > 0). Works on logs, so that the median of an even count is the geometric
 * mean of the middle two, and the interval of the inverse is the inverse of the interval. Sorts RATIOS. */
struct stats_interval stats_ratio(double *ratios, size_t n, double alpha);

/* Of the M x N differences between the values of two samples, sorted: the largest c >= 1 such that [c-th smallest, c-th
 * largest] covers the shift with probability at least 1 - ALPHA; 0 where M and N are too small for any. Exact up to
 * STATS_EXACT_ROUNDS each; above by the normal distribution, whose tails are heavier, so that it errs to the wide side. */
enum { STATS_EXACT_ROUNDS = 40 };
size_t stats_shift_rank(unsigned m, unsigned n, double alpha);

/* By how much AFTER is above BEFORE, both logs of ratios: the median difference and the RANK-th smallest and largest, as
 * ratios. RANK 0: the extremes, and the interval does not exist. SCRATCH has room for M x N. */
struct stats_interval stats_shift(const double *before, size_t m, const double *after, size_t n, size_t rank,
                                  double *scratch);

enum stats_verdict {
    VERDICT_BETTER,
    VERDICT_WORSE,
    VERDICT_NOT_SEPARATED,
    VERDICT_BASELINE,
    VERDICT_CONTROL,
};
extern const char *const stats_verdict_name[]; /* "better", "worse", "not-separated", "baseline", "control" */

/* Whether the interval lies wholly on one side of 1. LOWER_IS_BETTER: for time and memory. */
enum stats_verdict stats_judge(struct stats_interval interval, bool lower_is_better);

/* high/low; infinite where the interval does not exist. Whether another look is worth its time is decided by this
 * alone, never by the verdict, so that looking again does not favour "separated". */
double stats_width(struct stats_interval interval);

/* The next look after ROUNDS done: 9, 15, 25 in turn, at least stats_rounds_needed(COMPARISONS); 0 after the last. */
unsigned stats_next_look(unsigned rounds, unsigned comparisons);

/* The X at which the curve of N points, by ascending X, falls through LEVEL > 0 for good, by a line between the points on
 * logarithmic axes (an X below 1 is drawn at 1); NaN: it does not, or ends above it. */
double stats_falls_through(const double *x, const double *y, size_t n, double level);

/* A fresh permutation of 0..n-1 into ORDER for round ROUND, the same for the same seed (Fisher-Yates). */
void stats_permutation(unsigned *order, unsigned n, uint64_t seed, unsigned round);

#endif
