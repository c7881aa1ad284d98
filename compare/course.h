/* SPDX-License-Identifier: MIT
 *
 * memory-time.tsv of a results directory: memory over the time of a run, gathered from the files that bench writes, a cell each.
 *
 * A cell's rows are in the file before the rows of its figures are in rounds.tsv, and only these say that it has been measured. So
 * one that was cut off between the two is in the file and will be measured again: whoever goes on lets go of it first.
 */
#ifndef COMPARE_COURSE_H
#define COMPARE_COURSE_H

#include "store.h"

/* Makes the file with the head of STORE, or keeps of what is there the cells that STORE has complete. A disk that is full ends the
 * program with a line, here and below. */
void course_open(const struct store *store);

/* Where bench is to write the next cell's. */
const char *course_part(const struct store *store);

/* Appends it, without its first line, and removes it; a failed cell has none, or a beginning, and appends nothing. */
void course_append(const struct store *store, bool measured);

/* FROM's file into DIR, where FROM has one. */
bool course_copy(const char *from, const char *dir, char *why, size_t why_size);

#endif
