/* SPDX-License-Identifier: MIT
 *
 * scaling.h. Columns are taken as plots/scaling-fit.awk writes them; a line that has others is passed over.
 */
#include "scaling.h"

#include "arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum column {
    WORKLOAD,
    PARAMS,
    ALLOCATOR,
    LAMBDA,
    LAMBDA_ERROR,
    CONTENTION,
    CONTENTION_ERROR,
    COHERENCY,
    COHERENCY_ERROR,
    POINTS,
    STATUS,
    COLUMNS,
};

enum { NAME_WIDTH = 16, FIGURE_WIDTH = 24 };

struct row {
    const char *field[COLUMNS];
};

struct rows {
    struct row *row;
    size_t count, fitted;
};

static bool is_fitted(const struct row *row) {
    return strcmp(row->field[STATUS], "ok") == 0;
}

static bool read_line(struct row *row, char *line) {
    size_t n = 0;
    for (char *field; (field = strsep(&line, "\t")) != NULL; n++)
        if (n < COLUMNS)
            row->field[n] = field;
    return n >= COLUMNS && strcmp(row->field[STATUS], "status") != 0;
}

static struct rows read_rows(const char *tsv) {
    struct rows rows = {0};
    char *text = arena_copy(tsv, strlen(tsv));
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        struct row row = {0};
        if (*line == '#' || !read_line(&row, line))
            continue;
        rows.row = arena_grow(rows.row, rows.count, sizeof *rows.row);
        rows.row[rows.count++] = row;
        rows.fitted += is_fitted(&row);
    }
    return rows;
}

static bool same_block(const struct row *a, const struct row *b) {
    return strcmp(a->field[WORKLOAD], b->field[WORKLOAD]) == 0 &&
           strcmp(a->field[PARAMS], b->field[PARAMS]) == 0;
}

/* "0.12 +- 0.01": two figures of the error decide; TSV has more. */
static const char *figure(const struct row *row, enum column value, enum column error) {
    return arena_format("%.2g +- %.1g", strtod(row->field[value], NULL), strtod(row->field[error], NULL));
}

static void print_row(FILE *out, const struct row *row) {
    fprintf(out, "  %-*s", NAME_WIDTH, row->field[ALLOCATOR]);
    if (is_fitted(row))
        fprintf(out, "%-*s%s\n", FIGURE_WIDTH, figure(row, CONTENTION, CONTENTION_ERROR),
                figure(row, COHERENCY, COHERENCY_ERROR));
    else
        fprintf(out, "%s (%s points)\n", row->field[STATUS], row->field[POINTS]);
}

static void print_block(FILE *out, const struct row *row, size_t n) {
    const bool no_params = strcmp(row->field[PARAMS], "-") == 0;
    fprintf(out, "%s%s%s\n", row->field[WORKLOAD], no_params ? "" : "  ",
            no_params ? "" : row->field[PARAMS]);
    for (size_t i = 0; i < n; i++)
        if (same_block(row, &row[i]))
            print_row(out, &row[i]);
}

/* Is row I the first of its block? */
static bool begins(const struct rows *rows, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (same_block(&rows->row[j], &rows->row[i]))
            return false;
    return true;
}

static bool is_status(const struct rows *rows, const char *status) {
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->row[i].field[STATUS], status) != 0)
            return false;
    return true;
}

void scaling_print(FILE *out, const char *tsv) {
    const struct rows rows = read_rows(tsv);
    if (rows.count == 0)
        return;
    if (rows.fitted == 0) {
        fprintf(
            out,
            "scaling with threads: %s (the law is fitted to five thread counts or more, within the cores)\n",
            is_status(&rows, rows.row[0].field[STATUS]) ? rows.row[0].field[STATUS] : "no fit");
        return;
    }
    fprintf(
        out,
        "scaling with threads: N / (1 + a (N-1) + b N (N-1)), fitted to operations a second, with standard errors\n"
        "  %-*s%-*s%s\n",
        NAME_WIDTH, "", FIGURE_WIDTH, "a, contention", "b, coherency");
    for (size_t i = 0; i < rows.count; i++)
        if (begins(&rows, i))
            print_block(out, &rows.row[i], rows.count - i);
}
