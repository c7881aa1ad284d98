/* SPDX-License-Identifier: MIT
 *
 * How a child ends, and what a hang is told from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aside.h"
#include "raw.h"
#include "watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int *word;
static pid_t *grandchild;

static void nothing(void) {
}

static void seven(void) {
    raw_exit(7);
}

static void dies(void) {
    abort(); /* cmocka has taken the others */
}

static void waits(void) {
    raw_await(word, 1);
}

static void spins(void) {
    for (volatile int i = 0;; i++)
        ;
}

static void naps(void) {
    const struct timespec nap = {.tv_nsec = 2000000};
    for (;;)
        nanosleep(&nap, NULL);
}

static void *works(void *argument) {
    for (volatile int i = 0; i < 5000000; i++)
        ;
    return argument;
}

/* One waits for another, who works: no deadlock. */
static void joins(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, works, NULL);
    pthread_join(thread, NULL);
}

/* The parent waits for a child of its own, which waits for ever. */
static void forks(void) {
    const pid_t pid = fork();
    if (pid == 0)
        waits();
    *grandchild = pid;
    waitpid(pid, NULL, 0);
}

static bool lets_go(void) {
    if (*word != 0)
        return false;
    raw_set(word, 1);
    return true;
}

static void ends(void (*body)(void), enum watch_end end, int code) {
    const struct watch watch = {.patience = 1, .spin_milliseconds = 100, .wall_milliseconds = 10000, .grandchild = grandchild};
    *word = 0;
    *grandchild = 0;
    const struct watch_result result = watch_run(&watch, body);
    assert_int_equal(result.end, end);
    assert_int_equal(result.code, code);
}

static void what_ends_by_itself(void **state) {
    (void)state;
    ends(nothing, WATCH_EXITED, 0);
    ends(seven, WATCH_EXITED, 7);
    ends(dies, WATCH_SIGNALLED, SIGABRT);
    ends(joins, WATCH_EXITED, 0);
}

static void what_hangs(void **state) {
    (void)state;
    ends(waits, WATCH_DEADLOCK, 0);
    ends(spins, WATCH_SPIN, 0);
    ends(naps, WATCH_SLEEP, 0);
    ends(forks, WATCH_DEADLOCK, 0);
}

static void what_waits_may_be_let_go(void **state) {
    (void)state;
    const struct watch watch = {.patience = 1, .spin_milliseconds = 100, .wall_milliseconds = 10000, .on_hang = lets_go};
    *word = 0;
    const struct watch_result result = watch_run(&watch, waits);
    assert_int_equal(result.end, WATCH_EXITED);
    assert_int_equal(*word, 1);
}

int main(void) {
    word = aside_memory(sizeof *word);
    grandchild = aside_memory(sizeof *grandchild);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ends_by_itself),
        cmocka_unit_test(what_hangs),
        cmocka_unit_test(what_waits_may_be_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
