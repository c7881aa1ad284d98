/* SPDX-License-Identifier: MIT
 *
 * claim.h: what is said of verdicts: a table for a terminal, claims.tsv for programs, claims.md for a page.
 */
#include "claim.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- words ---- */

/* Four figures; what is large, as a whole number of a unit that people read. */
static const char *figure(double value) {
    if (isnan(value))
        return "-";
    if (fabs(value) >= 1e6)
        return arena_format("%.2fM", value / 1e6);
    return arena_format(fabs(value) >= 1000 ? "%.0f" : "%.4g", value);
}

/* A value, and its interval where that has a width. */
static const char *figures(const struct claim_row *r) {
    if (isnan(r->low) && isnan(r->value))
        return "";
    const char *const between = arena_format("[%s, %s]", figure(r->low), figure(r->high));
    if (isnan(r->value))
        return between;
    return r->low == r->high ? figure(r->value) : arena_format("%s %s", figure(r->value), between);
}

static const char *subject(const struct claim_row *r) {
    return r->peer == NULL ? r->allocator : arena_format("%s, %s", r->allocator, r->peer);
}

/* The rows of one claim begin where the one before ends. */
static bool begins(const struct claim_rows *rows, size_t i) {
    return i == 0 || rows->row[i].claim != rows->row[i - 1].claim;
}

/* ---- a terminal ---- */

static const char *colour_of(const char *verdict, bool colours) {
    if (!colours)
        return "";
    return strcmp(verdict, "holds") == 0   ? "\033[32m"
           : strcmp(verdict, "fails") == 0 ? "\033[31m"
                                           : "\033[33m";
}

void claims_print(FILE *file, const struct claim_rows *rows, bool colours) {
    int who = 0, what = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const int w = (int)strlen(subject(&rows->row[i])), f = (int)strlen(figures(&rows->row[i]));
        who = w > who ? w : who;
        what = f > what ? f : what;
    }
    for (size_t i = 0; i < rows->count; i++) {
        const struct claim_row *const r = &rows->row[i];
        if (begins(rows, i)) {
            fprintf(file, "%s%s: %s\n  %s\n  measured: %s", i == 0 ? "" : "\n", r->claim->id, r->claim->says,
                    r->claim->where, r->claim->measures);
            fprintf(file, "%s%s\n", *r->claim->undecided == '\0' ? "" : "; undecided: ", r->claim->undecided);
        }
        fprintf(file, "  %s%-9s%s %-*s  ", colour_of(r->verdict, colours), r->verdict,
                colours ? "\033[0m" : "", who, subject(r));
        if (r->is_sum)
            fprintf(file, "in all: %s\n", r->note);
        else
            fprintf(file, "%-*s  %-14s %s%s%s\n", what, figures(r), r->bound, r->cell,
                    *r->note == '\0' ? "" : "; ", r->note);
    }
    fputs("\nvalue [interval at 95 %] bound cell. An interval that contains the bound is undecided.\n\n",
          file);
}

/* ---- files ---- */

static void write_number(FILE *file, double value) {
    if (isnan(value))
        fputs("-\t", file);
    else
        fprintf(file, "%.9g\t", value);
}

static const char *or_dash(const char *text) {
    return text == NULL || *text == '\0' ? "-" : text;
}

static void write_tsv(FILE *file, const struct claim_rows *rows) {
    fputs("claim\tallocator\tverdict\tvalue\tlow\thigh\tbound\twhere\tcell\tpeer\tnote\n", file);
    for (size_t i = 0; i < rows->count; i++) {
        const struct claim_row *const r = &rows->row[i];
        fprintf(file, "%s\t%s\t%s\t", r->claim->id, r->allocator, r->verdict);
        write_number(file, r->value);
        write_number(file, r->low);
        write_number(file, r->high);
        fprintf(file, "%s\t%s\t%s\t%s\t%s\n", r->bound, r->claim->where, r->cell, or_dash(r->peer),
                or_dash(r->note));
    }
}

/* A cell of a table: a bar would end it. */
static void write_cell(FILE *file, const char *text) {
    for (; *text != '\0'; text++)
        fprintf(file, *text == '|' ? "\\%c" : "%c", *text);
    fputs(" | ", file);
}

static void write_markdown(FILE *file, const struct claim_rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        const struct claim_row *const r = &rows->row[i];
        if (begins(rows, i)) {
            fprintf(file, "%s## %s\n\n> %s\n\n%s. Measured: %s.", i == 0 ? "" : "\n", r->claim->id,
                    r->claim->says, r->claim->where, r->claim->measures);
            if (*r->claim->undecided != '\0')
                fprintf(file, " Undecided: %s.", r->claim->undecided);
            fputs("\n\n| verdict | allocator | value | bound | cell | |\n|---|---|---|---|---|---|\n", file);
        }
        fputs("| ", file);
        write_cell(file, r->is_sum ? arena_format("**%s**", r->verdict) : r->verdict);
        write_cell(file, subject(r));
        write_cell(file, figures(r));
        write_cell(file, r->bound);
        write_cell(file, r->is_sum ? "in all" : r->cell);
        write_cell(file, r->note);
        fputc('\n', file);
    }
}

bool claims_write(const struct claim_rows *rows, const char *dir, char *why, size_t why_size) {
    static const struct {
        const char *name;
        void (*write)(FILE *, const struct claim_rows *);
    } files[] = {{"claims.tsv", write_tsv}, {"claims.md", write_markdown}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *const path = arena_format("%s/%s", dir, files[i].name);
        FILE *const file = fopen(path, "we");
        bool good = file != NULL;
        if (good) {
            files[i].write(file, rows);
            good = !ferror(file);
            good = fclose(file) == 0 && good;
        }
        if (!good) {
            snprintf(why, why_size, "%s cannot be written: %s", path, strerror(errno));
            return false;
        }
    }
    return true;
}
