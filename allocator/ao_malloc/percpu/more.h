/* SPDX-License-Identifier: MIT
 *
 * Beside percpu_malloc and percpu_free (percpu.h): calloc, realloc, aligned_alloc, usable_size, trim,
 * figures, and the two for tasks on another's thread-local storage. As safe as those in threads, handlers and
 * children.
 */
#ifndef AO_MALLOC_PERCPU_MORE_H
#define AO_MALLOC_PERCPU_MORE_H

#include "ao_malloc/percpu/percpu.h"
#include "atomic_ops_malloc_more.h"

/* 0 for NULL. */
static size_t percpu_usable_size(void *block) {
    const unsigned c = page_map_class(block);
    return c != 0 ? size_class[c].size : block != NULL ? large_usable_size(block) : 0;
}

static void *percpu_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    bool is_zero = false;
    void *const block =
        bytes <= LARGEST_SMALL ? percpu_malloc(bytes) : percpu_malloc_large(bytes, LARGE_HEADER, &is_zero);
    if (block != NULL && !is_zero)
        memset(block, 0, bytes);
    return block;
}

/* Where it is, if it fits and half of it is used; a large one by the page table; else a copy. NULL: BLOCK
 * stays as it is. */
static void *percpu_realloc(void *block, size_t size) {
    if (block == NULL)
        return percpu_malloc(size);
    const size_t usable = percpu_usable_size(block);
    const bool fits = size <= usable;
    if (fits && size >= usable / 2)
        return block;
    if (size > LARGEST_SMALL && page_map_class(block) == 0) {
        void *const resized = large_resize(block, size);
        if (resized != NULL)
            return resized;
    }
    void *const copy = percpu_malloc(size);
    if (copy == NULL)
        return fits ? block : NULL;
    memcpy(copy, block, fits ? size : usable);
    percpu_free(block);
    return copy;
}

/* ALIGNMENT is a power of two. Of small blocks: the class of the least multiple of it has a multiple of it
 * as its size. For of the eight steps between 2^k and 2^(k+1) the multiples of 2^j are classes themselves
 * where j is at least k - 3, and all steps are multiples where it is less; so with the steps of 16 below
 * 256. Of whole pages: the one without colour. */
static void *percpu_aligned_alloc(size_t alignment, size_t size) {
    if (alignment <= LARGE_HEADER)
        return percpu_malloc(size);
    if (alignment <= LARGEST_SMALL && size <= LARGEST_SMALL) {
        unsigned c = class_of(size == 0 ? alignment : (size + alignment - 1) & ~(alignment - 1));
        if (size_class[c].colours != 0)
            c = CLASS_ALIGNED - 1 + size_class[c].size / PAGE;
        void *const block = os_slab_pop(slabs, c);
        return block != NULL ? block : percpu_malloc_class(c);
    }
    bool is_zero;
    return percpu_malloc_large(size, alignment, &is_zero);
}

/* ---- for a task that runs on another's thread-local storage ---- */

/* By the atomic path alone, which touches nothing of a thread or a CPU. */
__attribute__((unused)) static void *percpu_malloc_apart(size_t size) {
    void *block;
    bool is_zero;
    if (size > LARGEST_SMALL)
        return percpu_malloc_large(size, LARGE_HEADER, &is_zero);
    return spans_take(class_of(size), &block, 1, 0) == 1 ? block : NULL;
}

__attribute__((unused)) static void percpu_free_apart(void *block) {
    const unsigned c = page_map_class(block);
    if (c != 0)
        spans_give(c, &block, 1);
    else if (block != NULL)
        large_free(block);
}

/* ---- what there is ---- */

static size_t percpu_resident(void) {
    const int64_t touched = (int64_t)__atomic_load_n(&spans.open, __ATOMIC_RELAXED) +
                            __atomic_load_n(&spans.dirty, __ATOMIC_RELAXED);
    return (size_t)(touched < 0 ? 0 : touched) * SPAN + __atomic_load_n(&large.mapped, __ATOMIC_RELAXED);
}

/* All that is not in use goes back to the system; whether there was any. */
static bool percpu_trim(void) {
    const size_t before = percpu_resident();
    decay_all();
    return percpu_resident() < before;
}

/* Bytes of blocks in a slab. */
static size_t slab_bytes(const char *slab) {
    size_t bytes = 0;
    for (unsigned c = 1; c <= CLASS_LAST; c++) {
        const uint32_t top =
            __atomic_load_n((const uint32_t *)(const void *)(slab + slab_header(c)), __ATOMIC_RELAXED);
        if (top > slab_place[c].floor)
            bytes += (top - slab_place[c].floor) / 8 * (size_t)size_class[c].size;
    }
    return bytes;
}

/* And in a stack of batches. A node stays one, so that it may be read while others take it. */
static size_t batches_bytes(const struct batches *stack, unsigned c) {
    size_t blocks = 0, left = batches_count(stack);
    const struct node *node = (const struct node *)batches_head(stack).first;
    for (; node != NULL && left-- > 0; node = __atomic_load_n(&node->next, __ATOMIC_RELAXED))
        blocks += __atomic_load_n(&node->blocks, __ATOMIC_RELAXED);
    return blocks * size_class[c].size;
}

/* Time as the heap is large: some milliseconds a GiB. */
static void percpu_stats(struct AO_malloc_stats *stats) {
    const uint32_t rows = __atomic_load_n(&sets.rows, __ATOMIC_ACQUIRE);
    size_t in_spans = 0, cached = 0;
    for (uint32_t number = 0; number <= rows && number < ROWS; number++) {
        const struct row *const row = row_at(number);
        for (size_t i = 0; row != NULL && i < row_spans(number); i++) {
            const uint32_t c = __atomic_load_n(&row->table->span[i].class, __ATOMIC_RELAXED);
            const int32_t count = __atomic_load_n(&row->table->span[i].count, __ATOMIC_RELAXED);
            if (c == 0 || c == CLASS_NODE)
                continue;
            in_spans += (size_t)size_class[c].blocks * size_class[c].size;
            cached += (size_t)(count < 0 ? 0 : count) * size_class[c].size;
        }
    }
    for (unsigned shard = 0; shard < SHARDS; shard++)
        for (unsigned c = 1; c <= CLASS_LAST; c++)
            cached += batches_bytes(&batches[shard][c], c);
    for (unsigned cpu = 0; cpu < SLAB_CPUS; cpu++)
        cached += slab_bytes(slabs + (size_t)cpu * SLAB_BYTES);
    for (const struct thread_slab *slab = __atomic_load_n(&thread_slabs, __ATOMIC_ACQUIRE); slab != NULL;
         slab = slab->next)
        cached += slab_bytes((const char *)slab);
    const size_t kept = __atomic_load_n(&large.bytes, __ATOMIC_RELAXED);
    const size_t all_large = __atomic_load_n(&large.mapped, __ATOMIC_RELAXED);
    const int32_t dirty = __atomic_load_n(&spans.dirty, __ATOMIC_RELAXED);
    stats->live = (in_spans > cached ? in_spans - cached : 0) + (all_large > kept ? all_large - kept : 0);
    stats->cached = cached + kept + (size_t)(dirty < 0 ? 0 : dirty) * SPAN;
    stats->resident = percpu_resident();
    stats->mapped = (size_t)STATIC_SPANS * SPAN + (size_t)rows * ROW_BYTES + all_large;
}

#endif
