/* SPDX-License-Identifier: MIT
 *
 * oracle.h. A pattern covers a block of up to 2 * EDGE bytes whole, of a larger one both ends: writing a mebibyte at
 * each request would be most of the time.
 */
#include "oracle.h"

#include "raw.h"

enum { EDGE = 128, MOST_LIVE = 96, EXIT_FAULT = 3 };

__attribute__((noreturn)) static void fail(const struct oracle *o, enum fault fault) {
    int none = FAULT_NONE;
    __atomic_compare_exchange_n(o->fault, &none, (int)fault, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    raw_exit(EXIT_FAULT);
}

/* Calls EACH on the bytes that have a pattern; stops at the first that is false. */
static bool each_byte(const struct oracle_block *b, bool (*each)(unsigned char *at, unsigned char value)) {
    for (size_t i = 0; i < b->size; i++) {
        if (i == EDGE && b->size > 2 * EDGE)
            i = b->size - EDGE;
        if (!each(b->at + i, (unsigned char)(b->pattern >> (8 * (i % 8)))))
            return false;
    }
    return true;
}

static bool write_one(unsigned char *at, unsigned char value) {
    *at = value;
    return true;
}

static bool same(unsigned char *at, unsigned char value) {
    return *at == value;
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
    each_byte(b, write_one);
}

void *oracle_gives(struct oracle *o, size_t index) {
    const struct oracle_block b = o->block[index];
    if (!each_byte(&b, same))
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
        if (!each_byte(&o->block[i], same))
            fail(o, FAULT_CORRUPT);
}
