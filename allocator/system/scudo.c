/* SPDX-License-Identifier: MIT
 *
 * scudo, the hardened allocator of LLVM and Android, from clang's runtime (scudo_standalone; the older
 * `scudo` of the same package is another allocator). Its option may_return_null, on by default, covers large
 * blocks: where it cannot map memory for small ones it aborts, whatever SCUDO_OPTIONS say.
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
static const struct allocator_library library = {
    .files = files, .package = "libclang-rt-dev", .realloc_name = "realloc"};

const struct allocator allocator_scudo = {
    .name = "scudo",
    .aliases = NULL,
    .summary = "scudo: hardened, checksummed headers, randomised",
    .origin = "LLVM scudo_standalone; package libclang-rt-dev",
    .traits = TRAIT_RANDOMISED | TRAIT_ABORTS_WHEN_EXHAUSTED,
    .library = &library,
};
