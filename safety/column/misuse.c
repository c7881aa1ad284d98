/* SPDX-License-Identifier: MIT
 *
 * The column misuse: what happens where a program does what it must not. No verdict: nothing is promised. Each use is
 * tried once, in a child of its own:
 *
 *     detected    the process ended with a message
 *     crashed     it ended without one, at once or later, or hangs
 *     corrupted   it went on, and gave out a block twice or changed another block's contents
 *     survived    it went on, 1000 operations at least, and nothing of that was seen
 *
 * The size is the one of 56, 64 and 72 bytes that fills its block best: into padding one may write unseen.
 */
#include "cell.h"

#include "aside.h"
#include "raw.h"
#include "watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCKS = 64, OPERATIONS = 1000 };

const char *const misuses[] = {"double-free",   "double-free-between", "double-free-large", "free-inside",
                               "free-of-stack", "free-of-mapping",     "overflow-1",        "overflow-16",
                               "write-after-free", NULL};

static struct shared {
    int fault;
    size_t spacing;
    size_t size;
} *shared;

static const struct allocator *allocator;
static const char *what;
static struct oracle oracle;

static bool is(const char *use) {
    return strcmp(what, use) == 0;
}

/* ---- the size ---- */

static void measure_spacing(void) {
    uintptr_t address[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        address[i] = (uintptr_t)allocator->malloc(shared->size);
    shared->spacing = walk_spacing(address, BLOCKS);
}

static size_t filling_size(void) {
    size_t best = 64, least = SIZE_MAX;
    for (size_t size = 56; size <= 72; size += 8) {
        shared->size = size;
        aside(measure_spacing);
        if (shared->spacing - size < least) {
            least = shared->spacing - size;
            best = size;
        }
    }
    shared->size = best;
    aside(measure_spacing);
    return best;
}

/* ---- the uses ---- */

/* A block and the one right behind it, both known to the oracle. */
static unsigned char *neighbours(void) {
    for (size_t i = 0; i < oracle.count; i++)
        for (size_t j = 0; j < oracle.count; j++)
            if (oracle.block[j].at == oracle.block[i].at + shared->spacing)
                return oracle.block[i].at;
    return oracle.block[0].at;
}

static void use(void) {
    const size_t size = shared->size;
    for (int i = 0; i < BLOCKS; i++)
        oracle_malloc(&oracle, size);
    unsigned char *const a = neighbours();
    if (is("double-free") || is("double-free-between")) {
        void *const between = is("double-free") ? NULL : oracle.block[0].at == a ? oracle.block[1].at : oracle.block[0].at;
        oracle_free(&oracle, a);
        if (between != NULL)
            oracle_free(&oracle, between);
        allocator->free(a);
    } else if (is("double-free-large")) {
        void *const large = allocator->malloc(WALK_LARGE);
        allocator->free(large);
        allocator->free(large);
    } else if (is("free-inside")) {
        allocator->free(a + 16);
    } else if (is("free-of-stack")) {
        unsigned char buffer[256] __attribute__((aligned(16))) = {0};
        __asm__ volatile("" : : "r"(buffer) : "memory");
        allocator->free(buffer + 64);
    } else if (is("free-of-mapping")) {
        unsigned char *const mapping =
            mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        allocator->free(mapping + 4096);
    } else if (is("overflow-1")) {
        a[size] ^= 0x5a;
    } else if (is("overflow-16")) {
        for (size_t i = 0; i < 16; i++)
            a[size + i] ^= 0x5a;
    } else if (is("write-after-free")) {
        oracle_free(&oracle, a);
        for (size_t i = 0; i < size; i++)
            a[i] = 0x5a;
    }
}

static void body(void) {
    oracle.subject = allocator;
    oracle.fault = &shared->fault;
    oracle_exercise(&oracle, OPERATIONS, shared->size);
    use();
    oracle_exercise(&oracle, OPERATIONS, shared->size);
    for (int i = 0; i < BLOCKS; i++) /* of the size itself, all live at once */
        oracle_malloc(&oracle, shared->size);
    oracle_check(&oracle);
    oracle_drain(&oracle);
}

const char *misuse_try(const struct allocator *subject, const char *misuse, int *signal) {
    if (shared == NULL)
        shared = aside_memory(sizeof *shared);
    shared->fault = FAULT_NONE;
    allocator = subject;
    what = misuse;
    filling_size();
    const int message = memfd_create("message", 0), usual = dup(STDERR_FILENO);
    dup2(message, STDERR_FILENO);
    const struct watch watch = {.patience = 1, .spin_milliseconds = 300, .wall_milliseconds = 10000};
    const struct watch_result end = watch_run(&watch, body);
    dup2(usual, STDERR_FILENO);
    const bool said = lseek(message, 0, SEEK_END) > 0;
    close(message);
    close(usual);
    *signal = end.end == WATCH_SIGNALLED ? end.code : 0;
    if (end.end == WATCH_EXITED && end.code == EXIT_FAULT)
        return "corrupted";
    if (end.end == WATCH_EXITED && end.code == 0)
        return said ? "detected" : "survived"; /* said so, and went on */
    return said ? "detected" : "crashed";
}
