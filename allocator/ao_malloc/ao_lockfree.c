/* SPDX-License-Identifier: MIT
 *
 * `ao-lockfree` in the list: AO_malloc as its man page describes it where the machine has a double-width
 * compare-and-swap, mmap enabled. It differs from `ao` in the stack alone.
 */
#include "allocator.h"
#include "ao/list_tagged.h"
#include "body_more.h"

static bool init(char *why, size_t why_size) {
    (void)why, (void)why_size;
    body_enable_mmap();
    return true;
}

const struct allocator allocator_ao_lockfree = {
    .name = "ao-lockfree",
    .summary = "AO_malloc on stacks with a version: lock-free, one list a class for all threads",
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
