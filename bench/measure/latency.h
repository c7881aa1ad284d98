/* SPDX-License-Identifier: MIT
 *
 * How long each call of an allocator takes: an allocator around an allocator that looks at the clock before and after.
 *
 * Open loop: calls are due at moments that were drawn beforehand, the same for every allocator, with exponential gaps
 * between them; a thread waits until its next call is due, and the call's time counts from then. So a slow call makes those
 * behind it late as well, as it would in a server whose requests keep coming. Closed loop: the next call is made when the
 * last has returned, and its time counts from there; a slow call is one slow call.
 */
#ifndef MEASURE_LATENCY_H
#define MEASURE_LATENCY_H

#include "allocator.h"

/* Time is in ns. Of a histogram whose steps are 1/64 of a power of two: a quantile is at most 1.6 % too large. */
enum latency_of { LATENCY_ALL, LATENCY_MALLOC, LATENCY_FREE, LATENCY_KINDS };
enum latency_quantile { LATENCY_P50, LATENCY_P90, LATENCY_P99, LATENCY_P99_9, LATENCY_P99_99, LATENCY_MAX, LATENCY_QUANTILES };

struct latency_figures {
    double quantile[LATENCY_KINDS][LATENCY_QUANTILES]; /* NaN: there were no such calls */
    uint64_t calls[LATENCY_KINDS];
    bool overrun; /* open loop: calls were due faster than they could be made, and more and more late at the end */
};

struct latency;

/* Around INNER, for up to 1024 threads. GAP_NS: between two calls of a thread, on the average; 0: closed loop. NULL: out of memory. One
 * at a time in a process. */
struct latency *latency_start(const struct allocator *inner, double gap_ns, uint64_t seed);

/* malloc, realloc (which counts as a malloc) and free only look at the clock between begin and end, which each thread calls
 * for itself. Several threads may be the same number, one after another. */
const struct allocator *latency_allocator(struct latency *latency);
void latency_begin(struct latency *latency, unsigned thread);
void latency_end(void);

/* All threads have ended theirs. Frees LATENCY. */
void latency_stop(struct latency *latency, struct latency_figures *figures);

/* Of two readings of the clock after one another, ns: what each time above has too much. */
double latency_clock_ns(void);

#endif
