/* SPDX-License-Identifier: MIT
 *
 * `checked` around allocators that are broken in one way each, and around users that are: each must end in an
 * abort and one line that names the fault, in a child. Around allocators and users that are right it must be
 * silent. The inner allocator of most cases hands out what the case puts into `next`.
 */
#include "wrap.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARENA = 1 << 16, OVERHEAD = 24, IN_FRONT = 16 };
static _Alignas(4096) unsigned char arena[ARENA];

static void *next;           /* what the inner malloc hands out */
static size_t asked;         /* of the inner malloc, the last time */
static unsigned inner_calls; /* of the inner malloc */
static unsigned inner_frees;

static void *scripted_malloc(size_t size) {
    asked = size;
    inner_calls++;
    return next;
}

static void scripted_free(void *block) {
    (void)block;
    inner_frees++;
}

static const struct allocator scripted = {
    .name = "scripted", .malloc = scripted_malloc, .free = scripted_free};
static const struct allocator process = {.name = "process", .malloc = malloc, .free = free};

static struct allocator wrapped(const struct allocator *inner) {
    struct allocator out;
    char why[128] = "";
    if (!checked_wrap(inner, &out, why, sizeof why))
        fail_msg("%s", why);
    return out;
}

static unsigned char *hand_out(const struct allocator *checked, size_t at, size_t size) {
    next = arena + at;
    return checked->malloc(size);
}

/* BODY, in a child, aborts after one line that holds TEXT. */
static void assert_caught(void (*body)(void), const char *text) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    char line[512] = "";
    size_t length = 0;
    for (ssize_t n;
         length < sizeof line - 1 && (n = read(ends[0], line + length, sizeof line - 1 - length)) > 0;)
        length += (size_t)n;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("not caught: \"%s\", wait status %#x, said \"%s\"", text, (unsigned)status, line);
    if (strstr(line, text) == NULL || strchr(line, '\n') != line + length - 1)
        fail_msg("\"%s\" is no line that holds \"%s\"", line, text);
}

/* ---- broken allocators ---- */

static void hand_out_twice(void) {
    const struct allocator checked = wrapped(&scripted);
    hand_out(&checked, 0, 100);
    hand_out(&checked, 0, 100);
}

static void overlap_by_the_last_bytes(void) {
    const struct allocator checked = wrapped(&scripted);
    hand_out(&checked, 4096, 100);
    hand_out(&checked, 4096 - 112, 112 - OVERHEAD + 1);
}

static void hand_out_a_part_of_a_large_block(void) {
    const struct allocator checked = wrapped(&scripted);
    hand_out(&checked, 0, 32000);
    hand_out(&checked, 16000, 8);
}

static void hand_out_around_small_blocks(void) {
    const struct allocator checked = wrapped(&scripted);
    hand_out(&checked, 16000, 8);
    hand_out(&checked, 0, 32000);
}

static void misalign(void) {
    const struct allocator checked = wrapped(&scripted);
    hand_out(&checked, 8, 100);
}

static void misalign_where_8_is_declared(void) {
    struct allocator inner = scripted;
    inner.traits = TRAIT_ALIGN_8;
    const struct allocator checked = wrapped(&inner);
    if (hand_out(&checked, 8, 100) == NULL)
        _exit(1);
    hand_out(&checked, 4096 + 4, 100);
}

static void meet_a_size_by_overflow(void) {
    const struct allocator checked = wrapped(&scripted);
    hand_out(&checked, 0, SIZE_MAX - 64);
}

static void forget_that_a_block_is_live(void) {
    const struct allocator checked = wrapped(&scripted);
    checked.free(hand_out(&checked, 0, 100)); /* the inner allocator has not got it back yet */
    arena[50] = 1;
    for (size_t at = 4096; at < ARENA; at += 256)
        checked.free(hand_out(&checked, at, 100));
}

static void test_an_allocator_is_caught_that(void **state) {
    (void)state;
    assert_caught(hand_out_twice, "checked:scripted: block ");
    assert_caught(hand_out_twice, " of 124 bytes: handed out, but overlaps ");
    assert_caught(overlap_by_the_last_bytes, " of 124 bytes, which is live");
    assert_caught(hand_out_a_part_of_a_large_block, " of 32024 bytes, which is live");
    assert_caught(hand_out_around_small_blocks, " of 32 bytes, which is live");
    assert_caught(misalign, "handed out, but not 16-aligned");
    assert_caught(misalign_where_8_is_declared, "handed out, but not 8-aligned");
    assert_caught(meet_a_size_by_overflow, "runs past the end of the address space");
    assert_caught(forget_that_a_block_is_live, " of 100 bytes: byte 34 was written after free");
}

/* ---- broken users ---- */

static void write_in_front(void) {
    const struct allocator checked = wrapped(&scripted);
    unsigned char *const block = hand_out(&checked, 0, 100);
    arena[IN_FRONT - 1] ^= 1;
    checked.free(block);
}

static void write_behind(void) {
    const struct allocator checked = wrapped(&scripted);
    unsigned char *const block = hand_out(&checked, 0, 100);
    arena[IN_FRONT + 100] ^= 1;
    checked.free(block);
}

static void free_twice(void) {
    const struct allocator checked = wrapped(&scripted);
    unsigned char *const block = hand_out(&checked, 0, 100);
    checked.free(block);
    checked.free(block);
}

static void free_twice_a_large_block(void) {
    const struct allocator checked = wrapped(&process);
    void *const block = checked.malloc(1 << 20);
    checked.free(block);
    checked.free(block); /* its pages may be gone */
}

static void free_a_part(void) {
    const struct allocator checked = wrapped(&scripted);
    checked.free(hand_out(&checked, 0, 100) + 8);
}

static void free_what_is_unmapped(void) {
    const struct allocator checked = wrapped(&scripted);
    hand_out(&checked, 0, 100);
    checked.free((void *)(uintptr_t)64);
}

static void write_after_free(void) {
    const struct allocator checked = wrapped(&process);
    unsigned char *const block = checked.malloc(100);
    checked.free(block);
    block[99] = 1;
    for (int i = 0; i < 100; i++)
        checked.free(checked.malloc(100));
}

static void test_a_user_is_caught_that(void **state) {
    (void)state;
    assert_caught(write_in_front, " of 100 bytes: the bytes before it were overwritten");
    assert_caught(write_behind, " of 100 bytes: the bytes behind it were overwritten");
    assert_caught(free_twice, " of 100 bytes: freed twice");
    assert_caught(free_twice_a_large_block, "freed, but not live");
    assert_caught(free_a_part, "freed, but only a part of ");
    assert_caught(free_what_is_unmapped, "block 0x40 of 0 bytes: freed, but not live");
    assert_caught(write_after_free, " of 100 bytes: byte 99 was written after free");
}

/* ---- what is right passes ---- */

static void test_null_of_the_inner_allocator_passes_through(void **state) {
    (void)state;
    const struct allocator checked = wrapped(&scripted);
    next = NULL;
    for (int i = 0; i < 10000; i++)
        assert_null(checked.malloc(100));
    assert_int_equal(asked, 100 + OVERHEAD);
    const unsigned calls = inner_calls;
    assert_null(checked.malloc(SIZE_MAX)); /* with its overhead no size at all */
    assert_null(checked.malloc(SIZE_MAX - OVERHEAD + 1));
    assert_int_equal(inner_calls, calls);
    assert_null(checked.malloc(SIZE_MAX - OVERHEAD));
    assert_true(asked == SIZE_MAX);
    checked.free(NULL);
}

static void test_blocks_of_size_0_are_distinct_and_may_be_freed(void **state) {
    (void)state;
    const struct allocator checked = wrapped(&process);
    void *const a = checked.malloc(0), *const b = checked.malloc(0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    checked.free(a);
    checked.free(b);
}

/* The oracle is a byte a byte: which belong to a block that the inner allocator has not got back. */
static unsigned char owned[ARENA];
static size_t owned_size[ARENA];

static void oracle_free(void *block) {
    const size_t at = (size_t)((unsigned char *)block - arena);
    assert_true(owned_size[at] > 0);
    memset(owned + at, 0, owned_size[at]);
    owned_size[at] = 0;
}

static const struct allocator *overlapping;
static size_t overlapping_at, overlapping_size;

static void hand_out_the_overlapping(void) {
    hand_out(overlapping, overlapping_at, overlapping_size);
}

/* 2000 blocks at random places: those that share a byte with a live one abort (tried in a child, and not all
 * of them, for time), the others do not. */
static void test_overlap_is_found_exactly_where_an_oracle_sees_it(void **state) {
    (void)state;
    struct allocator inner = scripted;
    inner.free = oracle_free;
    const struct allocator checked = wrapped(&inner);
    overlapping = &checked;
    unsigned char *live[64] = {NULL};
    unsigned seed = 1, tried = 0;
    for (int step = 0; step < 2000; step++) {
        unsigned char **const mine = &live[rand_r(&seed) % 64];
        checked.free(*mine);
        *mine = NULL;
        const size_t at = (size_t)(rand_r(&seed) % (ARENA / 16 - 256)) * 16;
        const size_t size = (size_t)rand_r(&seed) % (step % 8 == 0 ? 4000 : 300), whole = size + OVERHEAD;
        if (memchr(owned + at, 1, whole) == NULL) {
            memset(owned + at, 1, whole);
            owned_size[at] = whole;
            *mine = hand_out(&checked, at, size);
            assert_ptr_equal(*mine, arena + at + IN_FRONT);
        } else if (tried++ % 16 == 0) {
            overlapping_at = at;
            overlapping_size = size;
            assert_caught(hand_out_the_overlapping, "overlaps");
        }
    }
    assert_true(tried > 100);
    for (int i = 0; i < 64; i++)
        checked.free(live[i]);
}

static void *allocate_at_random(void *argument) {
    const struct allocator *const checked = argument;
    unsigned char *live[64] = {NULL};
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int step = 0; step < 20000; step++) {
        unsigned char **const mine = &live[rand_r(&seed) % 64];
        checked->free(*mine);
        const size_t size = (size_t)rand_r(&seed) % (step % 100 == 0 ? 20000 : 200);
        *mine = checked->malloc(size);
        memset(*mine, step, size);
    }
    for (int i = 0; i < 64; i++)
        checked->free(live[i]);
    return NULL;
}

static void test_threads_that_keep_the_rules_are_not_disturbed(void **state) {
    (void)state;
    struct allocator checked = wrapped(&process);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, allocate_at_random, &checked), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

static void test_small_blocks_are_held_for_a_while_and_large_ones_are_not(void **state) {
    (void)state;
    const struct allocator checked = wrapped(&scripted);
    inner_frees = 0;
    checked.free(hand_out(&checked, 0, 5000));
    assert_int_equal(inner_frees, 1);
    for (size_t i = 0; i < 200; i++)
        checked.free(hand_out(&checked, i * 256, 100));
    assert_true(inner_frees > 100 && inner_frees < 201);
}

static void test_the_wrapper_claims_no_more_than_it_can(void **state) {
    (void)state;
    struct allocator inner = scripted;
    inner.traits = TRAIT_LOCK_FREE | TRAIT_ALMOST_LOCK_FREE | TRAIT_SIGNAL_SAFE | TRAIT_BOUNDED;
    inner.calloc = calloc;
    inner.usable_size = (size_t(*)(void *))abort;
    const struct allocator checked = wrapped(&inner);
    assert_int_equal(checked.traits, TRAIT_BOUNDED | TRAIT_CHECKED);
    assert_null(checked.calloc);
    assert_null(checked.usable_size);
    assert_null(checked.init);
}

static void test_no_floor_and_no_ninth_allocator_is_wrapped(void **state) {
    (void)state;
    struct allocator out, floor = scripted;
    char why[128] = "";
    floor.traits = TRAIT_FLOOR;
    assert_false(checked_wrap(&floor, &out, why, sizeof why));
    assert_non_null(strstr(why, "scripted"));
    unsigned more = 0;
    while (more <= WRAP_SLOTS && checked_wrap(&scripted, &out, why, sizeof why))
        more++;
    assert_true(more < WRAP_SLOTS); /* the cases before took some */
    assert_string_equal(why, "at most 8 allocators can be checked in one process");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_allocator_is_caught_that),
        cmocka_unit_test(test_a_user_is_caught_that),
        cmocka_unit_test(test_null_of_the_inner_allocator_passes_through),
        cmocka_unit_test(test_blocks_of_size_0_are_distinct_and_may_be_freed),
        cmocka_unit_test(test_overlap_is_found_exactly_where_an_oracle_sees_it),
        cmocka_unit_test(test_threads_that_keep_the_rules_are_not_disturbed),
        cmocka_unit_test(test_small_blocks_are_held_for_a_while_and_large_ones_are_not),
        cmocka_unit_test(test_the_wrapper_claims_no_more_than_it_can),
        cmocka_unit_test(test_no_floor_and_no_ninth_allocator_is_wrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
