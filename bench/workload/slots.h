/* SPDX-License-Identifier: MIT
 *
 * Slots with a live block each, and a table of steps that replaces the blocks: the timed part of mixed-sizes,
 * glibc-thread and larson. A step {slot, size} frees what its slot holds and allocates SIZE bytes anew.
 *
 * The table is drawn beforehand, 16 steps a slot, so that a walk misses fewer than 1 % of the slots, and 64 Ki at least;
 * it is walked round and round; each walk
 * goes on where the one before has ended. So what lives is known from the table alone, without a block: a
 * whole walk leaves the same sizes whatever was there before, and the third repeats the second.
 */
#ifndef WORKLOAD_SLOTS_H
#define WORKLOAD_SLOTS_H

#include "workload.h"

enum { SLOTS_LEAST_STEPS = 1 << 16, SLOTS_STEPS_A_SLOT = 16 };

struct step {
    uint32_t slot;
    uint32_t size;
};

struct slots {
    uint32_t slots, steps;
    void **block;      /* [slots] */
    uint32_t *initial; /* [slots]: the size that a slot begins with */
    struct step *step; /* [steps] */
    uint64_t walked;   /* steps so far */
};

/* Room for so many, and for their steps; sizes and steps are the caller's to draw. False: what there is is
 * given back by slots_unmap. */
static inline bool slots_map(struct slots *s, uint32_t slots) {
    s->slots = slots;
    s->steps =
        slots < SLOTS_LEAST_STEPS / SLOTS_STEPS_A_SLOT ? SLOTS_LEAST_STEPS : SLOTS_STEPS_A_SLOT * slots;
    s->block = memory_map(s->slots * sizeof *s->block);
    s->initial = memory_map(s->slots * sizeof *s->initial);
    s->step = memory_map(s->steps * sizeof *s->step);
    return s->block != NULL && s->initial != NULL && s->step != NULL;
}

static inline void slots_unmap(struct slots *s) {
    memory_unmap(s->block, s->slots * sizeof *s->block);
    memory_unmap(s->initial, s->slots * sizeof *s->initial);
    memory_unmap(s->step, s->steps * sizeof *s->step);
}

/* The next OPERATIONS steps, added to w->done. USE writes a new block; it must be a name of a function that is
 * known here, so that nothing is called through a pointer. */
static inline __attribute__((always_inline)) enum work_result
slots_walk(struct worker *w, struct slots *s, uint64_t operations, void (*use)(void *, size_t)) {
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    void **const blocks = s->block;
    const struct step *const first = s->step, *const end = first + s->steps;
    const struct step *at = first + s->walked % s->steps;
    uint64_t i = 0;
    for (; i < operations; i++) {
        const struct step step = *at;
        at = at + 1 == end ? first : at + 1;
        release(blocks[step.slot]);
        void *const block = blocks[step.slot] = allocate(step.size);
        if (__builtin_expect(block == NULL, 0))
            break;
        use(block, step.size);
    }
    s->walked += i;
    w->done += i;
    return i == operations ? WORK_DONE : WORK_OUT_OF_MEMORY;
}

static inline uint64_t slots_live_bytes(const struct slots *s) {
    uint64_t live = 0;
    for (uint32_t i = 0; i < s->slots; i++)
        live += s->initial[i];
    return live;
}

/* Does to `initial` what STEPS steps from the table's first have done to the blocks. LIVE: the bytes live before and
 * after; MOST: the most so far, in between too. After two walks only the place in the table tells. */
static inline void slots_replay(struct slots *s, uint64_t steps, uint64_t *live, uint64_t *most) {
    const uint64_t two_walks = 2 * (uint64_t)s->steps,
                   telling = steps < two_walks ? steps : two_walks + steps % s->steps;
    for (uint64_t i = 0; i < telling; i++) {
        const struct step *const step = &s->step[i % s->steps];
        *live = *live - s->initial[step->slot] + step->size;
        s->initial[step->slot] = step->size;
        *most = *live > *most ? *live : *most;
    }
}

/* The most bytes that were live before a step, between two, or after; `initial` is spent afterwards. */
static inline uint64_t slots_peak_bytes(struct slots *s) {
    uint64_t live = slots_live_bytes(s), most = live;
    slots_replay(s, s->walked, &live, &most);
    return most;
}

#endif
