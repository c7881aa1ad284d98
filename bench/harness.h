/* SPDX-License-Identifier: MIT
 *
 * The harness: threads, barrier, clocks and measures around one workload's run().
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "measure/counters.h"
#include "measure/latency.h"
#include "measure/memory_time.h"
#include "measure/syscalls.h"
#include "workload.h"
#include <stddef.h>

/* What one run yields; NaN: not measured. Units are those of record.def. */
struct figures {
    uint64_t operations; /* a thread: the workload may round up what was asked for */
    double seconds;      /* last end - first start */
    double cpu_seconds;  /* of all workers */
    double ops_per_second;
    double thread_spread;
    double peak_resident_bytes;
    double peak_committed_bytes;
    double peak_live_bytes;
    double peak_live_blocks;
    double resident_after_free_bytes;
    double resident_after_free_later_bytes;
    double page_faults;
    double line_sharing;
    double lines_per_live_kib, pages_per_live_mib;
    double concurrency;
    double involuntary_switches, voluntary_switches;
    double user_ns, system_ns; /* an operation */
    double counted[COUNTERS];  /* an operation */
    double work_ns;
    struct latency_figures latency, closed_latency; /* open and closed loop */
    double clock_ns;
    struct memory_time_figures memory_time;
    uint64_t syscalls[SYSCALL_KINDS];
    double valgrind_instructions; /* not the harness's: main's */
};

/* The memory, resident and committed, that later figures are counted from: call it after init, before a cell's first run. */
void harness_take_baseline(void);

/* The least concurrency at which threads of WORKLOAD can be said to have run at once, not in turns. */
double harness_least_concurrency(const struct workload *workload);

/* Runs CELL with OPERATIONS a thread on threads of its own, never on the calling one. False: a line in WHY
 * that begins with a status word and a colon. */
bool harness_run(struct cell *cell, uint64_t operations, struct figures *figures, char *why, size_t why_size);

/* The pass that counts shared cache lines, and lines and pages with live objects; only FIGURES->line_sharing, the two after it and
 * operations mean anything then. */
bool harness_line_sharing(struct cell *cell, uint64_t operations, struct figures *figures, char *why,
                          size_t why_size);

/* The pass that times single calls, with OPERATIONS a thread (0: the workload's own): in a closed loop, and in an open one,
 * in which a thread's operation is due every GAP_NS on the average: its calls, as many as the closed loop has counted, come
 * evenly over that, and at most one every 500 ns. Only the latencies,
 * clock_ns, concurrency (of the open loop) and operations mean anything then. Calls before and after run()
 * are not counted. */
bool harness_latency(struct cell *cell, uint64_t operations, double gap_ns, struct figures *figures, char *why,
                     size_t why_size);

/* The pass that reads the memory of the process every few ms from first start to last end, with OPERATIONS a thread (0: the workload's
 * own). Only FIGURES->memory_time, COURSE and operations mean anything then. */
bool harness_memory_time(struct cell *cell, uint64_t operations, struct figures *figures, struct memory_course *course, char *why,
                         size_t why_size);

/* The pass that counts the workers' system calls for memory from first start to last end, with OPERATIONS a thread (0: the workload's
 * own). Only FIGURES->syscalls and operations mean anything then. */
bool harness_syscalls(struct cell *cell, uint64_t operations, struct figures *figures, char *why, size_t why_size);

/* The pass that looks at what stays resident: runs CELL, lets its workers free all and end, reads what is
 * resident, calls the allocator now and then for SECONDS (measure/memory_after.h), reads again. Only the two
 * figures of that name and operations mean anything then. OPERATIONS: 0, the workload's own. */
bool harness_after_free(struct cell *cell, uint64_t operations, double seconds, struct figures *figures,
                        char *why, size_t why_size);

#endif
