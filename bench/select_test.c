/* SPDX-License-Identifier: MIT
 *
 * What --allocators, --workloads and --threads are understood as, and what is said of what is not understood.
 */
#include "select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct points points;
static char why[2 * SELECT_TEXT];

static bool select_them(const char *workloads, const char *threads) {
    *why = '\0';
    return select_points(workloads, threads, &points, why, sizeof why);
}

static void a_name_alone_runs_its_whole_grid(void **state) {
    (void)state;
    assert_true(select_them("list-reversal", NULL));
    assert_int_equal(points.count, 2 * 4);
    assert_string_equal(points.point[0].params, "counter=shared");
    assert_int_equal(points.point[0].threads, 1);
    assert_int_equal(points.point[1].threads, 2);
    assert_string_equal(points.point[4].params, "counter=private");
}

static void a_named_key_narrows_the_grid_and_the_others_stay(void **state) {
    (void)state;
    assert_true(select_them("contended/size=64", "2"));
    assert_int_equal(points.count, 4);
    for (size_t i = 0; i < points.count; i++) {
        assert_non_null(strstr(points.point[i].params, ",size=64"));
        assert_int_equal(points.point[i].number[1], 64);
    }
}

static void an_item_with_a_value_goes_on_with_the_workload_before_it(void **state) {
    (void)state;
    assert_true(select_them("contended/shape=pair,size=64,intensity/work=10", "1,2"));
    assert_int_equal(points.count, 4);
    assert_string_equal(points.point[0].params, "shape=pair,size=64");
    assert_string_equal(points.point[0].word[0], "pair");
    assert_string_equal(points.point[2].workload->name, "intensity");
    assert_string_equal(points.point[2].params, "work=10");
}

static void the_order_of_keys_is_the_documented_one(void **state) {
    (void)state;
    assert_true(select_them("contended/size=8,shape=pair", "1"));
    assert_string_equal(points.point[0].params, "shape=pair,size=8");
}

static void a_number_off_the_grid_is_taken_within_its_range(void **state) {
    (void)state;
    assert_true(select_them("contended/shape=pair,size=100", "1"));
    assert_int_equal(points.point[0].number[1], 100);
    assert_true(select_them("mixed-sizes", "1"));
    assert_int_equal(points.count, 1);
    assert_string_equal(points.point[0].params, "live=16");
    assert_true(select_them("mixed-sizes/live=512", "1"));
    assert_int_equal(points.count, 1);
    assert_int_equal(points.point[0].number[0], 512);
    assert_false(select_them("contended/size=0", "1"));
    assert_non_null(strstr(why, "any number from"));
    assert_false(select_them("contended/size=12x", "1"));
}

static void words_off_the_grid_and_paths_are_taken_when_named(void **state) {
    (void)state;
    assert_true(select_them("large", "1"));
    assert_int_equal(points.count, 2);
    assert_string_equal(points.point[0].params, "range=64k-32m,slots=20,touch=1");
    assert_true(select_them("large/range=published,touch=0", "1"));
    assert_int_equal(points.count, 1);
    assert_string_equal(points.point[0].word[0], "published");
    assert_true(select_them("empirical/file=/a/b/c=d.csv,cross=0,empirical/live=4,file=./e.csv,large", "1"));
    assert_int_equal(points.count, 4);
    assert_string_equal(points.point[0].word[0], "/a/b/c=d.csv");
    assert_string_equal(points.point[0].params, "file=/a/b/c=d.csv,live=16,cross=0,most=32760");
    assert_string_equal(points.point[1].word[0], "./e.csv");
    assert_int_equal(points.point[1].number[1], 4);
    assert_false(select_them("empirical/file=e.csv", "1"));
    assert_non_null(strstr(why, "fleet,PATH"));
    assert_false(select_them("empirical/file=PATH", "1"));
    assert_false(select_them("contended/shape=/a/b", "1"));
    assert_false(select_them("large/range=64k-32m;published", "1"));
}

static void aliases_are_names(void **state) {
    (void)state;
    assert_true(select_them("cache-thrash", "2"));
    assert_string_equal(points.point[0].workload->name, "false-sharing-active");
}

static void one_thread_workloads_leave_other_counts_out(void **state) {
    (void)state;
    assert_true(select_them("uncontended/shape=pair,size=8", "1,2,4"));
    assert_int_equal(points.count, 1);
    assert_true(select_them("uncontended/shape=pair,size=8", "2"));
    assert_int_equal(points.count, 0);
}

static void workloads_of_pairs_leave_odd_counts_out(void **state) {
    (void)state;
    assert_true(select_them("producer-consumer", "1,2,3,8"));
    assert_int_equal(points.count, 2);
    assert_int_equal(points.point[0].threads, 2);
    assert_int_equal(points.point[1].threads, 8);
}

static void a_workload_of_several_threads_leaves_fewer_out(void **state) {
    (void)state;
    assert_true(select_them("blowup", "1,2,3"));
    assert_int_equal(points.count, 2);
    assert_int_equal(points.point[0].threads, 2);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    assert_false(select_them("nonsense", NULL));
    assert_non_null(strstr(why, "\"nonsense\""));
    assert_false(select_them("contended/colour=red", NULL));
    assert_non_null(strstr(why, "\"colour\""));
    assert_false(select_them("contended/shape", NULL));
    assert_non_null(strstr(why, "key=value"));
    assert_false(select_them("size=8", NULL));
    assert_non_null(strstr(why, "after its workload"));
    assert_false(select_them("", NULL));
    assert_false(select_them("contended", "0"));
    assert_non_null(strstr(why, "--threads"));
    assert_false(select_them("contended", "two"));
}

static void a_word_beside_the_grid_is_taken_where_asked_for(void **state) {
    (void)state;
    assert_true(select_them("xmalloc", "2"));
    assert_int_equal(points.count, 1);
    assert_string_equal(points.point[0].params, "size=64,batch=4096");
    assert_true(select_them("xmalloc/size=mixed", "2"));
    assert_string_equal(points.point[0].params, "size=mixed,batch=4096");
    assert_false(select_them("xmalloc/size=mixe", "2"));
    assert_non_null(strstr(why, "it takes 64,mixed, or any number"));
}

static void environments_that_disagree_cannot_share_a_process(void **state) {
    (void)state;
    struct choices choices;
    const char *environment;
    assert_true(select_allocators("glibc,ao", &choices, why, sizeof why));
    assert_true(select_environment(&choices, &environment, why, sizeof why));
    assert_null(environment);
    assert_true(select_allocators("glibc-notcache,checked:glibc-notcache", &choices, why, sizeof why));
    assert_true(select_environment(&choices, &environment, why, sizeof why));
    assert_non_null(strstr(environment, "tcache_count=0"));
    assert_true(select_allocators("glibc,glibc-notcache", &choices, why, sizeof why));
    assert_false(select_environment(&choices, &environment, why, sizeof why));
    assert_non_null(strstr(why, "cannot share a process"));
}

static void a_spec_named_twice_is_run_once(void **state) {
    (void)state;
    struct choices choices;
    assert_true(select_allocators("ao,glibc,ao", &choices, why, sizeof why));
    assert_int_equal(choices.count, 2);
}

static void traits_foretell_what_is_excluded(void **state) {
    (void)state;
    struct choices choices;
    assert_true(select_allocators("null,ao", &choices, why, sizeof why));
    assert_true(select_open(&choices, why, sizeof why));
    assert_true(select_them("list-reversal/counter=private", "1"));
    assert_true(select_excluded(choices.choice[0].allocator, &points.point[0], why, sizeof why));
    assert_non_null(strstr(why, "in use"));
    assert_false(select_excluded(choices.choice[1].allocator, &points.point[0], why, sizeof why));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_alone_runs_its_whole_grid),
        cmocka_unit_test(a_named_key_narrows_the_grid_and_the_others_stay),
        cmocka_unit_test(an_item_with_a_value_goes_on_with_the_workload_before_it),
        cmocka_unit_test(the_order_of_keys_is_the_documented_one),
        cmocka_unit_test(a_number_off_the_grid_is_taken_within_its_range),
        cmocka_unit_test(words_off_the_grid_and_paths_are_taken_when_named),
        cmocka_unit_test(aliases_are_names),
        cmocka_unit_test(one_thread_workloads_leave_other_counts_out),
        cmocka_unit_test(workloads_of_pairs_leave_odd_counts_out),
        cmocka_unit_test(a_workload_of_several_threads_leaves_fewer_out),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_word_beside_the_grid_is_taken_where_asked_for),
        cmocka_unit_test(environments_that_disagree_cannot_share_a_process),
        cmocka_unit_test(a_spec_named_twice_is_run_once),
        cmocka_unit_test(traits_foretell_what_is_excluded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
