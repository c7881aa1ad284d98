/* SPDX-License-Identifier: MIT
 *
 * What is made of valgrind's answers, which a script gives that is called so.
 */
#include "valgrind.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

static char dir[64], path[128], why[200];
static double count;

static int fresh(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/valgrind_test.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/valgrind", dir);
    return setenv("PATH", dir, 1);
}

static int remove_all(void **state) {
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static bool answers(const char *script) {
    static const char *const argv[] = {"/program", "--word", NULL};
    FILE *const file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
    return valgrind_count(argv, &count, why, sizeof why);
}

static void the_sum_is_read_in_each_version_s_words(void **state) {
    (void)state;
    assert_true(answers("echo '==12== Cachegrind'; echo '==12== I   refs:      12,345,678' >&2"));
    assert_true(count == 12345678);
    assert_true(answers("echo '==12== I refs:        987'"));
    assert_true(count == 987);
}

static void the_program_and_its_words_stand_behind_valgrind_s(void **state) {
    (void)state;
    assert_true(answers("[ \"$4 $5\" = '/program --word' ] && echo 'I refs: 5'"));
}

static void what_is_no_count_says_why(void **state) {
    (void)state;
    assert_false(answers("echo 'I refs: many'"));
    assert_string_equal(why, "unavailable: valgrind does not say how many instructions there were");
    assert_false(answers("echo 'I refs: 5'; exit 3"));
    assert_string_equal(why, "crashed: under valgrind it ends with status 3");
    assert_false(answers("kill -SEGV $$"));
    assert_string_equal(why, "crashed: under valgrind it ends with signal 11");
}

static void without_valgrind_it_is_unavailable(void **state) {
    (void)state;
    static const char *const argv[] = {"/program", NULL};
    assert_false(valgrind_count(argv, &count, why, sizeof why));
    assert_int_equal(strncmp(why, "unavailable: valgrind is not here", 33), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, remove_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_sum_is_read_in_each_version_s_words),
        TEST(the_program_and_its_words_stand_behind_valgrind_s),
        TEST(what_is_no_count_says_why),
        TEST(without_valgrind_it_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
