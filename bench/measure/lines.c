/* SPDX-License-Identifier: MIT
 *
 * lines.h: a token, and three hash tables in harness memory: blocks by address, lines and pages by number.
 *
 * Everything is under one mutex; whoever holds it and the token does its operation. Who is not the token's
 * holder sleeps on a condition variable of its own, so that passing the token wakes one thread. Bad at speed:
 * some 100 000 operations a second, for nearly each of them is a switch of threads.
 */
#include "lines.h"
#include "workload.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum { LINE = 64, PAGE = 4096, NOBODY = -1, MOST_THREADS = 1024, FIRST_CAPACITY = 1 << 14 };

/* An address that a block was handed out at. The entry stays when the block dies, for the next one there. */
struct block {
    uintptr_t address; /* 0: a free entry */
    size_t size;       /* 0: no block lives here now */
};

/* A line that has held a live object. SHARED is for ever; until it is set all live objects have one owner, so
 * one is enough to know. */
struct line {
    uintptr_t number; /* 0: a free entry */
    uint32_t live;    /* objects */
    bool shared;      /* objects of two owners have been live at once */
    int owner;
};

/* A page that has held one. */
struct page {
    uintptr_t number; /* 0: a free entry */
    uint32_t live;    /* objects */
};

struct table {
    void *entry;
    size_t element, capacity, used; /* capacity: a power of two, at most half used */
};

struct lines {
    const struct allocator *inner;
    struct allocator outer;
    pthread_mutex_t lock;
    unsigned threads, entered, inside;
    int holder;         /* whose turn it is; NOBODY before all have entered and after all have left */
    bool turn_is_spent; /* the holder has done its operation, and goes on alone up to its next */
    bool is_inside[MOST_THREADS];
    pthread_cond_t turn[MOST_THREADS]; /* [index]: signalled when that one becomes the holder */
    uint64_t random;
    bool out_of_memory;
    struct table blocks, seen, pages;
    uint64_t live_lines, live_pages, live_bytes; /* now: lines and pages with live > 0, and the sizes of live blocks */
    struct lines_footprint footprint;
};

static struct lines *current;
static _Thread_local int self = NOBODY; /* the caller's index while it is inside */

/* ---- tables: open addressing, linear probing; the key is the entry's first word ---- */

static uintptr_t *key_at(const struct table *t, size_t i) {
    return (uintptr_t *)(void *)((char *)t->entry + i * t->element);
}

/* The entry with that key, or the free one where it goes. */
static uintptr_t *probe(const struct table *t, uintptr_t key) {
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (t->capacity - 1);
    while (*key_at(t, i) != 0 && *key_at(t, i) != key)
        i = (i + 1) & (t->capacity - 1);
    return key_at(t, i);
}

static bool table_grow(struct table *t) {
    struct table larger = {.element = t->element,
                           .capacity = t->capacity == 0 ? FIRST_CAPACITY : 2 * t->capacity};
    larger.entry = memory_map(larger.capacity * larger.element);
    if (larger.entry == NULL)
        return false;
    for (size_t i = 0; i < t->capacity; i++)
        if (*key_at(t, i) != 0) {
            memcpy(probe(&larger, *key_at(t, i)), key_at(t, i), t->element);
            larger.used++;
        }
    memory_unmap(t->entry, t->capacity * t->element);
    *t = larger;
    return true;
}

/* The entry of KEY, made where there was none; NULL: no memory. */
static void *table_put(struct table *t, uintptr_t key) {
    if (2 * (t->used + 1) > t->capacity && !table_grow(t))
        return NULL;
    uintptr_t *const entry = probe(t, key);
    if (*entry == 0) {
        *entry = key;
        t->used++;
    }
    return entry;
}

static void *table_get(const struct table *t, uintptr_t key) {
    if (t->capacity == 0)
        return NULL;
    uintptr_t *const entry = probe(t, key);
    return *entry == key ? entry : NULL;
}

/* ---- objects and lines ---- */

static void line_born(struct lines *lines, uintptr_t number, int owner) {
    struct line *const line = table_put(&lines->seen, number);
    if (line == NULL) {
        lines->out_of_memory = true;
        return;
    }
    lines->live_lines += line->live == 0;
    if (line->live == 0)
        line->owner = owner;
    else if (line->owner != owner)
        line->shared = true;
    line->live++;
}

static uintptr_t last_byte(const struct block *block) {
    return block->address + block->size - 1;
}

static void pages_born(struct lines *lines, const struct block *block) {
    for (uintptr_t number = block->address / PAGE; number <= last_byte(block) / PAGE; number++) {
        struct page *const page = table_put(&lines->pages, number);
        if (page == NULL)
            lines->out_of_memory = true;
        else
            lines->live_pages += page->live++ == 0;
    }
}

static void pages_died(struct lines *lines, const struct block *block) {
    for (uintptr_t number = block->address / PAGE; number <= last_byte(block) / PAGE; number++) {
        struct page *const page = table_get(&lines->pages, number);
        if (page != NULL)
            lines->live_pages -= --page->live == 0;
    }
}

/* An address that is not known to be live is let pass: it is the allocator's to complain. */
static void block_died(struct lines *lines, void *address) {
    struct block *const block = table_get(&lines->blocks, (uintptr_t)address);
    if (block == NULL || block->size == 0)
        return;
    for (uintptr_t number = block->address / LINE; number <= last_byte(block) / LINE; number++) {
        struct line *const line = table_get(&lines->seen, number);
        if (line != NULL)
            lines->live_lines -= --line->live == 0;
    }
    pages_died(lines, block);
    lines->live_bytes -= block->size;
    block->size = 0;
}

/* One that hands out what is in use (trait `floor`) ends the life of what was there. */
static void block_born(struct lines *lines, void *address, size_t size) {
    block_died(lines, address);
    struct block *const block = table_put(&lines->blocks, (uintptr_t)address);
    if (block == NULL) {
        lines->out_of_memory = true;
        return;
    }
    block->size = size == 0 ? 1 : size;
    for (uintptr_t number = block->address / LINE; number <= last_byte(block) / LINE; number++)
        line_born(lines, number, self);
    pages_born(lines, block);
    lines->live_bytes += block->size;
}

/* ---- the token ---- */

/* Under the lock: draws the next holder among those inside. */
static void draw_holder(struct lines *lines) {
    lines->turn_is_spent = false;
    if (lines->inside == 0) {
        lines->holder = NOBODY;
        lines->entered = 0; /* all may enter again */
        return;
    }
    uint64_t nth = random_below(&lines->random, lines->inside);
    int next = 0;
    while (!lines->is_inside[next] || nth-- > 0)
        next++;
    lines->holder = next;
}

/* Wakes the holder after the lock is given back, or it would only wait again, for the lock. */
static void unlock_and_wake(struct lines *lines) {
    const int holder = lines->holder;
    pthread_mutex_unlock(&lines->lock);
    if (holder != NOBODY && holder != self)
        pthread_cond_signal(&lines->turn[holder]);
}

static void lock_in_turn(struct lines *lines) {
    pthread_mutex_lock(&lines->lock);
    while (lines->holder != self)
        pthread_cond_wait(&lines->turn[self], &lines->lock);
}

/* Locks for one operation. The token of the operation before is passed on only now, so that between the two
 * nobody else ran: what threads share besides the allocator is in turn as well. */
static void begin_operation(struct lines *lines) {
    if (self == NOBODY) {
        pthread_mutex_lock(&lines->lock);
        return;
    }
    lock_in_turn(lines);
    if (lines->turn_is_spent) {
        draw_holder(lines);
        unlock_and_wake(lines);
        lock_in_turn(lines);
    }
    lines->turn_is_spent = true;
}

static void add_footprint(struct lines *lines) {
    if (self == NOBODY)
        return;
    lines->footprint.lines += (double)lines->live_lines;
    lines->footprint.pages += (double)lines->live_pages;
    lines->footprint.bytes += (double)lines->live_bytes;
}

static void *lines_malloc(size_t size) {
    struct lines *const lines = current;
    begin_operation(lines);
    void *const block = lines->inner->malloc(size);
    if (block != NULL)
        block_born(lines, block, size);
    add_footprint(lines);
    pthread_mutex_unlock(&lines->lock);
    return block;
}

static void lines_free(void *block) {
    struct lines *const lines = current;
    begin_operation(lines);
    if (block != NULL)
        block_died(lines, block);
    lines->inner->free(block);
    add_footprint(lines);
    pthread_mutex_unlock(&lines->lock);
}

void lines_enter(struct lines *lines, unsigned index) {
    pthread_mutex_lock(&lines->lock);
    self = (int)index;
    lines->is_inside[index] = true;
    lines->inside++;
    if (++lines->entered == lines->threads)
        draw_holder(lines);
    unlock_and_wake(lines);
}

void lines_await_turn(struct lines *lines) {
    lock_in_turn(lines);
    pthread_mutex_unlock(&lines->lock);
}

void lines_pass(void) {
    struct lines *const lines = current;
    lock_in_turn(lines);
    draw_holder(lines);
    unlock_and_wake(lines);
    lines_await_turn(lines);
}

void lines_leave(struct lines *lines) {
    lock_in_turn(lines);
    lines->is_inside[self] = false;
    lines->inside--;
    draw_holder(lines);
    self = NOBODY;
    unlock_and_wake(lines);
}

struct lines *lines_start(const struct allocator *inner, unsigned threads, uint64_t seed) {
    assert(current == NULL && threads > 0 && threads <= MOST_THREADS);
    struct lines *const lines = memory_map(sizeof *lines);
    if (lines == NULL)
        return NULL;
    lines->inner = inner;
    lines->outer = *inner;
    lines->outer.malloc = lines_malloc;
    lines->outer.free = lines_free;
    lines->outer.calloc = NULL; /* these would pass the tables by */
    lines->outer.realloc = NULL;
    lines->outer.aligned_alloc = NULL;
    lines->threads = threads;
    lines->holder = NOBODY;
    lines->random = seed;
    lines->blocks.element = sizeof(struct block);
    lines->seen.element = sizeof(struct line);
    lines->pages.element = sizeof(struct page);
    pthread_mutex_init(&lines->lock, NULL);
    for (unsigned i = 0; i < threads; i++)
        pthread_cond_init(&lines->turn[i], NULL);
    current = lines;
    return lines;
}

const struct allocator *lines_allocator(struct lines *lines) {
    return &lines->outer;
}

struct lines_footprint lines_footprint(const struct lines *lines) {
    if (lines->seen.used == 0 || lines->out_of_memory)
        return (struct lines_footprint){NAN, NAN, NAN};
    return lines->footprint;
}

double lines_stop(struct lines *lines, uint64_t *lines_seen) {
    uint64_t shared = 0;
    for (size_t i = 0; i < lines->seen.capacity; i++) {
        const struct line *const line = (const struct line *)(void *)key_at(&lines->seen, i);
        shared += line->number != 0 && line->shared;
    }
    *lines_seen = lines->seen.used;
    const double share =
        lines->seen.used == 0 || lines->out_of_memory ? NAN : (double)shared / (double)lines->seen.used;
    for (unsigned i = 0; i < lines->threads; i++)
        pthread_cond_destroy(&lines->turn[i]);
    pthread_mutex_destroy(&lines->lock);
    memory_unmap(lines->blocks.entry, lines->blocks.capacity * lines->blocks.element);
    memory_unmap(lines->seen.entry, lines->seen.capacity * lines->seen.element);
    memory_unmap(lines->pages.entry, lines->pages.capacity * lines->pages.element);
    memory_unmap(lines, sizeof *lines);
    current = NULL;
    return share;
}
