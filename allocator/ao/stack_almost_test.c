/* SPDX-License-Identifier: MIT
 *
 * The almost-lock-free stack: its interface, its black list seen from inside, and the races that it must
 * survive, each replayed by hand: the stalled thread's steps are done one at a time, what the others do in
 * between is done by calls, and the step that must fail is asserted to fail. Then a stress of threads.
 */
#include "ao/stack_almost.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct node {
    AO_uintptr_t link;
    int value;
};

static AO_uintptr_t *head(const AO_stack_t *s) {
    return AO_REAL_HEAD_PTR(*s);
}

static void last_in_is_first_out(void **state) {
    (void)state;
    static AO_stack_t s = AO_STACK_INITIALIZER;
    struct node n[3];
    assert_null(AO_stack_pop(&s));
    for (int i = 0; i < 3; i++)
        AO_stack_push(&s, &n[i].link);
    assert_ptr_equal(head(&s), &n[2].link);
    assert_ptr_equal(AO_REAL_NEXT_PTR(n[2].link), &n[1].link);
    for (int i = 2; i >= 0; i--)
        assert_ptr_equal(AO_stack_pop(&s), &n[i].link);
    assert_null(AO_stack_pop(&s));
    assert_int_equal(AO_stack_is_lock_free(), 0);
}

static void init_clears_the_black_list_too(void **state) {
    (void)state;
    AO_stack_t s;
    memset(&s, 0xff, sizeof s);
    AO_stack_init(&s);
    assert_true(s.AO_pa.ptr == 0);
    for (unsigned i = 0; i < AO_BL_SIZE; i++)
        assert_true(s.AO_pa.aux.AO_stack_bl[i] == 0);
}

static void a_black_listed_node_is_pushed_under_another_pad(void **state) {
    (void)state;
    static AO_stack_t s;
    struct node a, b;
    AO_stack_init(&s);
    s.AO_pa.aux.AO_stack_bl[0] = (AO_uintptr_t)&a.link;
    AO_stack_push(&s, &a.link);
    assert_true(s.AO_pa.ptr == ((AO_uintptr_t)&a.link | 1));
    assert_ptr_equal(head(&s), &a.link);
    AO_stack_push(&s, &b.link); /* b's link now holds a's padded address */
    assert_ptr_equal(AO_REAL_NEXT_PTR(b.link), &a.link);
    assert_ptr_equal(AO_stack_next_ptr_d(&b.link), &a.link);
    assert_ptr_equal(AO_stack_pop(&s), &b.link); /* one entry is taken: the other serves */
    assert_ptr_equal(AO_stack_pop(&s), &a.link);
    assert_true(s.AO_pa.aux.AO_stack_bl[0] == (AO_uintptr_t)&a.link); /* still the stopped one's */
}

static void pads_of_one_node_in_both_entries_leave_a_third(void **state) {
    (void)state;
    static AO_stack_t s;
    struct node a;
    AO_stack_init(&s);
    s.AO_pa.aux.AO_stack_bl[0] = (AO_uintptr_t)&a.link;
    s.AO_pa.aux.AO_stack_bl[1] = (AO_uintptr_t)&a.link | 1;
    AO_stack_push(&s, &a.link);
    assert_true(s.AO_pa.ptr == ((AO_uintptr_t)&a.link | 2));
}

/* ABA: a pop has read that a's link is b, and stops. The others take a and b and put a back alone. Its
 * compare-and-swap must fail: else b, which somebody owns, would be on the list. */
static void a_stalled_pop_does_not_take_a_node_that_went_and_came_back(void **state) {
    (void)state;
    static AO_stack_t s;
    struct node a, b;
    AO_stack_init(&s);
    AO_stack_push(&s, &b.link);
    AO_stack_push(&s, &a.link);

    const AO_uintptr_t f = s.AO_pa.ptr;                                       /* pop 1 */
    volatile AO_uintptr_t *const entry = stack_almost_claim(&s.AO_pa.aux, f); /* pop 2 */
    assert_non_null(entry);
    assert_true(s.AO_pa.ptr == f);                   /* pop 3 */
    const AO_uintptr_t next = *stack_almost_node(f); /* pop 4 */
    assert_ptr_equal(stack_almost_node(next), &b.link);

    assert_ptr_equal(AO_stack_pop(&s), &a.link);
    assert_ptr_equal(AO_stack_pop(&s), &b.link);
    AO_stack_push(&s, &a.link);

    assert_false(stack_almost_cas(&s.AO_pa.ptr, f, next, __ATOMIC_SEQ_CST)); /* pop 5 must fail */
    *entry = 0;
    assert_ptr_equal(AO_stack_pop(&s), &a.link);
    assert_null(AO_stack_pop(&s));
}

/* The same, and a is put back by a push that looked at the black list before the stalled pop was listed, and
 * lost its first compare-and-swap: it must look again before the second. */
static void a_push_looks_at_the_black_list_again_after_a_failed_exchange(void **state) {
    (void)state;
    static AO_stack_t s;
    struct node a, c;
    AO_stack_init(&s);
    const AO_uintptr_t seen = s.AO_pa.ptr;                                  /* push 1 of a */
    assert_false(stack_almost_listed(&s.AO_pa.aux, (AO_uintptr_t)&a.link)); /* push 2 */
    AO_stack_push(&s, &c.link);                                             /* somebody else's */
    assert_false(stack_almost_cas(&s.AO_pa.ptr, seen, (AO_uintptr_t)&a.link, __ATOMIC_RELEASE)); /* push 3 */
    s.AO_pa.aux.AO_stack_bl[1] = (AO_uintptr_t)&a.link; /* a pop of a's former life is still at work */
    AO_stack_push(&s, &a.link);                         /* all again */
    assert_true(s.AO_pa.ptr == ((AO_uintptr_t)&a.link | 1));
}

/* A pop lists f only after f has left: the head that it reads again differs, and it must not go on. */
static void a_pop_that_lists_too_late_sees_that_the_head_has_changed(void **state) {
    (void)state;
    static AO_stack_t s;
    struct node a, b;
    AO_stack_init(&s);
    AO_stack_push(&s, &b.link);
    AO_stack_push(&s, &a.link);
    const AO_uintptr_t f = s.AO_pa.ptr;                                       /* pop 1 */
    assert_ptr_equal(AO_stack_pop(&s), &a.link);                              /* the others */
    volatile AO_uintptr_t *const entry = stack_almost_claim(&s.AO_pa.aux, f); /* pop 2 */
    assert_true(s.AO_pa.ptr != f);                                            /* pop 3 */
    *entry = 0;
}

static bool pop_ends(unsigned stopped) {
    static AO_stack_t s;
    struct node n;
    AO_stack_init(&s);
    AO_stack_push(&s, &n.link);
    for (unsigned i = 0; i < stopped; i++)
        s.AO_pa.aux.AO_stack_bl[i] = 8 * (i + 1);
    const pid_t child = fork();
    if (child == 0) {
        alarm(1);
        _exit(AO_stack_pop(&s) == &n.link ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return false;
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static void one_stopped_pop_stops_nobody_and_two_stop_all(void **state) {
    (void)state;
    assert_true(pop_ends(0));
    assert_true(pop_ends(1));
    assert_false(pop_ends(2));
}

static void lists_may_share_a_black_list(void **state) {
    (void)state;
    static volatile AO_uintptr_t list[2];
    static AO_stack_aux aux;
    struct node a, b;
    AO_stack_push_explicit_aux_release(&list[0], &a.link, &aux);
    AO_stack_push_explicit_aux_release(&list[1], &b.link, &aux);
    assert_ptr_equal(AO_stack_pop_explicit_aux_acquire(&list[0], &aux), &a.link);
    assert_ptr_equal(AO_stack_pop_explicit_aux_acquire(&list[1], &aux), &b.link);
    assert_null(AO_stack_pop_explicit_aux_acquire(&list[0], &aux));
}

enum { STRESS_THREADS = 4, STRESS_NODES = STRESS_THREADS * (STRESS_THREADS + 1) / 2, STRESS_ROUNDS = 20000 };
static AO_stack_t stress_stack;
static struct node stress_node[STRESS_NODES];

/* Thread i takes i+1 nodes and puts them back; a node in two hands at once would be counted past 1. */
static void *stress(void *argument) {
    const int mine = *(const int *)argument + 1;
    for (int round = 0; round < STRESS_ROUNDS; round++) {
        AO_uintptr_t *taken[STRESS_THREADS];
        for (int i = 0; i < mine; i++) {
            taken[i] = AO_stack_pop(&stress_stack);
            if (taken[i] == NULL || ((struct node *)(void *)taken[i])->value++ != 0)
                return (void *)1;
        }
        for (int i = 0; i < mine; i++) {
            ((struct node *)(void *)taken[i])->value--;
            AO_stack_push(&stress_stack, taken[i]);
        }
    }
    return NULL;
}

static void threads_never_hold_one_node_twice_and_lose_none(void **state) {
    (void)state;
    AO_stack_init(&stress_stack);
    for (int i = 0; i < STRESS_NODES; i++)
        AO_stack_push(&stress_stack, &stress_node[i].link);
    pthread_t thread[STRESS_THREADS];
    int index[STRESS_THREADS];
    for (int i = 0; i < STRESS_THREADS; i++) {
        index[i] = i;
        assert_int_equal(pthread_create(&thread[i], NULL, stress, &index[i]), 0);
    }
    for (int i = 0; i < STRESS_THREADS; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    int found = 0;
    while (AO_stack_pop(&stress_stack) != NULL)
        found++;
    assert_int_equal(found, STRESS_NODES);
}

static void misaligned_nodes_are_refused(void **state) {
    (void)state;
    static AO_stack_t s;
    static AO_uintptr_t word[2];
    const pid_t child = fork();
    if (child == 0) {
        AO_stack_push(&s, (AO_uintptr_t *)((uintptr_t)word + 4));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* Every step of the waiting ends, the last too, which would overflow if it doubled on. */
static void backing_off_ends_and_leaves_errno(void **state) {
    (void)state;
    errno = 77;
    for (unsigned attempt = 0; attempt < 16; attempt++)
        os_back_off(attempt);
    os_back_off(UINT_MAX);
    assert_int_equal(errno, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_in_is_first_out),
        cmocka_unit_test(init_clears_the_black_list_too),
        cmocka_unit_test(a_black_listed_node_is_pushed_under_another_pad),
        cmocka_unit_test(pads_of_one_node_in_both_entries_leave_a_third),
        cmocka_unit_test(a_stalled_pop_does_not_take_a_node_that_went_and_came_back),
        cmocka_unit_test(a_push_looks_at_the_black_list_again_after_a_failed_exchange),
        cmocka_unit_test(a_pop_that_lists_too_late_sees_that_the_head_has_changed),
        cmocka_unit_test(one_stopped_pop_stops_nobody_and_two_stop_all),
        cmocka_unit_test(lists_may_share_a_black_list),
        cmocka_unit_test(misaligned_nodes_are_refused),
        cmocka_unit_test(backing_off_ends_and_leaves_errno),
        cmocka_unit_test(threads_never_hold_one_node_twice_and_lose_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
