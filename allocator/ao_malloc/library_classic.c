/* SPDX-License-Identifier: MIT
 *
 * The library of the man page: the body under its public names (atomic_ops_malloc.h).
 */
#include "atomic_ops_malloc.h"
#include "body.h"

void *AO_malloc(size_t size) {
    return body_malloc(size);
}

void AO_free(void *block) {
    body_free(block);
}

void AO_malloc_enable_mmap(void) {
    body_enable_mmap();
}
