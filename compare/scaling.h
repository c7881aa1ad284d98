/* SPDX-License-Identifier: MIT
 *
 * How throughput grows with threads, in words: the block that follows the table. The fit itself is gnuplot's
 * (plots/scaling-fit.gp), which writes scaling.tsv.
 */
#ifndef COMPARE_SCALING_H
#define COMPARE_SCALING_H

#include <stdio.h>

/* Of the text of a scaling.tsv: each allocator's contention and coherency by workload, each with its error. Where
 * no row has a fit, one line says why; a workload that has none among others has its own. Nothing of a text without rows. */
void scaling_print(FILE *out, const char *tsv);

#endif
