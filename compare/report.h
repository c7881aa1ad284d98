/* SPDX-License-Identifier: MIT
 *
 * compare report: one page of directories of results, for a reader who has nothing else. What is measured is not
 * computed here but by summary.h; what is added is a ranking. Reads directories, writes only -o.
 *
 *     report.c           reads, warns, draws, writes
 *     report_table.c     a table a (workload, metric)
 *     report_picture.c   a picture of gnuplot's as a piece of a page
 *     report_html.c      report.html, with report/report.css and report/report.js in it
 *     report_markdown.c  report.md
 */
#ifndef COMPARE_REPORT_H
#define COMPARE_REPORT_H

#include "arena.h"
#include "host.h"
#include "rank.h"
#include "safety.h"
#include "store.h"

#include <stdio.h>

/* ---- tables ---- */

struct report_column {
    const char *params;
    unsigned threads;
};

struct report_table {
    const char *workload, *metric;
    struct words allocators;
    struct report_column *column;
    size_t columns;
    bool one_params;                 /* all columns have the same */
    const struct summary_row **cell; /* allocators x columns; NULL: none */
};

/* Those of all workloads, each one's metrics in record.def's order: all of which less is better, but not what malloc and
 * free are of them, nor of the closed loop. */
struct report_tables {
    struct report_table *table;
    size_t count;
} report_tables(const struct summary_row *rows, size_t n);

/* ---- pictures ---- */

struct report_picture {
    const char *name, *file; /* FILE: relative to the report */
    const char *svg;         /* a piece of HTML; NULL: WHY */
    const char *why;
};

/* SVG as gnuplot writes it, as a piece of a page: every colour a variable, which COLOURS gets as "rrggbb"; every id
 * with PREFIX before it. NULL: it holds an element that no picture of gnuplot's has. */
const char *report_picture(const char *svg, const char *label, const char *prefix, struct words *colours);

/* What stands for a colour on a dark page: its hue, light where it was dark, and never too dark to be seen; what was
 * pale, and lies behind, is as dark as it was pale. */
unsigned report_dark(unsigned rgb);

/* ---- claims ---- */

struct report_claim {
    const char *claim, *allocator, *verdict, *value, *low, *high, *bound, *where, *cell, *peer, *note;
};

/* ---- all ---- */

/* One directory. */
struct report_set {
    const char *dir, *title;
    struct store store; /* its head: of safety.tsv, where there are no rounds */
    const char *baseline, *answer;
    struct summary_row *row;
    size_t rows;
    struct words warnings, failures;
    struct ranking ranking[RANKINGS]; /* by time, by p99.9, by memory */
    struct report_tables tables;
    struct report_picture *picture;
    size_t pictures;
    struct safety_rows safety;
    struct report_claim *claim;
    size_t claims;
    const char *claims_text; /* claims.md, which has the sentences; NULL */
};

struct report {
    struct report_set *set;
    size_t sets;
    struct words colours;
    const char *tree; /* this source tree, as a link from the report */
    const char *css, *js;
};

/* Reads DIR but for pictures and texts. False: WHY. */
bool report_read(struct report_set *set, const char *dir, char *why, size_t why_size);

/* The sentence of claim ID in TEXT, a claims.md; "" where it is not there. */
const char *report_says(const char *text, const char *id);

/* Words that both pages use. */
const char *report_rank_words(const struct ranking *ranking, const char *baseline);
const char *report_cells_words(const struct ranking *ranking);
const char *report_column_words(const struct report_table *table, size_t column);
const char *report_metric_words(const char *metric); /* record.def's */
const char *report_metric_page(const char *metric);  /* below the tree */
const char *report_ratio(double ratio);
const char *report_interval(double low, double high);
const char *report_baseline_words(const char *baseline);
bool report_is_floor(const struct report_set *set, const char *allocator);

/* Whether a fact of the head says what the machine is. */
bool report_is_machine(const char *key);

void report_html(FILE *file, const struct report *report);
void report_markdown(FILE *file, const struct report *report);

/* `compare report`. PLOTS, PAGE: where scripts of pictures, and the page's style and script, are; TREE: the source tree.
 * The exit status. */
int report_main(const struct words *results, const char *out, const char *plots, const char *page,
                const char *tree);

#endif
