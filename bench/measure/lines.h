/* SPDX-License-Identifier: MIT
 *
 * Line sharing: of the cache lines that held live objects, the share that held objects of two threads at
 * once. That is active false sharing, from addresses alone; it needs no clock and is the same on any number
 * of cores.
 *
 * The threads take turns by a token: every malloc and free passes it on to one of the threads inside, drawn
 * from the seed, and waits until it comes back; its holder alone runs, up to its next malloc or free. So a
 * deterministic allocator yields the same figure for the same seed.
 *
 * Beside it the footprint: after each operation of a thread inside, how many lines and pages the live objects lie in, and how many
 * bytes they are. From addresses, too: whether a line was touched depends on the program, here it touches all of its objects.
 *
 * One pass at a time in a process, for a vtable's functions have no self parameter.
 */
#ifndef BENCH_MEASURE_LINES_H
#define BENCH_MEASURE_LINES_H

#include "allocator.h"
#include <stdint.h>

struct lines;

/* THREADS is 1 to 1024, and no other pass may be on (asserted). NULL: no memory for the tables. */
struct lines *lines_start(const struct allocator *inner, unsigned threads, uint64_t seed);

/* What to call in INNER's place. Blocks belong to the thread that allocated them; those of a thread that
 * is not inside, to an owner of their own. Only malloc and free: the optional functions are left out. */
const struct allocator *lines_allocator(struct lines *lines);

/* Each of the THREADS calls enter before its first operation and leave after its last; none begins before all
 * have entered. Nobody inside may wait for another by other means than lines_pass. Once all have left, all may enter again.
 */
void lines_enter(struct lines *lines, unsigned index);

/* After enter, where what a thread does before its first operation should be in turn as well. */
void lines_await_turn(struct lines *lines);

/* Inside: passes the token on without an operation, and returns when it has come back. What a thread does
 * that waits for another's doing. */
void lines_pass(void);

void lines_leave(struct lines *lines);

/* Sums over all operations of threads inside. NaN: as the share. */
struct lines_footprint {
    double lines, pages, bytes; /* lines of 64 bytes, pages of 4096 */
};
struct lines_footprint lines_footprint(const struct lines *lines);

/* The share, NaN if there never was an object or the tables found no memory. LINES_SEEN: how many lines it is
 * a share of. Frees LINES. */
double lines_stop(struct lines *lines, uint64_t *lines_seen);

#endif
