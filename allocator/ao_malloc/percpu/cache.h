/* SPDX-License-Identifier: MIT
 *
 * The slab that a thread works with: that of the CPU it is on or, where there is none, its own. What fails here
 * fails for good: a sequence was tried twice, the array is empty or full, or a handler met its own thread's flag.
 */
#ifndef AO_MALLOC_PERCPU_CACHE_H
#define AO_MALLOC_PERCPU_CACHE_H

#include "ao_malloc/percpu/slab.h"
#include "ao_malloc/percpu/spans.h"
#include "ao_malloc/percpu/thread_slab.h"

static _Alignas(4096) char slabs[(size_t)SLAB_CPUS * SLAB_BYTES]; /* pages are touched as CPUs use them */

static inline bool cache_is_of_cpu(void) {
    return (unsigned)os_slab_cpu() < SLAB_CPUS;
}

/* How many, the top one first. */
static size_t cache_pop_many(unsigned c, void **block, size_t most) {
    if (!cache_is_of_cpu())
        return thread_slab_pop_many(c, block, most);
    const size_t n = os_slab_pop_many(slabs, c, slab_place[c].floor, block, most);
    return n != 0 ? n : os_slab_pop_many(slabs, c, slab_place[c].floor, block, most);
}

/* All or none, the last on top. */
static bool cache_push_many(unsigned c, void *const *block, size_t n) {
    if (!cache_is_of_cpu())
        return thread_slab_push_many(c, block, n);
    return os_slab_push_many(slabs, c, slab_empty(c), block, n) ||
           os_slab_push_many(slabs, c, slab_empty(c), block, n);
}

/* The slab to look at, without being sure that it will be the one that is changed; NULL: none yet. */
static inline char *cache_slab(void) {
    const int cpu = os_slab_cpu();
    return (unsigned)cpu < SLAB_CPUS ? slabs + (size_t)cpu * SLAB_BYTES : (char *)thread_slab.slab;
}

/* Whether class C's array was flushed, and has no room. */
static bool cache_is_flushed(unsigned c) {
    const char *const slab = cache_slab();
    return slab != NULL && __atomic_load_n((const uint32_t *)(const void *)(slab + slab_header(c) + 4),
                                           __ATOMIC_RELAXED) == slab_place[c].floor;
}

/* Blocks that class C's array has room for now. */
static uint32_t cache_capacity(unsigned c) {
    const char *const slab = cache_slab();
    if (slab == NULL)
        return 0;
    const uint32_t end =
        __atomic_load_n((const uint32_t *)(const void *)(slab + slab_header(c) + 4), __ATOMIC_RELAXED);
    return end == 0 ? 0 : (end - slab_place[c].floor) / 8;
}

/* Blocks of class C that come and go together: half of the array's room. */
static size_t cache_batch(unsigned c) {
    const uint32_t half = cache_capacity(c) / 2;
    return half < 1 ? 1 : half < NODE_POINTERS ? half : NODE_POINTERS;
}

static void cache_set_end(unsigned c, uint32_t end) {
    if (cache_is_of_cpu()) {
        os_slab_set_end(slabs, c, end);
    } else if (thread_slab_enter() != NULL) {
        uint32_t *const header = thread_slab_cur((char *)thread_slab.slab, c);
        if (__atomic_load_n(&header[0], __ATOMIC_RELAXED) <= end)
            __atomic_store_n(&header[1], end, __ATOMIC_RELEASE);
        thread_slab_leave();
    }
}

/* Class C's array gets twice the room, if there is any. On another CPU meanwhile, that one gets it. */
static void cache_grow(unsigned c, char *slab) {
    const uint32_t capacity = cache_capacity(c);
    const uint32_t grown = 2 * capacity < SLAB_CAPACITY ? 2 * capacity : SLAB_CAPACITY;
    if (capacity == 0 || grown == capacity)
        return;
    uint32_t *const total = (uint32_t *)(void *)(slab + SLAB_GROWN);
    const uint32_t bytes = (grown - capacity) * size_class[c].size;
    if (__atomic_load_n(total, __ATOMIC_RELAXED) + bytes > SLAB_BUDGET)
        return;
    __atomic_fetch_add(total, bytes, __ATOMIC_RELAXED);
    cache_set_end(c, slab_place[c].floor + 8 * grown);
}

/* Class C's array was empty or full at a time, NOW, in ms. MISSES_MOST of those within WINDOW_MS cost about one part
 * in a hundred of it, and more room would help; fewer are not worth the memory. */
static void cache_missed(unsigned c, uint64_t now) {
    enum { WINDOW_MS = 64, MISSES_MOST = 4096, COUNT = 0xffff };
    char *const slab = cache_slab();
    if (slab == NULL)
        return;
    uint32_t *const misses = (uint32_t *)(void *)(slab + SLAB_MISSES) + c; /* window : 16, count : 16 */
    const uint32_t window = (uint32_t)(now / WINDOW_MS) << 16;
    const uint32_t before = __atomic_load_n(misses, __ATOMIC_RELAXED);
    const uint32_t after = (before & ~(uint32_t)COUNT) == window ? before + 1 : window + 1;
    if ((after & COUNT) < MISSES_MOST) {
        __atomic_store_n(misses, after, __ATOMIC_RELAXED);
    } else {
        __atomic_store_n(misses, window, __ATOMIC_RELAXED);
        cache_grow(c, slab);
    }
}

/* Class C's array, flushed, is as at first. */
static void cache_open(unsigned c) {
    cache_set_end(c, slab_place[c].first_end);
}

/* Whether anything is in a slab, about. */
static bool cache_is_used(const char *slab) {
    for (unsigned c = 1; c < CLASSES_END; c++)
        if (__atomic_load_n((const uint32_t *)(const void *)(slab + slab_header(c)), __ATOMIC_RELAXED) >
            slab_place[c].floor)
            return true;
    return false;
}

/* All that the slab holds goes back to the spans, and its arrays have no room until cache_open gives them some. */
static void cache_flush(void) {
    void *block[NODE_POINTERS];
    for (unsigned c = 1; c < CLASSES_END; c++) {
        for (size_t n; (n = cache_pop_many(c, block, NODE_POINTERS)) != 0;)
            spans_give(c, block, n);
        if (cache_capacity(c) != 0)
            cache_set_end(c, slab_place[c].floor);
    }
    char *const slab = cache_slab();
    if (slab != NULL)
        __atomic_store_n((uint32_t *)(void *)(slab + SLAB_GROWN), 0, __ATOMIC_RELAXED);
}

/* The same for another CPU's slab. Closed, it takes no batch, so that a header that is 0 stays 0 once no sequence
 * that has seen another value is under way; what such a one has still committed shows in the header. When
 * a pass finds all headers 0 after the CPU was restarted, the arrays are this thread's. A thread stopped here
 * leaves that CPU without a cache and keeps what was in it: slower, not wrong; a forked child in which it does not
 * exist, too. So does one to which the system says no halfway (somebody installed a filter of system calls). */
static void cache_drain(unsigned cpu) {
    char *const slab = slabs + (size_t)cpu * SLAB_BYTES;
    if (__atomic_exchange_n(slab + SLAB_CLOSED, 1, __ATOMIC_ACQ_REL) != 0)
        return; /* somebody is at it */
    uint32_t cur[CLASSES_END] = {0};
    bool found = os_restart_cpu(cpu);
    while (found) {
        found = false;
        for (unsigned c = 1; c < CLASSES_END; c++) {
            const uint64_t header =
                __atomic_exchange_n((uint64_t *)(void *)(slab + slab_header(c)), 0, __ATOMIC_ACQ_REL);
            if (header != 0)
                found = true, cur[c] = (uint32_t)header;
        }
        if (found && !os_restart_cpu(cpu))
            return;
    }
    for (unsigned c = 1; c < CLASSES_END; c++) {
        size_t n = cur[c] == 0 ? 0 : (cur[c] - slab_place[c].floor) / 8;
        for (size_t i = 0; i < n; i += NODE_POINTERS)
            spans_give(c, (void **)(void *)(slab + slab_place[c].floor + 8 * (i + 1)),
                       n - i < NODE_POINTERS ? n - i : NODE_POINTERS);
    }
    __atomic_store_n((uint32_t *)(void *)(slab + SLAB_GROWN), 0, __ATOMIC_RELAXED);
    __atomic_store_n(slab + SLAB_CLOSED, 0, __ATOMIC_RELEASE);
}

/* The same for the slabs of threads that are gone. A batch at a time leaves the slab before it is given: what a thread
 * stopped here keeps beyond that is in the slab, and another gets it once that thread is gone. */
static void cache_drain_gone(void) {
    struct thread_slab *slab = __atomic_load_n(&thread_slabs, __ATOMIC_ACQUIRE);
    for (; slab != NULL; slab = slab->next) {
        if (slab == thread_slab.slab || slab->process != os_process() || !cache_is_used((const char *)slab) ||
            !thread_slab_claim(slab, 0, os_thread() | EMPTYING))
            continue;
        for (unsigned c = 1; c < CLASSES_END; c++) {
            void *block[NODE_POINTERS];
            for (size_t n; (n = thread_slab_take((char *)slab, c, block, NODE_POINTERS)) != 0;)
                spans_give(c, block, n);
        }
        const uint64_t owner = __atomic_load_n(&slab->owner, __ATOMIC_RELAXED);
        __atomic_store_n(&slab->owner, owner >> 32 << 32, __ATOMIC_RELEASE);
    }
}

#endif
