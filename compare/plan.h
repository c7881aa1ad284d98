/* SPDX-License-Identifier: MIT
 *
 * What a campaign is to measure: a campaign file's words, with the command line's over them.
 *
 * A campaign file has a line a setting, `#` begins a comment:
 *     allocators ao ao-debian glibc
 *     baseline glibc
 *     min-time 0.04                     seconds that a cell of the baseline takes
 *     budget 120                        seconds in all: a look that would exceed it is not taken
 *     latency yes                       single calls are timed, in each round, where there are no more threads than cores
 *     line-sharing yes
 *     after-free yes                    what stays resident once all is freed, where there is a live set:
 *                                       once a cell, which takes 12 s more; or workloads, A,B: of the first
 *                                       cell of each
 *     memory-time yes                   memory over the time of a run, in memory-time.tsv: once a cell
 *     syscalls yes                      system calls for memory, counted: once a cell
 *     valgrind yes                      instructions of an operation under valgrind: once a cell, some seconds each
 *     cells list-reversal threads=1,2   one line a set of cells: a workload as bench names it,
 *     cells intensity threads=2 also=null    its thread counts, allocators that only these have
 *     claim ...                         ends the campaign: claims follow (claim.h)
 */
#ifndef COMPARE_PLAN_H
#define COMPARE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAN_TEXT = 2048, PLAN_CELLS = 32, PLAN_IDENTITY = 65536 /* is room enough for any plan's */ };

/* What a plan may ask for: more rounds than the statistics are exact for would say no more, and a seed must be a
 * whole number that a double holds. Times are in seconds. */
#define PLAN_MOST_ROUNDS 1000
#define PLAN_LEAST_TIME  0.0001
#define PLAN_MOST_TIME   3600
#define PLAN_MOST_BUDGET 1e9
#define PLAN_MOST_SEED   9007199254740992.0

struct plan_cells {
    char workload[1024]; /* for --workloads; "" all of them */
    char threads[128];   /* for --threads; "" each workload's own */
    char also[256];      /* more allocators, comma-separated */
};

struct plan {
    char name[64];              /* of the results directory: figure, run, or the campaign's */
    char allocators[PLAN_TEXT]; /* comma-separated specs; "" all in the list */
    char baseline[256];         /* NAME, or best:A,B,C */
    unsigned rounds;            /* 0: looks at 9, 15, 25 */
    double min_time;
    double budget; /* 0: none promised */
    uint64_t seed;
    bool latency;                  /* the pass of each round */
    bool line_sharing, memory_time, syscalls, valgrind, after_free; /* the passes outside the rounds */
    char after_free_of[256]; /* workloads of which the first cell has that pass; "" every cell of all */
    struct plan_cells cells[PLAN_CELLS];
    size_t cell_count;
};

/* Reads a campaign file into PLAN. False: WHY names the file, the line, and what is wrong with it. */
bool plan_read(struct plan *plan, const char *path, char *why, size_t why_size);

/* Is TEXT, all of it, a number within the limits? */
bool plan_number(const char *text, double least, double most, bool whole, double *number);

/* The first allocator of the baseline: itself, or A of best:A,B,C. */
void plan_first_baseline(const struct plan *plan, char *name, size_t size);

/* All of it on one line: two campaigns with the same line measure the same. */
void plan_identity(const struct plan *plan, char *text, size_t size);

#endif
