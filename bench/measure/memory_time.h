/* SPDX-License-Identifier: MIT
 *
 * Memory over the time of a run: what the process has resident and committed, read every few ms by a thread that is none of the
 * workload's, beside the bytes that the workload has asked for and not given back. These are counted, block by block, by an allocator
 * around the allocator, whose table of sizes is harness memory. So a run is slower than without, and no time of it means
 * anything; what lives, and when, is the workload's script.
 *
 * One pass at a time in a process, for a vtable's functions have no self parameter.
 */
#ifndef BENCH_MEASURE_MEMORY_TIME_H
#define BENCH_MEASURE_MEMORY_TIME_H

#include "allocator.h"
#include <stdint.h>

enum { MEMORY_SAMPLES = 500 };

/* Bytes, less baseline and harness. NaN: the system did not tell, or (live) the table found no memory. */
struct memory_sample {
    double ms; /* since the begin */
    double resident, committed, live;
};

/* In the order of time; the first is of the begin, the last of the end. In a long run every other one was dropped, and again. */
struct memory_course {
    struct memory_sample sample[MEMORY_SAMPLES];
    unsigned count;
};

/* Means are over time. OVERHEAD: mean resident over mean live; NaN where less than a MiB lived on the average, for resident
 * memory is not told to the page. */
struct memory_time_figures {
    double mean_resident, final_resident, mean_live, overhead;
};

struct memory_time;

/* Around INNER. The baselines: what the process held before (process.h). NULL: out of memory. */
struct memory_time *memory_time_start(const struct allocator *inner, uint64_t resident_baseline, uint64_t committed_baseline);

/* What to call in INNER's place, from the start on. Only malloc and free: the optional functions are left out. */
const struct allocator *memory_time_allocator(struct memory_time *memory);

/* Samples are taken between these two, both of which take one. */
void memory_time_begin(struct memory_time *memory);
void memory_time_end(struct memory_time *memory);

/* Frees MEMORY; nobody calls its allocator any more. */
void memory_time_stop(struct memory_time *memory, struct memory_course *course, struct memory_time_figures *figures);

#endif
