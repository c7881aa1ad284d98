/* SPDX-License-Identifier: MIT
 *
 * Sets of spans, lowest first. Spans stand in rows of 64, and a set has a word for each row, in the row
 * itself: its bit i is span i. Three levels of hints above say in which rows that word may not be 0.
 *
 *     hint 3   1 word a set      bit i: word i of hint 2 may not be 0
 *     hint 2   64 words          bit j: word j of hint 1 may not be 0
 *     hint 1   4096 words        bit k: the member word of row k may not be 0
 *     row      its member word   bit m: span m of the row is in the set
 *
 * Membership is the bit in the row; taking a member out is one fetch_and, and who finds the bit set in what
 * that returns is the one who did. A stopped thread holds nothing that others need.
 *
 * Hints. Who adds sets the bit in the row (A), then looks at each hint and sets what is missing (B). Who finds
 * a word empty under a hint clears the hint (C), then looks at the word again and raises the hints if it is
 * not (D). All four are seq_cst: where B finds the hint still set, C comes after B's look, hence D after A,
 * and D sees the member. A thread that is stopped for good between C and D hides the members of a row from
 * searches until the next one is added to that row; row_set_heal raises the hints anew.
 *
 * Linearisation: add and remove at the access of the row's word; first, where it finds a member, at its last load.
 * Where it finds none there may be one, hidden between C and D: who must be sure heals and looks again.
 */
#ifndef AO_MALLOC_PERCPU_ROW_SET_H
#define AO_MALLOC_PERCPU_ROW_SET_H

#include "ao_malloc/percpu/classes.h"

#include <stdbool.h>

enum {
    ROW_SPANS = 64,
    HINT_3_WORDS = 64,
    HINT_2_WORDS = 64 * 64,
    ROWS = 64 * 64 * 64, /* 1 TiB */
    /* The sets: [c] spans of class c in which blocks are free; and spans of no class, */
    SET_CLEAN = 0,           /* untouched or given back to the system */
    SET_DIRTY = CLASSES_END, /* resident */
    SETS = SET_DIRTY + 1,
};

struct spans_table;

struct row {
    char *base; /* of its spans; SPAN-aligned */
    struct spans_table *table;
    uint32_t number; /* rows[number] */
    uint64_t member[SETS];
};

static struct {
    struct row *row[ROWS]; /* [0] is the static one and stays NULL here; the others from 1 on, without gaps */
    uint32_t rows;         /* [1] .. [rows] may be there; only ever counts up */
    uint64_t hint_3[SETS];
    uint64_t hint_2[HINT_3_WORDS][SETS];
    uint64_t hint_1[HINT_2_WORDS][SETS];
} sets;

static struct row static_row;

static inline struct row *row_at(uint32_t number) {
    return number == 0 ? &static_row : __atomic_load_n(&sets.row[number], __ATOMIC_ACQUIRE);
}

static inline uint64_t row_bit(uint32_t i) {
    return UINT64_C(1) << (i & 63);
}

static inline void row_set_raise_hint(uint64_t *hint, uint64_t bit) {
    if ((__atomic_load_n(hint, __ATOMIC_SEQ_CST) & bit) == 0) /* B */
        __atomic_fetch_or(hint, bit, __ATOMIC_SEQ_CST);
}

/* From LEVEL up. */
static void row_set_raise(uint32_t number, unsigned set, int level) {
    if (level <= 1)
        row_set_raise_hint(&sets.hint_1[number >> 6][set], row_bit(number));
    if (level <= 2)
        row_set_raise_hint(&sets.hint_2[number >> 12][set], row_bit(number >> 6));
    row_set_raise_hint(&sets.hint_3[set], row_bit(number >> 12));
}

static inline void row_set_add(struct row *row, unsigned index, unsigned set) {
    __atomic_fetch_or(&row->member[set], row_bit(index), __ATOMIC_SEQ_CST); /* A */
    row_set_raise(row->number, set, 1);
}

/* Whether it was in the set, and this call took it out. */
static inline bool row_set_remove(struct row *row, unsigned index, unsigned set) {
    return (__atomic_fetch_and(&row->member[set], ~row_bit(index), __ATOMIC_SEQ_CST) & row_bit(index)) != 0;
}

static inline bool row_set_has(const struct row *row, unsigned index, unsigned set) {
    return (__atomic_load_n(&row->member[set], __ATOMIC_SEQ_CST) & row_bit(index)) != 0;
}

/* WORD was found 0, which BIT of HINT, of LEVEL, on the way to row NUMBER leads to. */
static void row_set_lower(uint64_t *hint, uint64_t bit, const uint64_t *word, uint32_t number, unsigned set,
                          int level) {
    __atomic_fetch_and(hint, ~bit, __ATOMIC_SEQ_CST); /* C */
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != 0) /* D */
        row_set_raise(number, set, level);
}

/* The member with the lowest row and index there; NULL where there is none. */
static struct row *row_set_first(unsigned set, unsigned *index) {
    for (;;) {
        uint64_t word = __atomic_load_n(&sets.hint_3[set], __ATOMIC_SEQ_CST);
        if (word == 0)
            return NULL;
        const uint32_t i = (uint32_t)__builtin_ctzll(word);
        word = __atomic_load_n(&sets.hint_2[i][set], __ATOMIC_SEQ_CST);
        if (word == 0) {
            row_set_lower(&sets.hint_3[set], row_bit(i), &sets.hint_2[i][set], i << 12, set, 3);
            continue;
        }
        const uint32_t j = i * 64 + (uint32_t)__builtin_ctzll(word);
        word = __atomic_load_n(&sets.hint_1[j][set], __ATOMIC_SEQ_CST);
        if (word == 0) {
            row_set_lower(&sets.hint_2[i][set], row_bit(j), &sets.hint_1[j][set], j << 6, set, 2);
            continue;
        }
        const uint32_t number = j * 64 + (uint32_t)__builtin_ctzll(word);
        struct row *const row = row_at(number);
        word = __atomic_load_n(&row->member[set], __ATOMIC_SEQ_CST);
        if (word == 0) {
            row_set_lower(&sets.hint_1[j][set], row_bit(number), &row->member[set], number, set, 1);
            continue;
        }
        *index = (unsigned)__builtin_ctzll(word);
        return row;
    }
}

/* Raises the hints of every member of SET. */
static void row_set_heal(unsigned set) {
    const uint32_t rows = __atomic_load_n(&sets.rows, __ATOMIC_ACQUIRE);
    for (uint32_t number = 0; number <= rows && number < ROWS; number++) {
        struct row *const row = row_at(number);
        if (row != NULL && __atomic_load_n(&row->member[set], __ATOMIC_SEQ_CST) != 0)
            row_set_raise(number, set, 1);
    }
}

#endif
