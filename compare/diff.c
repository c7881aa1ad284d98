/* SPDX-License-Identifier: MIT
 *
 * diff.h, from the rows of two results to verdicts. Rows are sorted by cell, metric and round, so that a series is a run
 * of them and both results are walked side by side.
 */
#include "diff.h"

#include "record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *metric_name(enum record metric) {
    return record_info[metric].name;
}

static bool is_metric(const struct round_row *row, enum record metric) {
    return strcmp(row->metric, metric_name(metric)) == 0;
}

/* ---- series ---- */

/* The rounds of one metric of one cell. */
struct series {
    const struct round_row *const *row;
    size_t n;
};

struct results {
    struct series *series; /* sorted as their rows are */
    size_t count;
    const struct store *store;
    const char *baseline;
};

static int by_group(const struct round_row *a, const struct round_row *b) {
    const int workload = strcmp(a->workload, b->workload), params = strcmp(a->params, b->params);
    return workload != 0 ? workload
           : params != 0 ? params
                         : (a->threads > b->threads) - (a->threads < b->threads);
}

static int by_series(const struct round_row *a, const struct round_row *b) {
    const int group = by_group(a, b), allocator = strcmp(a->allocator, b->allocator);
    return group != 0 ? group : allocator != 0 ? allocator : strcmp(a->metric, b->metric);
}

static int by_place(const void *a, const void *b) {
    const struct round_row *const x = *(const struct round_row *const *)a,
                                  *const y = *(const struct round_row *const *)b;
    const int series = by_series(x, y);
    return series != 0 ? series : (x->round > y->round) - (x->round < y->round);
}

static int by_first_row(const void *a, const void *b) {
    return by_series(((const struct series *)a)->row[0], ((const struct series *)b)->row[0]);
}

/* Those that are judged: what is taken in rounds, of allocators and the baseline's second run. */
static bool is_of_interest(const struct round_row *row, const struct words *floors) {
    return (is_metric(row, RECORD_time_ns) || is_metric(row, RECORD_peak_resident_bytes) ||
            is_metric(row, RECORD_p99_9_ns)) &&
           !words_have(floors, row->allocator);
}

static struct results results_of(const struct store *store, const char *baseline) {
    const struct words floors = words_split(store_head(store, "floor"), ",");
    const struct round_row **const row = arena_get((store->rows + 1) * sizeof *row);
    struct results results = {
        .series = arena_get((store->rows + 1) * sizeof(struct series)), .store = store, .baseline = baseline};
    size_t n = 0;
    for (size_t i = 0; i < store->rows; i++)
        if (is_of_interest(&store->row[i], &floors))
            row[n++] = &store->row[i];
    qsort(row, n, sizeof *row, by_place);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || by_series(row[i - 1], row[i]) != 0)
            results.series[results.count++] = (struct series){.row = row + i};
        results.series[results.count - 1].n++;
    }
    return results;
}

static const struct series *find(const struct results *results, struct round_row row) {
    const struct round_row *const wanted = &row;
    const struct series key = {&wanted, 1};
    return results->count == 0
               ? NULL
               : bsearch(&key, results->series, results->count, sizeof *results->series, by_first_row);
}

static bool is_ok(const struct round_row *row) {
    return strcmp(row->status, "ok") == 0;
}

/* As in summary.tsv: a failure that any round had; that threads took turns where they did in more than a fifth. */
static const char *status_of(const struct series *s) {
    size_t turns = 0;
    for (size_t i = 0; i < s->n; i++) {
        const bool took_turns = strcmp(s->row[i]->status, "not-concurrent") == 0;
        if (!is_ok(s->row[i]) && !took_turns)
            return s->row[i]->status;
        turns += took_turns;
    }
    return 5 * turns > s->n ? "not-concurrent" : "ok";
}

static bool is_failure(const char *status) {
    static const char *const failures[] = {"crashed", "timeout", "out-of-memory", "wrong"};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (strcmp(status, failures[i]) == 0)
            return true;
    return false;
}

/* ---- samples ---- */

/* A series over the baseline's, by rounds. */
struct sample {
    double *log_ratio;
    unsigned n;
    double median; /* of its own figures, not over the baseline */
};

static const struct series *baseline_beside(const struct results *results, const struct series *s) {
    struct round_row row = *s->row[0];
    row.allocator = results->baseline;
    return find(results, row);
}

static struct sample sample_of(const struct results *results, const struct series *s) {
    const struct series *const base = baseline_beside(results, s);
    struct sample sample = {.log_ratio = arena_get((s->n + 1) * sizeof(double)), .median = NAN};
    double *const figures = arena_get((s->n + 1) * sizeof *figures);
    for (size_t i = 0, b = 0; base != NULL && i < s->n; i++) {
        const struct round_row *const own = s->row[i];
        while (b < base->n && base->row[b]->round < own->round)
            b++;
        if (b == base->n)
            break;
        const struct round_row *const other = base->row[b];
        if (own->round == 0 || own->round != other->round || !is_ok(own) || !is_ok(other) ||
            !(own->value > 0) || !(other->value > 0))
            continue;
        figures[sample.n] = own->value;
        sample.log_ratio[sample.n++] = log(own->value / other->value);
    }
    if (sample.n != 0)
        sample.median = stats_median(figures, sample.n);
    return sample;
}

/* ---- which cells ---- */

/* What both have figures of. */
struct candidate {
    const struct round_row *row;
    struct sample before, after;
};

struct candidates {
    struct candidate *item;
    size_t count;
};

struct work {
    struct results before, after;
    struct candidates cells, controls; /* controls: the second runs of the baseline */
    struct diff diff;
};

static bool is_control(const struct round_row *row) {
    return strstr(row->allocator, "@control") != NULL;
}

/* A cell is named once, whatever of it is not compared, and for itself alone. */
static void leave(struct work *w, const struct series *s, const char *why, bool broken) {
    if (!is_metric(s->row[0], RECORD_time_ns) || is_control(s->row[0]) ||
        strcmp(s->row[0]->allocator, w->diff.baseline) == 0)
        return;
    w->diff.left = arena_grow(w->diff.left, w->diff.lefts, sizeof *w->diff.left);
    w->diff.left[w->diff.lefts++] = (struct diff_left){s->row[0], why, broken};
    w->diff.broken += broken;
}

/* OLD's and NEW's state in words; NULL: both are well. */
static const char *not_well(const char *whose, const char *before, const char *after) {
    if (strcmp(before, "ok") == 0 && strcmp(after, "ok") == 0)
        return NULL;
    if (strcmp(before, after) == 0)
        return arena_format("%s%s in both", whose, before);
    return strcmp(after, "ok") == 0 ? arena_format("%s%s in OLD", whose, before)
                                    : arena_format("%s%s in NEW", whose, after);
}

/* By how many operations a thread the cell was measured; 0: by time, or nobody knows. */
static uint64_t operations_of(const struct store *store, const struct round_row *row) {
    for (size_t i = 0; i < store->calibrations; i++) {
        const struct calibration *const c = &store->calibration[i];
        if (c->threads == row->threads && strcmp(c->workload, row->workload) == 0 &&
            strcmp(c->params, row->params) == 0)
            return c->operations;
    }
    return 0;
}

/* Each run calibrates its scripts for itself. What a first touch costs and how high a peak becomes hangs on their length,
 * and not for all allocators alike: twice as long is another measurement. */
static const char *other_script(const struct work *w, const struct round_row *row) {
    const uint64_t then = operations_of(w->before.store, row), now = operations_of(w->after.store, row);
    if (then == 0 || now == 0 || (then <= 2 * now && now <= 2 * then))
        return NULL;
    return arena_format("another script: %llu operations a thread in OLD, %llu in NEW",
                        (unsigned long long)then, (unsigned long long)now);
}

static const char *baseline_status(const struct results *results, const struct series *s) {
    const struct series *const base = baseline_beside(results, s);
    return base == NULL ? "not measured" : status_of(base);
}

/* Why a cell that both have is not compared; NULL: it is. */
static const char *why_not(const struct work *w, const struct series *before, const struct series *after) {
    const char *const own = not_well("", status_of(before), status_of(after));
    if (own != NULL)
        return own;
    const char *const beside =
        not_well(arena_format("%s beside it: ", w->diff.baseline), baseline_status(&w->before, before),
                 baseline_status(&w->after, after));
    return beside != NULL ? beside : other_script(w, after->row[0]);
}

static void take(struct work *w, const struct series *before, const struct series *after) {
    const struct round_row *const row = after->row[0];
    const char *const why = why_not(w, before, after);
    if (strcmp(row->allocator, w->diff.baseline) == 0)
        return; /* to itself it is 1 */
    if (why != NULL) {
        leave(w, after, why, strcmp(status_of(before), "ok") == 0 && is_failure(status_of(after)));
        return;
    }
    const struct candidate c = {row, sample_of(&w->before, before), sample_of(&w->after, after)};
    if (c.before.n == 0 || c.after.n == 0) {
        leave(w, after, arena_format("no round in which %s is well too", w->diff.baseline), false);
        return;
    }
    if (is_metric(row, RECORD_peak_resident_bytes) && fmax(c.before.median, c.after.median) < record_least_memory)
        return;
    struct candidates *const list = is_control(row) ? &w->controls : &w->cells;
    list->item = arena_grow(list->item, list->count, sizeof *list->item);
    list->item[list->count++] = c;
}

/* Walks both side by side. */
static void take_all(struct work *w) {
    const struct series *b = w->before.series, *a = w->after.series;
    const struct series *const last_b = b + w->before.count, *const last_a = a + w->after.count;
    while (b < last_b || a < last_a) {
        const int order = b == last_b ? 1 : a == last_a ? -1 : by_first_row(b, a);
        if (order < 0)
            leave(w, b, "only in OLD", false);
        else if (order > 0)
            leave(w, a, "only in NEW", false);
        else
            take(w, b, a);
        b += order <= 0;
        a += order >= 0;
    }
}

/* ---- verdicts ---- */

static enum diff_kind kind_of(struct stats_interval change) {
    static const enum diff_kind kinds[] = {
        [VERDICT_BETTER] = DIFF_BETTER, [VERDICT_WORSE] = DIFF_WORSE, [VERDICT_NOT_SEPARATED] = DIFF_SAME};
    return change.exists ? kinds[stats_judge(change, true)] : DIFF_TOO_FEW;
}

/* One after another, in the order of the list; all intervals hold together. */
static struct diff_cell *judge(const struct candidates *list, double max_regression) {
    struct diff_cell *const cells = arena_get((list->count + 1) * sizeof *cells);
    double *scratch = NULL;
    size_t room = 0, rank = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct sample *const b = &list->item[i].before, *const a = &list->item[i].after;
        struct diff_cell *const c = &cells[i];
        if ((size_t)b->n * a->n > room) {
            room = (size_t)b->n * a->n;
            scratch = arena_get(room * sizeof *scratch);
        }
        if (i == 0 || b->n != list->item[i - 1].before.n || a->n != list->item[i - 1].after.n)
            rank = stats_shift_rank(b->n, a->n, stats_alpha((unsigned)list->count));
        *c = (struct diff_cell){.row = list->item[i].row, .rounds = {b->n, a->n}};
        c->change = stats_shift(b->log_ratio, b->n, a->log_ratio, a->n, rank, scratch);
        c->before = exp(stats_median(b->log_ratio, b->n));
        c->after = exp(stats_median(a->log_ratio, a->n));
        c->kind = kind_of(c->change);
        c->too_much = c->kind == DIFF_WORSE && c->change.median > 1 + max_regression;
    }
    return cells;
}

static bool same_cell(const struct round_row *a, const struct round_row *b) {
    return by_group(a, b) == 0 && strcmp(a->allocator, b->allocator) == 0;
}

/* More memory, and its time is not separated. */
static void find_memory(struct diff *d) {
    for (size_t i = 0; i < d->cells; i++) {
        if (d->cell[i].kind != DIFF_WORSE || !is_metric(d->cell[i].row, RECORD_peak_resident_bytes))
            continue;
        for (size_t k = 0; k < d->cells; k++)
            if (d->cell[k].kind == DIFF_SAME && is_metric(d->cell[k].row, RECORD_time_ns) &&
                same_cell(d->cell[k].row, d->cell[i].row))
                d->cell[i].kind = DIFF_MEMORY;
    }
}

/* What is too much first, then by kind, the largest change first. */
static int by_weight(const void *a, const void *b) {
    const struct diff_cell *const x = a, *const y = b;
    if (x->too_much != y->too_much)
        return x->too_much ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    const double larger =
        x->kind == DIFF_BETTER ? x->change.median - y->change.median : y->change.median - x->change.median;
    return larger != 0 ? (larger > 0 ? 1 : -1) : by_series(x->row, y->row);
}

static void add_up(struct diff *d) {
    find_memory(d);
    for (size_t i = 0; i < d->cells; i++) {
        d->intervals += d->cell[i].kind != DIFF_TOO_FEW;
        d->too_much += d->cell[i].too_much;
    }
    qsort(d->cell, d->cells, sizeof *d->cell, by_weight);
}

/* ---- doubts ---- */

/* Separated by more than what may be, to either side: what cannot have changed and has moved so far could as well be an
 * error. A page more of memory is separated too, and no reason for doubt. */
static bool has_moved(const struct diff_cell *cell, double max_regression) {
    return cell->too_much || (cell->kind == DIFF_BETTER && cell->change.median < 1 / (1 + max_regression));
}

static size_t count_moved(const struct diff *d, const char *allocator) {
    size_t count = 0;
    for (size_t i = 0; i < d->cells; i++)
        count +=
            has_moved(&d->cell[i], d->max_regression) && strcmp(d->cell[i].row->allocator, allocator) == 0;
    return count;
}

/* The hash of a library, or all that is known of it. */
static const char *hash_of(const struct store *store, const char *key) {
    const char *const fact = store_head(store, key), *const hash = strstr(fact, " sha256:");
    return hash == NULL ? fact : hash;
}

static bool agree(const struct store *before, const struct store *after, const char *key) {
    return strcmp(hash_of(before, key), hash_of(after, key)) == 0;
}

static void warn_of_same_code(struct diff *d, const struct store *before, const struct store *after) {
    struct words seen = {0};
    for (size_t i = 0; i < d->cells; i++) {
        const char *const name = d->cell[i].row->allocator, *const key = arena_format("library %s", name);
        if (words_have(&seen, name) || *hash_of(after, key) == '\0' || !agree(before, after, key))
            continue;
        words_add(&seen, name);
        const size_t moved = count_moved(d, name);
        if (moved != 0)
            words_add(&d->warnings,
                      arena_format("%s is the same code in OLD and NEW, and yet %zu of its figures have "
                                   "moved: what changed is the machine or the way of measuring",
                                   name, moved));
    }
}

static void warn_of_heads(struct diff *d, const struct store *before, const struct store *after) {
    const char *const baseline = arena_format("library %s", d->baseline);
    if (strcmp(store_head(before, "host"), store_head(after, "host")) != 0)
        words_add(&d->warnings, arena_format("the machine of OLD is %s; of NEW %s",
                                             store_head(before, "host"), store_head(after, "host")));
    if (!agree(before, after, baseline))
        words_add(&d->warnings,
                  arena_format("%s, to which all is compared, is another library in NEW", d->baseline));
    if (!agree(before, after, "bench"))
        words_add(&d->warnings, "bench is another program in NEW: its workloads may have changed too");
    if (!before->finished || !after->finished)
        words_add(&d->warnings,
                  arena_format("%s is not finished", before->finished ? after->dir : before->dir));
}

static void warn(struct work *w, const struct store *before, const struct store *after) {
    struct diff *const d = &w->diff;
    const struct diff_cell *const controls = judge(&w->controls, d->max_regression);
    size_t moved = 0;
    for (size_t i = 0; i < w->controls.count; i++)
        moved += has_moved(&controls[i], d->max_regression);
    warn_of_heads(d, before, after);
    if (moved != 0)
        words_add(&d->warnings,
                  arena_format("the baseline against itself has moved from OLD to NEW in %zu of %zu "
                               "comparisons: the machine was not quiet; measure again",
                               moved, w->controls.count));
    warn_of_same_code(d, before, after);
    if (d->intervals < d->cells)
        words_add(&d->warnings,
                  arena_format("in %zu of %zu comparisons there are too few rounds for an interval",
                               d->cells - d->intervals, d->cells));
}

/* ---- all ---- */

static const char *first_baseline(const struct store *store) {
    static struct plan plan;
    char name[sizeof plan.baseline];
    snprintf(plan.baseline, sizeof plan.baseline, "%s", store_head(store, "baseline"));
    plan_first_baseline(&plan, name, sizeof name);
    return arena_copy(name, strlen(name));
}

const char *diff_baseline(const struct store *before, const struct store *after, bool other_machine,
                          char *why, size_t why_size) {
    const char *const then = first_baseline(before), *const now = first_baseline(after);
    const char *const there = store_head(before, "host"), *const here = store_head(after, "host");
    if (*then == '\0' || strcmp(then, now) != 0) {
        snprintf(why, why_size, "the baseline of %s is %s, that of %s is %s: a common one is wanted",
                 before->dir, *then == '\0' ? "none" : then, after->dir, *now == '\0' ? "none" : now);
        return NULL;
    }
    if (other_machine)
        return then;
    if (strcmp(there, here) != 0) {
        snprintf(why, why_size,
                 "%s is of another machine than %s (%s; and %s); --other-machine compares them nevertheless",
                 before->dir, after->dir, there, here);
        return NULL;
    }
    if (!agree(before, after, arena_format("library %s", then))) {
        snprintf(
            why, why_size,
            "the baseline %s is another library in %s than in %s; --other-machine compares them nevertheless",
            then, before->dir, after->dir);
        return NULL;
    }
    return then;
}

struct diff diff_make(const struct store *before, const struct store *after, const char *baseline,
                      double max_regression) {
    struct work w = {.before = results_of(before, baseline),
                     .after = results_of(after, baseline),
                     .diff = {.baseline = baseline, .max_regression = max_regression}};
    take_all(&w);
    w.diff.cell = judge(&w.cells, max_regression);
    w.diff.cells = w.cells.count;
    add_up(&w.diff);
    warn(&w, before, after);
    return w.diff;
}
