/* SPDX-License-Identifier: MIT
 *
 * diff.h: what is said of two results, and the subcommand.
 */
#include "diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- words ---- */

static const char *cell_name(const struct round_row *row) {
    const bool has_params = strcmp(row->params, "-") != 0;
    return arena_format("%s%s%s/threads:%u", row->workload, has_params ? "/" : "",
                        has_params ? row->params : "", row->threads);
}

/* "+4.2", with its sign; three figures where that is enough. */
static const char *percent(double ratio) {
    const double value = 100 * (ratio - 1);
    return arena_format(fabs(value) < 100 ? "%+.1f" : "%+.0f", value);
}

static const char *ratio(double value) {
    return arena_format(value < 10 ? "%.3f" : "%.1f", value);
}

static const char *change(const struct diff_cell *c) {
    return arena_format("%s %% [%s, %s]", percent(c->change.median), percent(c->change.low),
                        percent(c->change.high));
}

static const char *limit_of(const struct diff *d) {
    return arena_format("%.3g %%", 100 * d->max_regression);
}

/* ---- a table ---- */

enum { FIELDS = 7 };

struct line {
    const char *field[FIELDS];
};

static const struct line names = {{"cell", "allocator", "metric", "OLD", "NEW", "change at 95 %", "rounds"}};

static struct line line_of(const struct diff_cell *c) {
    return (struct line){{cell_name(c->row), c->row->allocator, c->row->metric, ratio(c->before),
                          ratio(c->after), change(c), arena_format("%u, %u", c->rounds[0], c->rounds[1])}};
}

static void widen(int *width, const struct line *line) {
    for (int f = 0; f < FIELDS; f++)
        width[f] = (int)strlen(line->field[f]) > width[f] ? (int)strlen(line->field[f]) : width[f];
}

static void print_line(FILE *out, const struct line *line, const int *width, const char *colour) {
    fprintf(out, "  %s", colour);
    for (int f = 0; f + 1 < FIELDS; f++)
        fprintf(out, "%-*s  ", width[f], line->field[f]);
    fprintf(out, "%s%s\n", line->field[FIELDS - 1], *colour == '\0' ? "" : "\033[0m");
}

static const char *heading(const struct diff *d, const struct diff_cell *c) {
    static const char *const kinds[] = {
        [DIFF_WORSE] = "worse",
        [DIFF_MEMORY] = "more memory in the same time",
        [DIFF_BETTER] = "better",
        [DIFF_SAME] = "not separated",
        [DIFF_TOO_FEW] = "too few rounds for an interval",
    };
    return c->too_much ? arena_format("%s, by more than %s", kinds[c->kind], limit_of(d)) : kinds[c->kind];
}

static const char *colour_of(const struct diff_cell *c) {
    return c->too_much                                       ? "\033[31m"
           : c->kind == DIFF_WORSE || c->kind == DIFF_MEMORY ? "\033[33m"
           : c->kind == DIFF_BETTER                          ? "\033[32m"
                                                             : "";
}

static void print_cells(FILE *out, const struct diff *d, bool colours) {
    int width[FIELDS] = {0};
    struct line *const line = arena_get((d->cells + 1) * sizeof *line);
    widen(width, &names);
    for (size_t i = 0; i < d->cells; i++) {
        line[i] = line_of(&d->cell[i]);
        widen(width, &line[i]);
    }
    print_line(out, &names, width, "");
    for (size_t i = 0; i < d->cells; i++) {
        const struct diff_cell *const c = &d->cell[i];
        if (i == 0 || c->kind != c[-1].kind || c->too_much != c[-1].too_much)
            fprintf(out, "\n%s\n", heading(d, c));
        print_line(out, &line[i], width, colours ? colour_of(c) : "");
    }
    fprintf(
        out,
        "\nOLD and NEW: over %s's of the same run; change: of NEW over OLD, with its interval, at 95 %% for all %zu "
        "together\n",
        d->baseline, d->cells);
}

static void print_left(FILE *out, const struct diff *d, bool broken) {
    int cell = 0, allocator = 0;
    bool first = true;
    for (size_t i = 0; i < d->lefts; i++) {
        const int c = (int)strlen(cell_name(d->left[i].row)), a = (int)strlen(d->left[i].row->allocator);
        cell = c > cell ? c : cell;
        allocator = a > allocator ? a : allocator;
    }
    for (size_t i = 0; i < d->lefts; i++) {
        const struct diff_left *const l = &d->left[i];
        if (l->broken != broken)
            continue;
        if (first)
            fprintf(out, "%s\n", broken ? "failed" : "\nnot compared");
        first = false;
        fprintf(out, "  %-*s  %-*s  %s\n", cell, cell_name(l->row), allocator, l->row->allocator, l->why);
    }
    if (broken && !first)
        putc('\n', out);
}

void diff_print(FILE *out, const struct diff *d, bool colours) {
    print_left(out, d, true);
    if (d->cells != 0)
        print_cells(out, d, colours);
    print_left(out, d, false);
    if (d->warnings.count != 0)
        putc('\n', out);
    for (size_t i = 0; i < d->warnings.count; i++)
        fprintf(out, "warning: %s\n", d->warnings.word[i]);
}

/* ---- a sentence ---- */

static size_t count_kind(const struct diff *d, enum diff_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < d->cells; i++)
        n += d->cell[i].kind == kind && !d->cell[i].too_much;
    return n;
}

static const char *found(const struct diff *d) {
    const char *const failed = d->broken == 0 ? ""
                                              : arena_format("%zu %s in NEW; ", d->broken,
                                                             d->broken == 1 ? "cell fails" : "cells fail");
    const struct diff_cell *const worst = d->cell; /* they are sorted */
    const char *const most = d->too_much == 0
                                 ? ""
                                 : arena_format("; first %s %s %s %s", cell_name(worst->row),
                                                worst->row->allocator, worst->row->metric, change(worst));
    return arena_format("%s%s of more than %s in %zu comparisons%s", failed,
                        d->too_much == 0   ? "no regression"
                        : d->too_much == 1 ? "1 regression"
                                           : arena_format("%zu regressions", d->too_much),
                        limit_of(d), d->cells, most);
}

/* A percent sign begins an escape there. */
static const char *escaped(const char *text) {
    const char *result = "";
    for (const char *rest = text; *rest != '\0';) {
        const size_t length = strcspn(rest, "%");
        result = arena_format("%s%.*s%s", result, (int)length, rest, rest[length] == '%' ? "%25" : "");
        rest += length + (rest[length] == '%');
    }
    return result;
}

const char *diff_answer(const struct diff *d, bool for_github) {
    const size_t unjudged = d->lefts - d->broken + count_kind(d, DIFF_TOO_FEW);
    const char *const text = arena_format(
        "%s; %zu better, %zu worse by less, %zu not separated%s", found(d), count_kind(d, DIFF_BETTER),
        count_kind(d, DIFF_WORSE) + count_kind(d, DIFF_MEMORY), count_kind(d, DIFF_SAME),
        unjudged == 0 ? "" : arena_format(", %zu not judged", unjudged));
    if (!for_github || d->too_much + d->broken == 0)
        return text;
    return arena_format("::error title=compare diff::%s", escaped(text));
}

/* ---- the subcommand ---- */

static int bad_use(const char *why) {
    fprintf(stderr, "compare: %s\n", why);
    return 2;
}

int diff_main(const struct options_diff *o) {
    struct store before, after;
    char why[2048];
    if (!store_read(&before, o->before, why, sizeof why) || !store_read(&after, o->after, why, sizeof why))
        return bad_use(why);
    const char *const baseline = diff_baseline(&before, &after, o->other_machine, why, sizeof why);
    if (baseline == NULL)
        return bad_use(why);
    const struct diff diff = diff_make(&before, &after, baseline, o->max_regression);
    diff_print(stdout, &diff, isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
    fflush(stdout);
    if (diff.intervals == 0 && diff.broken == 0)
        return bad_use(diff.cells == 0 ? "OLD and NEW have nothing in common that can be compared"
                                       : "too few rounds for any interval: measure more in each");
    printf("\n%s\n", diff_answer(&diff, getenv("GITHUB_ACTIONS") != NULL));
    return diff.too_much + diff.broken == 0 ? 0 : 1;
}
