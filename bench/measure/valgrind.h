/* SPDX-License-Identifier: MIT
 *
 * How many instructions a program executes in user mode, as valgrind's cachegrind counts them: for machines whose processor may not be
 * asked, and the same each time but for what a program does otherwise each time. It is another machine, though: threads run one at a time,
 * there are no restartable sequences, and an instruction of one cycle counts as much as one of a hundred.
 */
#ifndef BENCH_MEASURE_VALGRIND_H
#define BENCH_MEASURE_VALGRIND_H

#include <stdbool.h>
#include <stddef.h>

/* Of all threads of ARGV (its program is a path; NULL at the end), from its beginning to its end. False: WHY begins with a status word
 * and a colon. */
bool valgrind_count(const char *const *argv, double *instructions, char *why, size_t why_size);

#endif
