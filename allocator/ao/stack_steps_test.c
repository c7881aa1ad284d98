/* SPDX-License-Identifier: MIT
 *
 * The almost-lock-free stack under every schedule (steps_cases.h), and with all entries of its black list
 * taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ao/stepped.h"

#include "ao/list_almost.h"

#include "steps_cases.h"

/* One more than there are entries: the third backs off until one is free. */
static void three_pops(void **state) {
    (void)state;
    backed_off = 0;
    explore_from(3, SWITCHES - 1, takes_one, takes_one, takes_two_and_puts_the_first_back);
    assert_true(backed_off > 0);
}

/* ---- both entries taken by activations that are stopped ---- */

static void pushes_go_on_until_an_entry_is_free(void) {
    stack_almost_push(&list.stack.AO_pa.ptr, &node[backed_off], &list.stack.AO_pa.aux);
    if (backed_off == 4)
        list.stack.AO_pa.aux.AO_stack_bl[1] = 0;
}

static void a_pop_without_an_entry_waits_while_pushes_go_on(void **state) {
    (void)state;
    list = (struct list){0};
    list.stack.AO_pa.aux.AO_stack_bl[0] = (AO_uintptr_t)&node[1];
    list.stack.AO_pa.aux.AO_stack_bl[1] = (AO_uintptr_t)&node[2];
    assert_null(
        stack_almost_pop(&list.stack.AO_pa.ptr, &list.stack.AO_pa.aux)); /* an empty list needs none */
    stack_almost_push(&list.stack.AO_pa.ptr, &node[0], &list.stack.AO_pa.aux);
    backed_off = 0;
    when_blocked = pushes_go_on_until_an_entry_is_free;
    assert_ptr_equal(stack_almost_pop(&list.stack.AO_pa.ptr, &list.stack.AO_pa.aux), &node[4]);
    assert_int_equal(backed_off, 4);
    for (int left = 3; left >= 0; left--) /* those listed came under another pad, and come off all the same */
        assert_ptr_equal(stack_almost_pop(&list.stack.AO_pa.ptr, &list.stack.AO_pa.aux), &node[left]);
    assert_null(stack_almost_pop(&list.stack.AO_pa.ptr, &list.stack.AO_pa.aux));
    assert_true(list.stack.AO_pa.aux.AO_stack_bl[0] == (AO_uintptr_t)&node[1]); /* still the stopped one's */
    assert_true(list.stack.AO_pa.aux.AO_stack_bl[1] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STEPS_CASES,
        cmocka_unit_test(three_pops),
        cmocka_unit_test(a_pop_without_an_entry_waits_while_pushes_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
