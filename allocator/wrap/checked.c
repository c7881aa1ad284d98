/* SPDX-License-Identifier: MIT
 *
 * checked:NAME: an allocator whose every block is verified.
 *
 *     inner block:  | size | key of the address | caller's bytes ... | key of the address |
 *
 * Front and back words show overruns, frees of what is no block, and blocks that were handed out twice and
 * written by both. Overlap is found when it happens, by a table of what is live: every 16 bytes of a live
 * inner block own an entry of a shadow of the address space, so a second block over any of them is seen at
 * once. The shadow is a hash table of 64 KiB regions with a bit for each 8 bytes, from mmap, under one lock:
 * this is a checker, and neither fast nor signal-safe.
 *
 * The caller's block is 16 bytes into the inner one, so the inner block's alignment is checked, and the
 * caller gets 16-alignment where the inner allocator gives it.
 */
#include "wrap.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GRAIN = 8, REGION = 1 << 16, BITS = REGION / GRAIN, BUCKETS = 1 << 16, FRONT = 16, BACK = 8 };

struct front {
    size_t size;
    uint64_t key;
};
_Static_assert(sizeof(struct front) == FRONT, "the caller's block keeps the inner one's alignment");

/* Which grains of one region are live. Never given back. */
struct region {
    uintptr_t number;
    struct region *next;
    uint64_t live[BITS / 64];
};

static struct slot {
    const struct allocator *inner;
    pthread_mutex_t lock;
    struct region **bucket; /* BUCKETS of them, mapped at first use */
} slots[WRAP_SLOTS];
static unsigned taken;

static uint64_t key_of(const void *block) {
    return ((uintptr_t)block ^ UINT64_C(0xc0ffee5afe57ac4d)) * UINT64_C(0x9e3779b97f4a7c15);
}

static _Noreturn void violation(const struct slot *slot, const char *what, const void *block, size_t size) {
    char line[256];
    const int length = snprintf(line, sizeof line, "checked:%s: %s: block %p of %zu bytes\n",
                                slot->inner->name, what, block, size);
    if (write(STDERR_FILENO, line, (size_t)length) < 0) {
        /* There is nothing else to tell it to. */
    }
    abort();
}

static void *map(size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        static const char line[] = "checked: no memory for the table of live blocks\n";
        if (write(STDERR_FILENO, line, sizeof line - 1) < 0) {
            /* As above. */
        }
        _exit(1);
    }
    return memory;
}

/* Regions are cut from 1 MiB at a time. Under the lock. */
static struct region *new_region(void) {
    static char *at, *end;
    const size_t arena = 1 << 20;
    if (at == NULL || (size_t)(end - at) < sizeof(struct region)) {
        at = map(arena);
        end = at + arena;
    }
    struct region *const region = (struct region *)(void *)at;
    at += sizeof *region;
    return region;
}

static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;

static struct region *region_of(struct slot *slot, uintptr_t number) {
    if (slot->bucket == NULL)
        slot->bucket = map(BUCKETS * sizeof *slot->bucket);
    struct region **const bucket = &slot->bucket[(number * UINT64_C(0x9e3779b97f4a7c15)) >> 48];
    for (struct region *r = *bucket; r != NULL; r = r->next)
        if (r->number == number)
            return r;
    pthread_mutex_lock(&region_lock);
    struct region *const r = new_region();
    pthread_mutex_unlock(&region_lock);
    r->number = number;
    r->next = *bucket;
    return *bucket = r;
}

/* Marks the grains of [start, start + size) live or dead; false at the first that already was. */
static bool mark(struct slot *slot, uintptr_t start, size_t size, bool live) {
    bool changed = true;
    struct region *r = NULL;
    pthread_mutex_lock(&slot->lock);
    for (uintptr_t grain = start / GRAIN; changed && grain <= (start + size - 1) / GRAIN; grain++) {
        if (r == NULL || r->number != grain / BITS)
            r = region_of(slot, grain / BITS);
        const uint64_t bit = UINT64_C(1) << (grain % 64);
        uint64_t *const word = &r->live[grain % BITS / 64];
        changed = ((*word & bit) != 0) != live;
        *word = live ? *word | bit : *word & ~bit;
    }
    pthread_mutex_unlock(&slot->lock);
    return changed;
}

static size_t promised_alignment(const struct slot *slot, size_t size) {
    if ((slot->inner->traits & TRAIT_ALIGN_8) != 0)
        return 8;
    return size >= 16 ? 16 : 8;
}

static void *checked_malloc(struct slot *slot, size_t size) {
    if (size > SIZE_MAX - FRONT - BACK)
        return NULL;
    struct front *const front = slot->inner->malloc(size + FRONT + BACK);
    if (front == NULL)
        return NULL;
    if ((uintptr_t)front % promised_alignment(slot, size + FRONT + BACK) != 0)
        violation(slot, "misaligned", front, size + FRONT + BACK);
    if (!mark(slot, (uintptr_t)front, size + FRONT + BACK, true))
        violation(slot, "overlaps a live block", front, size + FRONT + BACK);
    const uint64_t key = key_of(front);
    unsigned char *const block = (unsigned char *)(front + 1);
    *front = (struct front){.size = size, .key = key};
    memcpy(block + size, &key, BACK);
    return block;
}

static void checked_free(struct slot *slot, void *block) {
    if (block == NULL)
        return;
    struct front *const front = (struct front *)block - 1;
    const uint64_t key = key_of(front);
    const size_t size = front->size;
    if (front->key != key)
        violation(slot,
                  front->key == ~key ? "freed twice" : "freed, but it is none, or its front was overwritten",
                  block, 0);
    if (memcmp((unsigned char *)block + size, &key, BACK) != 0)
        violation(slot, "written past its end", block, size);
    front->key = ~key;
    if (!mark(slot, (uintptr_t)front, size + FRONT + BACK, false))
        violation(slot, "freed by two threads", block, size);
    slot->inner->free(front);
}

#define SLOT(i)                                                                                              \
    static void *malloc_##i(size_t size) {                                                                   \
        return checked_malloc(&slots[i], size);                                                              \
    }                                                                                                        \
    static void free_##i(void *block) {                                                                      \
        checked_free(&slots[i], block);                                                                      \
    }
SLOT(0)
SLOT(1)
SLOT(2)
SLOT(3)
SLOT(4)
SLOT(5)
SLOT(6)
SLOT(7)
#undef SLOT

static const struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
} functions[WRAP_SLOTS] = {{malloc_0, free_0}, {malloc_1, free_1}, {malloc_2, free_2}, {malloc_3, free_3},
                           {malloc_4, free_4}, {malloc_5, free_5}, {malloc_6, free_6}, {malloc_7, free_7}};

bool checked_wrap(const struct allocator *inner, struct allocator *out, char *why, size_t why_size) {
    if ((inner->traits & TRAIT_FLOOR) != 0) {
        snprintf(why, why_size, "%s hands out memory that is in use: there is nothing to check", inner->name);
        return false;
    }
    if (taken == WRAP_SLOTS) {
        snprintf(why, why_size, "at most %d allocators can be checked in one process", WRAP_SLOTS);
        return false;
    }
    slots[taken] = (struct slot){.inner = inner, .lock = PTHREAD_MUTEX_INITIALIZER};
    *out = *inner;
    out->init = NULL; /* the inner one's has been called */
    out->traits = (inner->traits | TRAIT_CHECKED) &
                  ~(unsigned)(TRAIT_LOCK_FREE | TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE);
    out->malloc = functions[taken].malloc;
    out->free = functions[taken].free;
    out->calloc = NULL;
    out->realloc = NULL;
    out->aligned_alloc = NULL;
    out->usable_size = NULL;
    taken++;
    return true;
}
