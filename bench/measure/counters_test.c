/* SPDX-License-Identifier: MIT
 *
 * Counters, on a kernel that answers as the test wants: what is counted is known, and refusals come that this machine may not know.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

static long fake_syscall(long number, ...);
static int fake_ioctl(int file, unsigned long what, ...);
static ssize_t fake_read(int file, void *to, size_t size);
static int fake_close(int file);
#define syscall fake_syscall
#define ioctl   fake_ioctl
#define read    fake_read
#define close   fake_close
#include "counters.c"
#undef syscall
#undef ioctl
#undef read
#undef close

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FIRST_FILE = 100 };

static struct {
    int refuse_from; /* the first counter that is refused */
    int reason, opened, closed;
    bool counting[COUNTERS];
    uint64_t running; /* of 1000 */
} kernel;

static long fake_syscall(long number, ...) {
    assert_int_equal(number, SYS_perf_event_open);
    const int counter = kernel.opened % COUNTERS;
    kernel.opened++;
    if (counter < kernel.refuse_from)
        return FIRST_FILE + counter;
    errno = kernel.reason;
    return -1;
}

static int fake_ioctl(int file, unsigned long what, ...) {
    assert_in_range(file, FIRST_FILE, FIRST_FILE + kernel.refuse_from - 1);
    kernel.counting[file - FIRST_FILE] = what == PERF_EVENT_IOC_ENABLE;
    return 0;
}

static ssize_t fake_read(int file, void *to, size_t size) {
    const uint64_t told[3] = {(uint64_t)(10 * (file - FIRST_FILE + 1)), 1000, kernel.running};
    assert_int_equal(size, sizeof told);
    memcpy(to, told, sizeof told);
    return (ssize_t)size;
}

static int fake_close(int file) {
    assert_in_range(file, FIRST_FILE, FIRST_FILE + COUNTERS - 1);
    kernel.closed++;
    return 0;
}

static int fresh(void **state) {
    (void)state;
    memset(&kernel, 0, sizeof kernel);
    kernel.refuse_from = COUNTERS;
    kernel.running = 1000;
    kernel.reason = EACCES;
    return 0;
}

static void each_is_counted_from_start_to_stop(void **state) {
    (void)state;
    struct counters c;
    double value[COUNTERS];
    counters_open(&c);
    counters_start(&c);
    for (int i = 0; i < COUNTERS; i++)
        assert_true(kernel.counting[i]);
    counters_stop(&c);
    for (int i = 0; i < COUNTERS; i++)
        assert_false(kernel.counting[i]);
    counters_close(&c, value);
    for (int i = 0; i < COUNTERS; i++)
        assert_true(value[i] == 10 * (i + 1));
    assert_int_equal(kernel.closed, COUNTERS);
}

static void what_had_its_turn_for_a_part_of_the_time_is_scaled_up(void **state) {
    (void)state;
    struct counters c;
    double value[COUNTERS];
    kernel.running = 250;
    counters_open(&c);
    counters_close(&c, value);
    assert_true(value[COUNTER_CYCLES] == 80);
    kernel.running = 0;
    counters_open(&c);
    counters_close(&c, value);
    assert_true(isnan(value[COUNTER_CYCLES]));
}

static void what_is_refused_is_absent_and_the_others_are_not(void **state) {
    (void)state;
    struct counters c;
    double value[COUNTERS];
    kernel.refuse_from = COUNTER_DTLB_MISSES;
    counters_open(&c);
    counters_start(&c);
    counters_stop(&c);
    counters_close(&c, value);
    assert_true(value[COUNTER_CACHE_MISSES] == 30 && isnan(value[COUNTER_DTLB_MISSES]));
    assert_int_equal(kernel.closed, COUNTER_DTLB_MISSES);
}

static void what_is_lacking_is_named_with_its_reason(void **state) {
    (void)state;
    char why[200];
    assert_false(counters_lack(why, sizeof why));
    assert_int_equal(kernel.closed, COUNTERS);
    kernel.refuse_from = COUNTER_CACHE_MISSES;
    assert_true(counters_lack(why, sizeof why));
    assert_string_equal(why, "cache misses, dTLB misses: Permission denied");
    kernel.reason = ENOENT;
    assert_true(counters_lack(why, sizeof why));
    assert_string_equal(why, "cache misses, dTLB misses: the processor, or the virtual machine, has no such counter");
    char small[8];
    assert_true(counters_lack(small, sizeof small));
    assert_string_equal(small, "cache m");
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_is_counted_from_start_to_stop),
        TEST(what_had_its_turn_for_a_part_of_the_time_is_scaled_up),
        TEST(what_is_refused_is_absent_and_the_others_are_not),
        TEST(what_is_lacking_is_named_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
