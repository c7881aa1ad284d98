/* SPDX-License-Identifier: MIT
 *
 * What an allocator must never do, seen at once: a block that overlaps one which is live, contents that have changed, no
 * memory where there is some. An oracle belongs to one thread, or to one and the handlers that interrupt it in the
 * allocator; blocks may be given from one oracle to another. Never calls an allocator but its subject.
 */
#ifndef SAFETY_ORACLE_H
#define SAFETY_ORACLE_H

#include "allocator.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORACLE_BLOCKS = 512, EXIT_FAULT = 3 /* how a process ends that an oracle ended */ };

/* What went wrong, in memory that parent and child share; the first fault stays. */
enum fault { FAULT_NONE, FAULT_DOUBLED, FAULT_CORRUPT, FAULT_LOST };

struct oracle {
    const struct allocator *subject;
    int *fault; /* of enum fault */
    size_t count;
    uint32_t seed;
    struct oracle_block {
        unsigned char *at;
        size_t size;
        uint64_t pattern;
    } block[ORACLE_BLOCKS];
};

/* BLOCK of SIZE bytes was handed out: it is there, it overlaps nothing, and is filled with a pattern. Ends the process
 * with the fault where one of that is not so. */
void oracle_took(struct oracle *o, void *block, size_t size);

/* The pattern is whole, and the block is forgotten: it may be freed. */
void *oracle_gives(struct oracle *o, size_t index);

/* The same by address. */
void *oracle_gives_block(struct oracle *o, void *block);

static inline void *oracle_malloc(struct oracle *o, size_t size) {
    void *const block = o->subject->malloc(size);
    oracle_took(o, block, size);
    return block;
}

static inline void oracle_free(struct oracle *o, void *block) {
    o->subject->free(oracle_gives_block(o, block));
}

/* OPERATIONS mallocs and frees of many sizes, around SIZE, with at most 96 blocks live beside those that are; at the
 * end as many are live as before. */
void oracle_exercise(struct oracle *o, size_t operations, size_t size);

/* Frees all. */
void oracle_drain(struct oracle *o);

/* Every pattern is whole. */
void oracle_check(const struct oracle *o);

#endif
