/* SPDX-License-Identifier: MIT
 *
 * `ao-static` in the list: AO_malloc without mmap, so with the 2 MB that it starts with and no more, and
 * nothing above 65 528 bytes.
 */
#include "allocator.h"
#include "ao/list_almost.h"
#include "body_more.h"

const struct allocator allocator_ao_static = {
    .name = "ao-static",
    .summary = "AO_malloc without mmap: a static heap of 2 MB, its NULLs are results",
    .origin = "libatomic-malloc(3); written independently",
    .loss = {2 * 64, CHUNK}, /* a block of 64 bytes with its header; a chunk */
    .traits = TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE | TRAIT_BOUNDED,
    .malloc = body_malloc,
    .free = body_free,
    .calloc = body_calloc,
    .realloc = body_realloc,
    .aligned_alloc = body_aligned_alloc,
    .usable_size = body_usable_size,
    .after_fork = body_after_fork,
    .check = body_check,
};
