/* SPDX-License-Identifier: MIT
 *
 * Where a thread runs: within its bounds for any number of bits; the CPU, where the kernel says it, and in
 * that case also in a process of its own without, where it is the thread's own number.
 */
#include "os/place.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool has_rseq(void) {
#ifdef OS_PLACE_HAS_RSEQ
    return __rseq_size != 0;
#else
    return false;
#endif
}

static void it_is_below_two_to_the_bits(void **state) {
    (void)state;
    for (unsigned bits = 1; bits <= 16; bits++)
        assert_true(os_place(bits) < 1U << bits);
}

static void it_is_the_cpu_where_the_kernel_says_it(void **state) {
    (void)state;
    cpu_set_t before, one;
    if (!has_rseq())
        skip();
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &before))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
        assert_int_equal(os_place(16), cpu);
        assert_int_equal(os_place(1), cpu % 2);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

enum { THREADS = 64, BITS = 4 };
static pthread_barrier_t all_run;

static void *own_place(void *place) {
    *(unsigned *)place = os_place(BITS);
    for (int i = 0; i < 1000; i++)
        if (os_place(BITS) != *(unsigned *)place)
            *(unsigned *)place = 1U << BITS;
    pthread_barrier_wait(&all_run); /* or the next one would have the same thread pointer */
    return NULL;
}

/* Sixty-four over sixteen places: a hash that put a third of them at one would be no hash. */
static void without_it_threads_stay_at_places_of_their_own(void **state) {
    (void)state;
    if (has_rseq())
        skip();
    pthread_t thread[THREADS];
    unsigned place[THREADS], at[1 << BITS] = {0};
    assert_int_equal(pthread_barrier_init(&all_run, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, own_place, &place[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_true(place[i] < 1 << BITS);
        at[place[i]]++;
    }
    for (unsigned i = 0; i < 1 << BITS; i++)
        assert_true(at[i] < THREADS / 3);
}

static const char variable[] = "GLIBC_TUNABLES", without[] = "glibc.pthread.rseq=0";

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_below_two_to_the_bits),
        cmocka_unit_test(it_is_the_cpu_where_the_kernel_says_it),
        cmocka_unit_test(without_it_threads_stay_at_places_of_their_own),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    const char *const tunables = getenv(variable);
    if (failed != 0 || !has_rseq() || (tunables != NULL && strstr(tunables, without) != NULL))
        return failed;
    setenv(variable, without, 1);
    fflush(NULL);
    execl("/proc/self/exe", "place_test", (char *)NULL);
    return 1;
}
