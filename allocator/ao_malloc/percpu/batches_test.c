/* SPDX-License-Identifier: MIT
 *
 * Stacks of batches: order, bound and count; races replayed by hand and under every schedule; many threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ao/schedules.h"
#include "ao_malloc/percpu/batches.h"

enum { CLASS = 72, NODES = 8, THREADS = 4, ROUNDS = 20000, VERSION = 1 << 16 };

static struct node node[NODES];
static struct batches stack;

static void empty_stack(void) {
    memset(&stack, 0, sizeof stack);
    memset(node, 0, sizeof node);
}

static void push(unsigned i) {
    assert_true(batches_push(&stack, CLASS, &node[i]));
}

/* ---- alone ---- */

static void the_last_comes_first(void **state) {
    (void)state;
    empty_stack();
    assert_null(batches_pop(&stack));
    for (unsigned i = 0; i < 3; i++)
        push(i);
    assert_int_equal(batches_count(&stack), 3);
    for (unsigned i = 3; i-- > 0;) {
        assert_ptr_equal(batches_pop(&stack), &node[i]);
        assert_int_equal(batches_count(&stack), i);
    }
    assert_null(batches_pop(&stack));
    assert_int_equal(batches_count(&stack), 0);
}

static void a_stack_holds_so_much(void **state) {
    (void)state;
    const unsigned most = 2 + BATCHES_MOST_BYTES / (NODE_POINTERS * 32768);
    empty_stack();
    assert_true(most < NODES);
    for (unsigned i = 0; i < most; i++)
        push(i);
    assert_false(batches_push(&stack, CLASS, &node[most]));
    assert_ptr_equal(batches_pop(&stack), &node[most - 1]);
    push(most);
}

/* The most that any class can have must not run into the version. */
static void counts_fit_in_16_bits(void **state) {
    (void)state;
    for (unsigned c = 1; c <= CLASS_LAST; c++)
        assert_true(2 + BATCHES_MOST_BYTES / (NODE_POINTERS * size_class[c].size) < 0xffff);
}

static void the_version_comes_round(void **state) {
    (void)state;
    empty_stack();
    stack.head.second = (uint64_t)-VERSION; /* the greatest */
    push(0);
    assert_true(stack.head.second == 1);
    stack.head.second |= (uint64_t)-VERSION;
    assert_ptr_equal(batches_pop(&stack), &node[0]);
    assert_true(stack.head.second == 0);
    assert_null(batches_pop(&stack));
}

static void the_low_mark_follows(void **state) {
    (void)state;
    empty_stack();
    for (unsigned i = 0; i < 4; i++)
        push(i);
    stack.low = batches_count(&stack);
    batches_pop(&stack);
    batches_pop(&stack);
    push(0);
    assert_int_equal(stack.low, 2);
}

/* ---- replayed ---- */

/* A pop sleeps between 2 and 3; its node is taken, the one below it too, and the first comes back. */
static void a_stale_snapshot_fails(void **state) {
    (void)state;
    empty_stack();
    for (unsigned i = 0; i < 3; i++)
        push(i);
    struct pair head = batches_head(&stack);
    const struct node *const next = ((struct node *)head.first)->next;
    assert_ptr_equal(batches_pop(&stack), &node[2]);
    assert_ptr_equal(batches_pop(&stack), &node[1]);
    push(2);
    assert_true(head.first == stack.head.first); /* the pointer alone would not tell */
    assert_false(dwcas(&stack.head, &head, (struct pair){(uintptr_t)next, head.second + VERSION - 1}));
    assert_true(head.first == (uintptr_t)&node[2] &&
                head.second == stack.head.second); /* what it has learnt */
    assert_ptr_equal(batches_pop(&stack), &node[2]);
    assert_ptr_equal(batches_pop(&stack), &node[0]);
    assert_null(batches_pop(&stack));
}

/* The two loads of a head, with a push and a pop in between: node of one moment, version of another. */
static void a_torn_head_fails(void **state) {
    (void)state;
    empty_stack();
    push(0);
    struct pair head = {.second = stack.head.second};
    batches_pop(&stack);
    push(1);
    head.first = stack.head.first;
    assert_false(dwcas(&stack.head, &head, (struct pair){0, head.second + VERSION - 1}));
    head = (struct pair){.first = 0,
                         .second = stack.head.second}; /* read from an empty one, then a count of 1 */
    assert_false(dwcas(&stack.head, &head, (struct pair){(uintptr_t)&node[2], head.second + VERSION + 1}));
    assert_int_equal(batches_count(&stack), 1);
}

/* ---- schedules ---- */

static struct node *hand[ACTIVATIONS][2];
static unsigned at_start;

static void prepare_schedule(void) {
    empty_stack();
    memset(hand, 0, sizeof hand);
    for (unsigned i = 0; i < at_start; i++)
        push(i);
    for (unsigned i = 0; i < ACTIVATIONS; i++)
        hand[i][1] = &node[at_start + i];
}

static void check_schedule(const char *schedule) {
    unsigned found[NODES] = {0}, n = 0;
    for (unsigned i = 0; i < ACTIVATIONS; i++)
        for (unsigned h = 0; h < 2; h++)
            if (hand[i][h] != NULL)
                found[hand[i][h] - node]++;
    const uint32_t count = batches_count(&stack);
    for (struct node *one; (one = batches_pop(&stack)) != NULL && n < NODES; n++)
        found[one - node]++;
    if (n != count)
        fail_msg("%u nodes counted as %u: switched%s", n, count, schedule);
    for (unsigned i = 0; i < at_start + ACTIVATIONS; i++)
        if (found[i] != 1)
            fail_msg("node %u is there %u times: switched%s", i, found[i], schedule);
}

static void put(unsigned self, unsigned h) {
    struct node *const one = hand[self][h];
    hand[self][h] = NULL;
    if (one != NULL)
        batches_push(&stack, CLASS, one);
}

static void takes(unsigned self) {
    hand[self][0] = batches_pop(&stack);
}

static void puts_one(unsigned self) {
    put(self, 1);
}

static void takes_and_puts_both(unsigned self) {
    takes(self);
    put(self, 1);
    put(self, 0);
}

static void takes_two_and_puts_the_first(unsigned self) {
    put(self, 1);
    takes(self);
    hand[self][1] = batches_pop(&stack);
    put(self, 0);
}

static void every_schedule(void **state) {
    (void)state;
    for (at_start = 0; at_start <= 3; at_start++) {
        explore_all(SWITCHES, takes, takes_two_and_puts_the_first, NULL);
        explore_all(SWITCHES, takes_and_puts_both, takes_two_and_puts_the_first, NULL);
        explore_all(SWITCHES, takes, takes_and_puts_both, puts_one);
    }
}

/* ---- threads ---- */

static void *exchanges(void *own) {
    struct node *one = own;
    for (unsigned i = 0; i < ROUNDS; i++) {
        one->blocks = i; /* of its owner alone */
        assert_true(batches_push(&stack, CLASS, one));
        while ((one = batches_pop(&stack)) == NULL)
            ;
    }
    return one;
}

static void threads_lose_none(void **state) {
    (void)state;
    pthread_t thread[THREADS];
    unsigned found[NODES] = {0};
    empty_stack();
    push(THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, exchanges, &node[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *one;
        pthread_join(thread[i], &one);
        found[(struct node *)one - node]++;
    }
    assert_int_equal(batches_count(&stack), 1);
    found[batches_pop(&stack) - node]++;
    for (unsigned i = 0; i <= THREADS; i++)
        assert_int_equal(found[i], 1);
}

static void from_another_shard_if_it_has_as_many(void **state) {
    (void)state;
    empty_stack();
    assert_true(batches_push(&batches[1][CLASS], CLASS, &node[0]));
    assert_null(batches_steal(1, CLASS, 1));
    assert_null(batches_steal(2, CLASS, 2));
    assert_true(batches_push(&batches[1][CLASS], CLASS, &node[1]));
    assert_ptr_equal(batches_steal(2, CLASS, 2), &node[1]);
    assert_ptr_equal(batches_steal(2, CLASS, 1), &node[0]);
    assert_null(batches_steal(2, CLASS, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_comes_first),
        cmocka_unit_test(a_stack_holds_so_much),
        cmocka_unit_test(counts_fit_in_16_bits),
        cmocka_unit_test(the_version_comes_round),
        cmocka_unit_test(the_low_mark_follows),
        cmocka_unit_test(a_stale_snapshot_fails),
        cmocka_unit_test(a_torn_head_fails),
        cmocka_unit_test(every_schedule),
        cmocka_unit_test(from_another_shard_if_it_has_as_many),
        cmocka_unit_test(threads_lose_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
