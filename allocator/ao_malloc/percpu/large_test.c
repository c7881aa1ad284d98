/* SPDX-License-Identifier: MIT
 *
 * Large blocks: rounding, the cache and its age, alignment, absurd sizes, threads and handlers.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ao/schedules.h"
#include "ao_malloc/percpu/large.h"

enum { THREADS = 4, ROUNDS = 500 };

static void *take(size_t size) {
    bool is_zero;
    return large_malloc(size, LARGE_HEADER, &is_zero);
}

static void a_size_is_rounded_up_to_its_class(void **state) {
    (void)state;
    unsigned before = 0, class;
    for (size_t bytes = 32769; bytes <= (size_t)1 << LOG_LARGEST_KEPT; bytes += 1021) {
        const size_t rounded = large_round(bytes, &class);
        assert_true(rounded >= bytes && rounded - bytes <= bytes / 8 && rounded % 4096 == 0);
        assert_true(class < LARGE_CLASSES && class >= before && class <= before + 1);
        before = class;
        unsigned again;
        assert_true(large_round(rounded, &again) == rounded && again == class);
    }
    assert_true(large_round((size_t)1 << LOG_LARGEST_KEPT, &class) == (size_t)1 << LOG_LARGEST_KEPT);
    assert_int_equal(class, LARGE_CLASSES - 1);
    assert_true(large_round(((size_t)1 << LOG_LARGEST_KEPT) + 1, &class) % SPAN == 0);
    assert_int_equal(class, LARGE_CLASSES);
}

static void blocks_are_usable_and_come_again(void **state) {
    (void)state;
    for (size_t size = 32769; size < (size_t)80 << 20; size = size * 5 / 3) {
        bool is_zero;
        char *const block = large_malloc(size, LARGE_HEADER, &is_zero);
        assert_non_null(block);
        assert_true(((uintptr_t)block & 15) == 0 && is_zero && block[0] == 0 && block[size - 1] == 0);
        memset(block, 0x5a, size);
        large_free(block);
        char *const again = large_malloc(size, LARGE_HEADER, &is_zero);
        assert_non_null(again);
        if (size + LARGE_HEADER <= (size_t)1 << LOG_LARGEST_KEPT)
            assert_true(again == block && !is_zero);
        else
            assert_true(is_zero);
        large_free(again);
        large_age(true); /* or it would be made larger for the next */
    }
    assert_false(large_age(true));
    assert_true(large.bytes == 0);
}

static void alignment(void **state) {
    (void)state;
    bool is_zero;
    for (size_t align = 16; align <= (size_t)4 << 20; align *= 2)
        for (size_t size = 1; size < 1000000; size = size * 7 + 1) {
            char *const block = large_malloc(size, align, &is_zero);
            assert_non_null(block);
            assert_true(((uintptr_t)block & (align - 1)) == 0);
            memset(block, 0x77, size);
            assert_true(large_header(block)->mapping + large_header(block)->bytes >= block + size);
            large_free(block);
        }
    large_age(true);
}

static void absurd_sizes_are_null(void **state) {
    (void)state;
    bool is_zero;
    static const size_t absurd[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, (SIZE_MAX >> 1) - SPAN,
                                    (size_t)1 << 62};
    for (unsigned i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        assert_null(take(absurd[i]));
        assert_null(large_malloc(100000, absurd[i] & ~(size_t)15, &is_zero));
    }
}

static void what_is_kept_goes_with_age(void **state) {
    (void)state;
    void *block[LARGE_PLACES + 2];
    for (unsigned i = 0; i < LARGE_PLACES + 2; i++)
        assert_non_null(block[i] = take(100000));
    for (unsigned i = 0; i < LARGE_PLACES + 2; i++)
        large_free(block[i]);
    const size_t bytes = large_header(block[0])->bytes;
    assert_true(large.bytes == LARGE_PLACES * bytes); /* two found no place */
    for (unsigned i = 0; i < LARGE_OLD; i++)
        assert_true(large_age(false));
    void *const young = take(100000);
    large_free(young); /* begins anew */
    assert_true(large_age(false));
    assert_true(large.bytes == bytes);
    assert_ptr_equal(take(100000), young);
    assert_true(large.bytes == 0);
    large_free(young);
    large_age(true);
    assert_true(large.bytes == 0);
}

/* Up to a quarter larger. What is in use and kept is counted as before. */
static void a_little_larger_one_serves(void **state) {
    (void)state;
    const size_t mapped = large.mapped;
    char *const block = take(100000), *again;
    const size_t bytes = large_header(block)->bytes;
    large_free(block);
    bool is_zero;
    assert_ptr_equal(again = large_malloc(90000, LARGE_HEADER, &is_zero), block);
    assert_false(is_zero);
    assert_true(large_header(again)->bytes == bytes && large_usable_size(again) >= 100000);
    assert_true(large.bytes == 0 && large.mapped == mapped + bytes);
    large_free(again);
    assert_true(large.bytes == bytes);
    again = take(70000);
    assert_ptr_not_equal(again, block);
    large_free(again);
    large_age(true);
    assert_true(large.bytes == 0 && large.mapped == mapped);
}

/* Down to half; what it held stays before what is new, which is zero. */
static void a_smaller_one_is_made_larger(void **state) {
    (void)state;
    const size_t mapped = large.mapped;
    char *const smaller = take(5 << 20), *const block = take(9 << 20);
    memset(smaller, 0x11, 5 << 20);
    memset(block, 0x22, 9 << 20);
    large_free(smaller);
    large_free(block);
    bool is_zero;
    char *const grown = large_malloc(14 << 20, LARGE_HEADER, &is_zero);
    assert_non_null(grown);
    assert_false(is_zero);
    assert_true(grown[100] == 0x22 && grown[(14 << 20) - 1] == 0); /* not the smallest */
    memset(grown, 0x33, 14 << 20);
    char *const fresh = large_malloc(30 << 20, LARGE_HEADER, &is_zero);
    assert_true(fresh != NULL && is_zero);
    large_free(fresh);
    large_free(grown);
    large_age(true);
    assert_true(large.bytes == 0 && large.mapped == mapped);
}

static void a_block_grows_into_one_that_is_kept(void **state) {
    (void)state;
    const size_t mapped = large.mapped;
    char *const block = take(1 << 20), *const other = take(3 << 20);
    for (int i = 0; i < 1 << 20; i++)
        block[i] = (char)(i * 7);
    large_free(other);
    char *const grown = large_resize(block, 3 << 20);
    assert_ptr_equal(grown, other);
    for (int i = 0; i < 1 << 20; i++)
        assert_true(grown[i] == (char)(i * 7));
    assert_ptr_equal(take(1 << 20), block); /* which is kept instead */
    large_free(block);
    char *const moved = large_resize(grown, 20 << 20); /* nothing is kept of that size */
    assert_true(moved != NULL && moved[5] == 35 && large_usable_size(moved) >= 20 << 20);
    large_free(moved);
    large_age(true);
    assert_true(large.bytes == 0 && large.mapped == mapped);
}

static void not_more_is_kept_than_so_much(void **state) {
    (void)state;
    void *block[8];
    for (unsigned i = 0; i < 8; i++)
        assert_non_null(block[i] = take(((size_t)17 + i) << 20));
    for (unsigned i = 0; i < 8; i++)
        large_free(block[i]);
    assert_true(large.bytes > 0 && large.bytes <= LARGE_MOST_BYTES);
    large_age(true);
    assert_true(large.bytes == 0);
}

/* ---- schedules: two take and give where one is kept, and time passes ---- */

static void *hand[ACTIVATIONS];

static void prepare_schedule(void) {
    large_free(take(40000));
}

static void takes(unsigned self) {
    hand[self] = take(40000);
}

static void takes_larger(unsigned self) {
    hand[self] = take(60000);
}

static void takes_and_gives(unsigned self) {
    takes(self);
    large_free(hand[self]);
    hand[self] = NULL;
}

static void time_passes(unsigned self) {
    (void)self;
    for (unsigned i = 0; i <= LARGE_OLD; i++) { /* only that class: a tick is long */
        uintptr_t *const place = &large.kept[2][0];
        uintptr_t mapping = __atomic_load_n(place, __ATOMIC_RELAXED);
        if (mapping != 0)
            __atomic_compare_exchange_n(place, &mapping, mapping + 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED);
    }
}

static void check_schedule(const char *schedule) {
    if (hand[0] != NULL && hand[0] == hand[1])
        fail_msg("one block in two hands: switched%s", schedule);
    for (unsigned i = 0; i < ACTIVATIONS; i++) {
        if (hand[i] != NULL)
            large_free(hand[i]);
        hand[i] = NULL;
    }
    large_age(true);
    if (large.bytes != 0)
        fail_msg("%zu bytes kept in nothing: switched%s", large.bytes, schedule);
}

static void a_place_serves_one(void **state) {
    (void)state;
    explore_all(SWITCHES - 1, takes, takes, NULL);
    explore_all(SWITCHES - 1, takes, takes_and_gives, NULL);
    explore_all(SWITCHES - 1, takes, takes_larger, NULL);
    explore_all(SWITCHES - 1, takes_larger, takes_larger, NULL);
    explore_all(1, takes, takes_and_gives, time_passes);
}

/* ---- threads ---- */

static void *exchanges(void *number) {
    uint64_t seed = (uintptr_t)number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const size_t size = 33000 + (seed >> 44);
        char *const block = take(size);
        assert_non_null(block);
        block[0] = block[size - 1] = (char)(uintptr_t)number;
        if (i % 64 == 0)
            large_age(i % 128 == 0);
        assert_true(block[0] == (char)(uintptr_t)number && block[size - 1] == block[0]);
        large_free(block);
    }
    return NULL;
}

static void threads_share_the_cache(void **state) {
    (void)state;
    pthread_t thread[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, exchanges, (void *)(uintptr_t)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    large_age(true);
    assert_true(large.bytes == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_is_rounded_up_to_its_class),
        cmocka_unit_test(blocks_are_usable_and_come_again),
        cmocka_unit_test(alignment),
        cmocka_unit_test(absurd_sizes_are_null),
        cmocka_unit_test(what_is_kept_goes_with_age),
        cmocka_unit_test(a_little_larger_one_serves),
        cmocka_unit_test(a_smaller_one_is_made_larger),
        cmocka_unit_test(a_block_grows_into_one_that_is_kept),
        cmocka_unit_test(not_more_is_kept_than_so_much),
        cmocka_unit_test(a_place_serves_one),
        cmocka_unit_test(threads_share_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
