/* SPDX-License-Identifier: MIT
 *
 * The column loss: how much memory nobody can have again once a thread is stopped for good. Exact, by exhaustion: under
 * RLIMIT_DATA blocks are taken until there are no more; there are fewer than when the thread is stopped before its path,
 * holding what it holds in any case.
 */
#include "cell.h"

#include "raw.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BUDGET = 4 << 20, MOST_BLOCKS = 1 << 18, NEIGHBOURS = 512 };

/* What counts against RLIMIT_DATA now, in bytes: VmData of /proc/self/status. */
static size_t data_now(void) {
    static char text[4096];
    const int descriptor = (int)raw_syscall(SYS_open, (long)(uintptr_t) "/proc/self/status", 0, 0, 0, 0, 0);
    const long length = raw_syscall(SYS_read, descriptor, (long)(uintptr_t)text, sizeof text - 1, 0, 0, 0);
    text[length > 0 ? length : 0] = '\0';
    const char *const line = strstr(text, "VmData:");
    return line == NULL ? 0 : (size_t)strtoul(line + 7, NULL, 10) * 1024;
}

static int by_address(const void *a, const void *b) {
    const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

/* How far the blocks of N addresses are apart: the least distance of two. */
static size_t spacing_of(uintptr_t *address, size_t n) {
    qsort(address, n, sizeof *address, by_address); /* so few that it sorts on the stack */
    size_t least = SIZE_MAX;
    for (size_t i = 1; i < n; i++)
        least = address[i] - address[i - 1] < least ? address[i] - address[i - 1] : least;
    return least;
}

void column_loses(void) {
    static uintptr_t address[NEIGHBOURS];
    const size_t data = data_now();
    const struct rlimit limit = {data + BUDGET, data + BUDGET};
    setrlimit(RLIMIT_DATA, &limit);
    size_t blocks = 0;
    const size_t size = walk_size(current->path);
    for (void *block; blocks < MOST_BLOCKS && (block = current->subject->malloc(size)) != NULL; blocks++)
        if (blocks < NEIGHBOURS)
            address[blocks] = (uintptr_t)block;
    attempt->blocks = blocks;
    attempt->spacing = spacing_of(address, blocks < NEIGHBOURS ? blocks : NEIGHBOURS);
}
