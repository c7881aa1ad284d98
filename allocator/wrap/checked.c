/* SPDX-License-Identifier: MIT
 *
 * checked:SPEC: an allocator whose every block is verified; a violation is one line and an abort.
 *
 *     inner block:  | canary | canary | caller's bytes ... | canary |     two in front, to keep 16-alignment
 *
 * What is live stands in a treap of intervals that no allocator serves (mmap). An interval tree, because it
 * is exact: it sees at malloc any two blocks that share a byte, whatever their sizes, and costs the same for
 * 8 bytes as for a terabyte that is never touched, where a bitmap or pattern would not. Priorities are hashes
 * of addresses, so it needs no random state. One lock a wrapper: a checker, neither fast nor signal-safe.
 */
#include "wrap.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    CANARY = sizeof(uint64_t),
    FRONT = 2 * CANARY,
    BACK = CANARY,
    OVERHEAD = FRONT + BACK,
    HELD = 32, /* so many freed blocks, each of at most LARGEST_HELD bytes, wait to be looked at again */
    LARGEST_HELD = 4096,
    FREED_BYTE = 0xdf,
    MAPPED_AT_ONCE = 1 << 16,
};

/* One inner block: [start, end). */
struct block {
    uintptr_t start, end;
    struct block *left, *right; /* in the treap; in the list of unused ones LEFT is the next */
    bool freed;                 /* by the caller, and held back from the inner allocator */
};

static struct slot {
    const struct allocator *inner;
    pthread_mutex_t lock; /* guards all that follows */
    struct block *live;   /* treap: left < node < right by start, no child above its parent by priority */
    struct block *unused; /* list */
    void *held[HELD];     /* ring of inner blocks: the next to leave stands where the next one enters; their
                             addresses and not their records, for leak checkers do not look into mmap */
    size_t oldest;
} slots[WRAP_SLOTS];
static unsigned taken;

static size_t caller_size(const struct block *b) {
    return b->end - b->start - OVERHEAD;
}

static unsigned char *caller_bytes(const struct block *b) {
    return (unsigned char *)b->start + FRONT;
}

__attribute__((format(printf, 4, 5))) static _Noreturn void
violation(const struct slot *slot, const void *address, size_t size, const char *format, ...) {
    char what[128], line[384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const int length = snprintf(line, sizeof line, "checked:%.64s: block %p of %zu bytes: %s\n",
                                slot->inner->name, address, size, what);
    if (write(STDERR_FILENO, line, (size_t)length) < 0) {
        /* There is nobody else to tell. */
    }
    abort();
}

/* ---- the treap; all under the lock ---- */

static uint64_t priority(const struct block *b) {
    const uint64_t mixed = b->start * UINT64_C(0x9e3779b97f4a7c15);
    return (mixed ^ mixed >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
}

/* Some block that shares a byte with [START, END); NULL where there is none. Since those in the treap share
 * none with each other, their order by start is their order by end, and one descent decides. */
static struct block *sharing(struct block *b, uintptr_t start, uintptr_t end) {
    while (b != NULL && (b->end <= start || b->start >= end))
        b = b->end <= start ? b->right : b->left;
    return b;
}

static void insert(struct block **at, struct block *b) {
    while (*at != NULL && priority(*at) >= priority(b))
        at = b->start < (*at)->start ? &(*at)->left : &(*at)->right;
    struct block *rest = *at, **below = &b->left, **above = &b->right;
    *at = b;
    while (rest != NULL)
        if (rest->start < b->start) {
            *below = rest;
            below = &rest->right;
            rest = *below;
        } else {
            *above = rest;
            above = &rest->left;
            rest = *above;
        }
    *below = *above = NULL;
}

static void erase(struct block **at, const struct block *b) {
    while (*at != b)
        at = b->start < (*at)->start ? &(*at)->left : &(*at)->right;
    struct block *below = b->left, *above = b->right;
    while (below != NULL && above != NULL)
        if (priority(below) > priority(above)) {
            *at = below;
            at = &below->right;
            below = *at;
        } else {
            *at = above;
            at = &above->left;
            above = *at;
        }
    *at = below != NULL ? below : above;
}

static struct block *take_unused(struct slot *slot) {
    if (slot->unused == NULL) {
        struct block *const fresh =
            mmap(NULL, MAPPED_AT_ONCE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED)
            return NULL;
        for (size_t i = 0; i < MAPPED_AT_ONCE / sizeof *fresh; i++) {
            fresh[i].left = slot->unused;
            slot->unused = &fresh[i];
        }
    }
    struct block *const b = slot->unused;
    slot->unused = b->left;
    return b;
}

static void put_unused(struct slot *slot, struct block *b) {
    b->left = slot->unused;
    slot->unused = b;
}

/* ---- canaries ---- */

static uint64_t canary_of(const struct block *b) {
    return (b->start ^ UINT64_C(0xc0ffee5afe57ac4d)) * UINT64_C(0x9e3779b97f4a7c15);
}

static void write_canaries(const struct block *b) {
    const uint64_t canary[2] = {canary_of(b), canary_of(b)};
    memcpy((void *)b->start, canary, FRONT);
    memcpy((void *)(b->end - BACK), canary, BACK);
}

static void verify_canaries(const struct slot *slot, const struct block *b) {
    const uint64_t canary[2] = {canary_of(b), canary_of(b)};
    if (memcmp((void *)b->start, canary, FRONT) != 0)
        violation(slot, caller_bytes(b), caller_size(b), "the bytes before it were overwritten");
    if (memcmp((void *)(b->end - BACK), canary, BACK) != 0)
        violation(slot, caller_bytes(b), caller_size(b), "the bytes behind it were overwritten");
}

/* ---- malloc ---- */

static size_t promised_alignment(const struct allocator *inner, size_t size) {
    return size >= 16 && (inner->traits & TRAIT_ALIGN_8) == 0 ? 16 : 8;
}

/* What the inner allocator has just handed out. Under the lock. */
static void verify_new(const struct slot *slot, const struct block *b) {
    const void *const address = (const void *)b->start;
    const size_t size = b->end - b->start, alignment = promised_alignment(slot->inner, size);
    if (b->start % alignment != 0)
        violation(slot, address, size, "handed out, but not %zu-aligned", alignment);
    if (b->end < b->start)
        violation(slot, address, size, "handed out, but runs past the end of the address space");
    const struct block *const other = sharing(slot->live, b->start, b->end);
    if (other != NULL)
        violation(slot, address, size, "handed out, but overlaps %p of %zu bytes, which is live",
                  (const void *)other->start, other->end - other->start);
}

static void *checked_malloc(struct slot *slot, size_t size) {
    if (size > SIZE_MAX - OVERHEAD)
        return NULL;
    /* The record comes first: where there is none, the inner allocator has not been asked. */
    pthread_mutex_lock(&slot->lock);
    struct block *const b = take_unused(slot);
    pthread_mutex_unlock(&slot->lock);
    if (b == NULL)
        return NULL;
    void *const start = slot->inner->malloc(size + OVERHEAD);
    pthread_mutex_lock(&slot->lock);
    if (start == NULL) {
        put_unused(slot, b);
    } else {
        b->start = (uintptr_t)start;
        b->end = b->start + size + OVERHEAD;
        b->freed = false;
        verify_new(slot, b);
        insert(&slot->live, b);
    }
    pthread_mutex_unlock(&slot->lock);
    if (start == NULL)
        return NULL;
    write_canaries(b);
    return caller_bytes(b);
}

/* ---- free ---- */

/* The live block whose caller's bytes begin at ADDRESS. Decided by the treap alone: what lies at an address
 * that is none of ours may not even be read. */
static struct block *live_block(const struct slot *slot, const void *address) {
    const uintptr_t at = (uintptr_t)address;
    struct block *const b = sharing(slot->live, at - FRONT, at - FRONT + 1);
    if (b == NULL)
        violation(slot, address, 0, "freed, but not live: freed before, or never handed out");
    if (b->start + FRONT != at)
        violation(slot, address, 0, "freed, but only a part of %p of %zu bytes", (void *)caller_bytes(b),
                  caller_size(b));
    if (b->freed)
        violation(slot, address, caller_size(b), "freed twice");
    return b;
}

static void verify_freed(const struct slot *slot, const struct block *b) {
    const unsigned char *const byte = caller_bytes(b);
    for (size_t i = 0; i < caller_size(b); i++)
        if (byte[i] != FREED_BYTE)
            violation(slot, byte, caller_size(b), "byte %zu was written after free", i);
    verify_canaries(slot, b);
}

/* Overwrites B, keeps it, and returns the one that has waited longest, verified; NULL while there is room.
 * Who writes to a block that is held, the caller or an allocator that forgot that it is live, is seen. */
static struct block *hold(struct slot *slot, struct block *b) {
    if (caller_size(b) > LARGEST_HELD)
        return b;
    memset(caller_bytes(b), FREED_BYTE, caller_size(b));
    b->freed = true;
    const uintptr_t start = (uintptr_t)slot->held[slot->oldest];
    slot->held[slot->oldest] = (void *)b->start;
    slot->oldest = (slot->oldest + 1) % HELD;
    if (start == 0)
        return NULL;
    struct block *const leaving = sharing(slot->live, start, start + 1);
    verify_freed(slot, leaving);
    return leaving;
}

static void checked_free(struct slot *slot, void *address) {
    if (address == NULL)
        return;
    pthread_mutex_lock(&slot->lock);
    struct block *const b = live_block(slot, address);
    verify_canaries(slot, b);
    struct block *const leaving = hold(slot, b);
    void *start = NULL;
    if (leaving != NULL) {
        start = (void *)leaving->start;
        erase(&slot->live, leaving);
        put_unused(slot, leaving);
    }
    pthread_mutex_unlock(&slot->lock);
    /* After it has left the treap: another thread may be given it at once. */
    if (start != NULL)
        slot->inner->free(start);
}

/* ---- a slot's own functions ---- */

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
    const unsigned lost = TRAIT_LOCK_FREE | TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE;
    *out = (struct allocator){
        .summary = "every block verified: alignment, overlap, canaries, what is freed",
        .origin = inner->origin,
        .environment = inner->environment,
        .traits = (inner->traits & ~lost) | TRAIT_CHECKED,
        .library = inner->library,
        .malloc = functions[taken].malloc,
        .free = functions[taken].free,
        .thread_exit = inner->thread_exit,
        .check = inner->check,
    };
    taken++;
    return true;
}
