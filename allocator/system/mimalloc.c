/* SPDX-License-Identifier: MIT
 *
 * mimalloc as the distribution packages it. It asks for its regions at addresses drawn anew in every run.
 */
#include "allocator.h"

static const char *const files[] = {"libmimalloc.so.2", "libmimalloc.so.3", NULL};
static const struct allocator_library library = {
    .files = files, .package = "libmimalloc2.0", .realloc_name = "realloc"};

const struct allocator allocator_mimalloc = {
    .name = "mimalloc",
    .aliases = "mi",
    .summary = "mimalloc: free lists a page, sharded by thread",
    .origin =
        "Leijen, Zorn, de Moura, Mimalloc: Free List Sharding in Action, APLAS 2019; package libmimalloc2.0",
    .traits = TRAIT_RANDOMISED,
    .library = &library,
};
