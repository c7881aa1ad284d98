/* SPDX-License-Identifier: MIT
 *
 * The body over the stack with a version: what holds over every list (body_cases.h), and that no number of
 * stopped threads stops the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ao/stepped.h"

#include "ao/list_tagged.h"

#include "body_cases.h"

/* A pop is stopped with a snapshot of version, node and link. The node is handed out, the header rewritten,
 * and it is freed again: the exchange must fail. That pop never goes on, and nobody notices. */
static void a_stopped_pops_snapshot_is_void_after_its_node_was_handed_out(void **state) {
    (void)state;
    const unsigned k = body_class(SIZE);
    reset_heap();
    give_back(take(SIZE));
    struct pair *const top = &heap.list[k].stack.top;
    struct pair seen = *top;
    AO_uintptr_t *const node = (AO_uintptr_t *)seen.second;
    const AO_uintptr_t next = *node;
    uint64_t *const a = take(SIZE), *const b = take(SIZE);
    assert_ptr_equal((AO_uintptr_t *)a - 1, node);
    assert_ptr_equal((AO_uintptr_t *)b - 1, (AO_uintptr_t *)next);
    assert_true(*node == k); /* the word that the stopped pop may read now is no link */
    give_back(a);
    assert_true(top->second == (AO_uintptr_t)node);
    assert_false(dwcas(top, &seen, (struct pair){seen.first + 1, next}));
    give_back(b);
    assert_sound();
    assert_int_equal(free_objects(k), CHUNK / 4096);
    use_every_class();
}

/* Handlers within handlers, to any depth: each is a thread that is stopped for as long as the next runs. */
enum { DEPTH = 50 };
static unsigned depth;

static void nests(void) {
    if (++depth < DEPTH) {
        accesses = 0;
        interrupt_at = depth % 7 + 1;
    }
    use_every_class();
}

static void fifty_stopped_threads_stop_nobody(void **state) {
    (void)state;
    reset_heap();
    use_every_class();
    handler = nests;
    depth = 0;
    accesses = 0;
    interrupt_at = 1;
    use_every_class();
    assert_int_equal(depth, DEPTH);
    assert_sound();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BODY_CASES,
        cmocka_unit_test(a_stopped_pops_snapshot_is_void_after_its_node_was_handed_out),
        cmocka_unit_test(fifty_stopped_threads_stop_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
