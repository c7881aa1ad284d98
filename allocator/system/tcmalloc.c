/* SPDX-License-Identifier: MIT
 *
 * gperftools' tcmalloc in its minimal form, as the distribution packages it.
 */
#include "allocator.h"

static const char *const files[] = {"libtcmalloc_minimal.so.4", NULL};
static const struct allocator_library library = {
    .files = files, .package = "libtcmalloc-minimal4", .realloc_name = "realloc"};

const struct allocator allocator_tcmalloc = {
    .name = "tcmalloc",
    .aliases = "tc gperftools",
    .summary = "gperftools' tcmalloc: thread caches over central free lists",
    .origin = "Ghemawat, Menage, TCMalloc; package libtcmalloc-minimal4",
    .library = &library,
};
