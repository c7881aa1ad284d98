/* SPDX-License-Identifier: MIT
 *
 * The process's own malloc, three times: as it is, without its per-thread cache, and with a single arena. The
 * latter two are settings that a process can only be started with; init refuses where they are missing.
 */
#include "allocator.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char no_cache[] = "glibc.malloc.tcache_count=0";
static const char one_arena[] = "glibc.malloc.arena_max=1";

/* Whether the last setting of TUNABLE's name, which is the one that counts, is TUNABLE. */
static bool started_with(const char *tunable, char *why, size_t why_size) {
    const size_t length = strlen(tunable), name_length = strcspn(tunable, "=") + 1;
    bool holds = false;
    for (const char *at = getenv("GLIBC_TUNABLES"); at != NULL; at = strchr(at, ':')) {
        at += *at == ':';
        if (strncmp(at, tunable, name_length) == 0)
            holds = strcspn(at, ":") == length && strncmp(at, tunable, length) == 0;
    }
    if (!holds)
        snprintf(why, why_size, "the process must be started with GLIBC_TUNABLES=%s", tunable);
    return holds;
}

static bool init_no_cache(char *why, size_t why_size) {
    return started_with(no_cache, why, why_size);
}

static bool init_one_arena(char *why, size_t why_size) {
    return started_with(one_arena, why, why_size);
}

/* memalign is glibc's aligned_alloc, and a sanitizer's own aligned_alloc takes only multiples of the alignment. */
#define PROCESS_MALLOC                                                                                       \
    .origin = "Gloger's ptmalloc on Lea's malloc, with a per-thread cache since 2.26; the process's libc",   \
    .malloc = malloc, .free = free, .calloc = calloc, .realloc = realloc, .aligned_alloc = memalign,         \
    .usable_size = malloc_usable_size

const struct allocator allocator_glibc = {
    .name = "glibc",
    .aliases = "sys system libc",
    .summary = "the process's own malloc",
    PROCESS_MALLOC,
};

const struct allocator allocator_glibc_notcache = {
    .name = "glibc-notcache",
    .summary = "the process's own malloc without its per-thread cache",
    .environment = no_cache,
    .init = init_no_cache,
    PROCESS_MALLOC,
};

const struct allocator allocator_glibc_1arena = {
    .name = "glibc-1arena",
    .summary = "the process's own malloc with one arena for all threads",
    .environment = one_arena,
    .init = init_one_arena,
    PROCESS_MALLOC,
};
