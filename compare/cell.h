/* SPDX-License-Identifier: MIT
 *
 * One cell in a process of its own: what to run, and what came of it.
 */
#ifndef COMPARE_CELL_H
#define COMPARE_CELL_H

#include "child.h"
#include "record.h"
#include <stdbool.h>
#include <stdint.h>

struct cell_request {
    const char *bench;             /* path of the program */
    const char *spec;              /* of the allocator */
    const char *workload, *params; /* params: "-" where there are none */
    unsigned threads;
    uint64_t operations; /* a thread; 0: as many as fill MIN_TIME */
    double min_time;     /* seconds */
    uint64_t seed;       /* of the workload: the same for every allocator */
    unsigned layout;     /* length of the environment padding */
    enum pass pass;
    double gap_ns; /* of PASS_LATENCY: between two operations of a thread */
    const char *course; /* of PASS_MEMORY_TIME: the file that bench writes */
    struct child_limits limits;
};

struct cell_result {
    double value[RECORDS]; /* NaN: absent */
    char status[24];       /* ok crashed timeout out-of-memory unavailable excluded wrong overrun */
    char note[256];        /* why, where not ok; no tab, no newline */
    double seconds;        /* of the whole process */
    bool interrupted;      /* no result: we were told to stop */
};

void cell_run(const struct cell_request *request, struct cell_result *result);

/* From what a finished program printed. Pure. */
void cell_parse(const struct child_result *child, struct cell_result *result);

#endif
