/* SPDX-License-Identifier: MIT
 *
 * The lock: one holder at a time, and what it wrote is seen by the next (under TSan that is the test).
 */
#include "ao/lock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 20000 };

static struct lock lock;
static unsigned long count[2]; /* under the lock */

static void *add(void *nothing) {
    (void)nothing;
    for (int i = 0; i < ROUNDS; i++) {
        lock_acquire(&lock);
        const unsigned long before = count[0]++;
        count[1] = before + 1;
        lock_release(&lock);
    }
    return NULL;
}

static void one_at_a_time(void **state) {
    (void)state;
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, add, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(count[0], THREADS * ROUNDS);
    assert_int_equal(count[1], THREADS * ROUNDS);
}

static void *wait_and_read(void *read) {
    lock_acquire(&lock);
    *(unsigned long *)read = count[0];
    lock_release(&lock);
    return NULL;
}

/* Who waits sleeps at last, and wakes. */
static void a_taken_lock_is_waited_for(void **state) {
    (void)state;
    unsigned long read = 0;
    pthread_t thread;
    lock_acquire(&lock);
    assert_int_equal(pthread_create(&thread, NULL, wait_and_read, &read), 0);
    for (unsigned attempt = 0; attempt < 25; attempt++)
        os_back_off(attempt);
    count[0] = 42;
    lock_release(&lock);
    pthread_join(thread, NULL);
    assert_int_equal(read, 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(a_taken_lock_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
