/* SPDX-License-Identifier: MIT
 *
 * Google Benchmark as C sees it. gbench.cc is the only C++ of the program, and this header the only way to
 * it.
 *
 * A benchmark here is a name and a body. The body is called with a number of operations, performs them in any
 * way it likes (on threads of its own), and reports how long they took; Google Benchmark decides how many
 * operations to ask for, repeats, and prints. So its own loop, its threads and its clock are never inside
 * what is timed: the language border is crossed twice a run, not twice an operation.
 */
#ifndef GBENCH_H
#define GBENCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench_run; /* one call of a body; lives as long as the call */

typedef void gbench_body(struct gbench_run *run, void *context);

/* How many operations a thread are asked for. At least 1. */
uint64_t gbench_operations(const struct gbench_run *run);

/* Exactly one of these two, once. OPERATIONS a thread (at least those asked for) took SECONDS of wall clock,
 * and CPU_SECONDS of all threads together. MESSAGE says why there is no result; the run is reported as an
 * error. */
void gbench_done(struct gbench_run *run, uint64_t operations, double seconds, double cpu_seconds);
void gbench_fail(struct gbench_run *run, const char *message);

/* Adds a column to the result. NaN: was not measured, adds none. */
void gbench_counter(struct gbench_run *run, const char *name, double value);

/* Takes Google Benchmark's own flags out of ARGV (its --help prints HELP first). */
void gbench_initialise(int *argc, char **argv, const char *help);

/* Registers a benchmark, if --benchmark_filter wants it. It is known and reported as NAME/threads:THREADS
 * exactly, with THREADS in its own field too. OPERATIONS: that many a thread, once; 0: as many as fill
 * --benchmark_min_time. Strings are copied. */
void gbench_register(const char *name, unsigned threads, uint64_t operations, gbench_body *body,
                     void *context);

/* Runs what was registered and prints it where the flags say (or, with --benchmark_list_tests, the names).
 * Returns how many there were, and in FAILED how many of them yielded an error. */
unsigned gbench_run_all(unsigned *failed);

#ifdef __cplusplus
}
#endif

#endif
