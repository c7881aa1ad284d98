/* SPDX-License-Identifier: MIT
 *
 * rank.h. Which allocators, over which cells:
 *
 *   1. A cell counts for an allocator where its summary has a ratio: status ok, threads concurrent in so many rounds that
 *      there can be an interval (or as many as were measured).
 *   2. Who has fewer than half of the cells that anyone has is left out, and named.
 *   3. Those left are ranked over the cells that all of them have: a mean over other cells would be another question.
 *
 * Each cell has ratios round by round; the k-th mean is taken of the k-th ratio of every cell. Cells are measured one
 * after another, so which of their rounds are put together does not matter; that both figures of a ratio are of one
 * round does. The means are then judged as ratios are (stats.h), corrected for the number of allocators ranked. Two
 * allocators are held against each other the same way, each cell's figures side by side, not by whether two intervals
 * overlap, which would miss most differences.
 */
#include "rank.h"

#include "record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The figures of one metric: a number a cell, allocator and round. */
struct board {
    struct words allocators;
    const struct summary_row **cell; /* one row of each cell, to know it by */
    size_t cells, rounds;
    const struct summary_row **row; /* allocators x cells; NULL: no ratio */
    size_t *baseline;               /* a cell's allocator; SIZE_MAX: none */
    double *log_value;              /* allocators x cells x rounds; NaN: none */
    bool *common;                   /* cells that all ranked have */
    unsigned least_rounds;
};

static bool is_control(const char *allocator) {
    return strchr(allocator, '@') != NULL;
}

static bool counts(const struct summary_row *r, const char *metric, const struct words *floors) {
    return strcmp(r->metric, metric) == 0 && !is_control(r->allocator) && !words_have(floors, r->allocator);
}

static size_t allocator_number(const struct board *b, const char *name) {
    for (size_t i = 0; i < b->allocators.count; i++)
        if (strcmp(b->allocators.word[i], name) == 0)
            return i;
    return SIZE_MAX;
}

/* From HINT on, round: rows of one cell stand together. */
static size_t cell_number(const struct board *b, const char *workload, const char *params, unsigned threads,
                          size_t hint) {
    for (size_t k = 0; k < b->cells; k++) {
        const size_t i = (hint + k) % b->cells;
        if (b->cell[i]->threads == threads && strcmp(b->cell[i]->params, params) == 0 &&
            strcmp(b->cell[i]->workload, workload) == 0)
            return i;
    }
    return SIZE_MAX;
}

static void read_names(struct board *b, const struct summary_row *rows, size_t n, const char *metric,
                       const struct words *floors, double least) {
    for (size_t i = 0; i < n; i++) {
        const struct summary_row *const r = &rows[i];
        if (!counts(r, metric, floors))
            continue;
        words_add_new(&b->allocators, r->allocator);
        if (strcmp(r->verdict, "baseline") != 0 || r->value < least)
            continue;
        b->cell = arena_grow(b->cell, b->cells, sizeof *b->cell);
        b->cell[b->cells++] = r;
    }
}

static void read_rows(struct board *b, const struct summary_row *rows, size_t n, const char *metric,
                      const struct words *floors) {
    b->row = arena_get((b->allocators.count * b->cells + 1) * sizeof(void *));
    b->baseline = arena_get((b->cells + 1) * sizeof *b->baseline);
    size_t cell = 0;
    for (size_t i = 0; i < n; i++) {
        const struct summary_row *const r = &rows[i];
        if (!counts(r, metric, floors) || !isfinite(r->ratio) || strcmp(r->status, "ok") != 0 ||
            r->rounds < b->least_rounds)
            continue;
        const size_t at = cell_number(b, r->workload, r->params, r->threads, cell);
        if (at == SIZE_MAX)
            continue;
        cell = at;
        const size_t allocator = allocator_number(b, r->allocator);
        b->row[allocator * b->cells + cell] = r;
        if (strcmp(r->verdict, "baseline") == 0)
            b->baseline[cell] = allocator;
    }
}

static double *figures(const struct board *b, size_t allocator, size_t cell) {
    return b->log_value + (allocator * b->cells + cell) * b->rounds;
}

static void read_rounds(struct board *b, const struct store *store, const char *metric) {
    for (size_t i = 0; i < store->rows; i++)
        if (store->row[i].round > b->rounds && strcmp(store->row[i].metric, metric) == 0)
            b->rounds = store->row[i].round;
    const size_t size = b->allocators.count * b->cells * b->rounds;
    b->log_value = arena_get((size + 1) * sizeof *b->log_value);
    for (size_t i = 0; i < size; i++)
        b->log_value[i] = NAN;
    size_t cell = 0;
    for (size_t i = 0; i < store->rows; i++) {
        const struct round_row *const r = &store->row[i];
        if (r->round == 0 || strcmp(r->metric, metric) != 0 || strcmp(r->status, "ok") != 0 ||
            !(r->value > 0))
            continue;
        const size_t at = cell_number(b, r->workload, r->params, r->threads, cell),
                     allocator = allocator_number(b, r->allocator);
        if (at == SIZE_MAX || allocator == SIZE_MAX)
            continue;
        cell = at;
        figures(b, allocator, cell)[r->round - 1] = log(r->value);
    }
}

/* ---- who, and over which cells ---- */

static size_t cells_of(const struct board *b, size_t allocator) {
    size_t n = 0;
    for (size_t c = 0; c < b->cells; c++)
        n += b->row[allocator * b->cells + c] != NULL;
    return n;
}

static void choose(struct board *b, struct ranking *ranking) {
    b->common = arena_get(b->cells + 1);
    memset(b->common, true, b->cells);
    for (size_t a = 0; a < b->allocators.count; a++) {
        const size_t has = cells_of(b, a);
        if (2 * has < b->cells) {
            words_add(&ranking->left_out,
                      arena_format("%s (%zu of %zu cells)", b->allocators.word[a], has, b->cells));
            continue;
        }
        ranking->row = arena_grow(ranking->row, ranking->rows, sizeof *ranking->row);
        ranking->row[ranking->rows++] = (struct rank_row){.allocator = b->allocators.word[a]};
        for (size_t c = 0; c < b->cells; c++)
            b->common[c] &= b->row[a * b->cells + c] != NULL;
    }
    for (size_t c = 0; c < b->cells; c++)
        ranking->cells += b->common[c];
}

/* ---- means ---- */

enum { BASELINE = -1 };

/* Adds the log-ratios of allocator A to allocator B in CELL to MEANS, the k-th to the k-th; how many there are. */
static size_t add_ratios(const struct board *b, size_t a, long to, size_t cell, double *means) {
    const double *const x = figures(b, a, cell), *const y = figures(
                                                     b, to == BASELINE ? b->baseline[cell] : (size_t)to,
                                                     cell);
    size_t n = 0;
    for (size_t r = 0; r < b->rounds; r++)
        if (!isnan(x[r]) && !isnan(y[r]))
            means[n++] += x[r] - y[r];
    return n;
}

static struct stats_interval mean_of(const struct board *b, const struct ranking *ranking, size_t a, long to,
                                     unsigned *rounds) {
    double *const means = calloc(b->rounds + 1, sizeof *means);
    size_t n = b->rounds;
    struct stats_interval mean = {NAN, NAN, NAN, false};
    for (size_t c = 0; means != NULL && c < b->cells; c++) {
        const size_t had = b->common[c] ? add_ratios(b, a, to, c, means) : n;
        n = had < n ? had : n;
    }
    for (size_t k = 0; means != NULL && k < n; k++)
        means[k] = exp(means[k] / (double)ranking->cells);
    if (means != NULL && n != 0)
        mean = stats_ratio(means, n, stats_alpha(ranking->rows > 2 ? (unsigned)ranking->rows - 1 : 1));
    free(means);
    *rounds = (unsigned)n;
    return mean;
}

static bool together(const struct board *b, const struct ranking *ranking, const char *one,
                     const char *other) {
    unsigned rounds;
    return stats_judge(
               mean_of(b, ranking, allocator_number(b, one), (long)allocator_number(b, other), &rounds),
               true) == VERDICT_NOT_SEPARATED;
}

static void judge(const struct board *b, struct ranking *ranking, struct rank_row *row) {
    const size_t a = allocator_number(b, row->allocator);
    bool always = true;
    for (size_t c = 0; c < b->cells; c++) {
        if (!b->common[c])
            continue;
        const char *const verdict = b->row[a * b->cells + c]->verdict;
        always &= b->baseline[c] == a;
        row->better += strcmp(verdict, "better") == 0;
        row->worse += strcmp(verdict, "worse") == 0;
        row->together += strcmp(verdict, "not-separated") == 0;
    }
    unsigned rounds;
    row->mean = mean_of(b, ranking, a, BASELINE, &rounds);
    row->verdict = always ? VERDICT_BASELINE : stats_judge(row->mean, true);
    ranking->rounds = rounds < ranking->rounds ? rounds : ranking->rounds;
}

static int by_mean(const void *a, const void *b) {
    const struct rank_row *const x = a, *const y = b;
    return (x->mean.median > y->mean.median) - (x->mean.median < y->mean.median);
}

struct ranking rank_by(const struct summary_row *rows, size_t n, const struct store *store, const char *metric,
                       const struct words *floors, double least) {
    struct ranking ranking = {.metric = metric};
    struct board b = {0};
    read_names(&b, rows, n, metric, floors, least);
    if (b.cells == 0 || b.allocators.count < 2)
        return ranking;
    read_rounds(&b, store, metric);
    b.least_rounds = stats_rounds_needed((unsigned)b.allocators.count - 1);
    b.least_rounds = b.rounds < b.least_rounds ? (unsigned)b.rounds : b.least_rounds;
    read_rows(&b, rows, n, metric, floors);
    choose(&b, &ranking);
    ranking.cells_of_any = b.cells;
    ranking.rounds = (unsigned)b.rounds;
    if (ranking.cells == 0 || ranking.rows < 2) {
        ranking.rows = 0;
        return ranking;
    }
    for (size_t i = 0; i < ranking.rows; i++)
        judge(&b, &ranking, &ranking.row[i]);
    qsort(ranking.row, ranking.rows, sizeof *ranking.row, by_mean);
    for (size_t i = 1; i < ranking.rows; i++) {
        ranking.row[i].like_first =
            together(&b, &ranking, ranking.row[i].allocator, ranking.row[0].allocator);
        ranking.row[i].like_before =
            together(&b, &ranking, ranking.row[i].allocator, ranking.row[i - 1].allocator);
    }
    return ranking;
}

/* ---- the three of them ---- */

void rank_all(struct ranking ranking[RANKINGS], const struct summary_row *rows, size_t n, const struct store *store) {
    const struct words floors = words_split(store_head(store, "floor"), ",");
    const struct {
        const char *metric;
        double least;
    } by[RANKINGS] = {{"time_ns", 0}, {"p99.9_ns", 0}, {"peak_resident_bytes", record_least_memory}};
    for (size_t i = 0; i < RANKINGS; i++)
        ranking[i] = rank_by(rows, n, store, by[i].metric, &floors, by[i].least);
}

const char *rank_title(const struct ranking *r) {
    return strcmp(r->metric, "time_ns") == 0    ? "By time"
           : strcmp(r->metric, "p99.9_ns") == 0 ? "By the slowest call of a thousand (p99.9)"
                                                : "By peak resident memory";
}

void rank_print(FILE *file, const struct ranking *r, const char *baseline) {
    int width = 0;
    for (size_t i = 0; i < r->rows; i++)
        width = (int)strlen(r->row[i].allocator) > width ? (int)strlen(r->row[i].allocator) : width;
    if (r->rows == 0)
        return;
    fprintf(file, "%s, over %s's; geometric mean of %zu cells\n", rank_title(r), baseline, r->cells);
    for (size_t i = 0; i < r->rows; i++) {
        const struct rank_row *const row = &r->row[i];
        fprintf(file, "  %2zu  %-*s  ", i + 1, width, row->allocator);
        if (row->verdict == VERDICT_BASELINE)
            fprintf(file, "1.00 baseline    ");
        else
            fprintf(file, "%.2f [%.2f, %.2f]", row->mean.median, row->mean.low, row->mean.high);
        fprintf(file, "%s\n", i > 0 && row->like_before ? "  not separated from the one above" : "");
    }
    for (size_t i = 0; i < r->left_out.count; i++)
        fprintf(file, "%s%s", i == 0 ? "   -  too few cells: " : ", ", r->left_out.word[i]);
    fputs(r->left_out.count == 0 ? "\n" : "\n\n", file);
}
