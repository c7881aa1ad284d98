/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of size classes, over every size up to 1 MiB and around every power of two above.
 */
#include "ao/size_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void is_in_its_class(size_t n) {
    const unsigned class = size_class_of(n);
    assert_true(size_class_bytes(class) >= n);
    if (class > 0)
        assert_true(size_class_bytes(class - 1) < n);
}

static void a_request_has_the_smallest_class_that_holds_it(void **state) {
    (void)state;
    for (size_t n = 1; n <= 1 << 20; n++)
        is_in_its_class(n);
    for (unsigned log = 20; log < 62; log++)
        for (size_t n = ((size_t)1 << log) - 2; n <= ((size_t)1 << log) + 2; n++)
            is_in_its_class(n);
}

static void classes_grow_by_a_quarter_at_most_and_stay_aligned(void **state) {
    (void)state;
    for (unsigned class = 0; class < 200; class++) {
        const size_t bytes = size_class_bytes(class), next = size_class_bytes(class + 1);
        assert_int_equal(bytes % 16, 0);
        assert_true(next > bytes && next - bytes <= (bytes / 4 > 16 ? bytes / 4 : 16));
        assert_int_equal(size_class_of(bytes), class);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_the_smallest_class_that_holds_it),
        cmocka_unit_test(classes_grow_by_a_quarter_at_most_and_stay_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
