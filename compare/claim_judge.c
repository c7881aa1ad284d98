/* SPDX-License-Identifier: MIT
 *
 * claim.h, the second half: from figures to verdicts.
 */
#include "claim.h"

#include "plan.h"
#include <math.h>
#include <string.h>

/* ---- figures ---- */

/* All that there is to judge by. */
struct evidence {
    const struct round_row *row;
    size_t rows;
    const struct safety_rows *safety;
};

/* A figure by rounds; where it was taken once, outside the rounds, it stands in ONCE. */
struct series {
    double value[PLAN_MOST_ROUNDS + 1], once;
    unsigned last, turns; /* the last round; rounds in which the threads took turns */
    const char *fault;    /* what became of it; NULL: nothing */
};

static bool is_in(const struct round_row *row, const struct claim_cell *cell) {
    return row->threads == cell->threads && strcmp(row->workload, cell->workload) == 0 &&
           strcmp(row->params, cell->params) == 0;
}

/* Memory is the same, whether threads took turns or not. */
static bool is_time(const char *metric) {
    return strcmp(metric, "time_ns") == 0 || strcmp(metric, "ops_per_second") == 0;
}

static const struct series *series_of(const struct evidence *e, const struct claim_cell *cell,
                                      const char *allocator, const char *metric) {
    struct series *const s = arena_get(sizeof *s);
    s->once = NAN;
    for (size_t i = 0; i <= PLAN_MOST_ROUNDS; i++)
        s->value[i] = NAN;
    for (size_t i = 0; i < e->rows; i++) {
        const struct round_row *const r = &e->row[i];
        if (strcmp(r->allocator, allocator) != 0 || !is_in(r, cell) || r->round > PLAN_MOST_ROUNDS)
            continue;
        const bool took_turns = strcmp(r->status, "not-concurrent") == 0;
        if (strcmp(r->status, "ok") != 0 && !took_turns)
            s->fault = arena_format("%s: %s", allocator, r->status);
        if (strcmp(r->metric, metric) != 0 || isnan(r->value))
            continue;
        if (took_turns && is_time(metric))
            s->turns++;
        else if (r->round == 0)
            s->once = r->value;
        else
            s->value[r->round] = r->value;
        s->last = r->round > s->last ? r->round : s->last;
    }
    if (s->fault == NULL && s->last == 0 && isnan(s->once))
        s->fault = arena_format("%s: not measured", allocator);
    if (s->fault == NULL && s->turns * 5 > s->last)
        s->fault = "the threads took turns";
    return s;
}

static double at_round(const struct series *s, unsigned round) {
    return isnan(s->once) ? s->value[round] : s->once;
}

/* What a row is about. */
struct question {
    const struct claim *claim;
    const char *allocator, *peer;
    const struct claim_cell *cell;
};

/* A value and its bound, by rounds; taken once: one of each. */
struct sample {
    double value[PLAN_MOST_ROUNDS + 1], bound[PLAN_MOST_ROUNDS + 1];
    size_t count;
    const char *fault;
};

static const struct series *series_of_factor(const struct evidence *e, const struct question *q,
                                             const struct claim_factor *f) {
    const struct claim_cell cell = {
        *f->at.workload == '\0' ? q->cell->workload : f->at.workload,
        *f->at.params == '\0' ? q->cell->params : f->at.params,
        f->at.threads == 0 ? q->cell->threads : f->at.threads,
    };
    const char *const who = f->allocator == NULL                ? q->allocator
                            : strcmp(f->allocator, "peer") == 0 ? q->peer
                                                                : f->allocator;
    return series_of(e, &cell, who, f->metric);
}

/* Of a bound's term; a number alone, and the threads, are the same in all rounds. */
static double term_at(const struct question *q, const struct claim_term *term, const struct series *s,
                      unsigned round) {
    if (term->metric == NULL)
        return term->number;
    if (strcmp(term->metric, "threads") == 0)
        return term->number * q->cell->threads;
    return term->number * at_round(s, round);
}

static void sample_of(const struct evidence *e, const struct question *q, struct sample *sample) {
    const struct claim *const c = q->claim;
    const struct series *factor[CLAIM_PARTS], *term[CLAIM_PARTS] = {NULL};
    unsigned last = 0;
    sample->count = 0;
    sample->fault = NULL;
    for (size_t i = 0; i < c->factors; i++) {
        factor[i] = series_of_factor(e, q, &c->factor[i]);
        last = factor[i]->last > last ? factor[i]->last : last;
        sample->fault = factor[i]->fault != NULL ? factor[i]->fault : sample->fault;
    }
    for (size_t i = 0; i < c->terms; i++)
        if (c->term[i].metric != NULL && strcmp(c->term[i].metric, "threads") != 0) {
            term[i] = series_of(e, q->cell, q->allocator, c->term[i].metric);
            sample->fault = term[i]->fault != NULL ? term[i]->fault : sample->fault;
        }
    for (unsigned round = last == 0 ? 0 : 1; round <= last && sample->fault == NULL; round++) {
        double value = 1, bound = 0;
        for (size_t i = 0; i < c->factors; i++)
            value *= c->factor[i].divides ? 1 / at_round(factor[i], round) : at_round(factor[i], round);
        for (size_t i = 0; i < c->terms; i++)
            bound += term_at(q, &c->term[i], term[i], round);
        if (isnan(value) || isnan(bound))
            continue;
        sample->value[sample->count] = value;
        sample->bound[sample->count++] = bound;
    }
    if (sample->fault == NULL && sample->count == 0)
        sample->fault = "no round in which all of it was measured";
}

/* ---- verdicts ---- */

static const char holds[] = "holds", fails[] = "fails", undecided[] = "undecided";

static bool all_equal(const double *value, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (value[i] != value[0])
            return false;
    return true;
}

/* Of N > 0 values. Those that do not differ need no statistics, and those that are 0 have no ratio: from the least to
 * the greatest. */
static struct stats_interval interval_of(const double *value, size_t n, size_t peers) {
    double copy[PLAN_MOST_ROUNDS + 1];
    bool positive = true;
    memcpy(copy, value, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        positive &= value[i] > 0;
    if (positive && !all_equal(value, n))
        return stats_ratio(copy, n, stats_alpha(peers > 1 ? (unsigned)peers : 1));
    const double median = stats_median(copy, n); /* sorts */
    return (struct stats_interval){median, copy[0], copy[n - 1], true};
}

/* Whether [LOW, HIGH] lies within [FROM, TO], outside, or neither. */
static const char *verdict_of(double low, double high, double from, double to) {
    return low >= from && high <= to ? holds : high < from || low > to ? fails : undecided;
}

static const char *cell_name(const struct claim_cell *cell) {
    const bool plain = strcmp(cell->params, "-") == 0;
    return arena_format("%s%s%s/threads:%u", cell->workload, plain ? "" : "/", plain ? "" : cell->params,
                        cell->threads);
}

static struct claim_row row_of(const struct question *q, const char *cell) {
    return (struct claim_row){.claim = q->claim,
                              .allocator = q->allocator,
                              .peer = q->peer,
                              .cell = cell,
                              .verdict = undecided,
                              .value = NAN,
                              .low = NAN,
                              .high = NAN,
                              .bound = "-",
                              .note = ""};
}

/* A whole number in full, others in four figures. */
static const char *in_full(double number) {
    return number == floor(number) && fabs(number) < 1e15 ? arena_format("%.0f", number) : arena_format("%.4g", number);
}

static struct claim_row within(struct claim_row row, const struct sample *sample, size_t peers) {
    const double from = row.claim->term[0].number, to = row.claim->term[1].number;
    const struct stats_interval i = interval_of(sample->value, sample->count, peers);
    row.value = i.median, row.low = i.low, row.high = i.high;
    row.bound = arena_format("%s to %s", in_full(from), in_full(to));
    if (i.exists)
        row.verdict = verdict_of(i.low, i.high, from, to);
    else
        row.note = "too few rounds for an interval";
    return row;
}

/* The quotient of value and bound is held against 1, so that both are of the same round; a bound of 0 has none. */
static struct claim_row on_one_side(struct claim_row row, const struct sample *sample, size_t peers) {
    const bool at_most = row.claim->bound == BOUND_AT_MOST;
    double quotient[PLAN_MOST_ROUNDS + 1], bounds[PLAN_MOST_ROUNDS + 1];
    bool divisible = true;
    for (size_t i = 0; i < sample->count; i++)
        divisible &= sample->bound[i] > 0;
    for (size_t i = 0; i < sample->count; i++)
        quotient[i] = divisible ? sample->value[i] / sample->bound[i] : sample->value[i];
    memcpy(bounds, sample->bound, sample->count * sizeof *bounds);
    const double bound = stats_median(bounds, sample->count), unit = divisible ? bound : 1,
                 limit = divisible ? 1 : bound;
    const struct stats_interval i = interval_of(quotient, sample->count, peers);
    row.value = i.median * unit, row.low = i.low * unit, row.high = i.high * unit;
    row.bound = arena_format("%s %s", at_most ? "<=" : ">=", in_full(bound));
    if (i.exists)
        row.verdict = verdict_of(i.low, i.high, at_most ? -INFINITY : limit, at_most ? limit : INFINITY);
    else
        row.note = "too few rounds for an interval";
    return row;
}

static struct claim_row judge_value(const struct evidence *e, const struct question *q) {
    static struct sample sample;
    struct claim_row row = row_of(q, cell_name(q->cell));
    sample_of(e, q, &sample);
    if (sample.fault != NULL) {
        row.note = sample.fault;
        return row;
    }
    return (q->claim->bound == BOUND_WITHIN ? within : on_one_side)(row, &sample, q->claim->against.count);
}

static struct claim_row judge_safety(const struct evidence *e, const struct question *q,
                                     const struct claim_safety *s) {
    struct claim_row row = row_of(q, arena_format("%s/%s", s->column, s->params));
    const bool to_hold = strcmp(s->claimed, holds) == 0;
    row.bound = to_hold ? "<= 0 points" : ">= 1 point";
    row.note = "not measured";
    for (size_t i = 0; i < e->safety->count; i++) {
        const struct safety_row *const r = &e->safety->row[i];
        if (strcmp(r->allocator, q->allocator) != 0 || strcmp(r->column, s->column) != 0 ||
            strcmp(r->params, s->params) != 0)
            continue;
        row.note = r->note;
        if (strcmp(r->verdict, holds) != 0 && strcmp(r->verdict, fails) != 0)
            continue;
        row.value = row.low = row.high = (double)r->failed;
        row.verdict = (strcmp(r->verdict, holds) == 0) == to_hold ? holds : fails;
        row.note = arena_format("%lu of %lu points fail", r->failed, r->points);
    }
    return row;
}

/* The times that the allocator takes over its peer's in one cell, and the private work there. */
struct curve_point {
    struct stats_interval ratio;
    double work;
    const char *fault;
};

static struct curve_point point_of(const struct evidence *e, const struct question *q) {
    static const struct claim over = {
        .factor = {{NULL, "time_ns", {"", "", 0}, false}, {"peer", "time_ns", {"", "", 0}, true}}, .factors = 2};
    static struct sample sample;
    const struct question ratio = {&over, q->allocator, q->peer, q->cell};
    const struct series *const work = series_of(e, q->cell, q->allocator, "work_ns");
    struct curve_point point = {.work = NAN};
    double works[PLAN_MOST_ROUNDS + 1];
    size_t n = 0;
    sample_of(e, &ratio, &sample);
    point.fault = sample.fault != NULL ? sample.fault : work->fault;
    if (point.fault != NULL)
        return point;
    for (unsigned round = 1; round <= work->last; round++)
        if (!isnan(work->value[round]))
            works[n++] = work->value[round];
    point.work = n == 0 ? NAN : stats_median(works, n);
    point.ratio = interval_of(sample.value, sample.count, 1);
    return point;
}

/* The curve over the cells of the claim. It has been seen between the two if a point lies there, or if it leads from above
 * to below. */
static struct claim_row judge_crossing(const struct evidence *e, const struct question *q) {
    const struct claim *const c = q->claim;
    const double low = c->crosses_low, high = c->crosses_high;
    struct claim_row row = row_of(q, cell_name(&c->cell[0]));
    double work[CLAIM_PARTS], ratio[CLAIM_PARTS], most = 0;
    size_t above = 0, below = 0;
    bool seen = false;
    row.bound = arena_format("%.4g to %.4g", low, high);
    for (size_t i = 0; i < c->cells; i++) {
        const struct curve_point p = point_of(e, &(struct question){c, q->allocator, q->peer, &c->cell[i]});
        if (p.fault != NULL) {
            row.note = p.fault;
            return row;
        }
        work[i] = p.work, ratio[i] = p.ratio.median;
        most = fmax(most, ratio[i]);
        seen |= p.ratio.low >= low && p.ratio.high <= high;
        seen |= above != 0 && p.ratio.high < low;
        above += p.ratio.low > high;
        below += p.ratio.high < low;
    }
    row.low = stats_falls_through(work, ratio, c->cells, high);
    row.high = stats_falls_through(work, ratio, c->cells, low);
    row.verdict = seen ? holds : above == c->cells || below == c->cells ? fails : undecided;
    row.note = arena_format("ns of private work at which it falls through %.4g and %.4g; at most %.1f times",
                            high, low, most);
    return row;
}

/* ---- sums ---- */

struct count {
    size_t holds, fails, all;
};

static void count_in(struct count *count, const char *verdict) {
    count->holds += strcmp(verdict, holds) == 0;
    count->fails += strcmp(verdict, fails) == 0;
    count->all++;
}

static const char *verdict_of_count(struct count n, enum claim_needs needs) {
    switch (needs) {
    case NEEDS_ALL:
        return n.fails != 0 ? fails : n.holds == n.all ? holds : undecided;
    case NEEDS_ANY:
        return n.holds != 0 ? holds : n.fails == n.all ? fails : undecided;
    case NEEDS_MOST:
        return 2 * n.holds > n.all ? holds : 2 * n.fails >= n.all ? fails : undecided;
    }
    return undecided;
}

/* "Most" is counted by peers, each by most of its cells; of a peer that was measured nowhere nothing is known. */
static struct count count_peers(const struct claim *c, const struct claim_row *rows, size_t n) {
    struct count peers = {0};
    for (size_t p = 0; p < c->against.count; p++) {
        struct count cells = {0};
        for (size_t i = 0; i < n; i++)
            if (strcmp(rows[i].peer, c->against.word[p]) == 0)
                count_in(&cells, rows[i].verdict);
        if (cells.all != 0) /* it is not the allocator itself */
            count_in(&peers, verdict_of_count(cells, NEEDS_MOST));
    }
    return peers;
}

/* Of the N rows of one claim and allocator. */
static struct claim_row sum_of(const struct claim_row *rows, size_t n) {
    const struct claim *const c = rows->claim;
    const struct question q = {c, rows->allocator, NULL, NULL};
    struct claim_row sum = row_of(&q, "-");
    struct count count = {0};
    for (size_t i = 0; i < n; i++)
        count_in(&count, rows[i].verdict);
    const bool by_peers = c->needs == NEEDS_MOST && c->against.count > 1;
    if (by_peers)
        count = count_peers(c, rows, n);
    sum.verdict = verdict_of_count(count, c->needs);
    sum.note = arena_format("%zu of %zu%s hold, %zu fail", count.holds, count.all, by_peers ? " peers" : "",
                            count.fails);
    sum.is_sum = true;
    return sum;
}

static void add(struct claim_rows *rows, struct claim_row row) {
    rows->row = arena_grow(rows->row, rows->count, sizeof *rows->row);
    rows->row[rows->count++] = row;
}

static void judge_allocator(const struct evidence *e, const struct claim *c, const char *allocator,
                            struct claim_rows *rows) {
    const size_t first = rows->count;
    if (c->cells == 0 && c->safeties == 0) {
        add(rows, row_of(&(struct question){c, allocator, NULL, NULL}, "-"));
        return;
    }
    for (size_t s = 0; s < c->safeties; s++)
        add(rows, judge_safety(e, &(struct question){c, allocator, NULL, NULL}, &c->safety[s]));
    for (size_t p = 0; p < (c->against.count == 0 ? 1 : c->against.count); p++) {
        const char *const peer = c->against.count == 0 ? NULL : c->against.word[p];
        if (peer != NULL && strcmp(peer, allocator) == 0)
            continue;
        if (c->crosses_low > 0)
            add(rows, judge_crossing(e, &(struct question){c, allocator, peer, c->cell}));
        for (size_t k = 0; k < c->cells && c->factors != 0; k++)
            add(rows, judge_value(e, &(struct question){c, allocator, peer, &c->cell[k]}));
    }
    if (rows->count - first > 1)
        add(rows, sum_of(&rows->row[first], rows->count - first));
}

struct claim_rows claims_judge(const struct claims *claims, const struct round_row *rounds, size_t n,
                               const struct safety_rows *safety) {
    const struct evidence evidence = {rounds, n, safety};
    struct claim_rows rows = {0};
    for (size_t i = 0; i < claims->count; i++)
        for (size_t a = 0; a < claims->claim[i].of.count; a++)
            judge_allocator(&evidence, &claims->claim[i], claims->claim[i].of.word[a], &rows);
    return rows;
}
