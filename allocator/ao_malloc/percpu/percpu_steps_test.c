/* SPDX-License-Identifier: MIT
 *
 * ao-percpu from inside, its real code: a handler that allocates and frees comes before each access to shared memory
 * of malloc and free in turn, the very first call of a process included. Restartable sequences have no such
 * accesses: there the kernel sees to it (percpu_test.c). Each live block carries a mark that freeing leaves alone
 * (nothing writes to free blocks), so that memory that is handed out twice is seen at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ao/steps.h"
#include "ao_malloc/percpu/check.h"

/* Of thousands of accesses the first hundred and some of the others; under a sanitizer, ten times slower, fewer. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define NEXT_ACCESS(at) ((at) + 1 + (at) / 8)
#else
#    define NEXT_ACCESS(at) ((at) + 1 + (at) / 40)
#endif

enum { LIVE = 0x11fe, SMALL = 48, MEDIUM = 3000, HUGE_BLOCK = 100000, MOST_HELD = 150 };

static unsigned accesses, interrupt_at; /* 0: never */
static void (*handler)(void);

static void step(void) {
    if (++accesses != interrupt_at)
        return;
    const unsigned before = accesses;
    interrupt_at = 0;
    handler();
    accesses = before;
}

static uint64_t *take(size_t size) {
    uint64_t *const block = percpu_malloc(size);
    if (block == NULL || *block == LIVE)
        abort(); /* it is somebody's */
    *block = LIVE;
    return block;
}

static void give_back(uint64_t *block) {
    if (*block != LIVE)
        abort();
    *block = 0;
    percpu_free(block);
}

/* ---- what runs, and what comes in between ---- */

static size_t size;

static void takes_and_gives_back(void) {
    uint64_t *block[8];
    for (int i = 0; i < 8; i++)
        block[i] = take(i % 2 == 0 ? size : SMALL);
    for (int i = 0; i < 8; i++)
        give_back(block[i]);
}

/* The slab's array overflows in one direction or the other. */
static void takes_and_gives_many(void) {
    static uint64_t *block[MOST_HELD];
    for (int i = 0; i < MOST_HELD; i++)
        block[i] = take(size);
    for (int i = 0; i < MOST_HELD; i++)
        give_back(block[i]);
}

static void gives_all_back(void) {
    decay_all();
}

static uint64_t *kept;

static void takes_and_keeps_one(void) {
    uint64_t *const block = take(size);
    if (kept != NULL)
        give_back(kept);
    kept = block;
}

static void malloc_and_free(void) {
    give_back(take(size));
}

static void decays(void) {
    decay_tick();
    malloc_and_free();
}

/* No block is out but those kept. */
static void assert_sound(void) {
    char why[200];
    struct census found;
    if (!percpu_check(&found, why, sizeof why))
        fail_msg("%s", why);
    const size_t expected = kept != NULL && size <= LARGEST_SMALL;
    if (found.out != expected)
        fail_msg("%zu blocks are out, not %zu", found.out, expected);
}

/* How many accesses WHAT has; with BY before each of them, or before some. */
static unsigned interrupt_everywhere(void (*what)(void), void (*by)(void)) {
    handler = by;
    for (unsigned at = 1;; at = NEXT_ACCESS(at)) {
        accesses = 0;
        interrupt_at = at;
        what();
        const bool interrupted = interrupt_at == 0;
        interrupt_at = 0;
        assert_sound();
        if (!interrupted)
            return at - 1;
    }
}

static void (*const handlers[])(void) = {takes_and_gives_back, takes_and_gives_many, takes_and_keeps_one,
                                         gives_all_back};
enum { HANDLERS = sizeof handlers / sizeof *handlers };

static void drop_kept(void) {
    if (kept != NULL)
        give_back(kept);
    kept = NULL;
}

/* ---- cases ---- */

static void interrupt_from_empty(size_t of) {
    size = of;
    for (unsigned h = 0; h < HANDLERS; h++) {
        takes_and_gives_many();
        decay_all();
        handler = handlers[h];
        unsigned at = 1;
        for (bool interrupted = true; interrupted; at++) {
            decay_all(); /* so that each malloc has to go to the spans */
            accesses = 0;
            interrupt_at = at;
            malloc_and_free();
            interrupted = interrupt_at == 0;
            interrupt_at = 0;
            assert_sound();
        }
        assert_true(at > 2);
        drop_kept();
    }
}

static void a_call_is_interrupted_anywhere(void **state) {
    (void)state;
    interrupt_from_empty(SMALL);
    interrupt_from_empty(MEDIUM);
    interrupt_from_empty(HUGE_BLOCK);
}

static void many_calls_are_interrupted_anywhere(void **state) {
    (void)state;
    size = MEDIUM;
    for (unsigned h = 0; h < HANDLERS; h++) {
        if (handlers[h] != takes_and_gives_many) /* which takes long, and is the case here */
            assert_true(interrupt_everywhere(takes_and_gives_many, handlers[h]) > 10);
        drop_kept();
    }
}

static void a_tick_is_interrupted_anywhere(void **state) {
    (void)state;
    size = SMALL;
    handler = takes_and_gives_back;
    for (unsigned at = 1;; at = NEXT_ACCESS(at)) {
        takes_and_gives_many();
        accesses = 0;
        interrupt_at = at;
        decays();
        const bool interrupted = interrupt_at == 0;
        interrupt_at = 0;
        if (!interrupted)
            break;
    }
    assert_sound();
}

/* In a process each, for there is one first call. Exit status 0: it was interrupted; 1: it ended before. */
static void first_call(unsigned at, void (*by)(void)) {
    handler = by;
    interrupt_at = at;
    percpu_enable_mmap();
    malloc_and_free();
    const bool interrupted = interrupt_at == 0;
    interrupt_at = 0;
    char why[200];
    struct census found;
    drop_kept();
    if (!percpu_check(&found, why, sizeof why) || found.out != 0)
        _exit(2);
    _exit(interrupted ? 0 : 1);
}

static void the_first_call_is_interrupted_anywhere(void **state) {
    (void)state;
    size = MEDIUM;
    for (unsigned h = 0; h < HANDLERS; h++)
        for (unsigned at = 1;; at = NEXT_ACCESS(at)) { /* the first tick is among them */
            const pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                first_call(at, handlers[h]);
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
            if (WEXITSTATUS(status) == 1) {
                assert_true(at > 20);
                break;
            }
        }
    percpu_enable_mmap();
    decay.next = UINT64_MAX; /* from now on no ticks but those of the last case */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_call_is_interrupted_anywhere),
        cmocka_unit_test(a_call_is_interrupted_anywhere),
        cmocka_unit_test(many_calls_are_interrupted_anywhere),
        cmocka_unit_test(a_tick_is_interrupted_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
