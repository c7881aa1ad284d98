/* SPDX-License-Identifier: MIT
 *
 * Giving back, late: what nobody has needed for a while. Called on slow paths only; at most once in TICK_MS one
 * of them is elected and does a bounded piece of work, nobody waits. Of each stock (batches of a class and
 * shard, dirty spans) half of what was not touched since the last tick goes: a loop that frees and takes again
 * has touched all of it, and pays nothing.
 *
 * A teardown: more than TEARDOWN_SPANS spans fewer are open than a moment ago. A program that frees so much in a
 * stretch rarely wants it back at once, and may make no further call at which a tick could come: so what it frees
 * then goes back to its spans and, all but a few, to the system there and then. If what was given back is needed
 * again within a second that was wrong, and for HOLD_MS there is no teardown. Who allocates meanwhile ends it.
 *
 * While anything is left to give back the CPU's own slab is emptied at each tick, and stays closed to a program
 * that only calls now and then: so it comes by the slow path again, until there is nothing; and once a second
 * those of other CPUs are emptied.
 */
#ifndef AO_MALLOC_PERCPU_DECAY_H
#define AO_MALLOC_PERCPU_DECAY_H

#include "ao_malloc/percpu/batches.h"
#include "ao_malloc/percpu/cache.h"
#include "ao_malloc/percpu/large.h"

enum { TICK_MS = 64, TICKS_A_SECOND = 16, TICK_NODES = 512, TICK_SPANS = 512, PENDING_BYTES = 1 << 20 };
enum { TEARDOWN_SPANS = 512, TEARDOWN_DIRTY = 16, TEARDOWN_DISCARDS = 64, HOLD_MS = 2000 };

static struct {
    uint64_t next; /* tick, in ms of os_milliseconds */
    uint32_t ticks;
    uint64_t last; /* slow call that found its array flushed, in ms */
    uint64_t torn; /* the tick, as next, of the last teardown */
    uint64_t hold; /* no teardown before, in ms */
    bool pending;  /* at the last tick: something to give back, or too much that may be */
} decay;

static void node_free(struct node *node) {
    if (!cache_push_many(CLASS_NODE, (void *const *)&node, 1))
        spans_give(CLASS_NODE, (void *const *)&node, 1);
}

/* Up to MOST nodes of a stack, their blocks to the spans. */
static uint32_t decay_batches(struct batches *stack, unsigned c, uint32_t most) {
    uint32_t n = 0;
    for (struct node *node; n < most && (node = batches_pop(stack)) != NULL; n++) {
        spans_give(c, node->block, node->blocks);
        node_free(node);
    }
    return n;
}

static uint32_t decay_spans(uint32_t most) {
    uint32_t n = 0;
    unsigned index;
    for (struct row *row; n < most && (row = spans_claim(SET_DIRTY, &index)) != NULL; n++) {
        spans_dirty_less();
        os_discard(row->base + (size_t)index * SPAN, SPAN);
        __atomic_store_n(&row->table->span[index].extent, 0, __ATOMIC_RELAXED);
        row_set_add(row, index, SET_CLEAN);
    }
    return n;
}

static void decay_drain_others(void) {
    const unsigned here = (unsigned)os_slab_cpu();
    for (unsigned cpu = 0; cpu < SLAB_CPUS; cpu++)
        if (cpu != here && cache_is_used(slabs + (size_t)cpu * SLAB_BYTES))
            cache_drain(cpu);
    cache_drain_gone();
}

static inline bool decay_is_teardown(void) {
    return __atomic_load_n(&spans.peak, __ATOMIC_RELAXED) - __atomic_load_n(&spans.open, __ATOMIC_RELAXED) >
               TEARDOWN_SPANS &&
           __atomic_load_n(&decay.next, __ATOMIC_RELAXED) >= __atomic_load_n(&decay.hold, __ATOMIC_RELAXED);
}

static void decay_all_batches(void) {
    for (unsigned shard = 0; shard < SHARDS; shard++)
        for (unsigned c = 1; c <= CLASS_LAST; c++)
            decay_batches(&batches[shard][c], c, UINT32_MAX);
}

/* In a teardown a block of class C goes all the way back. What slabs and batches hold goes before it, for every block
 * there keeps a span from being closed: once a tick, and slabs stay closed. */
static void decay_teardown(unsigned c, void *block) {
    const uint64_t tick = __atomic_load_n(&decay.next, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&decay.torn, tick, __ATOMIC_RELAXED) != tick) {
        decay_all_batches();
        decay_drain_others();
    }
    if (!cache_is_flushed(c))
        cache_flush();
    spans_give(c, &block, 1);
    const int32_t dirty = __atomic_load_n(&spans.dirty, __ATOMIC_RELAXED) - TEARDOWN_DIRTY;
    if (dirty > 0) {
        const uint32_t most = dirty < TEARDOWN_DISCARDS ? (uint32_t)dirty : TEARDOWN_DISCARDS;
        __atomic_fetch_add(&spans.discarded, (int32_t)decay_spans(most), __ATOMIC_RELAXED);
    }
}

/* Whether the last teardown was wrong; and its memory fades. */
static void decay_regret(void) {
    if (__atomic_exchange_n(&spans.regretted, 0, __ATOMIC_RELAXED) > TEARDOWN_SPANS / 4)
        __atomic_store_n(&decay.hold, __atomic_load_n(&decay.next, __ATOMIC_RELAXED) + HOLD_MS,
                         __ATOMIC_RELAXED);
    const int32_t discarded = __atomic_load_n(&spans.discarded, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&spans.discarded, (discarded + 15) / 16, __ATOMIC_RELAXED);
    const int32_t open = __atomic_load_n(&spans.open, __ATOMIC_RELAXED);
    const int32_t peak = __atomic_load_n(&spans.peak, __ATOMIC_RELAXED);
    __atomic_store_n(&spans.peak, open < peak ? peak - (peak - open + 15) / 16 : open, __ATOMIC_RELAXED);
}

static void decay_tick(void) {
    decay_regret();
    bool pending = false;
    uint32_t nodes = 0;
    size_t bytes = 0;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        for (unsigned c = 1; c <= CLASS_LAST; c++) {
            struct batches *const stack = &batches[shard][c];
            const uint32_t low = __atomic_load_n(&stack->low, __ATOMIC_RELAXED);
            if (low != 0 && nodes < TICK_NODES)
                nodes += decay_batches(stack, c, (low + 1) / 2);
            const uint32_t count = batches_count(stack);
            __atomic_store_n(&stack->low, count, __ATOMIC_RELAXED);
            bytes += (size_t)count * cache_batch(c) * size_class[c].size;
            pending |= low != 0;
        }
    const int32_t low = __atomic_load_n(&spans.dirty_low, __ATOMIC_RELAXED);
    if (low > 0)
        decay_spans((uint32_t)(low + 1) / 2 < TICK_SPANS ? (uint32_t)(low + 1) / 2 : TICK_SPANS);
    const int32_t dirty = __atomic_load_n(&spans.dirty, __ATOMIC_RELAXED);
    __atomic_store_n(&spans.dirty_low, dirty, __ATOMIC_RELAXED);
    bytes += (size_t)(dirty > 0 ? dirty : 0) * SPAN;
    const int32_t open = __atomic_load_n(&spans.open, __ATOMIC_RELAXED);
    pending |= low > 0 || bytes > PENDING_BYTES + (size_t)(open > 0 ? open : 0) * (SPAN / 16);
    pending |= large_age(false);
    const bool was_pending = __atomic_load_n(&decay.pending, __ATOMIC_RELAXED);
    if (was_pending)
        cache_flush();
    if (was_pending && __atomic_add_fetch(&decay.ticks, 1, __ATOMIC_RELAXED) % TICKS_A_SECOND == 0)
        decay_drain_others();
    __atomic_store_n(&decay.pending, pending, __ATOMIC_RELAXED);
}

/* Whether class C's array may be used: always, but for a flushed one when two calls have come to such in the same
 * step of the clock. A program that calls now and then finds its arrays closed as long as there is something to
 * give back, and so comes by the ticks; a busy one has them back at the second call. */
static bool decay_may_cache(unsigned c) {
    if (!cache_is_flushed(c))
        return true;
    const uint64_t now = os_milliseconds();
    if (__atomic_exchange_n(&decay.last, now, __ATOMIC_RELAXED) != now &&
        __atomic_load_n(&decay.pending, __ATOMIC_RELAXED))
        return false;
    cache_open(c);
    return true;
}

/* The time, in ms. */
static inline uint64_t decay_now_and_then(void) {
    const uint64_t now = os_milliseconds();
    uint64_t next = __atomic_load_n(&decay.next, __ATOMIC_RELAXED);
    if (now >= next && __atomic_compare_exchange_n(&decay.next, &next, now + TICK_MS, false, __ATOMIC_RELAXED,
                                                   __ATOMIC_RELAXED))
        decay_tick();
    return now;
}

/* All that is not in use, at once. */
static void decay_all(void) {
    decay_all_batches();
    cache_flush();
    decay_drain_others();
    decay_spans(UINT32_MAX);
    large_age(true);
}

#endif
