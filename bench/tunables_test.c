/* SPDX-License-Identifier: MIT
 *
 * The merging of GLIBC_TUNABLES: ours beside the user's, once.
 */
#include "tunables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define TLS "glibc.rtld.optional_static_tls=65536"

static bool merge(const char *before, const char *needed) {
    if (before == NULL)
        unsetenv("GLIBC_TUNABLES");
    else
        setenv("GLIBC_TUNABLES", before, 1);
    return tunables_merge(needed);
}

static const char *now(void) {
    return getenv("GLIBC_TUNABLES");
}

static void room_for_libraries_is_always_made(void **state) {
    (void)state;
    assert_true(merge(NULL, NULL));
    assert_string_equal(now(), TLS);
    assert_false(tunables_merge(NULL)); /* the process that is executed again does not do so for ever */
}

static void the_users_own_room_stays(void **state) {
    (void)state;
    assert_false(merge("glibc.rtld.optional_static_tls=1000000", NULL));
}

static void the_users_other_settings_stay(void **state) {
    (void)state;
    assert_true(merge("glibc.malloc.arena_test=3", NULL));
    assert_string_equal(now(), "glibc.malloc.arena_test=3:" TLS);
}

static void what_an_allocator_needs_replaces_the_same_name(void **state) {
    (void)state;
    assert_true(
        merge("glibc.malloc.tcache_count=7:glibc.malloc.check=1:" TLS, "glibc.malloc.tcache_count=0"));
    assert_string_equal(now(), "glibc.malloc.check=1:" TLS ":glibc.malloc.tcache_count=0");
    assert_false(tunables_merge("glibc.malloc.tcache_count=0"));
}

static void several_needs_are_all_met(void **state) {
    (void)state;
    assert_true(merge(TLS, "a=1:b=2"));
    assert_string_equal(now(), TLS ":a=1:b=2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_for_libraries_is_always_made),
        cmocka_unit_test(the_users_own_room_stays),
        cmocka_unit_test(the_users_other_settings_stay),
        cmocka_unit_test(what_an_allocator_needs_replaces_the_same_name),
        cmocka_unit_test(several_needs_are_all_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
