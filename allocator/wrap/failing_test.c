/* SPDX-License-Identifier: MIT
 *
 * `failing`: NULL at the N-th malloc over all threads, and only there; and the wrappers around each other.
 */
#include "wrap.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned live; /* blocks of the inner allocator */

static void *counting_malloc(size_t size) {
    __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void counting_free(void *block) {
    if (block != NULL)
        __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    free(block);
}

static const struct allocator counting = {
    .name = "counting", .traits = TRAIT_SIGNAL_SAFE, .malloc = counting_malloc, .free = counting_free};

static struct allocator failing_at(unsigned long nth, const struct allocator *inner) {
    struct allocator out;
    char why[128] = "";
    if (!failing_wrap(inner, nth, &out, why, sizeof why))
        fail_msg("%s", why);
    return out;
}

/* Calls malloc CALLS times; which of them (from 1) returned NULL. Requires that no more than one did. */
static int null_at(const struct allocator *allocator, int calls) {
    int at = 0;
    for (int call = 1; call <= calls; call++) {
        void *const block = allocator->malloc(32);
        if (block == NULL) {
            assert_int_equal(at, 0);
            at = call;
        }
        allocator->free(block);
    }
    return at;
}

static void test_the_nth_malloc_is_null_and_no_other(void **state) {
    (void)state;
    const struct allocator first = failing_at(1, &counting), third = failing_at(3, &counting);
    assert_int_equal(null_at(&first, 1000), 1);
    assert_int_equal(null_at(&third, 1000), 3);
    assert_int_equal(null_at(&third, 1000), 0); /* it has been */
    assert_int_equal(live, 0);
    assert_int_equal(third.traits, TRAIT_SIGNAL_SAFE);
}

enum { THREADS = 4, CALLS = 5000 };

static void *count_nulls(void *argument) {
    const struct allocator *const allocator = argument;
    uintptr_t nulls = 0;
    for (int i = 0; i < CALLS; i++) {
        void *const block = allocator->malloc(32);
        nulls += block == NULL;
        allocator->free(block);
    }
    return (void *)nulls;
}

static void test_one_malloc_of_all_threads_is_null(void **state) {
    (void)state;
    struct allocator allocator = failing_at((unsigned long)THREADS * CALLS, &counting);
    pthread_t thread[THREADS];
    uintptr_t nulls = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count_nulls, &allocator), 0);
    for (int i = 0; i < THREADS; i++) {
        void *of_thread;
        pthread_join(thread[i], &of_thread);
        nulls += (uintptr_t)of_thread;
    }
    assert_int_equal(nulls, 1);
}

static void test_wrappers_nest_in_any_order(void **state) {
    (void)state;
    char why[128];
    struct allocator checked, again;
    struct allocator failing = failing_at(2, &counting);
    failing.name = "failing:2:counting";
    assert_true(checked_wrap(&failing, &checked, why, sizeof why));
    checked.name = "checked:failing:2:counting";
    assert_true(checked_wrap(&checked, &again, why, sizeof why));
    again.name = "checked:checked:failing:2:counting";
    const struct allocator outer = failing_at(4, &again);
    assert_int_equal(outer.traits, TRAIT_CHECKED);
    for (int call = 1; call <= 10; call++) {
        unsigned char *const block = outer.malloc(100);
        assert_int_equal(block == NULL, call == 2 || call == 4);
        if (block != NULL)
            memset(block, call, 100);
        outer.free(block);
    }
}

static void test_no_ninth_allocator_is_wrapped(void **state) {
    (void)state;
    struct allocator out;
    char why[128] = "";
    unsigned more = 0;
    while (more <= WRAP_SLOTS && failing_wrap(&counting, 1, &out, why, sizeof why))
        more++;
    assert_true(more < WRAP_SLOTS); /* the cases before took some */
    assert_string_equal(why, "at most 8 allocators can be made to fail in one process");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_nth_malloc_is_null_and_no_other),
        cmocka_unit_test(test_one_malloc_of_all_threads_is_null),
        cmocka_unit_test(test_wrappers_nest_in_any_order),
        cmocka_unit_test(test_no_ninth_allocator_is_wrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
