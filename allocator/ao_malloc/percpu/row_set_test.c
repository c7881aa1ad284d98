/* SPDX-License-Identifier: MIT
 *
 * Sets of spans: order, hints of all three levels, many threads, and every schedule of those who add, take out
 * and look: a member is lost to searches only while somebody stands between C and D.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ao/schedules.h"
#include "ao_malloc/percpu/row_set.h"

enum { SET = 5, THREADS = 4, ROUNDS = 20000 };

static struct row row_of[4]; /* besides the static one */
static const uint32_t number_of[] = {1, 64, 4096, ROWS - 1};

static void prepare_sets(void) {
    for (unsigned i = 0; i < 4; i++) {
        memset(&row_of[i], 0, sizeof row_of[i]);
        row_of[i].number = number_of[i];
        sets.row[number_of[i]] = &row_of[i];
        sets.hint_1[number_of[i] >> 6][SET] = sets.hint_2[number_of[i] >> 12][SET] = 0;
    }
    memset(static_row.member, 0, sizeof static_row.member);
    sets.rows = ROWS - 1;
    sets.hint_3[SET] = 0;
}

/* ---- alone ---- */

static void the_lowest_comes_first(void **state) {
    (void)state;
    unsigned index;
    prepare_sets();
    assert_null(row_set_first(SET, &index));
    for (unsigned i = 4; i-- > 0;)
        row_set_add(&row_of[i], 10 + i, SET);
    row_set_add(&row_of[1], 3, SET);
    row_set_add(&static_row, 63, SET);
    struct row *const expected[] = {&static_row, &row_of[0], &row_of[1], &row_of[1], &row_of[2], &row_of[3]};
    static const unsigned at[] = {63, 10, 3, 11, 12, 13};
    for (unsigned i = 0; i < 6; i++) {
        assert_ptr_equal(row_set_first(SET, &index), expected[i]);
        assert_int_equal(index, at[i]);
        assert_true(row_set_has(expected[i], index, SET));
        assert_true(row_set_remove(expected[i], index, SET));
        assert_false(row_set_remove(expected[i], index, SET));
    }
    assert_null(row_set_first(SET, &index));
    assert_true(sets.hint_3[SET] == 0); /* who looks clears the hints that lead nowhere */
}

static void sets_do_not_meet(void **state) {
    (void)state;
    unsigned index;
    prepare_sets();
    for (unsigned set = 0; set < SETS; set += SETS - 1) {
        row_set_add(&row_of[1], set & 63, set);
        assert_null(row_set_first(SET, &index));
        assert_ptr_equal(row_set_first(set, &index), &row_of[1]);
        assert_true(row_set_remove(&row_of[1], set & 63, set));
        assert_null(row_set_first(set, &index));
    }
}

/* Stopped for good between A and B, or between C and D of each level: healed. */
static void what_a_stopped_thread_hides_is_healed(void **state) {
    (void)state;
    unsigned index;
    for (int level = 0; level <= 3; level++)
        for (unsigned i = 0; i < 4; i++) {
            prepare_sets();
            row_set_add(&row_of[i], 7, SET);
            const uint32_t n = row_of[i].number;
            if (level == 0 || level == 1)
                sets.hint_1[n >> 6][SET] = 0;
            if (level == 0 || level == 2)
                sets.hint_2[n >> 12][SET] = 0;
            if (level == 0 || level == 3)
                sets.hint_3[SET] = 0;
            assert_null(row_set_first(SET, &index));
            row_set_heal(SET);
            assert_ptr_equal(row_set_first(SET, &index), &row_of[i]);
            assert_int_equal(index, 7);
        }
}

/* ---- schedules ---- */

static unsigned taken[ACTIVATIONS], at_start;

static void prepare_schedule(void) {
    prepare_sets();
    memset(taken, 0, sizeof taken);
    for (unsigned i = 0; i < at_start; i++)
        row_set_add(&row_of[2], i, SET);
}

static void adds(unsigned self) {
    row_set_add(&row_of[2], 20 + self, SET);
}

static void adds_elsewhere(unsigned self) {
    row_set_add(&row_of[3], 20 + self, SET);
}

static void takes(unsigned self) {
    unsigned index;
    struct row *const row = row_set_first(SET, &index);
    if (row != NULL && row_set_remove(row, index, SET))
        taken[self]++;
}

static void takes_twice(unsigned self) {
    takes(self);
    takes(self);
}

static void takes_and_adds(unsigned self) {
    takes(self);
    adds(self);
}

static unsigned added(void) {
    unsigned n = at_start;
    for (unsigned i = 0; i < activations; i++)
        n += activation[i].body == adds || activation[i].body == adds_elsewhere ||
             activation[i].body == takes_and_adds;
    return n;
}

/* All that was added and not taken can be found, when everything stands still. */
static void check_schedule(const char *schedule) {
    unsigned found = 0, out = 0, index;
    for (struct row *row; (row = row_set_first(SET, &index)) != NULL; found++)
        assert_true(row_set_remove(row, index, SET));
    for (unsigned i = 0; i < activations; i++)
        out += taken[i];
    if (found + out != added())
        fail_msg("%u members, %u taken, %u found: switched%s", added(), out, found, schedule);
}

static void every_member_is_found(void **state) {
    (void)state;
    at_start = 0;
    explore_all(SWITCHES, adds, takes_twice, NULL);
    explore_all(SWITCHES, adds, takes, adds);
    explore_all(SWITCHES, adds, takes_twice, adds_elsewhere);
    at_start = 1;
    explore_all(SWITCHES, adds, takes_twice, NULL);
    explore_all(SWITCHES, adds, takes, takes);
    explore_all(SWITCHES, takes_and_adds, takes_and_adds, takes);
}

/* ---- threads ---- */

static void *adds_and_takes(void *unused) {
    (void)unused;
    unsigned index;
    for (unsigned n = 0; n < ROUNDS; n++) {
        struct row *row = row_set_first(SET, &index);
        if (row != NULL && row_set_remove(row, index, SET))
            row_set_add(row, index, SET);
    }
    return NULL;
}

static void threads_lose_none(void **state) {
    (void)state;
    pthread_t thread[THREADS];
    unsigned index;
    prepare_sets();
    for (unsigned i = 0; i < 4; i++)
        row_set_add(&row_of[i], i, SET);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, adds_and_takes, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(row_set_first(SET, &index), &row_of[i]);
        assert_true(row_set_remove(&row_of[i], index, SET));
    }
    assert_null(row_set_first(SET, &index));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_comes_first),
        cmocka_unit_test(sets_do_not_meet),
        cmocka_unit_test(what_a_stopped_thread_hides_is_healed),
        cmocka_unit_test(every_member_is_found),
        cmocka_unit_test(threads_lose_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
