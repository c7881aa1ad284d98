/* SPDX-License-Identifier: MIT
 *
 * From a record to the points that are tried.
 */
#ifndef SAFETY_POINTS_H
#define SAFETY_POINTS_H

#include "trap.h"

/* Makes a record ready, in a child of its own: counts passages, takes sequences apart, notes what each instruction has
 * done. Where the record is stale, finds only the exits of the sequences that were learnt. */
void points_finish(struct trap_record *record);

/* Which of the entries are tried, in their order: one of each run of boundaries that others cannot tell apart, where AFTER
 * is what others see. All of the first WHOLE entries; of those beyond at most BEYOND, evenly. */
struct points {
    size_t classes; /* how many there are to try */
    size_t deep;    /* and how many are left out: beyond POINTS_PASSAGES passages of their instruction, deep in a loop;
                     * or beyond the first one of a restartable sequence, which cannot be counted */
    size_t count;
    uint32_t *index; /* into record->entry; valid until the next choice of the same LEVEL */
    size_t *rank;    /* the class of each */
};

enum { POINTS_LEVELS = 3, POINTS_PASSAGES = 600 };

struct points points_choose(const struct trap_record *record, enum trap_after after, size_t whole, size_t beyond,
                            unsigned level);

/* The entry of class RANK, of all in the last choice of LEVEL. */
uint32_t points_of_class(unsigned level, size_t rank);

#endif
