/* SPDX-License-Identifier: MIT
 *
 * Beside the body (body.h), beyond its page: calloc, realloc, aligned_alloc, usable_size, and a forked child.
 * All from the header word; malloc and free know nothing of it, but for one word:
 *
 *     aligned:  | k or bytes | payload ...  | distance + 1 | aligned payload ... |
 *                            ^                             ^
 *                            +-- distance: a multiple of 16 -+
 *
 * An aligned block lies in one of size + alignment - 16 bytes. distance + 1 is odd and at least 17, what
 * neither a class nor the size of a mapping is: free takes it for a mapping and finds there (cold) that it is
 * none. So every alignment can be had, for the space of the alignment, and the fast path is as it was. Where
 * the block is aligned by luck there is no second word.
 */
#ifndef AO_MALLOC_BODY_MORE_H
#define AO_MALLOC_BODY_MORE_H

#include "ao_malloc/body.h"

#include <string.h>

static inline AO_uintptr_t *body_header(void *block) {
    return (AO_uintptr_t *)block - 1;
}

/* The block that BLOCK lies in: itself, but for aligned ones. */
static inline void *body_whole(void *block) {
    const AO_uintptr_t header = *body_header(block);
    return header > LOG_CHUNK && (header & 1) != 0 ? (char *)block - (header - 1) : block;
}

/* 0 for NULL. */
__attribute__((unused)) static size_t body_usable_size(void *block) {
    if (block == NULL)
        return 0;
    void *const whole = body_whole(block);
    const AO_uintptr_t header = *body_header(whole);
    const size_t all = header <= LOG_CHUNK ? ((size_t)1 << header) - WORD : header - ALIGNMENT;
    return all - (size_t)((char *)block - (char *)whole);
}

/* Large blocks come zeroed from the system. */
__attribute__((unused)) static void *body_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *const block = body_malloc(bytes);
    if (block != NULL && bytes <= LARGEST_SMALL)
        memset(block, 0, bytes);
    return block;
}

/* A block of more than LARGEST_SMALL bytes made one of SIZE, also more than that; no byte is copied. NULL:
 * it stays as it is. */
static void *body_remap_large(void *block, size_t size) {
    if (size > SIZE_MAX - ALIGNMENT - (CHUNK - 1))
        return NULL;
    AO_uintptr_t *const header = body_header(block);
    const size_t bytes = (size + ALIGNMENT + CHUNK - 1) & ~(size_t)(CHUNK - 1);
    if (bytes == *header)
        return block;
    AO_uintptr_t *const mapping = os_remap(header - 1, *header, bytes);
    return mapping == NULL ? NULL : body_hand_out(mapping + 1, bytes);
}

/* Where it is, if it fits and half of it is used. NULL: BLOCK stays as it is. */
__attribute__((unused)) static void *body_realloc(void *block, size_t size) {
    if (block == NULL)
        return body_malloc(size);
    const size_t usable = body_usable_size(block);
    const bool fits = size <= usable;
    if (fits && size >= usable / 2)
        return block;
    if (*body_header(block) > LOG_CHUNK && body_whole(block) == block && size > LARGEST_SMALL) {
        void *const remapped = body_remap_large(block, size);
        if (remapped != NULL)
            return remapped;
    }
    void *const copy = body_malloc(size);
    if (copy == NULL)
        return fits ? block : NULL;
    memcpy(copy, block, fits ? size : usable);
    body_free(block);
    return copy;
}

/* ALIGNMENT is a power of two. */
__attribute__((unused)) static void *body_aligned_alloc(size_t alignment, size_t size) {
    if (alignment <= ALIGNMENT) /* the block of no bytes is 8-aligned */
        return body_malloc(size > 0 ? size : 1);
    if (size > SIZE_MAX - alignment)
        return NULL;
    char *const whole = body_malloc(size + alignment - ALIGNMENT);
    if (whole == NULL)
        return NULL;
    const size_t distance = -(uintptr_t)whole & (alignment - 1);
    return distance == 0 ? whole : body_hand_out(body_header(whole + distance), distance + 1);
}

/* In the child of a fork, on its only thread, the black list entries that the others hold are nobody's:
 * pops that are not there rely on nothing. The forking thread holds one only where a handler has
 * interrupted its request for INSIDE bytes, SIZE_MAX for none; which of that list's it is nobody can tell,
 * so that they stay, and count as stopped ones. */
__attribute__((unused)) static void body_after_fork(size_t inside) {
    const unsigned kept = inside <= LARGEST_SMALL ? body_class(inside) : 0;
    for (unsigned k = LOG_MIN_OBJECT; k <= LOG_CHUNK; k++)
        if (k != kept)
            list_forget(&heap.list[k]);
}

#endif
