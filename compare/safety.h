/* SPDX-License-Identifier: MIT
 *
 * compare safety: the matrix of faults at every instruction. Runs probe once a cell, two at a time on each core, and
 * turns its rows into tables, a file and a picture. The columns are probe's (docs/safety.md); here they are words.
 */
#ifndef COMPARE_SAFETY_H
#define COMPARE_SAFETY_H

#include "arena.h"

#include <stdbool.h>
#include <stdio.h>

/* What probe says of a cell: a line of safety.tsv. */
struct safety_row {
    const char *allocator, *column, *params;
    unsigned long instructions, points, failed;
    const char *bytes, *verdict, *kind, *first_failure, *point, *note;
};

#define SAFETY_HEADER                                                                                        \
    "allocator\tcolumn\tparams\tinstructions\tpoints\tfailed\tbytes\tverdict\tkind\tfirst_failure\tpoint\tnote"

struct safety_rows {
    struct safety_row *row;
    size_t count;
};

/* A cell before it is measured: a spec as probe takes it, and the words of probe's that select the column and params. */
struct safety_cell {
    const char *spec, *column, *params;
};

struct safety_cells {
    struct safety_cell *cell;
    size_t count;
};

void safety_add_cell(struct safety_cells *cells, const struct safety_cell *cell);

/* The cells of SPECS, an allocator after another. OURS: those that k = 3 and depth 3 are tried on; NULL: all. */
struct safety_cells safety_cells(const struct words *specs, const struct words *ours);

/* The arguments that let PROBE run CELL, ended by NULL; POINT may be NULL. */
const char *const *safety_arguments(const char *probe, const struct safety_cell *cell, const char *point);

/* The last line of probe's output; false: it is no row. */
bool safety_read_row(const char *line, struct safety_row *row);

/* All rows of FILE; none where there is no such file. */
struct safety_rows safety_read(const char *file);

void safety_write_row(FILE *file, const struct safety_row *row);

/* A block a column of the matrix, a line an allocator, a word a cell; then the first failures and how to see them again.
 * PROBE: the command that the user types for probe. */
void safety_print(FILE *file, const struct safety_rows *rows, const struct safety_cells *cells, const char *probe,
                  bool colours);

/* The columns of the matrix in the order for readers, NULL ends them; the words over a cell's params ("pair k=1"), and
 * those in the cell ("holds 14", "17/224 hang"). */
struct safety_column {
    const char *column, *what;
};
extern const struct safety_column safety_columns[];
const char *safety_heading(const char *params);
const char *safety_entry(const struct safety_row *row);
const struct safety_row *safety_find(const struct safety_rows *rows, const char *allocator, const char *column,
                                     const char *params);

/* Whether all cells of REQUIRED hold: words COLUMN or COLUMN/params. What does not goes to standard error. A word that
 * selects no cell counts as not held. */
bool safety_require(const struct safety_rows *rows, const struct words *required);

/* What to do where the build made none. */
extern const char safety_no_probe[];

/* The rows of CELLS in DIR/safety.tsv, in their order; what is not there yet is measured. The exit status: 0, though rows
 * may be missing; 2: bad use; 128 and the signal that has come; all said to the user. */
int safety_measure(const struct safety_cells *cells, const char *probe, const char *dir, struct safety_rows *rows);

/* `compare safety ARGS`; the exit status. */
int safety_main(int argc, char **argv, const char *probe, const char *bench, const char *plots);

#endif
