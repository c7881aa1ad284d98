/* SPDX-License-Identifier: MIT
 *
 * What stays resident after AO_malloc_trim: at most 1.1 times the live bytes and 2 MiB, where the live blocks are those of
 * one time. (Where they are the survivors of many, each keeps its span: no allocator that cannot move blocks does
 * better.) Sizes as in mixed-sizes, log-uniform from 8 to 32 760 bytes; one thread and several.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ao_malloc/percpu/percpu.h"

enum { BLOCKS = 24000, THREADS = 4, LARGEST = 32760, ROOM = 2 << 20 };

static void *block[BLOCKS];
static uint32_t size_of[BLOCKS];

static size_t resident(void) {
    size_t size, pages = 0;
    FILE *const file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &size, &pages), 2);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Bits of a random number give the octave, others the place in it. */
static uint32_t random_size(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    const uint32_t octave = 8U << (*state >> 33) % 12;
    const uint32_t size = octave + (uint32_t)(*state >> 40) % octave;
    return size < LARGEST ? size : LARGEST;
}

static size_t make(size_t first, size_t end) {
    uint64_t state = first + 1;
    size_t bytes = 0;
    for (size_t i = first; i < end; i++) {
        size_of[i] = random_size(&state);
        block[i] = percpu_malloc(size_of[i]);
        assert_non_null(block[i]);
        memset(block[i], 1, size_of[i]);
        bytes += size_of[i];
    }
    return bytes;
}

static void unmake(size_t first, size_t end) {
    for (size_t i = first; i < end; i++)
        percpu_free(block[i]);
}

static void assert_resident(size_t before, size_t live, const char *when) {
    decay_all(); /* what percpu_trim does */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* theirs is resident too */
#endif
    const size_t after = resident(), most = before + live + live / 10 + ROOM;
    printf("%s: %.1f MB live, %.1f MB resident beyond the start\n", when, (double)live / 1e6,
           ((double)after - (double)before) / 1e6);
    assert_true(after <= most);
}

static size_t start(void) {
    percpu_enable_mmap();
    memset(block, 1, sizeof block);
    memset(size_of, 1, sizeof size_of);
    resident(); /* libc's own */
    return resident();
}

static void all_of_it(void **state) {
    (void)state;
    const size_t before = start();
    make(0, BLOCKS);
    unmake(0, BLOCKS);
    assert_resident(before, 0, "nothing");
}

static void half_of_it(void **state) {
    (void)state;
    const size_t before = start();
    const size_t live = make(0, BLOCKS / 2);
    make(BLOCKS / 2, BLOCKS);
    unmake(BLOCKS / 2, BLOCKS);
    assert_resident(before, live, "the first half");
    unmake(0, BLOCKS / 2);
    assert_resident(before, 0, "then nothing");
}

static void *work(void *part) {
    const size_t first = (uintptr_t)part * (BLOCKS / THREADS);
    make(first, first + BLOCKS / THREADS);
    unmake(first, first + BLOCKS / THREADS);
    return NULL;
}

static void after_threads(void **state) {
    (void)state;
    const size_t before = start();
    pthread_t thread[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_resident(before, 0, "nothing, after threads that are gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(half_of_it),
        cmocka_unit_test(after_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
