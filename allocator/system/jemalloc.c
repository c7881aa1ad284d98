/* SPDX-License-Identifier: MIT
 *
 * jemalloc as the distribution packages it.
 */
#include "allocator.h"

static const char *const files[] = {"libjemalloc.so.2", NULL};
static const struct allocator_library library = {
    .files = files, .package = "libjemalloc2", .realloc_name = "realloc"};

const struct allocator allocator_jemalloc = {
    .name = "jemalloc",
    .aliases = "je",
    .summary = "jemalloc: arenas, size-class slabs, thread caches",
    .origin = "Evans, A Scalable Concurrent malloc(3) Implementation, BSDCan 2006; package libjemalloc2",
    .library = &library,
};
