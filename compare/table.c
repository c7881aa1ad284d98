/* SPDX-License-Identifier: MIT
 *
 * table.h, the terminal's part: a block a (workload, params), a line an allocator, a column a thread count.
 */
#include "table.h"

#include "arena.h"

#include <math.h>
#include <string.h>

enum { MOST_COLUMNS = 16, NAME_WIDTH = 16, COLUMN_WIDTH = 20, SUM_WIDTH = 9 };

static const char green[] = "\033[32m", red[] = "\033[31m", bold[] = "\033[1m", plain[] = "\033[0m";

/* Which marks occurred, for the legend. */
struct marks {
    bool not_separated, not_concurrent, control;
};

static bool same_block(const struct summary_row *a, const struct summary_row *b) {
    return strcmp(a->workload, b->workload) == 0 && strcmp(a->params, b->params) == 0;
}

void table_readable(const char *metric, double value, char *text, size_t size) {
    static const char *const times[] = {"ns", "µs", "ms", "s"}, *const bytes[] = {"B", "KiB", "MiB", "GiB"},
                             *const counts[] = {"", "k", "M", "G"};
    const size_t length = strlen(metric);
    const bool is_time = length > 3 && strcmp(metric + length - 3, "_ns") == 0;
    const bool is_bytes = length > 6 && strcmp(metric + length - 6, "_bytes") == 0;
    const char *const *const unit = is_time ? times : is_bytes ? bytes : counts;
    const double step = is_bytes ? 1024 : 1000;
    int i = 0;
    for (; i < 3 && fabs(value) >= step; i++)
        value /= step;
    const int decimals = value == floor(value) && fabs(value) < 1000 && i == 0 ? 0
                         : fabs(value) < 10                                    ? 2
                         : fabs(value) < 100                                   ? 1
                                                                               : 0;
    snprintf(text, size, "%.*f%s%s", decimals, value, *unit[i] == '\0' ? "" : " ", unit[i]);
}

/* Columns that TEXT takes: bytes less the continuation bytes of UTF-8. */
static int width_of(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

int table_digits(double ratio) {
    return ratio < 10 ? 2 : ratio < 100 ? 1 : 0;
}

static void entry(const struct summary_row *row, struct marks *marks, char *text, size_t size) {
    char figure[32];
    if (strcmp(row->status, "ok") != 0 && strcmp(row->status, "not-concurrent") != 0) {
        snprintf(text, size, "%s", row->status);
        return;
    }
    table_readable(row->metric, row->value, figure, sizeof figure);
    if (strcmp(row->status, "not-concurrent") == 0) {
        marks->not_concurrent = true;
        snprintf(text, size, "%s ?", figure);
    } else if (isnan(row->ratio) || strcmp(row->verdict, "baseline") == 0) {
        snprintf(text, size, "%s", figure);
    } else {
        const bool together = strcmp(row->verdict, "not-separated") == 0;
        marks->not_separated |= together;
        snprintf(text, size, "%.*f [%.*f, %.*f]%s", table_digits(row->ratio), row->ratio, table_digits(row->low),
                 row->low, table_digits(row->high), row->high, together ? " ~" : "");
    }
}

static const char *colour_of(const struct summary_row *row) {
    return strcmp(row->verdict, "better") == 0 ? green : strcmp(row->verdict, "worse") == 0 ? red : plain;
}

static void print_line(FILE *out, const struct summary_row *const *cells, size_t columns, bool colour,
                       struct marks *marks) {
    const struct summary_row *any = NULL;
    for (size_t c = 0; c < columns; c++)
        any = cells[c] != NULL ? cells[c] : any;
    fprintf(out, "  %-*s%s", NAME_WIDTH, any->allocator, strlen(any->allocator) < NAME_WIDTH ? "" : " ");
    for (size_t c = 0; c < columns; c++) {
        char text[96] = "";
        if (cells[c] != NULL)
            entry(cells[c], marks, text, sizeof text);
        const int padding = COLUMN_WIDTH - width_of(text);
        fprintf(out, "%s%s%s%*s", colour && cells[c] != NULL ? colour_of(cells[c]) : "", text,
                colour ? plain : "", c + 1 < columns && padding > 0 ? padding : 0, "");
    }
    fputc('\n', out);
}

/* The block that begins at ROWS: its thread counts, then a line for each allocator in the order of the rows.
 */
static void print_block(FILE *out, const struct summary_row *rows, size_t n, const char *metric, bool colour,
                        struct marks *marks) {
    unsigned threads[MOST_COLUMNS];
    size_t columns = 0;
    for (size_t i = 0; i < n; i++) {
        if (!same_block(&rows[i], &rows[0]) || strcmp(rows[i].metric, metric) != 0)
            continue;
        size_t c = 0;
        while (c < columns && threads[c] != rows[i].threads)
            c++;
        if (c == columns && columns < MOST_COLUMNS)
            threads[columns++] = rows[i].threads;
    }
    fprintf(out, "\n%s%s%s%s%s\n  %-*s", colour ? bold : "", rows->workload,
            strcmp(rows->params, "-") == 0 ? "" : "  ", strcmp(rows->params, "-") == 0 ? "" : rows->params,
            colour ? plain : "", NAME_WIDTH, "threads");
    for (size_t c = 0; c < columns; c++)
        fprintf(out, "%-*u", c + 1 < columns ? COLUMN_WIDTH : 0, threads[c]);
    fputc('\n', out);
    for (size_t i = 0; i < n; i++) {
        if (!same_block(&rows[i], &rows[0]) || strcmp(rows[i].metric, metric) != 0)
            continue;
        const struct summary_row *cells[MOST_COLUMNS] = {0};
        bool first = true;
        for (size_t j = 0; j < n; j++) {
            if (!same_block(&rows[j], &rows[0]) || strcmp(rows[j].metric, metric) != 0 ||
                strcmp(rows[j].allocator, rows[i].allocator) != 0)
                continue;
            first &= j >= i;
            for (size_t c = 0; c < columns; c++)
                if (threads[c] == rows[j].threads)
                    cells[c] = &rows[j];
        }
        if (first)
            print_line(out, cells, columns, colour, marks);
    }
}

static void print_legend(FILE *out, const struct summary_row *rows, size_t n, const char *metric,
                         struct marks marks) {
    const char *baseline = NULL;
    bool several = false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].metric, metric) != 0)
            continue;
        marks.control |= strcmp(rows[i].verdict, "control") == 0;
        if (strcmp(rows[i].verdict, "baseline") != 0)
            continue;
        several |= baseline != NULL && strcmp(baseline, rows[i].allocator) != 0;
        baseline = rows[i].allocator;
    }
    if (baseline != NULL)
        fprintf(out, "\n%s, ratios to %s with the interval of the median%s\n", metric,
                several ? "the best of several in each cell" : baseline,
                marks.control ? "; @control is the baseline against itself" : "");
    if (marks.not_separated)
        fputs("~ not separated from the baseline\n", out);
    if (marks.not_concurrent)
        fputs("? the threads took turns: no verdict\n", out);
}

/* ---- all cells ---- */

static bool has_verdict(const struct summary_row *row) {
    return strcmp(row->verdict, "better") == 0 || strcmp(row->verdict, "worse") == 0 ||
           strcmp(row->verdict, "not-separated") == 0;
}

static void print_sum(FILE *out, const struct summary_row *rows, size_t n, const char *metric,
                      const char *allocator) {
    double *const ratios = arena_get(n * sizeof *ratios);
    unsigned better = 0, worse = 0;
    size_t cells = 0;
    const struct summary_row *worst = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].metric, metric) != 0 || strcmp(rows[i].allocator, allocator) != 0 ||
            !has_verdict(&rows[i]))
            continue;
        better += strcmp(rows[i].verdict, "better") == 0;
        worse += strcmp(rows[i].verdict, "worse") == 0;
        worst = worst == NULL || rows[i].ratio > worst->ratio ? &rows[i] : worst;
        ratios[cells++] = rows[i].ratio;
    }
    if (cells == 0)
        return;
    const double median = stats_median(ratios, cells);
    fprintf(out, "  %-*s%-*u%-*zu%-*u%-*.*f%.*f  %s %s, %u threads\n", NAME_WIDTH, allocator, SUM_WIDTH,
            better, SUM_WIDTH, cells - better - worse, SUM_WIDTH, worse, SUM_WIDTH, table_digits(median), median,
            table_digits(worst->ratio), worst->ratio, worst->workload, worst->params, worst->threads);
}

/* Of each allocator: in how many cells it was better or worse than the baseline, and by how much. */
static void print_sums(FILE *out, const struct summary_row *rows, size_t n, const char *metric) {
    fprintf(out, "\nall cells\n  %-*s%-*s%-*s%-*s%-*s%s\n", NAME_WIDTH, "", SUM_WIDTH, "better", SUM_WIDTH,
            "~", SUM_WIDTH, "worse", SUM_WIDTH, "median", "highest");
    for (size_t i = 0; i < n; i++) {
        bool first = strcmp(rows[i].metric, metric) == 0;
        for (size_t j = 0; j < i && first; j++)
            first = strcmp(rows[j].metric, metric) != 0 || strcmp(rows[j].allocator, rows[i].allocator) != 0;
        if (first)
            print_sum(out, rows, n, metric, rows[i].allocator);
    }
}

void table_print(FILE *out, const struct summary_row *rows, size_t n, const char *metric, bool colour) {
    struct marks marks = {0};
    size_t blocks = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].metric, metric) != 0)
            continue;
        bool first = true;
        for (size_t j = 0; j < i && first; j++)
            first = !same_block(&rows[i], &rows[j]) || strcmp(rows[j].metric, metric) != 0;
        if (first)
            print_block(out, rows + i, n - i, metric, colour, &marks);
        blocks += first;
    }
    if (blocks > 1)
        print_sums(out, rows, n, metric);
    print_legend(out, rows, n, metric, marks);
}
