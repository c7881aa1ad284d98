/* SPDX-License-Identifier: MIT
 *
 * aside.h.
 */
#include "aside.h"

#include "raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void aside(void (*work)(void)) {
    const pid_t child = _Fork();
    if (child == 0) {
        work();
        raw_exit(0);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0)
        ;
    if (status != 0) {
        fprintf(stderr, "probe: a child that was to look at instructions ended with status %#x\n", (unsigned)status);
        exit(1);
    }
}

void *aside_memory(size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("probe: shared memory");
        exit(1);
    }
    return memory;
}
