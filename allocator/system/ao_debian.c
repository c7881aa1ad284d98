/* SPDX-License-Identifier: MIT
 *
 * `ao-debian` and `ao-debian-static`: the packaged libatomic_ops 7.6.14 with mmap and without, the references to hold
 * `ao` and `ao-static` against. Each lives in a module of its own (ao_debian.cmake), beside the running program or where
 * it was built, so that its symbols and ours never meet.
 */
#include "allocator.h"

static const char *const files[] = {"$ORIGIN/ao_debian.so", AO_DEBIAN_MODULE, NULL};
static const struct allocator_library library = {
    .files = files, .package = "libatomic-ops-dev", .malloc_name = "AO_malloc", .free_name = "AO_free"};

const struct allocator allocator_ao_debian = {
    .name = "ao-debian",
    .aliases = "libatomic_ops",
    .summary = "the packaged libatomic_ops 7.6.14; hangs or fails on requests of 32761 to 65528 bytes",
    .origin = "Boehm, libatomic_ops_gpl; the packaged libatomic_ops 7.6.14 (libatomic-ops-dev)",
    .traits = TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE | TRAIT_HANGS_32761_65528,
    .library = &library,
};

static const char *const files_static[] = {"$ORIGIN/ao_debian_static.so", AO_DEBIAN_STATIC_MODULE, NULL};
static const struct allocator_library library_static = {
    .files = files_static, .package = "libatomic-ops-dev", .malloc_name = "AO_malloc", .free_name = "AO_free"};

const struct allocator allocator_ao_debian_static = {
    .name = "ao-debian-static",
    .summary = "the packaged libatomic_ops 7.6.14 without mmap: a static heap of 2 MB",
    .origin = "Boehm, libatomic_ops_gpl; the packaged libatomic_ops 7.6.14 (libatomic-ops-dev)",
    .traits = TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE | TRAIT_HANGS_32761_65528 | TRAIT_BOUNDED,
    .library = &library_static,
};
