/* SPDX-License-Identifier: MIT
 *
 * Slabs of threads: order and bounds, the busy flag under handlers and longjmp, slabs that are found by later threads,
 * by one alone, and forked children.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ao_malloc/percpu/thread_slab.h"

enum { CLASS = 4, MANY = 30, THREADS = 16 };

static void *item(uintptr_t n) {
    return (void *)(0x1000 + 16 * n);
}

static bool push(uintptr_t n) {
    void *const one = item(n);
    return thread_slab_push_many(CLASS, &one, 1);
}

static void *pop(void) {
    void *one;
    return thread_slab_pop_many(CLASS, &one, 1) == 1 ? one : NULL;
}

static unsigned count_slabs(void) {
    unsigned n = 0;
    for (const struct thread_slab *slab = thread_slabs; slab != NULL; slab = slab->next)
        n++;
    return n;
}

static void the_last_comes_first(void **state) {
    (void)state;
    void *many[MANY], *back[MANY];
    for (uintptr_t i = 0; i < MANY; i++)
        many[i] = item(i);
    assert_null(pop());
    assert_true(thread_slab_push_many(CLASS, many, MANY));
    assert_ptr_equal(pop(), item(MANY - 1));
    assert_true(push(MANY));
    assert_int_equal(thread_slab_pop_many(CLASS, back, 3), 3);
    assert_ptr_equal(back[0], item(MANY));
    assert_ptr_equal(back[2], item(MANY - 3));
    assert_int_equal(thread_slab_pop_many(CLASS, back, MANY), MANY - 3);
    assert_null(pop());
}

static void classes_do_not_meet_and_are_bounded(void **state) {
    (void)state;
    void *one = item(0);
    for (unsigned c = 1; c < CLASSES_END; c++) {
        unsigned n = 0;
        while (thread_slab_push_many(c, &one, 1))
            n++;
        assert_int_equal(n, (slab_place[c].first_end - slab_place[c].floor) / 8);
    }
    for (unsigned c = 1; c < CLASSES_END; c++) {
        unsigned n = 0;
        while (thread_slab_pop_many(c, &one, 1) == 1)
            n++;
        assert_int_equal(n, (slab_place[c].first_end - slab_place[c].floor) / 8);
    }
}

static void a_handler_that_finds_the_flag_goes_another_way(void **state) {
    (void)state;
    assert_true(push(1));
    assert_non_null(thread_slab_enter());
    assert_null(thread_slab_enter());
    assert_false(push(2));
    assert_null(pop());
    thread_slab_leave();
    assert_ptr_equal(pop(), item(1));
}

/* A handler that comes at any time, and leaves what it found as it was. */
static volatile sig_atomic_t handled, wrong;
static bool enough;

static void handler(int number) {
    (void)number;
    handled = handled + 1;
    if (push(1000) && pop() != item(1000))
        wrong = 1;
}

static void *sends(void *to) {
    while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
        pthread_kill(*(pthread_t *)to, SIGUSR1);
        usleep(20);
    }
    return NULL;
}

static void handlers_at_any_time(void **state) {
    (void)state;
    pthread_t self = pthread_self(), sender;
    const struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    assert_int_equal(pthread_create(&sender, NULL, sends, &self), 0);
    while (handled < 200) {
        for (uintptr_t i = 0; i < 10; i++)
            assert_true(push(i));
        for (uintptr_t i = 10; i-- > 0;)
            assert_ptr_equal(pop(), item(i));
    }
    __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
    pthread_join(sender, NULL);
    assert_int_equal(wrong, 0);
    assert_null(pop());
}

/* ---- later threads ---- */

static void *leaves_one(void *number) {
    if (thread_slab.slab != NULL || !push((uintptr_t)number))
        abort();
    static uint32_t thread;
    thread = os_thread();
    return &thread;
}

static void *finds(void *unused) {
    (void)unused;
    return pop();
}

static uint32_t run_and_wait(void *(*body)(void *), void *argument) {
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, body, argument), 0);
    pthread_join(thread, &result);
    return *(uint32_t *)result;
}

/* The kernel may take a moment after a thread has been joined. */
static void wait_until_gone(uint32_t thread) {
    while (!os_thread_is_gone(thread))
        usleep(100);
}

static void a_slab_is_found_by_the_next_thread(void **state) {
    (void)state;
    assert_true(push(1)); /* this thread has its own */
    const unsigned before = count_slabs();
    wait_until_gone(run_and_wait(leaves_one, (void *)77));
    assert_int_equal(count_slabs(), before + 1);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *found;
        assert_int_equal(pthread_create(&thread, NULL, finds, NULL), 0);
        pthread_join(thread, &found);
        assert_true(found == (i == 0 ? item(77) : NULL));
        while (thread_slabs->owner != 0 && !os_thread_is_gone((uint32_t)thread_slabs->owner))
            usleep(100);
    }
    assert_int_equal(count_slabs(), before + 1);
    assert_ptr_equal(pop(), item(1));
}

/* Two have seen that the owner is gone; the one that comes late has an old generation. */
static void only_one_gets_it(void **state) {
    (void)state;
    struct thread_slab *const slab = thread_slabs;
    const uint32_t process = os_process();
    wait_until_gone((uint32_t)slab->owner);
    uint64_t seen = slab->owner;
    assert_ptr_equal(thread_slab_adopt(process, (uint32_t)seen),
                     slab); /* a new thread with the same number */
    assert_int_equal((uint32_t)slab->owner, (uint32_t)seen);
    assert_false(
        __atomic_compare_exchange_n(&slab->owner, &seen, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    assert_ptr_equal(thread_slab_adopt(process, 0x7ffffff0), slab); /* gone again */
    assert_ptr_equal(thread_slab_adopt(process, 0x7ffffff1), slab);
    assert_null(thread_slab_adopt(process + 1, 0x7ffffff2));
}

static pthread_barrier_t barrier;
static struct thread_slab *of[THREADS];

static void *uses_one_at_once(void *at) {
    pthread_barrier_wait(&barrier);
    if (!push(1) || pop() == NULL)
        abort();
    *(struct thread_slab **)at = thread_slab.slab;
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void at_once_each_gets_its_own(void **state) {
    (void)state;
    for (int round = 0; round < 10; round++) {
        pthread_t thread[THREADS];
        pthread_barrier_init(&barrier, NULL, THREADS);
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, uses_one_at_once, &of[i]), 0);
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        for (unsigned i = 0; i < THREADS; i++)
            for (unsigned j = 0; j < i; j++)
                assert_true(of[i] != of[j]);
        pthread_barrier_destroy(&barrier);
    }
}

/* ---- a child has this thread's, and not those of others ---- */

static void *leaves_in_child(void *unused) {
    (void)unused;
    return push(5) && pop() == item(5) && pop() == NULL ? thread_slab.slab : NULL;
}

static void forked_child(void **state) {
    (void)state;
    assert_true(push(9));
    const unsigned before = count_slabs();
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pthread_t thread;
        void *slab = NULL;
        bool good = pop() == item(9) && pop() == NULL && push(3) && pop() == item(3);
        good &= pthread_create(&thread, NULL, leaves_in_child, NULL) == 0 && pthread_join(thread, &slab) == 0;
        _exit(good && slab != NULL && slab != thread_slab.slab && count_slabs() == before + 1 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_ptr_equal(pop(), item(9));
}

/* A handler that leaves by longjmp: slower from then on, never wrong. */
static void left_by_longjmp(void **state) {
    (void)state;
    static jmp_buf out;
    assert_true(push(4));
    if (setjmp(out) == 0) {
        assert_non_null(thread_slab_enter());
        longjmp(out, 1);
    }
    assert_false(push(5));
    assert_null(pop());
    thread_slab_leave(); /* for the sake of this test */
    assert_ptr_equal(pop(), item(4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_comes_first),
        cmocka_unit_test(classes_do_not_meet_and_are_bounded),
        cmocka_unit_test(a_handler_that_finds_the_flag_goes_another_way),
        cmocka_unit_test(handlers_at_any_time),
        cmocka_unit_test(a_slab_is_found_by_the_next_thread),
        cmocka_unit_test(only_one_gets_it),
        cmocka_unit_test(at_once_each_gets_its_own),
        cmocka_unit_test(forked_child),
        cmocka_unit_test(left_by_longjmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
