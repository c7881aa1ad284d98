/* SPDX-License-Identifier: MIT
 *
 * A record of a function that is known to the byte: passages, classes, what sampling leaves out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aside.h"
#include "disassembly.h"
#include "points.h"
#include "trap.h"

#ifdef __x86_64__

/* Seven instructions, the middle four twice. */
uintptr_t known(uintptr_t cell);
__asm__(".text\n"
        ".type known, @function\n"
        "known:\n\t"
        "movl $2, %ecx\n"      /* 0 */
        "1:\tmovq (%rdi), %rax\n\t" /* 5: reads */
        "incq %rax\n\t"        /* 8 */
        "movq %rax, (%rdi)\n\t" /* 11: writes */
        "decl %ecx\n\t"        /* 14 */
        "jnz 1b\n\t"           /* 16 */
        "ret\n\t"              /* 18 */
        ".size known, .-known\n");

static struct trap_record *record;
static uintptr_t cell;
static unsigned deeds;

static void make_record(void) {
    trap_begin();
    trap_thread();
    trap_start_record(record);
    trap_call((void (*)(void))known, (uintptr_t)&cell);
    trap_end();
}

static void a_record_is_complete(void **state) {
    (void)state;
    static const uintptr_t at[] = {0, 5, 8, 11, 14, 16, 5, 8, 11, 14, 16, 18};
    static const unsigned nth[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 1};
    memset(record, 0, offsetof(struct trap_record, entry));
    aside(make_record);
    points_finish(record);
    assert_int_equal(record->count, 12);
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(record->entry[i].at, (uintptr_t)known + at[i]);
        assert_int_equal(record->entry[i].nth, nth[i]);
    }
}

static void only_what_can_be_seen_makes_a_point(void **state) {
    (void)state;
    const struct points accesses = points_choose(record, TRAP_AFTER_ACCESS, 100, 0, 0);
    static const uint32_t after_access[] = {0, 2, 4, 7, 9}; /* the first, and behind each read and write */
    assert_int_equal(accesses.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(accesses.index[i], after_access[i]);
    const struct points stores = points_choose(record, TRAP_AFTER_STORE, 100, 0, 1);
    assert_int_equal(stores.count, 3);
    assert_int_equal(stores.index[1], 4);
    assert_int_equal(stores.index[2], 9);
}

static void sampling_is_even_and_says_so(void **state) {
    (void)state;
    const struct points some = points_choose(record, TRAP_AFTER_ACCESS, 3, 2, 0);
    assert_int_equal(some.classes, 5);
    assert_int_equal(some.count, 4); /* entries 0 and 2, and two of the other three */
    assert_int_equal(some.index[2], 4);
    assert_int_equal(some.index[3], 7);
    assert_int_equal(points_of_class(0, 4), 9);
}

static void deed(void) {
    deeds++;
}

static void every_point_is_reached_once(void **state) {
    (void)state;
    trap_begin();
    trap_thread();
    for (size_t i = 0; i < record->count; i++) {
        deeds = 0;
        cell = 40;
        trap_aim(record, &record->entry[i], deed);
        trap_call((void (*)(void))known, (uintptr_t)&cell);
        assert_true(trap_end());
        assert_int_equal(deeds, 1);
        assert_int_equal(cell, 42);
    }
}

static void instructions_have_names(void **state) {
    (void)state;
    char text[400];
    disassembly_name((uintptr_t)known + 11, text, sizeof text);
    assert_non_null(strstr(text, "points_test!known+0xb"));
    assert_non_null(strstr(text, "mov qword ptr [rdi], rax"));
}

int main(void) {
    record = aside_memory(sizeof *record);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_complete),          cmocka_unit_test(only_what_can_be_seen_makes_a_point),
        cmocka_unit_test(sampling_is_even_and_says_so),  cmocka_unit_test(every_point_is_reached_once),
        cmocka_unit_test(instructions_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) {
    return 0;
}

#endif
