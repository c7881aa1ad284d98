/* SPDX-License-Identifier: MIT
 *
 * points.h.
 */
#include "points.h"

#include "aside.h"
#include "disassembly.h"

#include <stdlib.h>
#include <string.h>

static struct trap_record *work;

/* The entries with each sequence's one made into one for each instruction of it. */
static void take_sequences_apart(void) {
    const size_t count = work->count;
    struct trap_entry *const old = malloc((count + 1) * sizeof *old);
    if (old == NULL)
        abort();
    memcpy(old, work->entry, count * sizeof *old);
    work->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct trap_sequence *const s = old[i].sequence == 0 ? NULL : &work->sequence[old[i].sequence - 1];
        uintptr_t at = old[i].at;
        size_t length = 0;
        do {
            if (work->count == TRAP_ENTRIES) {
                work->overflow = true;
                return;
            }
            work->entry[work->count] = old[i];
            work->entry[work->count++].at = at;
            if (s != NULL)
                disassembly_effect(at, &length);
            at += length;
        } while (s != NULL && length != 0 && at < s->end);
    }
    free(old);
}

struct seen {
    uintptr_t at;
    uint32_t times;
    uint8_t effect;
};

static void count_passages(void) {
    enum { SLOTS = 1 << 17 };
    struct seen *const table = calloc(SLOTS, sizeof *table);
    if (table == NULL)
        abort();
    unsigned before = TRAP_AFTER_ACCESS | TRAP_AFTER_STORE; /* the first boundary is always a point */
    for (size_t i = 0; i < work->count; i++) {
        struct trap_entry *const e = &work->entry[i];
        size_t slot = (e->at * 0x9e3779b97f4a7c15U) >> 47;
        while (table[slot].at != 0 && table[slot].at != e->at)
            slot = (slot + 1) % SLOTS;
        struct seen *const s = &table[slot];
        size_t length;
        if (s->at == 0) {
            s->at = e->at;
            s->effect = (uint8_t)disassembly_effect(e->at, &length);
        }
        e->nth = ++s->times;
        e->after = e->sequence != 0 ? TRAP_AFTER_ACCESS | TRAP_AFTER_STORE : (uint8_t)before;
        before = s->effect;
    }
    free(table);
}

static void finish(void) {
    for (unsigned i = 0; i < work->sequences; i++)
        if (work->sequence[i].exits == 0)
            disassembly_find_exits(&work->sequence[i]);
    if (work->stale)
        return;
    take_sequences_apart();
    count_passages();
}

void points_finish(struct trap_record *record) {
    work = record;
    aside(finish);
}

static uint32_t class_of[POINTS_LEVELS][TRAP_ENTRIES], chosen[POINTS_LEVELS][TRAP_ENTRIES];
static size_t ranks[POINTS_LEVELS][TRAP_ENTRIES];

struct points points_choose(const struct trap_record *record, enum trap_after after, size_t whole, size_t beyond,
                            unsigned level) {
    struct points points = {.index = chosen[level], .rank = ranks[level]};
    size_t within = 0;
    for (size_t i = 0; i < record->count; i++)
        if ((record->entry[i].after & after) != 0) {
            const struct trap_entry *const e = &record->entry[i];
            if (e->nth > POINTS_PASSAGES || (e->sequence != 0 && e->nth > 1)) {
                points.deep++;
                continue;
            }
            within += i < whole;
            class_of[level][points.classes++] = (uint32_t)i;
        }
    const size_t rest = points.classes - within, taken = rest < beyond ? rest : beyond;
    for (size_t i = 0; i < within + taken; i++) {
        const size_t rank = i < within ? i : within + (i - within) * rest / taken;
        points.rank[points.count] = rank;
        points.index[points.count++] = class_of[level][rank];
    }
    return points;
}

uint32_t points_of_class(unsigned level, size_t rank) {
    return class_of[level][rank];
}
