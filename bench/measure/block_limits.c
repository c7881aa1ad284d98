/* SPDX-License-Identifier: MIT
 *
 * block_limits.h. Whether a size is given is asked at the powers of two and half way between; between the last that is and the
 * first that is not, by halves, to the byte.
 */
#include "block_limits.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 5, SMALL = 8 };
static const size_t address_space = (size_t)256 << 20; /* beyond what the process has */

static struct {
    const struct allocator *allocator;
    size_t *answer; /* the child's, shared with it */
} asked;

static size_t mapped_bytes(void) {
    unsigned long pages = 0;
    FILE *const file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* What QUESTION(SIZE) answers in a child; 0 where it does not come to its end. */
static size_t ask(size_t (*question)(size_t), size_t size) {
    const struct rlimit limit = {mapped_bytes() + address_space, mapped_bytes() + address_space};
    *asked.answer = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_AS, &limit);
        alarm(SECONDS);
        const size_t answer = question(size);
        *asked.answer = answer;
        _exit(0);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? *asked.answer : 0;
}

/* A block that can be written, after which there are others. */
static size_t is_given(size_t size) {
    unsigned char *const block = asked.allocator->malloc(size);
    if (block == NULL)
        return 0;
    block[0] = block[size - 1] = 1;
    return asked.allocator->malloc(SMALL) != NULL;
}

static size_t how_much(size_t size) {
    size_t sum = 0;
    while (sum < LIMITS_MOST_HEAP && asked.allocator->malloc(size) != NULL)
        sum += size;
    return sum;
}

static size_t largest_block(void) {
    size_t given = 0, refused = 0;
    for (size_t power = SMALL; power < LIMITS_MOST_BLOCK && refused == 0; power *= 2)
        for (size_t size = power + power / 2; size <= 2 * power && refused == 0; size += power / 2)
            *(ask(is_given, size) ? &given : &refused) = size;
    while (refused - given > 1 && refused != 0) {
        const size_t middle = given + (refused - given) / 2;
        *(ask(is_given, middle) ? &given : &refused) = middle;
    }
    return given;
}

struct limits limits_measure(const struct allocator *allocator) {
    struct limits limits = {0};
    asked.allocator = allocator;
    asked.answer =
        mmap(NULL, sizeof *asked.answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (asked.answer == MAP_FAILED)
        return limits;
    limits.largest_block = largest_block();
    /* Just under a power of two: a header of 8 bytes fits in. */
    for (size_t power = 64; power <= 65536; power *= 2) {
        const size_t sum = ask(how_much, power - SMALL);
        limits.heap = sum > limits.heap ? sum : limits.heap;
    }
    munmap(asked.answer, sizeof *asked.answer);
    return limits;
}
