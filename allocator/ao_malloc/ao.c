/* SPDX-License-Identifier: MIT
 *
 * `ao` in the list: AO_malloc as its man page describes it, mmap enabled.
 */
#include "allocator.h"
#include "ao/list_almost.h"
#include "body_more.h"

static bool init(char *why, size_t why_size) {
    (void)why, (void)why_size;
    body_enable_mmap();
    return true;
}

const struct allocator allocator_ao = {
    .name = "ao",
    .aliases = "ao-classic",
    .summary = "AO_malloc: power-of-two classes on almost-lock-free stacks, one list each for all threads",
    .origin = "libatomic-malloc(3); Boehm, An Almost Non-Blocking Stack, PODC 2004; written independently",
    .loss = {2 * 64, CHUNK}, /* a block of 64 bytes with its header; a chunk */
    .traits = TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE,
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
