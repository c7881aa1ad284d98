/* SPDX-License-Identifier: MIT
 *
 * xmalloc: half of the threads only allocate, the other half only free. Lever and Boreham's malloc-test (2000)
 * as Kuszmaul changed it for SuperMalloc (2015), told anew from descriptions. Where blocks of one size go one
 * way for ever, an allocator that keeps what a thread frees for that thread piles it up at the freeing ones.
 *
 * Even workers allocate, odd ones free. An allocating worker fills a batch with addresses of blocks that it
 * has written, and puts it at the end of a list of at most 100 batches, common to all; a freeing one takes the
 * oldest batch from it and frees its blocks in their order. The list is under a mutex and has two condition
 * variables, as published: here threads sleep and are woken, as those of many servers do, where those of
 * `producer-consumer` look again. A batch of 4096 makes four short calls under the mutex of some 8000 of the
 * allocator's; with `null` for an allocator all but these is a call, a write and a ring of addresses.
 *
 * Parameters: size, bytes, 64 as published; `mixed` is one of 17 sizes from 8 to 2048, drawn beforehand into a
 * table (published as -s -1). batch, blocks that travel together: 4096 as published; small 256, large 32768.
 * The list bounds what lives, 100 batches and those in hand: 27 MB of 64 bytes on two threads. Of a block at
 * most the first 128 bytes are written, as published, and the last one, so that it is there. Batches are
 * harness memory. Published run: -w N -t 5 -s 64, that is --threads=2N.
 *
 * An operation is a block, one allocation and one free; a pair of threads passes twice as many as are asked of
 * each, as in `producer-consumer`. What each worker allocates is fixed, and how many batches it frees; whose
 * they are depends on who comes first, where there are two who free.
 *
 * Not shown: how fast a block gets from thread to thread (a batch may wait behind 99), memory (how full the
 * list gets hangs on time), reading of blocks, threads that do both.
 */
#include "workload.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 0, BATCH = 1, LIST = 100, TABLE = 1 << 16, MOST_WRITTEN = 128, BLOCKS_AN_OPERATION = 2 };

static const uint16_t mixed[] = {8,   12,  16,  24,  32,  48,   64,   96,  128,
                                 192, 256, 384, 512, 768, 1024, 1536, 2048};

struct batch {
    uint64_t blocks; /* 0 in a spare one */
    void *block[];
};

/* All under the lock. There are LIST + threads batches: LIST in the list, one with each worker, so that who
 * has put his own away finds a spare one. */
struct list {
    pthread_mutex_t lock;
    pthread_cond_t not_full, not_empty;
    unsigned first, count; /* full[first] is the oldest of COUNT, round and round */
    struct batch *full[LIST];
    unsigned spares;
    bool ended; /* somebody had no memory: nothing more is put */
    size_t batch_bytes;
    unsigned char *batches;
    struct batch *spare[];
};

static unsigned batches_of(const struct cell *cell) {
    return LIST + cell->threads;
}

static size_t list_bytes(const struct cell *cell) {
    return sizeof(struct list) + batches_of(cell) * sizeof(struct batch *);
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    struct list *const l = cell->state = memory_map(list_bytes(cell));
    const size_t batch_bytes = sizeof(struct batch) + cell->number[BATCH] * sizeof(void *);
    if (l == NULL || (l->batches = memory_map(batches_of(cell) * batch_bytes)) == NULL) {
        snprintf(why, why_size, "out-of-memory: no room for the list of batches");
        return false;
    }
    l->batch_bytes = batch_bytes;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->not_full, NULL);
    pthread_cond_init(&l->not_empty, NULL);
    for (unsigned i = 0; i < batches_of(cell); i++)
        l->spare[l->spares++] = (struct batch *)(void *)(l->batches + i * batch_bytes);
    return true;
}

static void free_batch(void (*release)(void *), struct batch *b) {
    for (uint64_t i = 0; i < b->blocks; i++)
        release(b->block[i]);
    b->blocks = 0;
}

/* What is still in the list: of workers that could not enter. */
static void finish(struct cell *cell) {
    struct list *const l = cell->state;
    if (l == NULL)
        return;
    if (l->batches != NULL) {
        for (; l->count > 0; l->count--, l->first = (l->first + 1) % LIST)
            free_batch(cell->allocator->free, l->full[l->first]);
        memory_unmap(l->batches, batches_of(cell) * l->batch_bytes);
        pthread_cond_destroy(&l->not_empty);
        pthread_cond_destroy(&l->not_full);
        pthread_mutex_destroy(&l->lock);
    }
    memory_unmap(l, list_bytes(cell));
}

/* ---- the list ---- */

/* Nobody may sleep where threads take turns. */
static void wait_for(struct worker *w, struct list *l, pthread_cond_t *news) {
    if (w->wait == NULL) {
        pthread_cond_wait(news, &l->lock);
        return;
    }
    pthread_mutex_unlock(&l->lock);
    worker_wait(w, 0);
    pthread_mutex_lock(&l->lock);
}

static enum work_result end_all(struct list *l) {
    pthread_mutex_lock(&l->lock);
    l->ended = true;
    pthread_mutex_unlock(&l->lock);
    pthread_cond_broadcast(&l->not_full);
    pthread_cond_broadcast(&l->not_empty);
    return WORK_OUT_OF_MEMORY;
}

static struct batch *take_spare(struct list *l) {
    pthread_mutex_lock(&l->lock);
    struct batch *const b = l->spare[--l->spares];
    pthread_mutex_unlock(&l->lock);
    return b;
}

static void put_spare(struct list *l, struct batch *b) {
    pthread_mutex_lock(&l->lock);
    l->spare[l->spares++] = b;
    pthread_mutex_unlock(&l->lock);
}

/* False: nobody would take it. */
static bool put(struct worker *w, struct list *l, struct batch *b) {
    pthread_mutex_lock(&l->lock);
    while (l->count == LIST && !l->ended)
        wait_for(w, l, &l->not_full);
    const bool is_put = !l->ended;
    if (is_put)
        l->full[(l->first + l->count++) % LIST] = b;
    pthread_mutex_unlock(&l->lock);
    pthread_cond_signal(&l->not_empty);
    return is_put;
}

/* NULL: none will come. */
static struct batch *take(struct worker *w, struct list *l) {
    pthread_mutex_lock(&l->lock);
    while (l->count == 0 && !l->ended)
        wait_for(w, l, &l->not_empty);
    struct batch *const b = l->count == 0 ? NULL : l->full[l->first];
    if (b != NULL) {
        l->first = (l->first + 1) % LIST;
        l->count--;
    }
    pthread_mutex_unlock(&l->lock);
    pthread_cond_signal(&l->not_full);
    return b;
}

/* ---- workers ---- */

/* Of an allocating worker, where sizes are mixed. */
struct sizes {
    uint64_t at;
    uint16_t size[TABLE];
};

static enum work_result enter(struct worker *w) {
    if (w->index % 2 != 0 || w->cell->number[SIZE] != 0)
        return WORK_DONE;
    struct sizes *const s = w->state = memory_map(sizeof *s);
    if (s == NULL)
        return end_all(w->cell->state);
    uint64_t random = w->seed;
    for (unsigned i = 0; i < TABLE; i++)
        s->size[i] = mixed[random_below(&random, sizeof mixed / sizeof *mixed)];
    return WORK_DONE;
}

static void leave(struct worker *w) {
    memory_unmap(w->state, sizeof(struct sizes));
}

static void write_block(void *block, size_t size) {
    memset(block, 1, size < MOST_WRITTEN ? size : MOST_WRITTEN);
    touch_block(block, size);
}

/* False: it got NULL. */
__attribute__((noinline, aligned(64))) static bool fill(struct worker *w, struct batch *b) {
    void *(*const allocate)(size_t) = w->malloc;
    struct sizes *const s = w->state;
    const size_t one_size = w->cell->number[SIZE];
    const uint64_t blocks = w->cell->number[BATCH];
    for (; b->blocks < blocks; b->blocks++) {
        const size_t size = s == NULL ? one_size : s->size[s->at++ % TABLE];
        void *const block = allocate(size);
        if (__builtin_expect(block == NULL, 0))
            return false;
        write_block(block, size);
        b->block[b->blocks] = block;
    }
    return true;
}

/* A worker that stops for another's sake is done: that one tells. */
static enum work_result allocate_all(struct worker *w, struct list *l, uint64_t batches) {
    for (uint64_t i = 0; i < batches; i++) {
        struct batch *const b = take_spare(l);
        const bool filled = fill(w, b);
        w->done = (i * w->cell->number[BATCH] + b->blocks) / BLOCKS_AN_OPERATION;
        if (filled && put(w, l, b)) /* from now on it is another's */
            continue;
        free_batch(w->free, b);
        put_spare(l, b);
        return filled ? WORK_DONE : end_all(l);
    }
    return WORK_DONE;
}

__attribute__((noinline, aligned(64))) static enum work_result free_all(struct worker *w, struct list *l,
                                                                        uint64_t batches) {
    for (uint64_t i = 0; i < batches; i++) {
        struct batch *const b = take(w, l);
        if (b == NULL)
            return WORK_DONE;
        free_batch(w->free, b);
        put_spare(l, b);
        w->done = (i + 1) * w->cell->number[BATCH] / BLOCKS_AN_OPERATION;
    }
    return WORK_DONE;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    const uint64_t batch = w->cell->number[BATCH];
    const uint64_t batches = (operations * BLOCKS_AN_OPERATION + batch - 1) / batch;
    return (w->index % 2 == 0 ? allocate_all : free_all)(w, w->cell->state, batches);
}

const struct workload workload_xmalloc = {
    .name = "xmalloc",
    .aliases = "malloc-test",
    .summary = "half of the threads allocate, half free: batches of blocks through one list with a mutex",
    .not_shown = "how fast a block gets across, memory, reading of blocks, threads that do both",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "2,4,8",
    .in_pairs = true,
    .parameters = {{"size", "64;mixed", 1, 32760, "bytes; mixed: 8 to 2048"},
                   {"batch", "4096", 1, 1 << 16, "blocks that travel together; small 256, large 32768"}},
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
