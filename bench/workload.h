/* SPDX-License-Identifier: MIT
 *
 * What a workload is. One file a workload, one exported `const struct workload` each (two where one body
 * serves two names), named in workloads.def.
 *
 * The harness (harness.c) owns threads, barrier, clock and measures; a workload says what one worker does.
 * Rules that every workload keeps:
 *  - inside run() no allocator is called but cell->allocator, and no random number is drawn that costs as
 * much as an operation: tables are drawn beforehand, in prepare(), with harness memory (memory_map);
 *  - the sequence of requests depends on the seed and the worker's index alone;
 *  - a worker writes only its own lines (struct worker is padded; state from memory_map is page aligned);
 *  - every block is used: first and last byte written, and one byte a page between (touch_block);
 *  - NULL from the allocator ends run() with WORK_OUT_OF_MEMORY, and whatever is held is given back.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include "allocator.h"
#include <stdatomic.h>
#include <stdint.h>

enum workload_kind {
    WORKLOAD_STEADY,   /* runs for a time: no live set that grows with the number of operations */
    WORKLOAD_SCRIPTED, /* the same number of operations for every allocator (--ops) */
};

enum { WORKLOAD_PARAMETERS = 4 };

/* One parameter. VALUES is the default grid, comma-separated; a user may ask for any subset of it, and, where
 * MIN < MAX, for any other whole number in [MIN, MAX]. Words behind a semicolon are not on the grid, but may
 * be asked for; PATH among them stands for any path with a slash in it. */
struct workload_parameter {
    const char *key;
    const char *values;
    uint64_t min, max;
    const char *help;
};

struct cell;
struct worker;

enum work_result {
    WORK_DONE,
    WORK_OUT_OF_MEMORY,
    WORK_WRONG, /* the workload found its data damaged; worker->why says how */
};

struct workload {
    const char *name;
    const char *aliases;   /* separated by spaces, or NULL */
    const char *summary;   /* what it shows, one line */
    const char *not_shown; /* what it does not show, one line */
    enum workload_kind kind;
    const char
        *threads;  /* default thread counts, comma-separated; "1" alone means that others are left out */
    bool in_pairs; /* threads come in pairs: odd counts are left out */
    unsigned least_threads;                                    /* fewer are left out */
    struct workload_parameter parameters[WORKLOAD_PARAMETERS]; /* in documented order; ends at key == NULL */
    unsigned excluded_traits; /* allocators with any of these cannot run it */
    uint64_t
        operations; /* a thread, where nothing else decides (scripted workloads by hand; checking passes) */

    bool keeps_live_set; /* builds one and frees all of it: what stays resident then can be asked for */
    bool whole_scripts;  /* run() does all of a script, however few operations are asked for; that is too long
                          * for passes in turns and at a pace, so neither shared cache lines are counted nor calls timed */
    bool warms_up;       /* run() is called twice, first untimed, with a quarter of the operations */
    bool makes_threads;  /* run() calls worker->on_new_thread: the harness keeps a stack for each worker's */

    /* Each may be NULL. All return false with one line in WHY. Order of calls:
     *   prepare (main thread, before init's resident memory is taken)  ->  threads start  ->
     *   enter, warm-up (each worker, before the barrier)  ->  run (timed)  ->  leave (each worker, after the end)  ->
     *   threads end  ->  finish (main thread; also after a failure) */
    bool (*prepare)(struct cell *cell, char *why, size_t why_size);
    enum work_result (*enter)(struct worker *worker);
    enum work_result (*run)(struct worker *worker, uint64_t operations);
    void (*leave)(struct worker *worker);
    void (*finish)(struct cell *cell);
};

/* allocator x workload x parameters x threads, and the run in progress. */
struct cell {
    const struct allocator *allocator;
    const struct workload *workload;
    uint64_t number[WORKLOAD_PARAMETERS];  /* the parameter's value, where it is a number */
    const char *word[WORKLOAD_PARAMETERS]; /* its text, always */
    unsigned threads;
    uint64_t seed;
    uint64_t operations; /* a thread, of the run in progress */
    void *state;         /* the workload's, shared by its workers */
    double work_ns;      /* set by workloads that know it; < 0: not measured */
};

/* One thread of a cell. The harness pads each to lines of its own. */
struct worker {
    struct cell *cell;
    void *(*malloc)(
        size_t); /* the allocator's, copied here so that a call costs one load as in a real program */
    void (*free)(void *);
    void (*wait)(void); /* how worker_wait waits where threads take turns; NULL: they do not */
    unsigned index;     /* 0 .. threads-1 */
    uint64_t seed;      /* of the cell's seed and index */
    uint64_t done;      /* operations performed by run(); the harness wants them even after a failure */
    void *state;        /* the workload's, of this worker */
    const char *why;    /* static text, for WORK_WRONG */

    /* Of a workload that makes_threads. Runs BODY on a thread of its own, which then ends, and returns once it
     * has: an allocator sees a thread come and go, and its CPU time is the worker's. No allocator under test is
     * called for it, but for its thread_exit where it has one; glibc asks its own malloc for one table of 272
     * bytes, and frees it. Where threads take turns it is a plain call. */
    void (*on_new_thread)(struct worker *worker, void (*body)(struct worker *worker));

    /* The most that was live at once of what this worker allocated, in bytes asked for. Set before leave()
     * ends by workloads whose script decides it; the harness adds up the workers'. 0 for all: not known. */
    uint64_t peak_live_bytes, peak_live_blocks;
};

/* The list, in the order of workloads.def; ends with NULL. */
extern const struct workload *const workload_list[];

/* ---- for workloads; none of these calls an allocator ---- */

/* Zeroed, resident pages that no allocator sees; NULL when the system refuses. SIZE is in bytes. */
void *memory_map(size_t size);
void memory_unmap(void *memory, size_t size);

/* Bytes that memory_map has given and not got back: what of the process's memory is the harness' own. */
size_t memory_mapped(void);

/* What the process holds, and what of it is the harness' own, read together: nothing is mapped or unmapped here meanwhile. 0: the
 * system did not tell. */
struct memory_reading {
    uint64_t resident, committed, own;
};
void memory_read(struct memory_reading *reading);

/* For a worker whose live set is at a peak inside run(): reads how much is committed (some 30 us). Without a
 * call the figure is what the harness reads before the first start and after the last end. memory_noted, the
 * harness' own: the most since it was called last, less what was mapped here at the time; 0: nothing. */
void memory_note_committed(void);
uint64_t memory_noted(void);

/* Between two looks at what another worker has yet to do; LOOKS: how many there were since it was done last.
 * The only way in which workers may wait for each other inside run(). A few pauses at first, for the other is
 * most often about to be done; then the core goes to whoever wants it, for with more threads than cores that
 * may be the other. */
void worker_wait(const struct worker *worker, unsigned looks);

/* First byte, last byte, one byte a 4096-byte page between. SIZE may be 0. */
static inline void touch_block(void *block, size_t size) {
    volatile unsigned char *byte = block;
    for (size_t at = 0; at < size; at += 4096)
        byte[at] = 1;
    if (size != 0)
        byte[size - 1] = 1;
}

/* splitmix64: S is any word; each call gives the next number. For drawing tables, not for timed loops. */
static inline uint64_t random_next(uint64_t *s) {
    uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, BOUND), BOUND > 0. */
static inline uint64_t random_below(uint64_t *s, uint64_t bound) {
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)random_next(s) * bound) >> 64);
}

/* Uniform in [0, 1). */
static inline double random_unit(uint64_t *s) {
    return (double)(random_next(s) >> 11) * 0x1.0p-53;
}

#endif
