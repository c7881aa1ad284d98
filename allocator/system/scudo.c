/* SPDX-License-Identifier: MIT
 *
 * scudo, the hardened allocator of LLVM and Android, from clang's runtime (scudo_standalone; the older
 * `scudo` of the same package is another allocator).
 */
#include "allocator.h"

#if defined(__x86_64__)
#    define ARCHITECTURE "x86_64"
#elif defined(__aarch64__)
#    define ARCHITECTURE "aarch64"
#else
#    define ARCHITECTURE "none"
#endif

static const char *const files[] = {
    "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.scudo_standalone-" ARCHITECTURE ".so",
    "/usr/lib/clang/*/lib/linux/libclang_rt.scudo_standalone-" ARCHITECTURE ".so",
    "/usr/lib64/clang/*/lib/linux/libclang_rt.scudo_standalone-" ARCHITECTURE ".so", NULL};
static const struct allocator_library library = {.files = files, .package = "libclang-rt-dev"};

const struct allocator allocator_scudo = {
    .name = "scudo",
    .aliases = NULL,
    .summary = "scudo: hardened, checksummed headers, randomised",
    .origin = "LLVM scudo_standalone; package libclang-rt-dev",
    .traits = TRAIT_RANDOMISED,
    .library = &library,
};
