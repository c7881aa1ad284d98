/* SPDX-License-Identifier: MIT
 *
 * A results directory: rounds.tsv, to which rows are appended as cells end, and summary.tsv, which is
 * computed from it. What has been measured is never lost: a file that was cut off in the middle of a cell
 * loses that cell alone.
 *
 * rounds.tsv: lines "# key: value" (the head), the names of the columns, rows; a last line "# finished: ..."
 * when the campaign has ended. A cell's row of time_ns (or, in round 0, of the figure that its pass ends
 * with) is written last: it makes the cell complete.
 */
#ifndef COMPARE_STORE_H
#define COMPARE_STORE_H

#include "host.h"
#include "summary.h"
#include <stdint.h>

struct calibration {
    const char *workload, *params;
    unsigned threads;
    uint64_t operations; /* a thread; 0: by time */
    double seconds;      /* of a baseline's cell, whole process */
};

struct store {
    char dir[4096];
    struct host_fact *head; /* of a directory that was read */
    size_t heads;
    struct round_row *row;
    size_t rows;
    struct calibration *calibration;
    size_t calibrations;
    bool finished;
    void *file; /* open for appending; NULL: only read */
};

/* Reads DIR/rounds.tsv: its head, its calibrations, the rows of its complete cells. */
bool store_read(struct store *store, const char *dir, char *why, size_t why_size);

/* The head as lines of a file. FILE is a FILE *. */
void store_write_head(const struct store *store, void *file);

/* The value of KEY in the head; "" where there is none. */
const char *store_head(const struct store *store, const char *key);

/* May what HEAD describes go on in STORE? Only with the same plan, bench, libraries and machine; else WHY says
 * what differs. */
bool store_agrees(const struct store *store, const struct host *head, char *why, size_t why_size);

/* Makes DIR (which is absent or empty) and writes the head. */
bool store_create(struct store *store, const char *dir, const struct host *head, char *why, size_t why_size);

/* Goes on with what store_read has read: writes the complete cells anew and appends from there. */
bool store_resume(struct store *store, char *why, size_t why_size);

/* These write through to the file before they return; a full disk ends the program with a line. Tabs and line
 * ends within a note or a fact are written as blanks. */
void store_add_calibration(struct store *store, struct calibration calibration);
void store_add_rows(struct store *store, const struct round_row *rows, size_t n);
void store_finish(struct store *store);

/* The head and rows of STORE as rounds.tsv of a new, finished DIR. */
bool store_copy_rounds(const struct store *store, const char *dir, char *why, size_t why_size);

/* DIR/summary.tsv, with the head of rounds.tsv. */
bool store_write_summary(const struct store *store, const char *dir, const char *baseline,
                         const struct summary_row *rows, size_t n, char *why, size_t why_size);

/* A new name results/NAME-YYYYMMDD-HHMMSS, and the newest unfinished directory of that kind ("" where there
 * is none). */
void store_default_dir(const char *name, char *dir, size_t size);
void store_newest_unfinished(const char *name, char *dir, size_t size);

/* Is DIR absent or empty? */
bool store_is_new(const char *dir);

#endif
