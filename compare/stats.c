/* SPDX-License-Identifier: MIT
 *
 * stats.h. Why a sign test and not a t-interval: timings have a floor and a long tail, rounds are few, and
 * one round in ten may be spoilt by somebody else's work; order statistics take all that as it comes. The
 * price is coarse steps: at 9 rounds the 95 % interval for up to 12 comparisons is the extremes, and for 13
 * there is none.
 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const unsigned looks[] = {9, 15, 25};

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_median(double *values, size_t n) {
    qsort(values, n, sizeof *values, by_value);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double stats_binomial_half_cdf(unsigned n, unsigned k) {
    if (k >= n)
        return 1;
    double sum = 0;
    for (unsigned i = 0; i <= k; i++)
        sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) - n * log(2));
    return sum;
}

unsigned stats_sign_rank(unsigned n, double alpha) {
    /* [k-th smallest, k-th largest] misses the median when fewer than k values lie on one side of it. */
    unsigned k = 0;
    while (2 * (k + 1) <= n + 1 && 2 * stats_binomial_half_cdf(n, k) <= alpha)
        k++;
    return k;
}

double stats_alpha(unsigned comparisons) {
    return 0.05 / comparisons;
}

unsigned stats_rounds_needed(unsigned comparisons) {
    unsigned n = 1;
    while (stats_sign_rank(n, stats_alpha(comparisons)) == 0)
        n++;
    return n;
}

struct stats_interval stats_ratio(double *ratios, size_t n, double alpha) {
    for (size_t i = 0; i < n; i++)
        ratios[i] = log(ratios[i]);
    const double median = stats_median(ratios, n);
    const unsigned rank = stats_sign_rank((unsigned)n, alpha);
    const size_t low = rank == 0 ? 0 : rank - 1;
    return (struct stats_interval){.median = exp(median),
                                   .low = exp(ratios[low]),
                                   .high = exp(ratios[n - 1 - low]),
                                   .exists = rank != 0};
}

/* ---- two samples ---- */

/* How many of the orders that M values of one sample and N of another can be in have U pairs in which the first sample's
 * is the larger, for U = 0 .. LAST. Values are placed from the lowest; whoever is the k-th of the first sample to be
 * placed is larger than all of the second that are placed by then. M and N <= STATS_EXACT_ROUNDS, LAST <= M x N / 2. */
static void count_orders(unsigned m, unsigned n, unsigned last, double *count) {
    static const unsigned most = STATS_EXACT_ROUNDS * STATS_EXACT_ROUNDS / 2;
    double ways[STATS_EXACT_ROUNDS + 1][STATS_EXACT_ROUNDS * STATS_EXACT_ROUNDS / 2 + 1];
    memset(ways, 0, sizeof ways);
    ways[0][0] = 1;
    for (unsigned placed = 0; placed < m + n; placed++)
        for (unsigned k = placed < m ? placed + 1 : m; k >= 1; k--) {
            const unsigned below = placed - (k - 1); /* of the second sample */
            for (unsigned u = below; u <= last && u <= most; u++)
                ways[k][u] += ways[k - 1][u - below];
        }
    memcpy(count, ways[m], (last + 1) * sizeof *count);
}

static size_t exact_rank(unsigned m, unsigned n, double alpha) {
    double count[STATS_EXACT_ROUNDS * STATS_EXACT_ROUNDS / 2 + 1], orders = 1, sum = 0;
    const unsigned last = m * n / 2;
    count_orders(m, n, last, count);
    for (unsigned i = 1; i <= m; i++)
        orders = orders * (n + i) / i;
    unsigned c = 0;
    for (; c <= last; c++) {
        sum += count[c];
        if (2 * sum / orders > alpha)
            break;
    }
    return c;
}

static size_t normal_rank(unsigned m, unsigned n, double alpha) {
    const double pairs = (double)m * n, deviation = sqrt(pairs * (m + n + 1.0) / 12);
    size_t c = 0;
    while (erfc((pairs / 2 - (double)c - 0.5) / (deviation * sqrt(2))) <= alpha)
        c++;
    return c;
}

size_t stats_shift_rank(unsigned m, unsigned n, double alpha) {
    /* [c-th smallest, c-th largest] misses the shift when fewer than c pairs lie on one side of it. */
    const bool exact = m <= STATS_EXACT_ROUNDS && n <= STATS_EXACT_ROUNDS;
    return (exact ? exact_rank : normal_rank)(m, n, alpha);
}

struct stats_interval stats_shift(const double *before, size_t m, const double *after, size_t n, size_t rank,
                                  double *scratch) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            scratch[i * n + j] = after[j] - before[i];
    const double median = stats_median(scratch, m * n);
    const size_t low = rank == 0 ? 0 : rank - 1;
    return (struct stats_interval){.median = exp(median),
                                   .low = exp(scratch[low]),
                                   .high = exp(scratch[m * n - 1 - low]),
                                   .exists = rank != 0};
}

const char *const stats_verdict_name[] = {
    [VERDICT_BETTER] = "better",     [VERDICT_WORSE] = "worse",     [VERDICT_NOT_SEPARATED] = "not-separated",
    [VERDICT_BASELINE] = "baseline", [VERDICT_CONTROL] = "control",
};

enum stats_verdict stats_judge(struct stats_interval interval, bool lower_is_better) {
    if (!interval.exists || (interval.low <= 1 && interval.high >= 1))
        return VERDICT_NOT_SEPARATED;
    return (interval.high < 1) == lower_is_better ? VERDICT_BETTER : VERDICT_WORSE;
}

double stats_width(struct stats_interval interval) {
    return interval.exists ? interval.high / interval.low : INFINITY;
}

unsigned stats_next_look(unsigned rounds, unsigned comparisons) {
    const unsigned needed = stats_rounds_needed(comparisons);
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i] > rounds && looks[i] >= needed)
            return looks[i];
    return rounds < needed ? needed : 0;
}

double stats_falls_through(const double *x, const double *y, size_t n, double level) {
    double at = NAN;
    for (size_t i = 0; i + 1 < n && y[n - 1] <= level; i++)
        if (y[i] > level && y[i + 1] <= level) {
            const double share = log(y[i] / level) / log(y[i] / y[i + 1]);
            const double from = fmax(x[i], 1), to = fmax(x[i + 1], 1);
            at = exp(log(from) + share * (log(to) - log(from)));
        }
    return at;
}

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void stats_permutation(unsigned *order, unsigned n, uint64_t seed, unsigned round) {
    uint64_t state = seed ^ (UINT64_C(0xd1342543de82ef95) * (round + UINT64_C(1)));
    for (unsigned i = 0; i < n; i++)
        order[i] = i;
    for (unsigned i = n; i > 1; i--) {
        const unsigned j = (unsigned)(next_random(&state) % i);
        const unsigned swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}
