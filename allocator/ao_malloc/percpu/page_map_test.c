/* SPDX-License-Identifier: MIT
 *
 * The map of addresses: a span's class is found near, and in its leaf where another 4 GiB has the place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ao_malloc/percpu/page_map.h"

static const char *at(uintptr_t four_gib, uintptr_t span) {
    return (const char *)(four_gib << LOG_REACH | span << LOG_SPAN);
}

static void holds(const char *span, unsigned class, bool near) {
    for (size_t offset = 0; offset < SPAN; offset += SPAN - 1) {
        unsigned found;
        assert_int_equal(page_map_class(span + offset), class);
        assert_int_equal(page_map_is_near(span + offset, &found), near);
        if (near)
            assert_int_equal(found, class);
    }
}

static void two_spans_with_one_place(void **state) {
    (void)state;
    struct row *const row = (struct row *)0x1000;
    const char *const first = at(5, 77), *const second = at(9, 77), *const other = at(9, 78);
    assert_true(page_map_set_row(first, row) && page_map_set_row(second, row) && page_map_set_row(other, row));
    holds(first, 0, false);
    page_map_set_class(first, 3);
    page_map_set_class(second, 4);
    page_map_set_class(other, 5);
    for (unsigned class = 0; class < 3; class++) {
        holds(first, 3, true);
        holds(second, 4 + class, false);
        holds(other, 5, true);
        page_map_set_class(second, 5 + class);
    }
    page_map_set_class(first, 0); /* closed: the place stays its */
    holds(first, 0, true);
    page_map_set_class(second, 11);
    holds(second, 11, false);
    page_map_set_class(first, 12);
    holds(first, 12, true);
    assert_ptr_equal(page_map_row(second), row);
}

static void what_is_nobodys(void **state) {
    (void)state;
    unsigned found;
    holds(at(1000, 1), 0, false);
    assert_int_equal(page_map_class(NULL), 0);
    assert_true(!page_map_is_near(NULL, &found) || found == 0);
    holds(at((1 << (LOG_ADDRESSES - LOG_REACH)) - 1, LEAF_ENTRIES - 1), 0, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_nobodys),
        cmocka_unit_test(two_spans_with_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
