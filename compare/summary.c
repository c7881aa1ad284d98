/* SPDX-License-Identifier: MIT
 *
 * summary.h. Rows are sorted once by cell, metric and round, with strings numbered in the order of their
 * first appearance, so that every later search is a walk: 100 000 rows take a fraction of a second.
 */
#include "summary.h"

#include "record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { METRICS = RECORDS, TIME = RECORD_time_ns, OTHER = METRICS };

static const char control_suffix[] = "@control";

/* A row with its strings as numbers. */
struct key {
    const struct round_row *row;
    unsigned group;     /* workload, params and threads */
    unsigned allocator; /* in order of appearance over all rows */
    unsigned metric;    /* index in metrics, or OTHER + order of appearance */
};

/* ---- strings to numbers ---- */

struct names {
    struct name {
        const char *text[3];
        unsigned threads;
        unsigned number;
    } * slot;
    size_t capacity, count;
};

static size_t hash(const char *text, size_t h) {
    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211U;
    return h;
}

/* The number of that combination, a new one where it is new. */
static unsigned number_of(struct names *names, const char *a, const char *b, unsigned threads) {
    size_t i = (hash(b, hash(a, 14695981039346656037U)) + threads * 7919U) & (names->capacity - 1);
    for (; names->slot[i].text[0] != NULL; i = (i + 1) & (names->capacity - 1))
        if (names->slot[i].threads == threads && strcmp(names->slot[i].text[0], a) == 0 &&
            strcmp(names->slot[i].text[1], b) == 0)
            return names->slot[i].number;
    names->slot[i] = (struct name){{a, b, NULL}, threads, (unsigned)names->count};
    return (unsigned)names->count++;
}

static bool names_init(struct names *names, size_t most) {
    *names = (struct names){.capacity = 16};
    while (names->capacity < 2 * most + 2)
        names->capacity *= 2;
    names->slot = calloc(names->capacity, sizeof *names->slot);
    return names->slot != NULL;
}

static unsigned metric_number(struct names *others, const char *name) {
    for (unsigned i = 0; i < METRICS; i++)
        if (strcmp(record_info[i].name, name) == 0)
            return i;
    return OTHER + number_of(others, name, "", 0);
}

static int by_place(const void *a, const void *b) {
    const struct key *const x = a, *const y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->allocator != y->allocator)
        return x->allocator < y->allocator ? -1 : 1;
    if (x->metric != y->metric)
        return x->metric < y->metric ? -1 : 1;
    if (x->row->round != y->row->round)
        return x->row->round < y->row->round ? -1 : 1;
    return 0;
}

/* Numbers the names of ORDER, whose commas become ends, before any row's. */
static void number_in_order(struct names *allocators, char *order) {
    for (char *name; (name = strsep(&order, ",")) != NULL;)
        number_of(allocators, name, "", 0);
}

static size_t words_in(const char *list) {
    size_t n = 1;
    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

static struct key *sorted_keys(const struct round_row *rows, size_t n, const char *names_in_order) {
    char *const order = strdup(names_in_order == NULL ? "" : names_in_order);
    if (order == NULL)
        return NULL;
    struct names groups = {0}, allocators = {0}, others = {0};
    struct key *keys = calloc(n + 1, sizeof *keys);
    if (keys == NULL || !names_init(&groups, n) || !names_init(&allocators, n + words_in(order)) ||
        !names_init(&others, n)) {
        free(keys);
        keys = NULL;
    } else {
        number_in_order(&allocators, order);
        for (size_t i = 0; i < n; i++)
            keys[i] = (struct key){
                &rows[i], number_of(&groups, rows[i].workload, rows[i].params, rows[i].threads),
                number_of(&allocators, rows[i].allocator, "", 0), metric_number(&others, rows[i].metric)};
        qsort(keys, n, sizeof *keys, by_place);
    }
    free(order);
    free(groups.slot);
    free(allocators.slot);
    free(others.slot);
    return keys;
}

/* ---- runs of keys ---- */

/* Keys of the same group, allocator and metric. */
struct series {
    const struct key *first;
    size_t n;
};

static bool is_ok(const struct round_row *row) {
    return strcmp(row->status, "ok") == 0;
}

static bool has_figure(const struct round_row *row) {
    return !isnan(row->value);
}

static size_t same_length(const struct key *k, size_t left, bool metric_too) {
    size_t n = 1;
    while (n < left && k[n].group == k->group && k[n].allocator == k->allocator &&
           (!metric_too || k[n].metric == k->metric))
        n++;
    return n;
}

static double median_of(struct series s, double *scratch) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (has_figure(s.first[i].row))
            scratch[n++] = s.first[i].row->value;
    return n == 0 ? NAN : stats_median(scratch, n);
}

/* Ratios of the rounds in which both are ok and above 0. */
static size_t pair_up(struct series s, struct series baseline, double *ratio) {
    size_t n = 0, b = 0;
    for (size_t i = 0; i < s.n; i++) {
        const struct round_row *const row = s.first[i].row;
        while (b < baseline.n && baseline.first[b].row->round < row->round)
            b++;
        if (b == baseline.n)
            break;
        const struct round_row *const base = baseline.first[b].row;
        if (row->round != 0 && base->round == row->round && is_ok(row) && is_ok(base) && row->value > 0 &&
            base->value > 0)
            ratio[n++] = row->value / base->value;
    }
    return n;
}

/* The status of a series: a failure that any round had, not-concurrent where more than a fifth was. */
static const char *status_of(struct series s) {
    size_t not_concurrent = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *const status = s.first[i].row->status;
        if (strcmp(status, "not-concurrent") == 0)
            not_concurrent++;
        else if (!is_ok(s.first[i].row))
            return status;
    }
    return 5 * not_concurrent > s.n ? "not-concurrent" : "ok";
}

/* ---- a group ---- */

struct work {
    const struct summary_options *options;
    double *scratch;
    struct summary_row *rows;
    size_t count;
    bool found_baseline;
};

static struct series find_series(const struct key *group, size_t n, const char *allocator, unsigned metric) {
    for (size_t i = 0; i < n; i += same_length(group + i, n - i, true))
        if (group[i].metric == metric && strcmp(group[i].row->allocator, allocator) == 0)
            return (struct series){group + i, same_length(group + i, n - i, true)};
    return (struct series){0};
}

static bool is_one_of(const char *name, const char *list) {
    const size_t length = strlen(name);
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == '\0' || at[length] == ','))
            return true;
    }
    return false;
}

/* The baseline of this group: named, or of best:A,B,C the one with the lowest median time. NULL: none is
 * here. */
static const char *baseline_of(struct work *w, const struct key *group, size_t n) {
    const bool best = strncmp(w->options->baseline, "best:", 5) == 0;
    const char *const names = best ? w->options->baseline + 5 : w->options->baseline, *found = NULL;
    double lowest = INFINITY;
    for (size_t i = 0; i < n; i += same_length(group + i, n - i, false)) {
        const char *const name = group[i].row->allocator;
        if (best ? !is_one_of(name, names) : strcmp(name, names) != 0)
            continue;
        const double median = median_of(find_series(group, n, name, TIME), w->scratch);
        if (found == NULL || median < lowest) {
            found = name;
            lowest = isnan(median) ? INFINITY : median;
        }
    }
    return found;
}

static unsigned count_comparisons(const struct key *group, size_t n, const char *baseline) {
    unsigned count = 0;
    for (size_t i = 0; i < n; i += same_length(group + i, n - i, false))
        count += strcmp(group[i].row->allocator, baseline) != 0 &&
                 strstr(group[i].row->allocator, control_suffix) == NULL;
    return count == 0 ? 1 : count;
}

/* Is NAME the second run of the baseline's first allocator? */
static bool is_control(const char *name, const char *baseline_option) {
    const char *const first =
        strncmp(baseline_option, "best:", 5) == 0 ? baseline_option + 5 : baseline_option;
    const size_t length = strcspn(first, ",");
    return strncmp(name, first, length) == 0 && strcmp(name + length, control_suffix) == 0;
}

/* What a control is the second run of; NULL: it is not among the rows. */
static const char *original_of(const struct key *group, size_t n, const char *control) {
    const size_t length = strlen(control) - strlen(control_suffix);
    for (size_t i = 0; i < n; i++)
        if (strncmp(group[i].row->allocator, control, length) == 0 && group[i].row->allocator[length] == '\0')
            return group[i].row->allocator;
    return NULL;
}

static void summarise_series(struct work *w, struct series s, struct series baseline, double alpha) {
    const struct round_row *const row = s.first->row;
    struct summary_row *const out = &w->rows[w->count++];
    *out = (struct summary_row){.workload = row->workload,
                                .params = row->params,
                                .threads = row->threads,
                                .allocator = row->allocator,
                                .metric = row->metric,
                                .value = median_of(s, w->scratch),
                                .ratio = NAN,
                                .low = NAN,
                                .high = NAN,
                                .verdict = "-",
                                .status = status_of(s)};
    for (size_t i = 0; i < s.n; i++)
        out->rounds += has_figure(s.first[i].row);
    const unsigned metric = s.first->metric;
    if (metric >= METRICS || record_info[metric].better == NEITHER || row->round == 0 ||
        strcmp(out->status, "ok") != 0)
        return;
    if (baseline.first == s.first) {
        out->ratio = out->low = out->high = 1;
        out->verdict = stats_verdict_name[VERDICT_BASELINE];
        return;
    }
    const size_t pairs =
        baseline.n == 0 || strcmp(status_of(baseline), "ok") != 0 ? 0 : pair_up(s, baseline, w->scratch);
    if (pairs == 0)
        return;
    const struct stats_interval interval = stats_ratio(w->scratch, pairs, alpha);
    out->ratio = interval.median;
    out->low = interval.low;
    out->high = interval.high;
    out->rounds = (unsigned)pairs;
    out->verdict = stats_verdict_name[is_control(row->allocator, w->options->baseline)
                                          ? VERDICT_CONTROL
                                          : stats_judge(interval, record_info[metric].better == LOW)];
}

static void summarise_group(struct work *w, const struct key *group, size_t n) {
    const char *const baseline = baseline_of(w, group, n);
    w->found_baseline |= baseline != NULL;
    const unsigned comparisons = w->options->comparisons != 0 ? w->options->comparisons
                                 : baseline == NULL           ? 1
                                                              : count_comparisons(group, n, baseline);
    for (size_t i = 0, length; i < n; i += length) {
        length = same_length(group + i, n - i, true);
        const struct series none = {0};
        const char *const name = group[i].row->allocator;
        const bool control = is_control(name, w->options->baseline);
        if (!control && strstr(name, control_suffix) != NULL)
            continue; /* of another baseline: it says nothing here */
        const char *const other = control ? original_of(group, n, name) : baseline;
        summarise_series(w, (struct series){group + i, length},
                         other == NULL ? none : find_series(group, n, other, group[i].metric),
                         stats_alpha(comparisons));
    }
}

struct summary_row *summary_make(const struct round_row *rows, size_t n,
                                 const struct summary_options *options, size_t *count, char *why,
                                 size_t why_size) {
    struct key *const keys = sorted_keys(rows, n, options->order);
    struct work w = {
        .options = options, .scratch = calloc(n + 1, sizeof(double)), .rows = calloc(n + 1, sizeof *w.rows)};
    if (keys == NULL || w.scratch == NULL || w.rows == NULL) {
        snprintf(why, why_size, "out of memory");
    } else {
        for (size_t i = 0, length; i < n; i += length) {
            for (length = 1; i + length < n && keys[i + length].group == keys[i].group;)
                length++;
            summarise_group(&w, keys + i, length);
        }
        if (!w.found_baseline)
            snprintf(
                why, why_size,
                "the baseline %s is in none of the rows; choose one of the allocators measured with --baseline",
                options->baseline);
    }
    free(keys);
    free(w.scratch);
    *count = w.count;
    if (!w.found_baseline) {
        free(w.rows);
        return NULL;
    }
    return w.rows;
}
