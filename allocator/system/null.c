/* SPDX-License-Identifier: MIT
 *
 * `null`, no allocator: a ring of one page a thread whose memory is handed out again and again, in use or
 * not. What a workload costs with it is what the harness costs: calls, loop, touching. Runs only where
 * it makes no difference what a block holds (TRAIT_FLOOR).
 *
 * The ring is as small as that because real allocators hand out next what was freed last: a floor that
 * wanders through more memory than they do is slower than they are.
 */
#include "allocator.h"

#include <stdint.h>

enum { RING = 4096, LARGEST = 32 * 1024, ALIGNMENT = 16, LINE = 64 };

/* The room behind the ring lets every block be handed out whole. One line more keeps the thread pointer,
 * which stands right behind the last thread-local variable and is read by every call, out of the cache set
 * that the first bytes of a large block's pages share: eight of those fill it, a ninth line costs 15 ns a
 * block. */
static _Thread_local struct {
    _Alignas(LINE) unsigned char room[RING + LARGEST + LINE];
    size_t at;
} ring __attribute__((tls_model("initial-exec")));

__attribute__((aligned(64))) static void *null_malloc(size_t size) {
    if (__builtin_expect(size > LARGEST, 0))
        return NULL;
    const size_t at = ring.at;
    ring.at = (at + size + ALIGNMENT - 1) & (RING - ALIGNMENT);
    return ring.room + at;
}

__attribute__((aligned(64))) static void null_free(void *block) {
    (void)block;
}

const struct allocator allocator_null = {
    .name = "null",
    .aliases = "floor",
    .summary = "no allocator: memory that is in use, to show what the harness costs",
    .origin = "this project",
    .traits = TRAIT_FLOOR,
    .malloc = null_malloc,
    .free = null_free,
};
