/* SPDX-License-Identifier: MIT
 *
 * The paths through an allocator that faults are tried on, and the thread that walks them.
 *
 *     pair     malloc(64), free; everything warm
 *     refill   the first malloc(64) that leaves the fast path: blocks are held until one takes half as many instructions
 *              again as a warm one, and ten
 *     large    malloc(1 MiB), free
 *     xfree    free of a block that a thread allocated which lives
 *     cold     malloc(64), free: the first calls of the process
 *     thread   malloc(64), free: the first calls of a thread, in a process in which others have made some
 *
 * Before it walks, a thread makes the prelude, the same for every allocator, for verdicts depend on it (docs/safety.md);
 * not for cold, and for thread another one makes it.
 */
#ifndef SAFETY_WALK_H
#define SAFETY_WALK_H

#include "oracle.h"
#include "trap.h"

#include <pthread.h>

enum path { PATH_PAIR, PATH_REFILL, PATH_LARGE, PATH_XFREE, PATH_COLD, PATH_THREAD, PATHS };

enum { WALK_SIZE = 64, WALK_LARGE = 1 << 20, WALK_HELD = 4096, WALK_FOREIGN = 8 };

/* What is done before the path, in words. */
extern const char walk_prelude[];

/* The size that PATH asks for. */
size_t walk_size(enum path path);

enum walker_state { WALKER_STARTS, WALKER_READY, WALKER_STOPPED, WALKER_DONE };

struct walker {
    enum path path;
    size_t refill; /* refill: how many blocks are held before; found by walk_record */
    bool no_refill; /* it found none */
    struct trap_record *record;
    struct oracle oracle;         /* of this thread and of handlers that interrupt it */
    void *held[WALK_HELD];        /* refill */
    size_t holds;
    void *foreign[WALK_FOREIGN];  /* xfree: blocks of a thread that lives */
    int state, go;                /* futex words; state of enum walker_state */
    bool reached;                 /* what was aimed at */
    void (*begin)(struct walker *); /* straight before the path: aims or records; NULL: nothing */
    void (*after)(struct walker *); /* on the walker's thread, once the path is walked; NULL: nothing */
    pthread_t thread;
};

/* Starts W's thread and waits until it has made its prelude. FAULT: where oracles report. */
void walker_start(struct walker *w, const struct allocator *subject, int *fault);

/* Lets it walk, and waits until it has or is stopped. */
void walker_walk(struct walker *w);

/* The handler that a signal would run: allocates 8 blocks, frees 4. KEEPS_FIRST: which 4, for some faults show only
 * where the first block is freed last, others only where it is kept. Path xfree: frees 4 foreign blocks too. */
void walk_handler(struct walker *w, bool keeps_first);

/* How far the blocks at N addresses are apart: the least distance of two. Sorts them, so few that qsort needs no memory. */
size_t walk_spacing(uintptr_t *address, size_t n);

/* All blocks that the walker has are whole; 10 000 more operations; all blocks are freed. */
void walk_verify(struct walker *w);

/* Records the path that W is about to walk, from within begin; for refill walks it. */
void walk_record(struct walker *w);

#endif
