/* SPDX-License-Identifier: MIT
 *
 * What the processor counts of the calling thread in user mode, where the kernel lets it be read (perf_event_open): virtual machines
 * and containers often do not. Each counter is asked for on its own, for some have the one and not the other; where there are more
 * than the processor can count at once, the kernel takes turns, and what is told is scaled up.
 */
#ifndef BENCH_MEASURE_COUNTERS_H
#define BENCH_MEASURE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

enum counter { COUNTER_INSTRUCTIONS, COUNTER_CYCLES, COUNTER_CACHE_MISSES, COUNTER_DTLB_MISSES, COUNTERS };

struct counters {
    int file[COUNTERS]; /* -1: not available */
};

/* Open and closed by the thread that is counted. Counting is from start to stop. No allocator is called. */
void counters_open(struct counters *counters);
void counters_start(const struct counters *counters);
void counters_stop(const struct counters *counters);

/* VALUE: since the start, NaN where it is not available. Closes. */
void counters_close(struct counters *counters, double value[COUNTERS]);

/* Names of those that are not available here, and why, in one line; false: all are. */
bool counters_lack(char *why, size_t size);

#endif
