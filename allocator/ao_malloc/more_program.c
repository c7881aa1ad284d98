/* SPDX-License-Identifier: MIT
 *
 * A user's program of atomic_ops_malloc_more.h, linked with each library. Exit status 1 and a line where one
 * of them does not what the header says.
 */
#include "atomic_ops_malloc_more.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int wrong;

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            wrong = 1;                                                                                       \
        }                                                                                                    \
    } while (0)

static volatile size_t huge = SIZE_MAX;

static void blocks(void) {
    unsigned char *block = AO_calloc(10, 100);
    REQUIRE(block != NULL && block[0] == 0 && memcmp(block, block + 1, 999) == 0);
    memset(block, 7, 1000);
    REQUIRE(AO_malloc_usable_size(block) >= 1000 && AO_malloc_usable_size(NULL) == 0);
    REQUIRE(AO_realloc(block, 900) == block);
    REQUIRE(AO_realloc(block, huge) == NULL && AO_realloc(block, 1 << 20) == NULL); /* no mmap yet */
    block = AO_realloc(block, 30000);
    REQUIRE(block != NULL && block[0] == 7 && memcmp(block, block + 1, 899) == 0);
    AO_malloc_enable_mmap();
    block = AO_realloc(block, 1 << 20);
    REQUIRE(block != NULL && block[0] == 7 && memcmp(block, block + 1, 899) == 0);
    block = AO_realloc(block, 0);
    REQUIRE(block != NULL);
    AO_free(block);
    for (size_t alignment = 1; alignment <= 1 << 20; alignment *= 2) {
        block = AO_aligned_alloc(alignment, 100);
        REQUIRE(block != NULL && (uintptr_t)block % alignment == 0);
        AO_free(block);
    }
    REQUIRE(AO_aligned_alloc(huge, 100) == NULL && AO_aligned_alloc(huge & 3, 10) == NULL &&
            AO_aligned_alloc(huge & 0, 10) == NULL && AO_calloc(huge, 2) == NULL);
}

static void figures(void) {
    struct AO_malloc_stats before = {1, 1, 1, 1}, peak, after;
    void *held[100];
    const int counts = AO_malloc_stats(&before);
    for (size_t i = 0; i < 100; i++)
        REQUIRE((held[i] = AO_malloc(1000 * i)) != NULL);
    AO_malloc_stats(&peak);
    for (size_t i = 0; i < 100; i++)
        AO_free(held[i]);
    const int gave = AO_malloc_trim();
    AO_malloc_stats(&after);
    REQUIRE(counts == gave);
    REQUIRE(counts ? peak.live > before.live + 4900000 && after.live == before.live && after.cached < 1 << 20
                   : before.live == 0 && before.mapped == 0);
}

#ifndef __SANITIZE_THREAD__
/* Children on their parent's memory and thread-local storage: what they take and give is the parent's. */
static void apart(void) {
    static void *volatile taken[200];
    for (volatile size_t round = 0; round < 20; round++) {
        void *const mine = AO_malloc(64);
        const pid_t child = vfork();
        if (child == 0) {
            AO_free_apart(mine);
            for (size_t i = 0; i < 200; i++)
                taken[i] = AO_malloc_apart(i * 500);
            _exit(0);
        }
        int status = 1;
        REQUIRE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        for (size_t i = 0; i < 200; i++) {
            REQUIRE(taken[i] != NULL && AO_malloc_usable_size(taken[i]) >= i * 500);
            memset(taken[i], 1, i * 500);
            (i % 2 == 0 ? AO_free : AO_free_apart)(taken[i]);
        }
    }
}
#endif

int main(void) {
    errno = 77;
    blocks();
    REQUIRE(errno == 77);
    figures();
#ifndef __SANITIZE_THREAD__ /* which makes vfork a fork */
    apart();
#endif
    return wrong;
}
