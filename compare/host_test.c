/* SPDX-License-Identifier: MIT
 *
 * The facts of whatever machine this runs on: that they are there, on one line each, and steady where they
 * must be.
 */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct host host;

static const char *fact(const struct host *h, const char *key) {
    for (size_t i = 0; i < h->facts; i++)
        if (strcmp(h->fact[i].key, key) == 0)
            return h->fact[i].value;
    return NULL;
}

static void the_machine_is_described(void **state) {
    (void)state;
    static const char *const keys[] = {"date",   "cpu",  "cores",          "smt",  "governor", "turbo", "thp",
                                       "kernel", "libc", "virtualisation", "load", "aslr"};
    host_read(&host);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(fact(&host, keys[i]));
    for (size_t i = 0; i < host.facts; i++) {
        assert_null(strpbrk(host.fact[i].value, "\t\n"));
        assert_true(host.fact[i].value[0] != '\0');
    }
    assert_true(host.cores >= 1);
    assert_true(host.available_kib > 0);
}

static void every_warning_says_what_it_means(void **state) {
    (void)state;
    for (size_t i = 0; i < host.warnings; i++)
        assert_non_null(strpbrk(host.warning[i], ":;"));
}

static void the_identity_leaves_out_what_changes(void **state) {
    (void)state;
    static struct host again;
    char first[1024], second[1024];
    host_read(&again);
    host_identity(&host, first, sizeof first);
    host_identity(&again, second, sizeof second);
    assert_string_equal(first, second);
    assert_non_null(strstr(first, fact(&host, "kernel")));
}

static void a_library_has_path_version_and_hash(void **state) {
    (void)state;
    host_add_library(&host, "none", "/nonexistent", "-");
    assert_string_equal(fact(&host, "library none"), "/nonexistent unpackaged sha256:unknown");
    host_add_library(&host, "self", "/proc/self/exe", "-");
    assert_non_null(strstr(fact(&host, "library self"), " unpackaged sha256:"));
    assert_null(strstr(fact(&host, "library self"), "unknown"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_is_described),
        cmocka_unit_test(every_warning_says_what_it_means),
        cmocka_unit_test(the_identity_leaves_out_what_changes),
        cmocka_unit_test(a_library_has_path_version_and_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
