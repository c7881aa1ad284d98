/* SPDX-License-Identifier: MIT
 *
 * `ao-debian`: the packaged libatomic_ops 7.6.14, the reference to hold `ao` against. It lives in a module of
 * its own beside the programs (ao_debian.cmake), so that its symbols and ours never meet.
 */
#include "allocator.h"

static const char *const files[] = {AO_DEBIAN_MODULE, NULL};
static const struct allocator_library library = {.files = files,
                                                 .package = "libatomic-ops-dev, then build again",
                                                 .malloc_name = "AO_malloc",
                                                 .free_name = "AO_free"};

const struct allocator allocator_ao_debian = {
    .name = "ao-debian",
    .aliases = "libatomic_ops",
    .summary = "AO_malloc as packaged; hangs or fails on requests of 32761 to 65528 bytes",
    .origin = "Boehm, libatomic_ops_gpl; package libatomic-ops-dev",
    .traits = TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE | TRAIT_HANGS_32761_65528,
    .library = &library,
};
