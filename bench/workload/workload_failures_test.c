/* SPDX-License-Identifier: MIT
 *
 * Every workload of the list survives a NULL at any place: it ends as out of memory, all that it had is freed, and
 * nobody waits for the one who has failed.
 */
#include "workload_examples.h"

#ifdef __SANITIZE_THREAD__
enum { PARTS = 13 }; /* under which starting four threads takes a hundred times as long */
#else
enum { PARTS = 37 };
#endif

/* Each call in PARTS or so of an example fails: once alone, and once with all that come after it. */
static void fail_calls_of(const struct example *e, unsigned parts) {
    const unsigned threads = threads_of(e);
    mock.fail_first = 0;
    run(e, &libc_allocator, threads, 1, logs[0]);
    const unsigned long calls = mock.calls;
    for (unsigned long nth = 1; nth <= calls; nth += nth < 5 ? 1 : calls / parts + 1) {
        mock.fail_first = nth;
        for (int forever = 0; forever < 2; forever++) {
            unsigned failed = 0;
            mock.fail_last = forever ? -1UL : nth;
            run(e, &libc_allocator, threads, 1, logs[0]);
            for (unsigned t = 0; t < threads; t++) {
                assert_int_not_equal(last.seat[t].result, WORK_WRONG);
                failed += last.seat[t].result == WORK_OUT_OF_MEMORY;
            }
            assert_true(forever ? failed >= 1 : failed == 1);
        }
    }
}

static void null_at_any_call_ends_in_out_of_memory_and_no_leak(void **state) {
    for (unsigned i = 0; i < EXAMPLES; i++) {
        reset(state);
        fail_calls_of(&examples[i], PARTS);
    }
}

/* Who has failed there does not run: the others must not wait for him. */
static void so_does_null_in_the_warm_up(void **state) {
    for (unsigned i = 0; i < EXAMPLES; i++) {
        reset(state);
        warm = true;
        if (workload_named(examples[i].workload)->warms_up)
            fail_calls_of(&examples[i], PARTS / 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(null_at_any_call_ends_in_out_of_memory_and_no_leak),
        TEST(so_does_null_in_the_warm_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
