/* SPDX-License-Identifier: MIT
 *
 * The stack with a version, and the compare-and-swap under it: what they do alone, the race that the version
 * is there for, replayed by hand with it and without, the order in which version and node are read, and a
 * stress of threads.
 */
#include "ao/stack_tagged.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct node {
    AO_uintptr_t link;
    int value;
};

/* ---- dwcas ---- */

static void both_words_must_be_as_expected(void **state) {
    (void)state;
    static struct pair at;
    const struct pair desired = {30, 40};
    static const struct pair wrong[] = {{11, 20}, {10, 21}, {20, 10}, {11, 21}, {10, 20 | (uint64_t)1 << 63}};
    at = (struct pair){10, 20};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pair expected = wrong[i];
        assert_false(dwcas(&at, &expected, desired));
        assert_true(expected.first == 10 && expected.second == 20); /* what it is */
        assert_true(at.first == 10 && at.second == 20);
    }
    struct pair expected = {10, 20};
    assert_true(dwcas(&at, &expected, desired));
    assert_true(expected.first == 10 && expected.second == 20); /* as before */
    assert_true(at.first == 30 && at.second == 40);
}

enum { COUNTERS = 3, COUNTS = 50000 };
static struct pair counter;

/* The words count together: where one is ever seen without the other, a pair was torn. */
static void *count(void *torn) {
    for (int i = 0; i < COUNTS; i++) {
        struct pair seen = {0, 0};
        while (!dwcas(&counter, &seen, (struct pair){seen.first + 1, seen.second - 1}))
            if (seen.first + seen.second != 0)
                *(int *)torn = 1;
    }
    return NULL;
}

static void threads_count_both_words_and_see_no_half(void **state) {
    (void)state;
    pthread_t thread[COUNTERS];
    int torn[COUNTERS] = {0};
    for (int i = 0; i < COUNTERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count, &torn[i]), 0);
    for (int i = 0; i < COUNTERS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(torn[i], 0);
    }
    assert_true(counter.first == COUNTERS * COUNTS && counter.second == 0 - counter.first);
}

/* ---- the stack alone ---- */

static void last_in_is_first_out(void **state) {
    (void)state;
    static struct stack_tagged s;
    struct node n[3];
    assert_null(stack_tagged_pop(&s));
    for (int i = 0; i < 3; i++)
        stack_tagged_push(&s, &n[i].link);
    for (int i = 2; i >= 0; i--)
        assert_ptr_equal(stack_tagged_pop(&s), &n[i].link);
    assert_null(stack_tagged_pop(&s));
}

static void a_chain_goes_on_top_in_its_order(void **state) {
    (void)state;
    static struct stack_tagged s;
    struct node n[4];
    stack_tagged_push(&s, &n[3].link);
    n[0].link = (AO_uintptr_t)&n[1].link;
    n[1].link = (AO_uintptr_t)&n[2].link;
    stack_tagged_push_chain(&s, &n[0].link, &n[2].link);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(stack_tagged_pop(&s), &n[i].link);
    assert_null(stack_tagged_pop(&s));
}

static void every_pop_counts_and_nothing_else_does(void **state) {
    (void)state;
    static struct stack_tagged s;
    struct node n;
    for (AO_uintptr_t pops = 0; pops < 5; pops++) {
        assert_true(s.top.first == pops);
        stack_tagged_push(&s, &n.link);
        assert_true(s.top.first == pops);
        assert_non_null(stack_tagged_pop(&s));
        assert_null(stack_tagged_pop(&s));
    }
}

static void the_version_wraps(void **state) {
    (void)state;
    static struct stack_tagged s = {{UINT64_MAX, 0}};
    struct node n;
    stack_tagged_push(&s, &n.link);
    assert_ptr_equal(stack_tagged_pop(&s), &n.link);
    assert_true(s.top.first == 0 && s.top.second == 0);
}

/* ---- ABA, by hand ---- */

/* A pop has read that a's link is b, and stops. The others take a and b and put a back alone. */
struct stopped_pop {
    struct stack_tagged s;
    struct node a, b;
    struct pair seen;
    AO_uintptr_t next;
};

static void stop_a_pop_and_bring_a_back(struct stopped_pop *r) {
    r->s = (struct stack_tagged){{0, 0}};
    stack_tagged_push(&r->s, &r->b.link);
    stack_tagged_push(&r->s, &r->a.link);
    r->seen = r->s.top;  /* pop 1, 2 */
    r->next = r->a.link; /* pop 3 */
    assert_ptr_equal((AO_uintptr_t *)r->next, &r->b.link);
    assert_ptr_equal(stack_tagged_pop(&r->s), &r->a.link);
    assert_ptr_equal(stack_tagged_pop(&r->s), &r->b.link); /* from here on somebody's own */
    stack_tagged_push(&r->s, &r->a.link);
}

static void with_the_version_the_stopped_pop_takes_nothing(void **state) {
    (void)state;
    static struct stopped_pop r;
    stop_a_pop_and_bring_a_back(&r);
    assert_true(r.s.top.second == r.seen.second); /* the node alone tells nothing */
    assert_false(dwcas(&r.s.top, &r.seen, (struct pair){r.seen.first + 1, r.next}));
    assert_true(r.seen.first == 2 && r.seen.second == (AO_uintptr_t)&r.a.link); /* it would go on with this */
    assert_ptr_equal(stack_tagged_pop(&r.s), &r.a.link);
    assert_null(stack_tagged_pop(&r.s));
}

/* The same steps and the version taken for what it is: b is handed out to a second owner. */
static void without_the_version_it_puts_anothers_node_on_the_list(void **state) {
    (void)state;
    static struct stopped_pop r;
    stop_a_pop_and_bring_a_back(&r);
    struct pair seen = {r.s.top.first, r.seen.second};
    assert_true(dwcas(&r.s.top, &seen, (struct pair){seen.first, r.next}));
    assert_ptr_equal(stack_tagged_pop(&r.s), &r.b.link); /* which somebody has already */
}

/* The node read before the version: a is taken off in between, its old link read, and a comes back on c,
 * which is lost. Nothing was popped since the version was read: it cannot tell. */
static void with_the_version_read_second_a_node_is_lost(void **state) {
    (void)state;
    static struct stack_tagged s;
    struct node a, b, c;
    stack_tagged_push(&s, &b.link);
    stack_tagged_push(&s, &a.link);
    const AO_uintptr_t f = s.top.second; /* pop 2 */
    assert_ptr_equal(stack_tagged_pop(&s), &a.link);
    const AO_uintptr_t v = s.top.first; /* pop 1, too late */
    const AO_uintptr_t n = a.link;      /* pop 3 */
    stack_tagged_push(&s, &c.link);
    stack_tagged_push(&s, &a.link);
    struct pair seen = {v, f};
    assert_true(dwcas(&s.top, &seen, (struct pair){v + 1, n})); /* pop 4 */
    assert_ptr_equal(stack_tagged_pop(&s), &b.link);            /* c is on no list, in no hand */
    assert_null(stack_tagged_pop(&s));
}

/* ---- threads ---- */

enum { STRESS_THREADS = 4, STRESS_NODES = STRESS_THREADS * (STRESS_THREADS + 1) / 2, STRESS_ROUNDS = 20000 };
static struct stack_tagged stress_stack;
static struct node stress_node[STRESS_NODES];

/* Thread i takes i+1 nodes and puts them back; a node in two hands at once would be counted past 1. */
static void *stress(void *argument) {
    const int mine = *(const int *)argument + 1;
    for (int round = 0; round < STRESS_ROUNDS; round++) {
        AO_uintptr_t *taken[STRESS_THREADS];
        for (int i = 0; i < mine; i++) {
            taken[i] = stack_tagged_pop(&stress_stack);
            if (taken[i] == NULL || ((struct node *)(void *)taken[i])->value++ != 0)
                return (void *)1;
        }
        for (int i = 0; i < mine; i++) {
            ((struct node *)(void *)taken[i])->value--;
            stack_tagged_push(&stress_stack, taken[i]);
        }
    }
    return NULL;
}

static void threads_never_hold_one_node_twice_and_lose_none(void **state) {
    (void)state;
    for (int i = 0; i < STRESS_NODES; i++)
        stack_tagged_push(&stress_stack, &stress_node[i].link);
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
    while (stack_tagged_pop(&stress_stack) != NULL)
        found++;
    assert_int_equal(found, STRESS_NODES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_words_must_be_as_expected),
        cmocka_unit_test(threads_count_both_words_and_see_no_half),
        cmocka_unit_test(last_in_is_first_out),
        cmocka_unit_test(a_chain_goes_on_top_in_its_order),
        cmocka_unit_test(every_pop_counts_and_nothing_else_does),
        cmocka_unit_test(the_version_wraps),
        cmocka_unit_test(with_the_version_the_stopped_pop_takes_nothing),
        cmocka_unit_test(without_the_version_it_puts_anothers_node_on_the_list),
        cmocka_unit_test(with_the_version_read_second_a_node_is_lost),
        cmocka_unit_test(threads_never_hold_one_node_twice_and_lose_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
