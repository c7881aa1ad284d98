/* SPDX-License-Identifier: MIT
 *
 * The block of scaling, to the letter, of made-up files. That the fit finds what was put in is plots/plots_test.sh's.
 */
#include "scaling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEADER                                                                                                  \
    "# cores: 16\nworkload\tparams\tallocator\tlambda\tlambda_error\tcontention\tcontention_error\tcoherency\t" \
    "coherency_error\tpoints\tstatus\n"

static void prints(const char *tsv, const char *expected) {
    char *text;
    size_t size;
    FILE *const out = open_memstream(&text, &size);
    scaling_print(out, tsv);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void coefficients_by_workload(void **state) {
    (void)state;
    prints(
        HEADER "list-reversal\tcounter=shared\tao\t3e7\t1e5\t0.297212\t0.01\t0.0196961\t0.00071\t8\tok\n"
               "list-reversal\tcounter=shared\tglibc\t2e7\t1e5\t0.0533945\t0.0038\t-4.9e-05\t0.00023\t8\tok\n"
               "list-reversal\tcounter=shared\tmine\t-\t-\t-\t-\t-\t-\t4\tnot enough cores measured\n"
               "pairs\t-\tao\t3e7\t1e5\t0.02\t0.01\t0\t0.0001\t8\tok\n",
        "scaling with threads: N / (1 + a (N-1) + b N (N-1)), fitted to operations a second, with standard errors\n"
        "                  a, contention           b, coherency\n"
        "list-reversal  counter=shared\n"
        "  ao              0.3 +- 0.01             0.02 +- 0.0007\n"
        "  glibc           0.053 +- 0.004          -4.9e-05 +- 0.0002\n"
        "  mine            not enough cores measured (4 points)\n"
        "pairs\n"
        "  ao              0.02 +- 0.01            0 +- 0.0001\n");
}

static void a_machine_of_two_cores(void **state) {
    (void)state;
    prints(
        HEADER
        "pairs\t-\tao\t-\t-\t-\t-\t-\t-\t2\tnot enough cores\npairs\t-\tglibc\t-\t-\t-\t-\t-\t-\t2\tnot enough cores\n",
        "scaling with threads: not enough cores (the law is fitted to five thread counts or more, within the cores)\n");
}

static void nothing_of_nothing(void **state) {
    (void)state;
    prints("", "");
    prints(HEADER, "");
    prints("a\tb\nc\td\n", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coefficients_by_workload),
        cmocka_unit_test(a_machine_of_two_cores),
        cmocka_unit_test(nothing_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
