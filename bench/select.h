/* SPDX-License-Identifier: MIT
 *
 * What the user asked for: --allocators, --workloads and --threads turned into allocators and points.
 * Errors are one line in WHY: what is wrong, and what there is instead.
 */
#ifndef BENCH_SELECT_H
#define BENCH_SELECT_H

#include "workload.h"

enum { SELECT_TEXT = 256 };

/* One allocator asked for. */
struct choice {
    const char *spec;                  /* as given */
    const char *name;                  /* of the allocator, opened or not */
    const struct allocator *allocator; /* ready to be called; NULL where status is not ALLOCATOR_OK */
    const struct allocator *declared;  /* its entry in the list; NULL for one that is not in it */
    enum allocator_status status;
    char why[SELECT_TEXT];
};

/* One point of a workload's grid, at one number of threads. */
struct point {
    const struct workload *workload;
    uint64_t number[WORKLOAD_PARAMETERS];
    const char *word[WORKLOAD_PARAMETERS];
    char params[SELECT_TEXT]; /* "key=value,key=value", or "" */
    unsigned threads;
};

struct choices {
    struct choice *choice;
    size_t count;
};
struct points {
    struct point *point;
    size_t count;
};

/* The workload of that name or alias; NULL where there is none. */
const struct workload *workload_named(const char *name);

/* TEXT is a comma-separated list of specs, or NULL for the whole list. Fills all but the opening. */
bool select_allocators(const char *text, struct choices *choices, char *why, size_t why_size);

/* The environment that all of them need (NULL: none). False where they disagree. */
bool select_environment(const struct choices *choices, const char **environment, char *why, size_t why_size);

/* Opens them. False at the first that is a bad spec; those unavailable carry their reason. */
bool select_open(struct choices *choices, char *why, size_t why_size);

/* WORKLOADS is NAME or NAME/key=value,key=value, comma-separated; NULL: all. THREADS is numbers,
 * comma-separated; NULL: each workload's own. Points in the order: workload, params, threads. Thread counts
 * that a workload leaves out are named on standard error. */
bool select_points(const char *workloads, const char *threads, struct points *points, char *why,
                   size_t why_size);

/* Why that allocator cannot run at that point, by its traits; false: it can. */
bool select_excluded(const struct allocator *allocator, const struct point *point, char *why,
                     size_t why_size);

#endif
