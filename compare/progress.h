/* SPDX-License-Identifier: MIT
 *
 * One line on standard error that says what is running and how long it will take: rewritten in place on a
 * terminal, elsewhere one line a round and pass.
 */
#ifndef COMPARE_PROGRESS_H
#define COMPARE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

void progress_start(bool terminal);
void progress_expect(size_t cells, unsigned rounds); /* from here on, up to that round */
void progress_cell(const char *workload, const char *params, unsigned threads, const char *allocator,
                   unsigned round); /* 0: of the pass */
void progress_done(double seconds);
void progress_round(unsigned round, unsigned rounds);
void progress_pass(const char *pass, size_t cells); /* from here on, outside the rounds */
double progress_elapsed(void); /* seconds since the start */
void progress_end(void);

#endif
