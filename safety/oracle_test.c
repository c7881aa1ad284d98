/* SPDX-License-Identifier: MIT
 *
 * The oracle sees what it is for: each fault in a child, for it ends the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aside.h"
#include "oracle.h"
#include "watch.h"

#include <stdlib.h>

static int *fault;
static struct oracle oracle;
static unsigned char memory[4096];

static struct allocator subject = {.name = "malloc"};

static void overlaps(void) {
    oracle_took(&oracle, memory, 100);
    oracle_took(&oracle, memory + 99, 10);
}

static void touches(void) {
    oracle_took(&oracle, memory, 100);
    oracle_took(&oracle, memory + 100, 10);
    oracle_check(&oracle);
}

static void changes_the_last_byte(void) {
    oracle_took(&oracle, memory, 100);
    memory[99] ^= 1;
    oracle_gives_block(&oracle, memory);
}

static void changes_the_end_of_a_large_one(void) {
    oracle_took(&oracle, memory, 4000);
    memory[3999] ^= 1;
    oracle_check(&oracle);
}

static void gives_what_it_has_not(void) {
    oracle_took(&oracle, memory, 100);
    oracle_gives_block(&oracle, memory + 1);
}

static void has_no_memory(void) {
    oracle_took(&oracle, NULL, 100);
}

static void exercises(void) {
    oracle_malloc(&oracle, 77);
    oracle_exercise(&oracle, 10000, 64);
    if (oracle.count != 1)
        abort();
    oracle_exercise(&oracle, 1000, 1 << 20);
    oracle_drain(&oracle);
    if (oracle.count != 0)
        abort();
}

static void *always_the_same(size_t size) {
    (void)size;
    return memory;
}

static void frees_nothing(void *block) {
    (void)block;
}

static void is_given_a_block_twice(void) {
    subject.malloc = always_the_same;
    subject.free = frees_nothing;
    oracle_exercise(&oracle, 100, 64);
}

static void finds(void (*body)(void), enum fault expected) {
    const struct watch watch = {.patience = 1, .spin_milliseconds = 100, .wall_milliseconds = 100000};
    *fault = FAULT_NONE;
    const struct watch_result result = watch_run(&watch, body);
    assert_int_equal(result.end, WATCH_EXITED);
    assert_int_equal(result.code, expected == FAULT_NONE ? 0 : EXIT_FAULT);
    assert_int_equal(*fault, expected);
}

static void faults_are_found(void **state) {
    (void)state;
    finds(overlaps, FAULT_DOUBLED);
    finds(touches, FAULT_NONE);
    finds(changes_the_last_byte, FAULT_CORRUPT);
    finds(changes_the_end_of_a_large_one, FAULT_CORRUPT);
    finds(gives_what_it_has_not, FAULT_LOST);
    finds(has_no_memory, FAULT_LOST);
    finds(exercises, FAULT_NONE);
    finds(is_given_a_block_twice, FAULT_DOUBLED);
}

int main(void) {
    fault = aside_memory(sizeof *fault);
    subject.malloc = malloc;
    subject.free = free;
    oracle.subject = &subject;
    oracle.fault = fault;
    const struct CMUnitTest tests[] = {cmocka_unit_test(faults_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
