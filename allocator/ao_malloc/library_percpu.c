/* SPDX-License-Identifier: MIT
 *
 * libao_malloc: the per-CPU allocator under the public names (atomic_ops_malloc.h, atomic_ops_malloc_more.h).
 */
#include "atomic_ops_malloc.h"
#include "atomic_ops_malloc_more.h"
#include "percpu/more.h"

void *AO_malloc(size_t size) {
    return percpu_malloc(size);
}

void AO_free(void *block) {
    percpu_free(block);
}

void AO_malloc_enable_mmap(void) {
    percpu_enable_mmap();
}

void *AO_calloc(size_t count, size_t size) {
    return percpu_calloc(count, size);
}

void *AO_realloc(void *block, size_t size) {
    return percpu_realloc(block, size);
}

void *AO_aligned_alloc(size_t alignment, size_t size) {
    return alignment != 0 && (alignment & (alignment - 1)) == 0 ? percpu_aligned_alloc(alignment, size)
                                                                : NULL;
}

size_t AO_malloc_usable_size(void *block) {
    return percpu_usable_size(block);
}

int AO_malloc_trim(void) {
    return percpu_trim();
}

int AO_malloc_stats(struct AO_malloc_stats *stats) {
    percpu_stats(stats);
    return 1;
}

void *AO_malloc_apart(size_t size) {
    return percpu_malloc_apart(size);
}

void AO_free_apart(void *block) {
    percpu_free_apart(block);
}
