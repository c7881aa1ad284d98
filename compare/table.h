/* SPDX-License-Identifier: MIT
 *
 * Summaries as a person or a program reads them.
 */
#ifndef COMPARE_TABLE_H
#define COMPARE_TABLE_H

#include "summary.h"
#include <stdio.h>

/* The terminal table of one metric: a block a (workload, params), a line an allocator, a column a thread count;
 * each entry is the ratio with its interval ("1.92 [1.85, 2.01]"), marked where it is not separated ("~"), not
 * concurrent ("?") or has a status instead of a figure; the baseline's own line gives its value with unit.
 * Of several blocks a sum follows: in how many cells each allocator was better, worse or not separated, the median of
 * its ratios and the highest. Colour only where COLOUR. Fits into 100 columns for up to four thread counts. */
void table_print(FILE *out, const struct summary_row *rows, size_t n, const char *metric, bool colour);

/* "41.2 ns", "1.9 µs", "3.1 MiB": three figures of VALUE and the unit that METRIC's name says. */
void table_readable(const char *metric, double value, char *text, size_t size);

/* Decimals that a ratio is shown with. */
int table_digits(double ratio);

/* summary.tsv's columns, in the form that the ending of a file name asks for: ".json" (array of objects, NaN as
 * null), ".csv" (RFC 4180), ".md" (a GitHub table of time_ns by cell). False: WHY says what is wrong. */
bool table_export(const char *path, const struct summary_row *rows, size_t n, char *why, size_t why_size);

#endif
