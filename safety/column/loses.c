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

enum { BUDGET = 4 << 20, NEIGHBOURS = 512 };

/* What counts against RLIMIT_DATA now, in bytes: VmData of /proc/self/status. */
static size_t data_now(void) {
    static char text[4096];
    const int descriptor = (int)raw_syscall(SYS_open, (long)(uintptr_t) "/proc/self/status", 0, 0, 0, 0, 0);
    const long length = raw_syscall(SYS_read, descriptor, (long)(uintptr_t)text, sizeof text - 1, 0, 0, 0);
    text[length > 0 ? length : 0] = '\0';
    const char *const line = strstr(text, "VmData:");
    return line == NULL ? 0 : (size_t)strtoul(line + 7, NULL, 10) * 1024;
}

void column_loses(void) {
    static uintptr_t address[NEIGHBOURS];
    const size_t data = data_now();
    const struct rlimit limit = {data + BUDGET, data + BUDGET};
    setrlimit(RLIMIT_DATA, &limit);
    size_t blocks = 0;
    const size_t size = walk_size(current->path);
    for (void *block; blocks < LOSS_MOST_BLOCKS && (block = current->subject->malloc(size)) != NULL; blocks++)
        if (blocks < NEIGHBOURS)
            address[blocks] = (uintptr_t)block;
    attempt->blocks = blocks;
    attempt->spacing = walk_spacing(address, blocks < NEIGHBOURS ? blocks : NEIGHBOURS);
}
