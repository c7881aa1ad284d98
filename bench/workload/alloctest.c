/* SPDX-License-Identifier: MIT
 *
 * alloc-test: slots, a few of them hot and most cold, as the objects of a large program. After the alloc-test
 * of Ignatchenko ("OLogN"), 2018; written from its description.
 *
 * A step picks a slot. If it is full, all of the block there is read and it is freed; else a block is
 * allocated and all of it written. At the start every slot is full or empty with equal odds, and so it stays.
 *
 * Which slot: 80 % of the picks go to 20 % of the slots, and within either part again, six times over. A
 * slot that was k times in the favoured part is one of 0.2^k 0.8^(6-k) C(6,k) of all and gets 0.8^k
 * 0.2^(6-k) C(6,k) of the picks:
 *
 *     picks    0.262     0.393    0.246   0.082   0.015   0.0015   0.00006
 *     slots    0.00006   0.0015   0.015   0.082   0.246   0.393    0.262
 *
 * Which size: uniform from 1 to a bound, which is 8 for half of the blocks, 16 for a quarter, and so on up to
 * `most`, which has what is left. At 1024 the mean is 18.5 bytes.
 *
 * Parameters: slots, of all threads together (published 262144; small 16384, large 4194304); most, bytes
 * (published 1024). An operation is a pair, that is two steps. The steps are drawn beforehand in a table, of
 * four a slot, which the run walks round and round. Unlike the original each thread has slots of its own, as
 * many as make up its part, and the sequence is the same for every allocator.
 *
 * Not shown: cross-thread frees, blocks above `most`, a mix that changes, blocks that die together.
 */
#include "workload.h"

#include <string.h>

enum {
    SLOTS = 0,
    MOST = 1, /* the parameters */
    LEVELS = 6,
    LEAST_BOUND = 8,
    LEAST_SLOTS = 64,
    LEAST_STEPS = 1 << 16,
    STEPS_A_SLOT = 4,
    STEPS_AN_OPERATION = 2,
    MOST_RUNS = 2, /* the warm-up, and what is timed */
};

struct step {
    uint32_t slot;
    uint32_t size; /* of the block, if one is allocated */
};

struct slot {
    void *block; /* NULL: empty */
    uint64_t size;
};

struct state {
    uint32_t slots, steps;
    struct slot *slot;       /* [slots] */
    struct step *step;       /* [steps] */
    uint64_t sum;            /* of what was read, so that it is */
    uint64_t run[MOST_RUNS]; /* steps that each run() did; each begins at the table's first */
    unsigned runs;
};

static uint32_t draw_size(uint64_t *random, uint32_t most) {
    uint32_t bound = LEAST_BOUND;
    for (uint64_t coins = random_next(random); bound < most && (coins & 1) != 0; coins >>= 1)
        bound *= 2;
    return 1 + (uint32_t)random_below(random, bound < most ? bound : most);
}

/* From which slot on those of class k lie, that is those k times in the favoured part; k = 0 .. LEVELS, and
 * the end. Each class has one slot at least. */
static void divide(uint32_t slots, uint32_t first[LEVELS + 2]) {
    static const double share[LEVELS + 1] = {0.262144, 0.393216, 0.245760, 0.081920,
                                             0.015360, 0.001536, 0.000064};
    double before = 0;
    for (uint32_t k = 0; k <= LEVELS; k++) {
        const uint32_t at = (uint32_t)(before * slots), last = slots - (LEVELS + 1 - k);
        first[k] = at < last ? at : last;
        before += share[k];
    }
    first[LEVELS + 1] = slots;
}

static uint32_t draw_slot(uint64_t *random, const uint32_t first[LEVELS + 2]) {
    unsigned k = 0;
    for (int level = 0; level < LEVELS; level++)
        k += random_below(random, 5) < 4;
    return first[k] + (uint32_t)random_below(random, first[k + 1] - first[k]);
}

/* The sizes of the blocks that are there at the start; 0: an empty slot. */
static void draw_start(struct state *s, uint64_t seed, uint32_t most) {
    uint64_t random = seed;
    for (uint32_t i = 0; i < s->slots; i++) {
        const bool full = random_below(&random, 2) == 0;
        const uint32_t size = draw_size(&random, most);
        s->slot[i] = (struct slot){.size = full ? size : 0};
    }
}

static bool draw(struct state *s, const struct worker *w) {
    const uint32_t most = (uint32_t)w->cell->number[MOST];
    const uint64_t part = w->cell->number[SLOTS] / w->cell->threads;
    s->slots = (uint32_t)(part < LEAST_SLOTS ? LEAST_SLOTS : part);
    s->steps = s->slots < LEAST_STEPS / STEPS_A_SLOT ? LEAST_STEPS : STEPS_A_SLOT * s->slots;
    s->slot = memory_map(s->slots * sizeof *s->slot);
    s->step = memory_map(s->steps * sizeof *s->step);
    if (s->slot == NULL || s->step == NULL)
        return false;
    draw_start(s, w->seed, most);
    uint32_t first[LEVELS + 2];
    divide(s->slots, first);
    uint64_t random = ~w->seed;
    for (uint32_t i = 0; i < s->steps; i++) {
        s->step[i].slot = draw_slot(&random, first);
        s->step[i].size = draw_size(&random, most);
    }
    return true;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL || !draw(s, w))
        return WORK_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < s->slots; i++) {
        struct slot *const slot = &s->slot[i];
        if (slot->size == 0)
            continue;
        if ((slot->block = w->malloc(slot->size)) == NULL)
            return WORK_OUT_OF_MEMORY;
        memset(slot->block, 1, slot->size);
    }
    return WORK_DONE;
}

static uint64_t sum_block(const unsigned char *block, size_t size) {
    uint64_t sum = 0, word;
    for (; size >= sizeof word; size -= sizeof word, block += sizeof word) {
        memcpy(&word, block, sizeof word);
        sum += word;
    }
    for (; size > 0; size--)
        sum += *block++;
    return sum;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    const uint64_t steps = s->run[s->runs++] = operations * STEPS_AN_OPERATION;
    const struct step *const first = s->step, *const end = first + s->steps, *at = first;
    struct slot *const slots = s->slot;
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < steps; i++) {
        const struct step step = *at;
        at = at + 1 == end ? first : at + 1;
        struct slot *const slot = &slots[step.slot];
        if (slot->block != NULL) {
            sum += sum_block(slot->block, slot->size);
            release(slot->block);
            slot->block = NULL;
            continue;
        }
        void *const block = allocate(step.size);
        if (__builtin_expect(block == NULL, 0)) {
            w->done = i / STEPS_AN_OPERATION;
            return WORK_OUT_OF_MEMORY;
        }
        memset(block, 1, step.size);
        *slot = (struct slot){.block = block, .size = step.size};
    }
    s->sum += sum;
    w->done = operations;
    return WORK_DONE;
}

/* Does to the sizes what the runs did to the blocks. Two walks through the table leave a slot full or empty as
 * it was, and where it is full, a size that hangs on nothing before them: so from the third walk on the third
 * and fourth repeat themselves. */
static void note_peak(struct worker *w) {
    struct state *const s = w->state;
    draw_start(s, w->seed, (uint32_t)w->cell->number[MOST]);
    uint64_t bytes = 0, blocks = 0;
    for (uint32_t i = 0; i < s->slots; i++) {
        bytes += s->slot[i].size;
        blocks += s->slot[i].size != 0;
    }
    w->peak_live_bytes = bytes;
    w->peak_live_blocks = blocks;
    for (unsigned r = 0; r < s->runs; r++) {
        const uint64_t all = s->run[r], four_walks = 4 * (uint64_t)s->steps;
        const uint64_t telling = all < four_walks ? all : four_walks + all % (2 * (uint64_t)s->steps);
        for (uint64_t i = 0; i < telling; i++) {
            const struct step *const step = &s->step[i % s->steps];
            uint64_t *const size = &s->slot[step->slot].size;
            bytes += *size == 0 ? step->size : -*size;
            blocks += *size == 0 ? 1 : UINT64_MAX;
            *size = *size == 0 ? step->size : 0;
            w->peak_live_bytes = bytes > w->peak_live_bytes ? bytes : w->peak_live_bytes;
            w->peak_live_blocks = blocks > w->peak_live_blocks ? blocks : w->peak_live_blocks;
        }
    }
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    for (uint32_t i = 0; s->slot != NULL && i < s->slots; i++)
        if (s->slot[i].block != NULL)
            w->free(s->slot[i].block);
    if (s->runs > 0)
        note_peak(w);
    memory_unmap(s->slot, s->slots * sizeof *s->slot);
    memory_unmap(s->step, s->steps * sizeof *s->step);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_alloc_test = {
    .name = "alloc-test",
    .summary = "slots of small blocks, a few hot and most cold, all bytes written and read",
    .not_shown = "cross-thread frees, large blocks, a mix that changes, blocks that die together",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"slots", "262144", 64, 1 << 26,
                    "that are full or empty, all threads together; small 16384, large 4194304"},
                   {"most", "1024", 8, 32760, "bytes of the largest blocks"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 200000,
    .enter = enter,
    .run = run,
    .leave = leave,
};
