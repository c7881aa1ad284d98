/* SPDX-License-Identifier: MIT
 *
 * What the allocators that must fail have in common: classes of powers of two from 64 bytes on, and an arena that only
 * ever grows, by one atomic addition. A block has no header; its class stands in a table, for each 64 bytes of arena. Each
 * is a library of its own with broken_malloc and broken_free, and wrong in one thing only: what a column must find.
 */
#ifndef BROKEN_H
#define BROKEN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum { LOG_LEAST = 6, CLASSES = 32, ARENA = 1 << 28 };

struct node {
    struct node *next;
};

static unsigned char *arena;
static uint8_t *class_of;
static size_t used;

void *broken_malloc(size_t size);
void broken_free(void *block);

static void *reserve(size_t bytes) { /* touched as it is used */
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

__attribute__((constructor)) static void map_arena(void) {
    arena = reserve(ARENA);
    class_of = reserve(ARENA >> LOG_LEAST);
}

static unsigned class_for(size_t size) {
    unsigned k = LOG_LEAST;
    while (k < CLASSES - 1 && ((size_t)1 << k) < size)
        k++;
    return k;
}

static void *carve(unsigned k) {
    const size_t at = __atomic_fetch_add(&used, (size_t)1 << k, __ATOMIC_RELAXED);
    if (at + ((size_t)1 << k) > ARENA)
        return NULL;
    class_of[at >> LOG_LEAST] = (uint8_t)k;
    return arena + at;
}

static inline unsigned class_at(const void *block) {
    return class_of[(size_t)((const unsigned char *)block - arena) >> LOG_LEAST];
}

#endif
