/* SPDX-License-Identifier: MIT
 *
 * `bump`: one atomic add in a bounded reservation; nothing is ever freed. The least that can be
 * async-signal-safe, lock-free and never hands a block out twice.
 *
 * Linearisation point: the add. The order is relaxed, for memory that nobody had before carries nothing to
 * acquire. A request that does not fit is refused before the add, so refusals consume nothing; since adds
 * race with that test, the counter may run past the end by one request a thread, and stays there.
 */
#include "allocator.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

static const size_t most = (size_t)4 << 30, least = (size_t)64 << 20;
enum { ALIGNMENT = 16 };

static struct {
    unsigned char *memory;
    size_t size;
    _Alignas(64) size_t taken;
} heap;

static bool init(char *why, size_t why_size) {
    for (heap.size = most; heap.size >= least; heap.size /= 2) {
        heap.memory =
            mmap(NULL, heap.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (heap.memory != MAP_FAILED)
            return true;
    }
    snprintf(why, why_size, "no %zu MiB of address space: raise `ulimit -v`", least >> 20);
    return false;
}

__attribute__((aligned(64))) static void *bump_malloc(size_t size) {
    const size_t rounded = (size + (size == 0) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (rounded < size || rounded > heap.size ||
        __atomic_load_n(&heap.taken, __ATOMIC_RELAXED) > heap.size - rounded)
        return NULL;
    const size_t at = __atomic_fetch_add(&heap.taken, rounded, __ATOMIC_RELAXED);
    return at > heap.size - rounded ? NULL : heap.memory + at;
}

static void bump_free(void *block) {
    (void)block;
}

const struct allocator allocator_bump = {
    .name = "bump",
    .summary = "one atomic add in 4 GiB; never frees",
    .origin = "this project",
    .traits = TRAIT_LOCK_FREE | TRAIT_SIGNAL_SAFE | TRAIT_BOUNDED | TRAIT_NEVER_FREES,
    .init = init,
    .malloc = bump_malloc,
    .free = bump_free,
};
