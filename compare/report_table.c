/* SPDX-License-Identifier: MIT
 *
 * report.h, the tables: a line an allocator, a column a (params, threads), both in the order of the summary.
 */
#include "report.h"

#include "record.h"
#include "table.h"

#include <math.h>
#include <string.h>

static bool has_prefix(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_shown(const struct record_info *info) {
    return info->better == LOW && !has_prefix(info->name, "malloc_") && !has_prefix(info->name, "free_") &&
           !has_prefix(info->name, "closed_");
}

static const struct record_info *info_of(const char *metric) {
    for (size_t i = 0; i < RECORDS; i++)
        if (strcmp(record_info[i].name, metric) == 0)
            return &record_info[i];
    return NULL;
}

/* From HINT on, round. */
static size_t column_number(const struct report_table *t, const struct summary_row *r, size_t hint) {
    for (size_t k = 0; k < t->columns; k++) {
        const size_t i = (hint + k) % t->columns;
        if (t->column[i].threads == r->threads && strcmp(t->column[i].params, r->params) == 0)
            return i;
    }
    return t->columns;
}

static bool is_of(const struct report_table *t, const struct summary_row *r) {
    return strcmp(r->metric, t->metric) == 0 && strcmp(r->workload, t->workload) == 0;
}

static void fill(struct report_table *t, const struct summary_row *rows, size_t n) {
    t->cell = arena_get((t->allocators.count * t->columns + 1) * sizeof(void *));
    for (size_t i = 0, column = 0, a = 0; i < n; i++) {
        if (!is_of(t, &rows[i]))
            continue;
        column = column_number(t, &rows[i], column);
        for (a = 0; strcmp(t->allocators.word[a], rows[i].allocator) != 0;)
            a++;
        t->cell[a * t->columns + column] = &rows[i];
    }
}

static struct report_table table_of(const struct summary_row *rows, size_t n, const char *workload,
                                    const char *metric) {
    struct report_table t = {.workload = workload, .metric = metric, .one_params = true};
    for (size_t i = 0, column = 0; i < n; i++) {
        if (!is_of(&t, &rows[i]))
            continue;
        words_add_new(&t.allocators, rows[i].allocator);
        column = column_number(&t, &rows[i], column);
        if (column < t.columns)
            continue;
        t.column = arena_grow(t.column, t.columns, sizeof *t.column);
        t.column[t.columns++] = (struct report_column){rows[i].params, rows[i].threads};
        t.one_params &= strcmp(rows[i].params, t.column[0].params) == 0;
    }
    fill(&t, rows, n);
    return t;
}

struct report_tables report_tables(const struct summary_row *rows, size_t n) {
    struct report_tables all = {0};
    struct words workloads = {0};
    for (size_t i = 0; i < n; i++)
        words_add_new(&workloads, rows[i].workload);
    for (size_t w = 0; w < workloads.count; w++)
        for (size_t m = 0; m < RECORDS; m++) {
            if (!is_shown(&record_info[m]))
                continue;
            const struct report_table t = table_of(rows, n, workloads.word[w], record_info[m].name);
            if (t.columns == 0)
                continue;
            all.table = arena_grow(all.table, all.count, sizeof *all.table);
            all.table[all.count++] = t;
        }
    return all;
}

/* ---- words ---- */

const char *report_column_words(const struct report_table *table, size_t column) {
    const struct report_column *const c = &table->column[column];
    const char *const threads = arena_format("%u thread%s", c->threads, c->threads == 1 ? "" : "s");
    return table->one_params ? threads : arena_format("%s, %s", c->params, threads);
}

const char *report_metric_words(const char *metric) {
    const struct record_info *const info = info_of(metric);
    return info == NULL ? "" : info->what;
}

const char *report_metric_page(const char *metric) {
    if (strstr(metric, "_bytes") != NULL)
        return "docs/method.md#memory";
    if (strcmp(metric, "line_sharing") == 0)
        return "docs/method.md#line-sharing";
    if (strcmp(metric, "concurrency") == 0)
        return "docs/method.md#were-the-threads-really-concurrent";
    return "docs/method.md#a-cell";
}

const char *report_ratio(double ratio) {
    return isfinite(ratio) ? arena_format("%.*f", table_digits(ratio), ratio) : "-";
}

const char *report_interval(double low, double high) {
    return arena_format("[%s, %s]", report_ratio(low), report_ratio(high));
}
