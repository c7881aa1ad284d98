/* SPDX-License-Identifier: MIT
 *
 * The stack with a version under every schedule (steps_cases.h). It never waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ao/stepped.h"

#include "ao/list_tagged.h"

#include "steps_cases.h"

static void three_pops(void **state) {
    (void)state;
    explore_from(3, SWITCHES - 1, takes_one, takes_one, takes_two_and_puts_the_first_back);
    explore_from(1, SWITCHES - 1, takes_one, takes_one_and_puts_it_back, puts_back_twice);
}

static void nobody_waited(void **state) {
    (void)state;
    assert_int_equal(backed_off, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STEPS_CASES,
        cmocka_unit_test(three_pops),
        cmocka_unit_test(nobody_waited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
