/* SPDX-License-Identifier: MIT
 *
 * oneTBB's scalable allocator, by its own names: the proxy that replaces malloc is not wanted here.
 */
#include "allocator.h"

static const char *const files[] = {"libtbbmalloc.so.2", NULL};
/* Its realloc is not used: it takes SIZE_MAX bytes for few, and gives the old block back. */
static const struct allocator_library library = {.files = files,
                                                 .package = "libtbbmalloc2",
                                                 .malloc_name = "scalable_malloc",
                                                 .free_name = "scalable_free"};

const struct allocator allocator_tbbmalloc = {
    .name = "tbbmalloc",
    .aliases = "tbb",
    .summary = "oneTBB's scalable allocator: thread-private heaps of 16 KiB slabs",
    .origin =
        "Kukanov, Voss, The Foundations for Scalable Multi-core Software in Intel TBB, 2007; package libtbbmalloc2",
    .library = &library,
};
