/* SPDX-License-Identifier: MIT
 *
 * The body under its public names (atomic_ops_malloc.h, atomic_ops_malloc_more.h). Each library_*.c of the body is
 * a list and this.
 */
#ifndef AO_MALLOC_PUBLIC_NAMES_H
#define AO_MALLOC_PUBLIC_NAMES_H

#include "atomic_ops_malloc.h"
#include "atomic_ops_malloc_more.h"
#include "body_more.h"

void *AO_malloc(size_t size) {
    return body_malloc(size);
}

void AO_free(void *block) {
    body_free(block);
}

void AO_malloc_enable_mmap(void) {
    body_enable_mmap();
}

void *AO_calloc(size_t count, size_t size) {
    return body_calloc(count, size);
}

void *AO_realloc(void *block, size_t size) {
    return body_realloc(block, size);
}

void *AO_aligned_alloc(size_t alignment, size_t size) {
    return alignment != 0 && (alignment & (alignment - 1)) == 0 ? body_aligned_alloc(alignment, size) : NULL;
}

size_t AO_malloc_usable_size(void *block) {
    return body_usable_size(block);
}

int AO_malloc_trim(void) {
    return 0;
}

int AO_malloc_stats(struct AO_malloc_stats *stats) {
    *stats = (struct AO_malloc_stats){0};
    return 0;
}

void *AO_malloc_apart(size_t size) {
    return body_malloc(size);
}

void AO_free_apart(void *block) {
    body_free(block);
}

#endif
