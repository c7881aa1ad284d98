/* SPDX-License-Identifier: MIT
 *
 * A cell of the safety matrix: one allocator, one column, one path, tried at every point.
 *
 * A point is a list of boundaries, one a level: where the walker is interrupted; then where its handler is (nested), or
 * where the next thread is stopped while the earlier ones are (progress). Each level's path is recorded with the levels
 * before it in place, for it may be another one then.
 */
#ifndef SAFETY_CELL_H
#define SAFETY_CELL_H

#include "walk.h"

#include <sys/types.h>

enum { LEVELS = 3 };

enum column { COLUMN_SIGNAL, COLUMN_NESTED, COLUMN_PROGRESS, COLUMN_FORK, COLUMN_LOSS, COLUMN_MISUSE, COLUMNS };

struct cell {
    const struct allocator *subject;
    enum column column;
    enum path path;
    unsigned levels;     /* nested: the depth; progress: k; else 1 */
    bool from_handler;   /* fork: _Fork instead of fork */
    bool replay;         /* only the point ONLY */
    size_t only[LEVELS]; /* indices into the records */
};

enum outcome { HOLDS, NOT_REACHED, CRASHES, HANGS, DOUBLES, CORRUPTS, LOSES };

struct cell_result {
    size_t instructions; /* of the first level's path */
    size_t points;       /* reached */
    size_t failed;
    size_t not_reached;
    size_t not_on_path;  /* instructions of restartable sequences that were jumped over */
    size_t masked;       /* where no signal can arrive */
    size_t in_sequences; /* points inside restartable sequences, each of which the kernel was seen to abort */
    size_t waited;       /* fork: how often it waited for the stopped thread */
    size_t sampled_from; /* of so many points only some were tried; 0: all were */
    size_t deep;         /* left out: deep in a loop, or later passages of a sequence (points.h) */
    long bytes;          /* loss: the most; -1: none measured */
    size_t refill;       /* path refill: which malloc; 0: elsewhere */
    const char *incomplete; /* why nothing can be said of the cell; NULL: it can */
    enum outcome kind;   /* of the first failure */
    char first[1024];    /* it, in words; "" where there is none */
    char replay[64];     /* its --point */
};

void cell_run(const struct cell *cell, struct cell_result *result);

/* ---- for the columns ---- */

/* What a child is to try, and what it says; in shared memory. */
struct attempt {
    unsigned levels; /* of TARGET are in place */
    bool recording;  /* the path of the level after those is recorded, nothing else */
    bool keeps_first; /* which handler: walk_handler */
    bool outside;    /* loss: the thread is stopped before the path */
    struct trap_entry target[LEVELS];
    size_t refill[LEVELS];
    int fault; /* of enum fault */
    bool reached;
    unsigned aborts;
    bool forking, waited; /* fork */
    int release;          /* fork, a futex word: the stopped thread goes on */
    pid_t grandchild;
    bool no_refill;         /* path refill: none was found */
    size_t blocks, spacing; /* loss: how many could be had, and how far they are apart */
    struct trap_record record[LEVELS];
};

extern struct attempt *attempt;
extern const struct cell *current;

/* How a child ends whose own child has crashed, where EXIT_FAULT (oracle.h) is not it. */
enum { EXIT_CRASHED = 5 };

enum { LOSS_MOST_BLOCKS = 1 << 18 }; /* more than the limit on memory has room for */

/* Bodies of children: those of the columns that interrupt, and of those that stop threads for good. */
void column_interrupts(void);
void column_stops(void);

/* Threads that are there before any is stopped. */
void column_attaches(void);

/* What column_stops does once they are stopped. */
void column_survives(void);
void column_forks(void);
void column_loses(void);

/* The walkers of column_stops, attempt->levels of them stopped. */
extern struct walker stopped[LEVELS];

/* A use that is forbidden: what happens. All cases of them; NULL ends the list. */
extern const char *const misuses[];
const char *misuse_try(const struct allocator *subject, const char *use, int *signal);

#endif
