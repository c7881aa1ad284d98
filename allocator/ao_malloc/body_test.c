/* SPDX-License-Identifier: MIT
 *
 * The body over the almost-lock-free stack: what holds over every list (body_cases.h), and what pops that are
 * stopped for good do to the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ao/stepped.h"

#include "ao/list_almost.h"

#include "body_cases.h"

/* ---- threads that are stopped for good between pop 2 and pop 6 ---- */

static void stop_pops_on_every_list(unsigned entries) {
    for (unsigned k = LOG_MIN_OBJECT; k <= LOG_CHUNK; k++)
        for (unsigned i = 0; i < entries; i++) {
            const AO_uintptr_t head = heap.list[k].stack.AO_pa.ptr;
            heap.list[k].stack.AO_pa.aux.AO_stack_bl[i] = head != 0 ? head : (AO_uintptr_t)&heap;
        }
}

static void one_stopped_thread_stops_nobody(void **state) {
    (void)state;
    reset_heap();
    use_every_class();
    stop_pops_on_every_list(1);
    use_every_class();
    assert_int_equal(waited, 0);
}

/* The child of a fork has its parent's heap, and the entry of a thread that is not there. */
static void a_forked_child_lives_with_an_entry_taken(void **state) {
    (void)state;
    reset_heap();
    use_every_class();
    stop_pops_on_every_list(1);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        use_every_class();
        _exit(waited == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    use_every_class();
}

static void one_goes_on(void) {
    if (waited == 20)
        heap.list[body_class(SIZE)].stack.AO_pa.aux.AO_stack_bl[0] = 0;
}

/* Two stop the mallocs of their class and nothing else, until one of them goes on. */
static void two_stopped_threads_stop_the_mallocs_of_one_class(void **state) {
    (void)state;
    const unsigned k = body_class(SIZE);
    reset_heap();
    uint64_t *const a = take(SIZE), *const b = take(SIZE);
    heap.list[k].stack.AO_pa.aux.AO_stack_bl[0] = heap.list[k].stack.AO_pa.aux.AO_stack_bl[1] =
        heap.list[k].stack.AO_pa.ptr;
    when_blocked = one_goes_on;
    give_back(a); /* free never waits */
    give_back(take(SIZE / 4));
    give_back(take(LARGEST));
    assert_int_equal(waited, 0);
    assert_ptr_equal(take(SIZE), a);
    assert_int_equal(waited, 20);
    give_back(b);
    assert_ptr_equal(take(SIZE), b);
}

/* A pop is stopped with a snapshot of head and link. Its node is handed out, the header rewritten, and
 * it is freed again: the exchange must fail. */
static void a_stopped_pops_snapshot_is_void_after_its_node_was_handed_out(void **state) {
    (void)state;
    const unsigned k = body_class(SIZE);
    reset_heap();
    give_back(take(SIZE));
    AO_stack_t *const list = &heap.list[k].stack;
    const AO_uintptr_t f = list->AO_pa.ptr;
    volatile AO_uintptr_t *const entry = stack_almost_claim(&list->AO_pa.aux, f);
    const AO_uintptr_t next = *stack_almost_node(f);
    uint64_t *const a = take(SIZE), *const b = take(SIZE);
    assert_ptr_equal((AO_uintptr_t *)a - 1, stack_almost_node(f));
    assert_ptr_equal((AO_uintptr_t *)b - 1, stack_almost_node(next));
    assert_true(*stack_almost_node(f) == k); /* the word that the stopped pop may read now is no link */
    give_back(a);
    assert_false(stack_almost_cas(&list->AO_pa.ptr, f, next, __ATOMIC_SEQ_CST));
    *entry = 0;
    give_back(b);
    assert_sound();
    assert_int_equal(free_objects(k), CHUNK / 4096);
}

static void the_check_sees_an_entry_that_is_taken(void **state) {
    (void)state;
    char why[128];
    reset_heap();
    assert_true(body_check(why, sizeof why));
    heap.list[5].stack.AO_pa.aux.AO_stack_bl[1] = 8;
    assert_false(body_check(why, sizeof why));
    assert_non_null(strstr(why, "class 5: black list entry 1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BODY_CASES,
        cmocka_unit_test(one_stopped_thread_stops_nobody),
        cmocka_unit_test(a_forked_child_lives_with_an_entry_taken),
        cmocka_unit_test(two_stopped_threads_stop_the_mallocs_of_one_class),
        cmocka_unit_test(a_stopped_pops_snapshot_is_void_after_its_node_was_handed_out),
        cmocka_unit_test(the_check_sees_an_entry_that_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
