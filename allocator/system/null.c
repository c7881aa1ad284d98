/* SPDX-License-Identifier: MIT
 *
 * `null`, no allocator: a ring of 64 KiB a thread whose memory is handed out again and again, in use or not.
 * What a workload costs with it is what the harness costs: calls, loop, touching. Runs only where blocks are
 * neither kept nor read (TRAIT_FLOOR).
 */
#include "allocator.h"

#include <stdint.h>

enum { RING = 64 * 1024, LARGEST = 32 * 1024, ALIGNMENT = 16 };

/* At and the room behind the ring let every block be handed out whole. */
static _Thread_local struct {
    size_t at;
    _Alignas(64) unsigned char room[RING + LARGEST];
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
