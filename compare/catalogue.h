/* SPDX-License-Identifier: MIT
 *
 * What bench says that there is (`bench --list=tsv`, docs/programs.md): allocators, workloads, and the cells
 * of a selection, gathered into groups of the same (workload, params, threads). All strings live as long as
 * the program.
 */
#ifndef COMPARE_CATALOGUE_H
#define COMPARE_CATALOGUE_H

#include "plan.h"

struct catalogue_allocator {
    const char *spec, *name, *aliases, *status, *traits, *environment, *package, *path, *summary, *why;
};

struct catalogue_workload {
    const char *name, *aliases, *kind, *grid, *threads, *summary, *not_shown, *passes;
    double least_concurrency; /* below it its threads took turns; 0: bench does not say */
};

/* What bench can measure here, or not. */
struct catalogue_measure {
    const char *name, *status, *why;
};

/* An allocator in a group. */
struct member {
    const char *name, *spec;
    const char *status; /* ok unavailable excluded */
    const char *why;
};

/* What is compared with each other. */
struct group {
    const char *workload, *params; /* params: "-" where there are none */
    unsigned threads;
    bool scripted;
    bool latency, line_sharing, memory_time, syscalls, valgrind, after_free; /* its workload has that pass */
    double least_concurrency;
    uint64_t operations; /* a thread, before calibration */
    struct member *member;
    size_t members;
};

struct catalogue {
    struct catalogue_allocator *allocator;
    size_t allocators;
    struct catalogue_workload *workload;
    size_t workloads;
    struct catalogue_measure *measure;
    size_t measures;
    struct group *group;
    size_t groups;
};

/* Asks BENCH for all that PLAN selects (for all there is, where PLAN is NULL). The baseline's allocators are
 * in every group, named by the user or not. False: WHY is bench's own line, for it knows what is wrong. */
bool catalogue_read(struct catalogue *catalogue, const char *bench, const struct plan *plan, char *why,
                    size_t why_size);

/* The entry of that name, alias or spec; NULL where there is none. */
const struct catalogue_allocator *catalogue_allocator_named(const struct catalogue *catalogue,
                                                            const char *name);

/* Its name in tables; WORD itself where there is no such entry. */
const char *catalogue_name(const struct catalogue *catalogue, const char *word);

/* Gives the baseline of PLAN the names that its rows will have. */
void catalogue_resolve_baseline(const struct catalogue *catalogue, struct plan *plan);

#endif
