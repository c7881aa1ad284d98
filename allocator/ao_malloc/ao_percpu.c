/* SPDX-License-Identifier: MIT
 *
 * `ao-percpu` in the list, mmap enabled.
 */
#include "allocator.h"
#include "percpu/check.h"
#include "percpu/more.h"

static bool init(char *why, size_t why_size) {
    (void)why, (void)why_size;
    percpu_enable_mmap();
    return true;
}

static void stats(struct allocator_stats *stats) {
    struct AO_malloc_stats s;
    percpu_stats(&s);
    *stats = (struct allocator_stats){s.live, s.cached, s.resident, s.mapped};
}

static bool check(char *why, size_t why_size) {
    struct census found;
    return percpu_check(&found, why, why_size);
}

const struct allocator allocator_ao_percpu = {
    .name = "ao-percpu",
    .summary = "AO_malloc on restartable sequences: a cache a CPU over a lock-free centre",
    .origin = "written for this project; rseq(2), bitmapped spans",
    .loss = {NODE_POINTERS * 64 + SPAN, NODE_POINTERS * 64 + SPAN}, /* a batch and a span */
    .traits = TRAIT_LOCK_FREE | TRAIT_SIGNAL_SAFE,
    .init = init,
    .malloc = percpu_malloc,
    .free = percpu_free,
    .calloc = percpu_calloc,
    .realloc = percpu_realloc,
    .aligned_alloc = percpu_aligned_alloc,
    .usable_size = percpu_usable_size,
    .trim = percpu_trim,
    .stats = stats,
    .check = check,
};
