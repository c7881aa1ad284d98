/* SPDX-License-Identifier: MIT
 *
 * ao-percpu: AO_malloc as fast as the best, and still to be called from a signal handler, in a forked child and
 * at any depth of nesting. Each file that includes this header gets a heap of its own. All state is zero or
 * constant at the start: there is no initialisation that a signal could catch half done.
 *
 * 1. malloc(n), n <= 32 KiB: take the block on top of the CPU's array of n's class (slab.h), by a restartable
 *    sequence (os/rseq.h): no atomic operation, no lock, no header in front of the block.
 * 2. Empty: a batch of up to 30 that was freed here (batches.h), else from the class's spans (spans.h), or that was
 *    freed elsewhere: one goes to the caller, then the others into the array, or back where that fails.
 * 3. free(p): p's class from the page map (page_map.h), then p on top of the CPU's array of that class.
 * 4. Full: half of the array and p travel on as a batch, or back to their spans.
 * 5. Above 32 KiB: a mapping of its own, or a recent one (large.h).
 * 6. decay.h gives back what nobody has needed for a while; addresses stay.
 *
 * A request never depends on a sequence's success: each is tried twice, then its blocks go by the atomic path.
 * (Single-stepped, all of them abort.) Without rseq there is a slab of the thread (thread_slab.h).
 *
 * Progress: lock-free. A thread stopped for good keeps a batch and a span at the most. In a forked child each of
 * the threads that it does not have counts as one; the kernel copies the memory as it is at one moment, in which
 * no sequence is halfway.
 *
 * Not to be called by a task that runs on another's thread-local storage (vfork, a bare clone): it would take the
 * other's CPU for its own. For those percpu_malloc_apart and percpu_free_apart go by the atomic path alone.
 */
#ifndef AO_MALLOC_PERCPU_PERCPU_H
#define AO_MALLOC_PERCPU_PERCPU_H

#include "ao_malloc/percpu/decay.h"

static inline unsigned percpu_shard(void) {
    return (unsigned)os_slab_cpu() % SHARDS;
}

static inline struct node *node_new(void) {
    void *node = os_slab_pop(slabs, CLASS_NODE);
    if (node != NULL || cache_pop_many(CLASS_NODE, &node, 1) == 1 || spans_take(CLASS_NODE, &node, 1, 0) == 1)
        return node;
    return NULL;
}

/* Blocks of class C that found no place in the slab. NODE, if there is one, holds them. */
static void percpu_pass_on(unsigned c, struct node *node, size_t n) {
    node->blocks = n;
    if (n != 1 && batches_push(&batches[percpu_shard()][c], c, node))
        return;
    spans_give(c, node->block, n);
    node_free(node);
}

/* Blocks of class C: a batch, or N from spans into BLOCK; NULL and 0: no memory. The CPU's own first. Small ones that
 * another CPU has freed come last, unless it has many: when CPUs take them from each other and back again all their
 * lines go along. Of large ones that is little, and a new span much memory. */
static struct node *percpu_batch(unsigned c, void **block, size_t *n) {
    const unsigned cpu = (unsigned)os_slab_cpu(), shard = percpu_shard();
    const uint32_t many = size_class[c].size <= 512 ? 4 : 1;
    struct node *node = batches_pop(&batches[shard][c]);
    *n = 0;
    if (node != NULL || (many == 1 && (node = batches_steal(shard, c, 1)) != NULL))
        return node;
    if ((*n = spans_take_open(c, block, cache_batch(c), cpu)) == 0 &&
        (node = batches_steal(shard, c, many)) == NULL &&
        (*n = spans_take(c, block, cache_batch(c), cpu)) == 0)
        node = batches_steal(shard, c, 1);
    return node;
}

/* A batch of class C: one block for the caller, the others into the slab. */
static void *percpu_refill(unsigned c) {
    void *block[NODE_POINTERS], *upside_down[NODE_POINTERS];
    size_t n;
    if (decay_is_teardown())
        __atomic_fetch_sub(&spans.peak, 1, __ATOMIC_RELAXED);
    if (!decay_may_cache(c))
        return spans_take(c, block, 1, (unsigned)os_slab_cpu()) == 1 ? block[0] : NULL;
    struct node *const node = percpu_batch(c, block, &n);
    if (node != NULL) {
        n = node->blocks - 1;
        block[0] = node->block[n];
        if (n == 0 || cache_push_many(c, node->block, n))
            node_free(node);
        else
            percpu_pass_on(c, node, n);
        return block[0];
    }
    if (n == 0)
        return NULL;
    for (size_t i = 1; i < n; i++)
        upside_down[n - 1 - i] = block[i]; /* the lowest on top */
    if (n > 1 && !cache_push_many(c, upside_down, n - 1))
        spans_give(c, block + 1, n - 1);
    return block[0];
}

/* Of class C, whose array was found empty. Where there is no memory, other classes' free blocks may pin what this one
 * needs: all that is cached goes back first. */
__attribute__((noinline)) static void *percpu_malloc_class(unsigned c) {
    void *block;
    if (cache_pop_many(c, &block, 1) == 1)
        return block;
    cache_missed(c, decay_now_and_then());
    if ((block = percpu_refill(c)) != NULL)
        return block;
    decay_all();
    return percpu_refill(c);
}

/* The CPU's slab did not have it. A small function, for without rseq this and percpu_free_slow are the fast paths. */
__attribute__((noinline, aligned(64))) static void *percpu_malloc_slow(unsigned c) {
    void *const block = thread_slab_pop(c);
    return block != NULL ? block : percpu_malloc_class(c);
}

__attribute__((noinline)) static void *percpu_malloc_large(size_t size, size_t alignment, bool *is_zero) {
    *is_zero = false;
    return __atomic_load_n(&spans.mmap_enabled, __ATOMIC_RELAXED) ? large_malloc(size, alignment, is_zero)
                                                                  : NULL;
}

__attribute__((noinline)) static void percpu_free_class(unsigned c, void *block) {
    if (cache_push_many(c, &block, 1))
        return;
    const uint64_t now = decay_now_and_then();
    if (decay_is_teardown()) {
        decay_teardown(c, block);
        return;
    }
    if (!decay_may_cache(c)) {
        spans_give(c, &block, 1);
        return;
    }
    cache_missed(c, now);
    if (cache_push_many(c, &block, 1))
        return;
    struct node *const node = node_new();
    if (node == NULL) {
        spans_give(c, &block, 1);
        return;
    }
    size_t n = cache_batch(c);
    n = n == 1 ? 0 : cache_pop_many(c, node->block, n - 1);
    node->block[n] = block;
    percpu_pass_on(c, node, n + 1);
}

__attribute__((noinline, aligned(64))) static void percpu_free_slow(unsigned c, void *block) {
    if (c != 0) {
        if (!thread_slab_push(c, block))
            percpu_free_class(c, block);
    } else if (block != NULL) {
        large_free(block);
    }
}

__attribute__((aligned(64))) static void *percpu_malloc(size_t size) {
    bool is_zero;
    if (__builtin_expect(size > LARGEST_SMALL, 0))
        return percpu_malloc_large(size, LARGE_HEADER, &is_zero);
    const unsigned c = class_of(size);
    void *const block = os_slab_pop(slabs, c);
    return __builtin_expect(block != NULL, 1) ? block : percpu_malloc_slow(c);
}

/* Not near (page_map.h), which large blocks and NULL never are. */
__attribute__((noinline)) static void percpu_free_far(void *block) {
    const unsigned c = page_map_class(block);
    if (!os_slab_push(slabs, c, block))
        percpu_free_slow(c, block);
}

__attribute__((aligned(64))) static void percpu_free(void *block) {
    unsigned c;
    if (!page_map_is_near(block, &c)) {
        percpu_free_far(block);
        return;
    }
    if (__builtin_expect(!os_slab_push(slabs, c, block), 0))
        percpu_free_slow(c, block);
}

static inline void percpu_enable_mmap(void) {
    __atomic_store_n(&spans.mmap_enabled, true, __ATOMIC_RELAXED);
}

#endif
