/* SPDX-License-Identifier: MIT
 *
 * For tests: a list, its real code, under every schedule of two or three activations (schedules.h), with up to
 * three switches a schedule (two, where there are three activations). At the end of each, every node must be on
 * the list or in one activation's hand, once. The including file chooses the list, one of a single part, after
 * stepped.h.
 */
#ifndef AO_STEPS_CASES_H
#define AO_STEPS_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ao/schedules.h"

enum { ON_LIST = 3, NODES = ON_LIST + ACTIVATIONS, HANDS = 3, OWN = HANDS - 1 };

static struct list list;
static AO_uintptr_t node[NODES];
static AO_uintptr_t *hand[ACTIVATIONS][HANDS]; /* what each owns; NULL: nothing */
static unsigned at_start;                      /* nodes on the list */

static unsigned backed_off;
static void (*when_blocked)(void); /* where the test itself calls */

/* Who would back off lets the others go on. */
static void blocked(void) {
    backed_off++;
    if (scheduled)
        go_on_with(other_than(running));
    else
        when_blocked();
}

static void prepare_schedule(void) {
    list = (struct list){0};
    memset(hand, 0, sizeof hand);
    for (unsigned i = at_start; i-- > 0;)
        list_push(&list, &node[i]);
    for (unsigned i = 0; i < ACTIVATIONS; i++)
        hand[i][OWN] = &node[at_start + i];
}

static void check_schedule(const char *schedule) {
    unsigned found[NODES] = {0}, length = 0;
    for (AO_uintptr_t *at = list_part(&list, 0); at != NULL; at = list_next(*at)) {
        if (++length > NODES)
            fail_msg("the list is a ring: switched%s", schedule);
        found[at - node]++;
    }
    for (unsigned i = 0; i < ACTIVATIONS; i++)
        for (unsigned h = 0; h < HANDS; h++)
            if (hand[i][h] != NULL)
                found[hand[i][h] - node]++;
    for (unsigned i = 0; i < at_start + ACTIVATIONS; i++)
        if (found[i] != 1)
            fail_msg("node %u is there %u times: switched%s", i, found[i], schedule);
    char why[64];
    if (!list_at_rest(&list, why, sizeof why))
        fail_msg("%s: switched%s", why, schedule);
}

/* With so many nodes on the list at the start. */
static void explore_from(unsigned on_list, unsigned at_most, body *first, body *second, body *third) {
    at_start = on_list;
    assert_true(explore_all(at_most, first, second, third) > 100);
}

/* ---- activations ---- */

static void take(unsigned self, unsigned into) {
    hand[self][into] = list_pop(&list);
}

static void put(unsigned self, unsigned from) {
    AO_uintptr_t *const one = hand[self][from];
    hand[self][from] = NULL;
    if (one != NULL)
        list_push(&list, one);
}

static void takes_one(unsigned self) {
    take(self, 0);
}

static void puts_its_own(unsigned self) {
    put(self, OWN);
}

static void takes_one_and_puts_it_back(unsigned self) {
    take(self, 0);
    put(self, 0);
}

/* ABA: what another has seen below the first is gone when the first is back. */
static void takes_two_and_puts_the_first_back(unsigned self) {
    take(self, 0);
    take(self, 1);
    put(self, 0);
}

static void takes_one_and_puts_it_back_on_its_own(unsigned self) {
    take(self, 0);
    put(self, OWN);
    put(self, 0);
}

static void puts_back_twice(unsigned self) {
    takes_one_and_puts_it_back(self);
    takes_one_and_puts_it_back(self);
}

/* ---- cases ---- */

static void a_pop_against_who_recycles_the_node(void **state) {
    (void)state;
    explore_from(3, SWITCHES, takes_one, takes_two_and_puts_the_first_back, NULL);
    explore_from(3, SWITCHES, takes_one, takes_one_and_puts_it_back_on_its_own, NULL);
    explore_from(2, SWITCHES, takes_one, puts_back_twice, NULL);
}

static void both_recycle(void **state) {
    (void)state;
    explore_from(3, SWITCHES, takes_two_and_puts_the_first_back, takes_two_and_puts_the_first_back, NULL);
    explore_from(3, SWITCHES, takes_one_and_puts_it_back_on_its_own, takes_two_and_puts_the_first_back, NULL);
}

static void the_last_node(void **state) {
    (void)state;
    explore_from(1, SWITCHES, takes_one, takes_one_and_puts_it_back, NULL);
    explore_from(0, SWITCHES - 1, takes_one, puts_its_own, takes_one);
}

/* A push loses its exchange to another push and writes a new link; in between a late pop of the node's former
 * life has read the old one. With a black list: either that pop sees that the node is gone (pop 3), or the
 * push must look again. */
static void a_push_that_loses_its_exchange(void **state) {
    (void)state;
    explore_from(2, SWITCHES, takes_one, takes_one_and_puts_it_back, puts_its_own);
}

#define STEPS_CASES                                                                                          \
    cmocka_unit_test(a_pop_against_who_recycles_the_node), cmocka_unit_test(both_recycle),                   \
        cmocka_unit_test(the_last_node), cmocka_unit_test(a_push_that_loses_its_exchange)

#endif
