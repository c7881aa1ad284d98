/* SPDX-License-Identifier: MIT
 *
 * What an allocator gives at all: the largest block, and how much in all.
 */
#ifndef MEASURE_BLOCK_LIMITS_H
#define MEASURE_BLOCK_LIMITS_H

#include "allocator.h"

/* Beyond these nothing is asked for: the figure is then at least so much. */
#define LIMITS_MOST_BLOCK ((size_t)16 << 20)
#define LIMITS_MOST_HEAP  ((size_t)64 << 20)

struct limits {
    size_t largest_block; /* bytes: all sizes up to it are given, to a process that asks for nothing else */
    size_t heap;          /* bytes: the most that is given at once, in blocks of one size */
};

/* Each question is asked in a child of its own under a limit of memory and time, so that one that ends in a crash, in a
 * hang or with the heap destroyed is a no. On one thread; ALLOCATOR is open and unused. */
struct limits limits_measure(const struct allocator *allocator);

#endif
