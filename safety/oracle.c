/* SPDX-License-Identifier: MIT
 *
 * oracle.h. A pattern covers a block of up to 2 * EDGE bytes whole, of a larger one both ends: writing a mebibyte at
 * each request would be most of the time.
 */
#include "oracle.h"

#include "raw.h"

enum { EDGE = 128, MOST_LIVE = 96 };

__attribute__((noreturn)) static void fail(const struct oracle *o, enum fault fault) {
    int none = FAULT_NONE;
    __atomic_compare_exchange_n(o->fault, &none, (int)fault, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    raw_exit(EXIT_FAULT);
}

/* The bytes that have a pattern: from I on, in words of 8 as far as those go. Writes it, or compares. */
static bool pattern_from(const struct oracle_block *b, size_t i, size_t end, bool write) {
    for (; i + 8 <= end; i += 8) {
        uint64_t *const word = (uint64_t *)(void *)(b->at + i);
        if (write)
            *word = b->pattern;
        else if (*word != b->pattern)
            return false;
    }
    for (; i < end; i++) {
        const unsigned char value = (unsigned char)(b->pattern >> (8 * (i % 8)));
        if (write)
            b->at[i] = value;
        else if (b->at[i] != value)
            return false;
    }
    return true;
}

static bool pattern(const struct oracle_block *b, bool write) {
    return b->size <= 2 * EDGE ? pattern_from(b, 0, b->size, write)
                               : pattern_from(b, 0, EDGE, write) && pattern_from(b, (b->size - EDGE) & ~(size_t)7, b->size, write);
}

static uint64_t next_random(struct oracle *o) {
    o->seed = o->seed * 1664525 + 1013904223;
    return o->seed >> 8;
}

void oracle_took(struct oracle *o, void *block, size_t size) {
    if (block == NULL || o->count == ORACLE_BLOCKS)
        fail(o, FAULT_LOST);
    unsigned char *const at = block;
    for (size_t i = 0; i < o->count; i++)
        if (at < o->block[i].at + o->block[i].size && o->block[i].at < at + size)
            fail(o, FAULT_DOUBLED);
    struct oracle_block *const b = &o->block[o->count++];
    *b = (struct oracle_block){at, size, (next_random(o) * 0x9e3779b97f4a7c15U) ^ (uint64_t)(uintptr_t)at};
    pattern(b, true);
}

void *oracle_gives(struct oracle *o, size_t index) {
    const struct oracle_block b = o->block[index];
    if (!pattern(&b, false))
        fail(o, FAULT_CORRUPT);
    o->block[index] = o->block[--o->count];
    return b.at;
}

void *oracle_gives_block(struct oracle *o, void *block) {
    size_t i = o->count;
    while (i > 0 && o->block[i - 1].at != block)
        i--;
    if (i == 0)
        fail(o, FAULT_LOST);
    return oracle_gives(o, i - 1);
}

void oracle_exercise(struct oracle *o, size_t operations, size_t size) {
    static const unsigned char share[8] = {8, 8, 8, 8, 3, 5, 16, 40}; /* eighths of SIZE, if that is small */
    const size_t before = o->count;
    for (size_t i = 0; i < operations; i++) {
        const uint64_t random = next_random(o);
        if (o->count - before < MOST_LIVE && (o->count == before || random % 2 == 0)) {
            const size_t small = size > 4096 ? 64 : size;
            const size_t wanted = i % 512 == 0 ? size : small * share[random / 2 % 8] / 8 + 1;
            oracle_malloc(o, wanted);
        } else
            o->subject->free(oracle_gives(o, before + (size_t)(random / 2) % (o->count - before)));
    }
    while (o->count > before)
        o->subject->free(oracle_gives(o, o->count - 1));
}

void oracle_drain(struct oracle *o) {
    while (o->count > 0)
        o->subject->free(oracle_gives(o, o->count - 1));
}

void oracle_check(const struct oracle *o) {
    for (size_t i = 0; i < o->count; i++)
        if (!pattern(&o->block[i], false))
            fail(o, FAULT_CORRUPT);
}
