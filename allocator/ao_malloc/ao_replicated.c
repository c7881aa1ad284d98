/* SPDX-License-Identifier: MIT
 *
 * `ao-replicated` in the list: AO_malloc, lock-free, with sixteen lists a class, mmap enabled.
 */
#include "allocator.h"
#include "ao/list_replicated.h"
#include "body_more.h"

static bool init(char *why, size_t why_size) {
    (void)why, (void)why_size;
    body_enable_mmap();
    return true;
}

const struct allocator allocator_ao_replicated = {
    .name = "ao-replicated",
    .summary = "AO_malloc on stacks with a version: lock-free, 16 lists a class, chosen by CPU",
    .origin = "libatomic-malloc(3); Treiber's stack with a version count; written independently",
    .loss = {2 * 64, CHUNK}, /* a block of 64 bytes with its header; a chunk */
    .traits = TRAIT_LOCK_FREE | TRAIT_SIGNAL_SAFE,
    .init = init,
    .malloc = body_malloc,
    .free = body_free,
    .calloc = body_calloc,
    .realloc = body_realloc,
    .aligned_alloc = body_aligned_alloc,
    .usable_size = body_usable_size,
    .after_fork = body_after_fork,
    .check = body_check,
};
