/* SPDX-License-Identifier: MIT
 *
 * The library of the man page, to the byte: class limits, the static heap's end, mmap only on request. Each
 * case runs in a child of its own, for each wants the heap untouched and mmap still off. The last cases are
 * those in which the package of 2005 to this day misses its own page.
 */
#include "atomic_ops_malloc.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CHUNK = 65536, STATIC_CHUNKS = 34, LARGEST_SMALL = 65528 };

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

/* The case's body is its initial state. */
static void in_child(void **state) {
    void (*const body)(void) = *(void (**)(void)) * state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        fail_msg("killed by signal %d", WTERMSIG(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static size_t count_until_null(size_t size) {
    size_t n = 0;
    while (AO_malloc(size) != NULL)
        n++;
    return n;
}

static bool is_mapped(void *address) {
    return msync((void *)((uintptr_t)address & ~(uintptr_t)4095), 1, MS_ASYNC) == 0;
}

static void null_is_freed(void) {
    AO_free(NULL);
}

static void size_zero_is_a_block_of_its_own(void) {
    void *const a = AO_malloc(0), *const b = AO_malloc(0);
    REQUIRE(a != NULL && b != NULL && a != b);
    AO_free(a);
    AO_free(b);
    REQUIRE(AO_malloc(0) == b); /* last in, first out */
}

static void sizes_share_a_class_up_to_the_power_of_two_less_a_word(void) {
    static const size_t last_of_class[] = {0,    8,    24,   56,   120,   248,   504,
                                           1016, 2040, 4088, 8184, 16376, 32760, LARGEST_SMALL};
    for (size_t i = 1; i < sizeof last_of_class / sizeof *last_of_class; i++) {
        const size_t first = last_of_class[i - 1] + 1, last = last_of_class[i];
        void *const block = AO_malloc(last);
        REQUIRE(block != NULL);
        AO_free(block);
        REQUIRE(AO_malloc(first) == block); /* the same list */
        AO_free(block);
        REQUIRE(AO_malloc(first - 1) != block); /* another */
        REQUIRE(AO_malloc(last) == block);
        AO_free(block);
    }
}

static void payloads_are_16_aligned_and_do_not_meet(void) {
    for (size_t size = 1; size <= LARGEST_SMALL; size = size * 2 + 1) {
        unsigned char *const a = AO_malloc(size), *const b = AO_malloc(size);
        REQUIRE(a != NULL && b != NULL);
        REQUIRE((uintptr_t)a % 16 == 0 && (uintptr_t)b % 16 == 0);
        memset(a, 0xaa, size);
        memset(b, 0xbb, size);
        REQUIRE(a[0] == 0xaa && a[size - 1] == 0xaa && b[0] == 0xbb);
        AO_free(a);
        AO_free(b);
    }
}

static void freeing_does_not_write_to_the_payload(void) {
    unsigned char *const a = AO_malloc(100);
    memset(a, 0x5a, 100);
    AO_free(a);
    for (int i = 0; i < 100; i++)
        REQUIRE(a[i] == 0x5a);
}

static void the_static_heap_ends_after_34_chunks_of_any_class(void) {
    for (unsigned k = 3; k <= 16; k++) {
        const pid_t child = fork();
        if (child == 0) {
            const size_t object = (size_t)1 << k;
            REQUIRE(count_until_null(object - 8) == (size_t)STATIC_CHUNKS * CHUNK / object);
            _exit(0);
        }
        int status;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
}

static void after_the_end_a_freed_block_serves_its_class_and_no_other(void) {
    void *const one = AO_malloc(1000);
    count_until_null(1000);
    REQUIRE(AO_malloc(1000) == NULL && AO_malloc(8) == NULL);
    AO_free(one);
    REQUIRE(AO_malloc(8) == NULL);
    REQUIRE(AO_malloc(1000) == one);
}

static void above_65528_is_null_until_mmap_is_enabled_and_consumes_nothing(void) {
    for (int i = 0; i < 1000; i++)
        REQUIRE(AO_malloc(LARGEST_SMALL + 1) == NULL && AO_malloc(1 << 20) == NULL);
    REQUIRE(count_until_null(LARGEST_SMALL) == STATIC_CHUNKS);
    AO_malloc_enable_mmap();
    AO_malloc_enable_mmap();
    REQUIRE(AO_malloc(LARGEST_SMALL) != NULL); /* chunks come from the system now */
    unsigned char *const large = AO_malloc(LARGEST_SMALL + 1);
    REQUIRE(large != NULL && (uintptr_t)large % 16 == 0);
    for (size_t i = 0; i < LARGEST_SMALL + 1; i++)
        REQUIRE(large[i] == 0);
    large[LARGEST_SMALL] = 1;
    REQUIRE(is_mapped(large));
    AO_free(large);
    REQUIRE(!is_mapped(large)); /* at once */
}

static void mappings_are_the_size_and_16_bytes_in_64_kib(void) {
    AO_malloc_enable_mmap();
    static const size_t size[] = {131056, 131057}, mapped[] = {131072, 196608};
    for (int i = 0; i < 2; i++) {
        void *const block = AO_malloc(size[i]);
        const size_t *volatile header = (const size_t *)block - 1;
        REQUIRE(*header == mapped[i]);
        AO_free(block);
    }
}

static void impossible_sizes_are_null_with_and_without_mmap(void) {
    static const size_t sizes[] = {SIZE_MAX,         SIZE_MAX - 8,     SIZE_MAX - 15, SIZE_MAX - 65536,
                                   SIZE_MAX - 65551, SIZE_MAX / 2 + 1, PTRDIFF_MAX};
    for (int enabled = 0; enabled < 2; enabled++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            volatile size_t size = sizes[i];
            REQUIRE(AO_malloc(size) == NULL);
        }
        REQUIRE(AO_malloc(8) != NULL);
        AO_malloc_enable_mmap();
    }
}

static void errno_stays_as_it_was(void) {
    errno = 77;
    volatile size_t impossible = SIZE_MAX / 2;
    REQUIRE(AO_malloc(impossible) == NULL && errno == 77);
    AO_malloc_enable_mmap();
    REQUIRE(AO_malloc(impossible) == NULL && errno == 77);
    void *const large = AO_malloc(1 << 20);
    AO_free(large);
    REQUIRE(errno == 77);
}

static void blocks_of_two_and_four_gib_are_unmapped(void) {
    AO_malloc_enable_mmap();
    static const size_t sizes[] = {0x7ffefff0, 0x7ffefff1, 0xffff0000, 0x100000000, 0x180000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *const block = AO_malloc(sizes[i]);
        if (block == NULL)
            continue; /* this machine has not the room */
        block[0] = block[sizes[i] - 1] = 1;
        AO_free(block);
        REQUIRE(!is_mapped(block));
    }
}

/* The package: NULL here, and the whole heap consumed by asking. */
static void sizes_from_32761_to_65528_are_met_and_their_failure_burns_nothing(void) {
    void *const a = AO_malloc(32761), *const b = AO_malloc(LARGEST_SMALL);
    REQUIRE(a != NULL && b != NULL);
    memset(a, 1, 32761);
    memset(b, 2, LARGEST_SMALL);
    REQUIRE(count_until_null(40000) == STATIC_CHUNKS - 2);
    AO_free(a);
    REQUIRE(AO_malloc(LARGEST_SMALL) == a);
}

static volatile sig_atomic_t handled;

static void handler(int signal) {
    (void)signal;
    const int saved = errno;
    void *block[4];
    for (int i = 0; i < 4; i++) {
        block[i] = AO_malloc((size_t)(16 << i));
        if (block[i] != NULL)
            memset(block[i], 0xee, (size_t)(16 << i));
    }
    for (int i = 0; i < 4; i++)
        AO_free(block[i]);
    handled++;
    errno = saved;
}

static void *mixer(void *seed) {
    unsigned random = *(const unsigned *)seed;
    unsigned char *block[64] = {0};
    size_t size[64] = {0};
    for (int i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        const unsigned slot = random >> 26;
        for (size_t at = 0; at < size[slot]; at++)
            REQUIRE(block[slot][at] == (unsigned char)slot);
        AO_free(block[slot]);
        size[slot] = (random >> 8) % 200;
        block[slot] = AO_malloc(size[slot]);
        REQUIRE(block[slot] != NULL);
        memset(block[slot], (int)slot, size[slot]);
    }
    for (int i = 0; i < 64; i++)
        AO_free(block[i]);
    return NULL;
}

static void handlers_allocate_while_threads_do(void) {
    AO_malloc_enable_mmap();
    signal(SIGUSR1, handler);
    pthread_t thread[2];
    unsigned seed[2] = {1, 2};
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&thread[i], NULL, mixer, &seed[i]) == 0);
    for (int i = 0; i < 2000; i++) {
        pthread_kill(thread[0], SIGUSR1);
        usleep(20);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    REQUIRE(handled > 0);
}

static void a_forked_child_allocates_while_threads_were_inside(void) {
    AO_malloc_enable_mmap();
    pthread_t thread;
    unsigned seed = 3;
    REQUIRE(pthread_create(&thread, NULL, mixer, &seed) == 0);
    for (int i = 0; i < 50; i++) {
        const pid_t child = fork(); /* one thread may be inside: one black list entry lost, and one is left */
        if (child == 0) {
            alarm(10);
            unsigned other = 4;
            mixer(&other);
            syscall(SYS_exit_group, 0); /* past a sanitizer, to which the parent's thread is a leak */
        }
        int status;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
    pthread_join(thread, NULL);
}

#define CASE(name)                                                                                           \
    {                                                                                                        \
#        name, in_child, NULL, NULL, &(void (*)(void)) {                                                     \
            name                                                                                             \
        }                                                                                                    \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(null_is_freed),
        CASE(size_zero_is_a_block_of_its_own),
        CASE(sizes_share_a_class_up_to_the_power_of_two_less_a_word),
        CASE(payloads_are_16_aligned_and_do_not_meet),
        CASE(freeing_does_not_write_to_the_payload),
        CASE(the_static_heap_ends_after_34_chunks_of_any_class),
        CASE(after_the_end_a_freed_block_serves_its_class_and_no_other),
        CASE(above_65528_is_null_until_mmap_is_enabled_and_consumes_nothing),
        CASE(mappings_are_the_size_and_16_bytes_in_64_kib),
        CASE(impossible_sizes_are_null_with_and_without_mmap),
        CASE(errno_stays_as_it_was),
        CASE(blocks_of_two_and_four_gib_are_unmapped),
        CASE(sizes_from_32761_to_65528_are_met_and_their_failure_burns_nothing),
        CASE(handlers_allocate_while_threads_do),
        CASE(a_forked_child_allocates_while_threads_were_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
