/* SPDX-License-Identifier: MIT
 *
 * library_open, and the two tables of this folder that need no library: what is missing, what does not load
 * and what is newest are told apart, on files of the test's own. libc stands for a library that works.
 */
#include "library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct allocator allocator_null, allocator_bump;

static char why[512];
static char folder[] = "/tmp/library_test-XXXXXX";

static enum allocator_status open_files(const char *const *files) {
    const struct allocator_library library = {.files = files, .package = "libnosuch9"};
    struct allocator table = {0};
    why[0] = '\0';
    const enum allocator_status status = library_open(&library, &table, why, sizeof why);
    assert_true((status == ALLOCATOR_OK) == (table.malloc != NULL && table.free != NULL));
    return status;
}

static void test_missing_names_the_package(void **state) {
    (void)state;
    const char *const missing[] = {"libnosuch.so.9", "/nonexistent/*/libnosuch.so", NULL};
    assert_int_equal(open_files(missing), ALLOCATOR_UNAVAILABLE);
    assert_string_equal(why, "not installed: apt-get install libnosuch9");
    const char *const made_here[] = {"$ORIGIN/libnosuch.so", NULL};
    assert_int_equal(open_files(made_here), ALLOCATOR_UNAVAILABLE);
    assert_string_equal(why, "not installed: apt-get install libnosuch9, then build again");
}

static void test_the_first_that_is_there(void **state) {
    (void)state;
    const char *const files[] = {"libnosuch.so.9", "libc.so.6", NULL};
    setenv("BENCH_LAYOUT", "padding", 1);
    assert_int_equal(open_files(files), ALLOCATOR_OK);
    unsetenv("BENCH_LAYOUT");
}

/* A file VERSION/libx.so in the test's folder, which is no library: the refusal says which one was taken. */
static void put(const char *version) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, version);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/libx.so", folder, version);
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    fputs("no library\n", file);
    fclose(file);
}

static void test_the_newest_is_taken(void **state) {
    (void)state;
    char pattern[128], newest[128];
    snprintf(pattern, sizeof pattern, "%s/*/libx.so", folder);
    const char *const files[] = {pattern, NULL};
    static const char *const versions[] = {"9", "10", "14.0.6"};
    for (size_t i = 0; i < 3; i++) {
        put(versions[i]);
        snprintf(newest, sizeof newest, "%s/%s/libx.so does not load", folder, versions[i]);
        assert_int_equal(open_files(files), ALLOCATOR_BAD_SPEC);
        assert_ptr_equal(strstr(why, newest), why);
    }
}

static void test_the_floor_stays_within_its_ring(void **state) {
    (void)state;
    unsigned char *low = allocator_null.malloc(0), *high = low;
    for (size_t i = 0; i < 10000; i++) {
        const size_t size = i * 7919 % 32769;
        unsigned char *const block = allocator_null.malloc(size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        memset(block, 1, size);
        low = block < low ? block : low;
        high = block + size > high ? block + size : high;
        allocator_null.free(block);
    }
    assert_true(high - low <= (64 + 32) * 1024);
    assert_non_null(allocator_null.malloc(32768));
    assert_null(allocator_null.malloc(32769));
    assert_null(allocator_null.malloc(SIZE_MAX));
}

/* What cannot be had is refused and costs nothing; what is left can still be had, to the last block. */
static void test_bump_ends_cleanly(void **state) {
    (void)state;
    assert_true(allocator_bump.init(why, sizeof why));
    unsigned char *const first = allocator_bump.malloc(0), *const second = allocator_bump.malloc(1);
    assert_true(first != NULL && second == first + 16);
    for (size_t less = 0; less < 64; less++)
        assert_null(allocator_bump.malloc(SIZE_MAX - less));
    assert_null(allocator_bump.malloc(PTRDIFF_MAX));
    assert_ptr_equal(allocator_bump.malloc(17), second + 16);
    const size_t large = (size_t)1 << 20;
    while (allocator_bump.malloc(large) != NULL) {
    }
    assert_null(allocator_bump.malloc(large));
    size_t small = 0;
    while (allocator_bump.malloc(16) != NULL)
        small++;
    assert_true(small > 0 && small < large / 16);
    assert_null(allocator_bump.malloc(1));
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_names_the_package),
        cmocka_unit_test(test_the_first_that_is_there),
        cmocka_unit_test(test_the_newest_is_taken),
        cmocka_unit_test(test_the_floor_stays_within_its_ring),
        cmocka_unit_test(test_bump_ends_cleanly),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
