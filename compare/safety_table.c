/* SPDX-License-Identifier: MIT
 *
 * The matrix for readers.
 */
#include "safety.h"

#include <string.h>

enum { NAME_WIDTH = 16, COLUMN_WIDTH = 13 };

static const char green[] = "\033[32m", red[] = "\033[31m", bold[] = "\033[1m", plain[] = "\033[0m";

const struct safety_column safety_columns[] = {
    {"signal", "a handler comes at every point of the path, allocates 8 blocks and frees 4"},
    {"nested", "that handler is interrupted by another one, at points of its own path"},
    {"progress", "k threads are stopped for good, each at every point: do all others go on?"},
    {"fork", "a thread is stopped at every point while another one forks: is the child in order?"},
    {"loss", "a thread is stopped for good: bytes that nobody can have again"},
    {"misuse", "what happens where a program does what it must not (no verdict)"},
    {NULL, NULL},
};

/* "path=pair,k=1": "pair k=1"; "use=overflow-1": "overflow-1". */
const char *safety_heading(const char *params) {
    char *const text = arena_format("%s", params);
    char *at = text;
    if (strncmp(at, "path=", 5) == 0)
        at += 5;
    else if (strncmp(at, "use=", 4) == 0)
        at += 4;
    char *const comma = strchr(at, ',');
    if (comma != NULL)
        *comma = ' ';
    char *const fork = strstr(at, "fork=");
    if (fork != NULL)
        memmove(fork, fork + 5, strlen(fork + 5) + 1);
    char *const depth = strstr(at, "depth=");
    if (depth != NULL)
        memmove(depth, "x", 2), memmove(depth + 1, depth + 6, strlen(depth + 6) + 1);
    return at;
}

const char *safety_entry(const struct safety_row *row) {
    if (strcmp(row->column, "misuse") == 0)
        return row->verdict;
    if (strcmp(row->column, "loss") == 0 && strcmp(row->bytes, "-") != 0)
        return row->failed == 0 ? row->bytes : arena_format("%s, %lu %s", row->bytes, row->failed, row->kind);
    if (strcmp(row->verdict, "holds") == 0)
        return arena_format("holds %lu", row->points);
    if (strcmp(row->verdict, "fails") == 0)
        return arena_format("%lu/%lu %s", row->failed, row->points, row->kind);
    return row->verdict;
}

const struct safety_row *safety_find(const struct safety_rows *rows, const char *allocator, const char *column,
                                     const char *params) {
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->row[i].allocator, allocator) == 0 && strcmp(rows->row[i].column, column) == 0 &&
            strcmp(rows->row[i].params, params) == 0)
            return &rows->row[i];
    return NULL;
}

static void print_cell(FILE *file, const struct safety_row *row, int width, bool colours) {
    const char *const text = row == NULL ? "" : safety_entry(row);
    const char *const colour = !colours || row == NULL            ? ""
                               : strcmp(row->verdict, "holds") == 0 ? green
                               : strcmp(row->verdict, "fails") == 0 ? red
                                                                    : "";
    fprintf(file, "%s%-*s%s ", colour, width, text, *colour == '\0' ? "" : plain);
}

static void print_block(FILE *file, const struct safety_rows *rows, const char *column, bool colours) {
    struct words names = {0}, params = {0};
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->row[i].column, column) == 0) {
            words_add_new(&names, rows->row[i].allocator);
            words_add_new(&params, rows->row[i].params);
        }
    const size_t most = strcmp(column, "misuse") == 0 ? 5 : 8;
    for (size_t from = 0; from < params.count; from += most) {
        fprintf(file, "  %-*s", NAME_WIDTH, "");
        const size_t end = from + most < params.count ? from + most : params.count;
        const int width = strcmp(column, "misuse") == 0 ? 19 : COLUMN_WIDTH;
        for (size_t p = from; p < end; p++)
            fprintf(file, "%-*s ", width, safety_heading(params.word[p]));
        fputc('\n', file);
        for (size_t n = 0; n < names.count; n++) {
            fprintf(file, "  %-*s", NAME_WIDTH, names.word[n]);
            for (size_t p = from; p < end; p++)
                print_cell(file, safety_find(rows, names.word[n], column, params.word[p]), width, colours);
            fputc('\n', file);
        }
    }
}

/* The spec of the cells that ROW is of. */
static const char *spec_of(const struct safety_row *row, const struct safety_cells *cells) {
    for (size_t i = 0; i < cells->count; i++) {
        const char *const spec = cells->cell[i].spec, *const label = strstr(spec, "=so:");
        if (strcmp(spec, row->allocator) == 0 ||
            (label != NULL && strncmp(spec, row->allocator, (size_t)(label - spec)) == 0 &&
             row->allocator[label - spec] == '\0'))
            return spec;
    }
    return row->allocator;
}

void safety_print(FILE *file, const struct safety_rows *rows, const struct safety_cells *cells, const char *probe,
                  bool colours) {
    for (const struct safety_column *c = safety_columns; c->column != NULL; c++) {
        bool any = false;
        for (size_t i = 0; i < rows->count && !any; i++)
            any = strcmp(rows->row[i].column, c->column) == 0;
        if (!any)
            continue;
        fprintf(file, "%s%s%s  %s\n", colours ? bold : "", c->column, colours ? plain : "", c->what);
        print_block(file, rows, c->column, colours);
        fputc('\n', file);
    }
    fputs("holds N: at all N points. M/N kind: fails at M of N points, first as kind says. loss: bytes.\n\n", file);
    bool any = false;
    for (size_t i = 0; i < rows->count; i++) {
        const struct safety_row *const row = &rows->row[i];
        if (strcmp(row->verdict, "fails") != 0)
            continue;
        if (!any)
            fprintf(file, "%sfirst failures%s, each with the access before it, and the command that tries it again\n",
                    colours ? bold : "", colours ? plain : "");
        any = true;
        const struct safety_cell cell = {spec_of(row, cells), row->column, row->params};
        const char *const *const words = safety_arguments(probe, &cell, row->point);
        fprintf(file, "  %s %s %s: %s at %s\n   ", row->allocator, row->column, row->params, row->kind,
                row->first_failure);
        for (size_t w = 0; words[w] != NULL; w++)
            fprintf(file, " %s", words[w]);
        fputc('\n', file);
    }
    if (any)
        fputc('\n', file);
}
