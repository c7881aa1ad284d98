/* SPDX-License-Identifier: MIT
 *
 * Specs of every kind, good and bad. libc is the library that is opened by path: it is always there, and has
 * a malloc with a prefix too (__libc_malloc). libm is one without a malloc, though libc's is found through
 * it. An allocator of the list whose package is not here may say so; nothing else is forgiven.
 */
#include "allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char why[512];

static const struct allocator *open_well(const char *spec) {
    const struct allocator *opened = NULL;
    why[0] = '\0';
    if (allocator_open(spec, &opened, why, sizeof why) != ALLOCATOR_OK)
        fail_msg("%s: %s", spec, why);
    assert_non_null(opened);
    return opened;
}

/* SPEC is refused as bad, in one line that holds MENTIONED. */
static void assert_bad(const char *spec, const char *mentioned) {
    const struct allocator *opened = NULL;
    why[0] = '\0';
    assert_int_equal(allocator_open(spec, &opened, why, sizeof why), ALLOCATOR_BAD_SPEC);
    assert_null(opened);
    assert_null(strchr(why, '\n'));
    if (strstr(why, mentioned) == NULL)
        fail_msg("%s: \"%s\" does not mention \"%s\"", spec, why, mentioned);
}

static void assert_serves(const struct allocator *allocator) {
    unsigned char *const block = allocator->malloc(100);
    assert_non_null(block);
    memset(block, 0x5a, 100);
    allocator->free(block);
    allocator->free(NULL);
}

static void test_names_and_aliases_are_unique(void **state) {
    (void)state;
    for (const struct allocator *const *a = allocator_list(); *a != NULL; a++) {
        assert_ptr_equal(allocator_named((*a)->name), *a);
        assert_int_equal(strspn((*a)->name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen((*a)->name));
        char aliases[256] = "";
        snprintf(aliases, sizeof aliases, "%s", (*a)->aliases == NULL ? "" : (*a)->aliases);
        for (char *rest = aliases, *alias; (alias = strsep(&rest, " ")) != NULL;)
            if (*alias != '\0')
                assert_ptr_equal(allocator_named(alias), *a);
    }
    assert_string_equal(allocator_named("je")->name, "jemalloc");
    assert_string_equal(allocator_named("sys")->name, "glibc");
    assert_null(allocator_named(""));
    assert_null(allocator_named("jemallo"));
    assert_null(allocator_named("jemalloc2"));
}

static void test_every_entry_serves_or_says_why_not(void **state) {
    (void)state;
    for (const struct allocator *const *a = allocator_list(); *a != NULL; a++) {
        const struct allocator *opened = NULL;
        why[0] = '\0';
        const enum allocator_status status = allocator_open((*a)->name, &opened, why, sizeof why);
        if (status != ALLOCATOR_OK) {
            assert_int_equal(status, ALLOCATOR_UNAVAILABLE);
            assert_true(strstr(why, "GLIBC_TUNABLES") != NULL ||
                        ((*a)->library != NULL && strstr(why, (*a)->library->package) != NULL));
            assert_null(strchr(why, '\n'));
            continue;
        }
        assert_string_equal(opened->name, (*a)->name);
        assert_int_equal(opened->traits, (*a)->traits);
        assert_serves(opened);
        assert_non_null(allocator_path(opened));
    }
}

static void test_the_same_spec_is_the_same_allocator(void **state) {
    (void)state;
    assert_ptr_equal(open_well("glibc"), open_well("glibc"));
    assert_ptr_equal(open_well("sys"), open_well("glibc"));
    assert_ptr_equal(open_well("checked:sys"), open_well("checked:glibc"));
    assert_ptr_equal(open_well("failing:07:glibc"), open_well("failing:7:sys"));
    assert_ptr_not_equal(open_well("failing:8:glibc"), open_well("failing:7:glibc"));
    assert_ptr_equal(open_well("again=so:libc.so.6"), open_well("again=so:libc.so.6"));
}

static void test_an_unknown_name(void **state) {
    (void)state;
    assert_bad("nosuch", "--list");
    assert_bad("", "--list");
    assert_bad("checked:nosuch", "\"nosuch\"");
    assert_bad("failing:0:glibc", "failing:N:NAME");
    assert_bad("failing:-1:glibc", "failing:N:NAME");
    assert_bad("failing:glibc", "failing:N:NAME");
}

static void test_wrapped_names_and_path(void **state) {
    (void)state;
    const struct allocator *const wrapped = open_well("failing:2:checked:glibc");
    assert_string_equal(wrapped->name, "failing:2:checked:glibc");
    assert_string_equal(allocator_path(wrapped), allocator_path(open_well("glibc")));
    assert_serves(wrapped);
    assert_null(wrapped->malloc(8));
    assert_serves(wrapped);
}

static void test_environment_behind_prefixes(void **state) {
    (void)state;
    const char *const needed = "glibc.malloc.arena_max=1";
    assert_string_equal(allocator_environment("glibc-1arena"), needed);
    assert_string_equal(allocator_environment("checked:failing:3:glibc-1arena"), needed);
    assert_string_equal(allocator_environment("failing:3:checked:glibc-1arena"), needed);
    assert_null(allocator_environment("checked:glibc"));
    assert_null(allocator_environment("failing:x:glibc-1arena"));
    assert_null(allocator_environment("so:libglibc-1arena.so"));
}

static void assert_one_arena(const char *tunables, enum allocator_status expected) {
    const struct allocator *opened;
    setenv("GLIBC_TUNABLES", tunables, 1);
    assert_int_equal(allocator_open("glibc-1arena", &opened, why, sizeof why), expected);
}

static void test_settings_are_compared_whole(void **state) {
    (void)state;
    assert_one_arena("glibc.malloc.arena_max=16", ALLOCATOR_UNAVAILABLE);
    assert_one_arena("glibc.malloc.arena_max=1:glibc.malloc.arena_max=2", ALLOCATOR_UNAVAILABLE);
    assert_non_null(strstr(why, "GLIBC_TUNABLES=glibc.malloc.arena_max=1"));
    assert_one_arena("glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1", ALLOCATOR_OK);
    unsetenv("GLIBC_TUNABLES");
}

static void test_a_library(void **state) {
    (void)state;
    const struct allocator *const plain = open_well("c=so:libc.so.6");
    assert_string_equal(plain->name, "c");
    assert_serves(plain);
    assert_non_null(strstr(allocator_path(plain), "libc.so"));
    assert_serves(open_well("checked:c=so:libc.so.6"));

    char spec[4096];
    snprintf(spec, sizeof spec, "a.b_C-1=so:%s:__libc_", allocator_path(plain));
    const struct allocator *const prefixed = open_well(spec);
    assert_string_equal(prefixed->name, "a.b_C-1");
    assert_serves(prefixed);
}

/* The path holds a colon, and its name what may not stand in a benchmark's. */
static void test_the_name_of_a_file(void **state) {
    (void)state;
    char folder[] = "/tmp/registry:test-XXXXXX", path[64], spec[96];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/lib a@b.so.1.2", folder);
    assert_int_equal(symlink(allocator_path(open_well("c=so:libc.so.6")), path), 0);
    snprintf(spec, sizeof spec, "so:%s", path);
    assert_string_equal(open_well(spec)->name, "lib-a-b");
    unlink(path);
    rmdir(folder);
}

static void test_labels(void **state) {
    (void)state;
    open_well("c=so:libc.so.6");
    assert_bad("c=so:libm.so.6", "LABEL=so:PATH");
    assert_bad("c=so:libc.so.6:__libc_", "LABEL=so:PATH");
    assert_bad("jemalloc=so:libc.so.6", "LABEL=so:PATH");
    assert_bad("je=so:libc.so.6", "LABEL=so:PATH");
    assert_bad("so:libc.so.6", "LABEL=so:PATH"); /* "libc" is glibc */
    assert_bad("=so:libc.so.6", "label");
    assert_bad("so:", "lacks its path");
    assert_bad("x=so:", "lacks its path");
    assert_bad("so::je_", "lacks its path");
    assert_bad("so:/tmp/", "LABEL=so:PATH");
    assert_bad("a/b=so:libc.so.6", "label");
    assert_bad("a=b=so:libc.so.6", "label");
    assert_bad("checked:a b=so:libc.so.6", "label");
}

static void test_libraries_that_are_refused(void **state) {
    (void)state;
    assert_bad("so:/nonexistent/libx.so", "/nonexistent/libx.so: no such file");
    assert_bad("so:libnosuch-x.so.1", "no such file");
    assert_bad("x=so:libc.so.6:nosuch_", "no nosuch_malloc of its own");
    assert_bad("so:libm.so.6", "no malloc of its own");
}

static void test_a_file_that_is_no_library(void **state) {
    (void)state;
    char path[] = "/tmp/registry_test-XXXXXX", spec[96];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "no library\n", 11), 11);
    close(file);
    snprintf(spec, sizeof spec, "so:%s", path);
    assert_bad(spec, "does not load");
    assert_non_null(strstr(why, path));
    unlink(path);
    assert_bad("folder=so:/tmp", "does not load");
    assert_bad("program=so:/proc/self/exe", "does not load");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_aliases_are_unique),
        cmocka_unit_test(test_every_entry_serves_or_says_why_not),
        cmocka_unit_test(test_the_same_spec_is_the_same_allocator),
        cmocka_unit_test(test_an_unknown_name),
        cmocka_unit_test(test_wrapped_names_and_path),
        cmocka_unit_test(test_environment_behind_prefixes),
        cmocka_unit_test(test_settings_are_compared_whole),
        cmocka_unit_test(test_a_library),
        cmocka_unit_test(test_the_name_of_a_file),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_libraries_that_are_refused),
        cmocka_unit_test(test_a_file_that_is_no_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
