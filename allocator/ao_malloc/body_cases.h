/* SPDX-License-Identifier: MIT
 *
 * For tests: AO_malloc's body from inside, its real code, over whichever list the including file chose: a
 * handler that allocates and frees comes before each access to shared memory of malloc and free in turn, the
 * very first call and the one that cuts a chunk included. Each block that is live carries a mark that freeing
 * leaves alone (free never writes to the payload), so that memory that is handed out twice is seen at once.
 */
#ifndef BODY_CASES_H
#define BODY_CASES_H

#include "body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNMARKED = 0, LIVE = 0x11fe, SIZE = 3000, LARGEST = LARGEST_SMALL };

/* ---- interruption: before the access AT (from 1) of what runs, HANDLER is called ---- */

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

static unsigned waited;
static void (*when_blocked)(void);

static void blocked(void) {
    waited++;
    when_blocked();
}

/* ---- blocks with marks ---- */

static uint64_t *take(size_t size) {
    uint64_t *const block = body_malloc(size);
    if (block != NULL) {
        assert_true(*block != LIVE); /* else it is somebody's */
        *block = LIVE;
    }
    return block;
}

static void give_back(uint64_t *block) {
    if (block != NULL) {
        assert_true(*block == LIVE);
        *block = UNMARKED;
    }
    body_free(block);
}

static void reset_heap(void) {
    memset(&heap, 0, sizeof heap);
    accesses = interrupt_at = waited = 0;
}

static void assert_sound(void) {
    char why[128] = "";
    if (!body_check(why, sizeof why))
        fail_msg("%s", why);
}

/* Free objects of class K. */
static size_t free_objects(unsigned k) {
    size_t count = 0;
    for (unsigned part = 0; part < LIST_PARTS; part++)
        for (AO_uintptr_t *at = list_part(&heap.list[k], part); at != NULL; at = list_next(*at))
            count++;
    return count;
}

static size_t chunks_taken(void) {
    return heap.static_chunks_taken;
}

/* ---- a handler at every access ---- */

static uint64_t *handlers[3];

static void takes_and_gives_back(void) {
    uint64_t *const a = take(SIZE), *const b = take(SIZE);
    assert_true(a != NULL && b != NULL);
    give_back(a);
    give_back(b);
}

/* As a handler that leaves something to its program: the order of the list is another afterwards. */
static void takes_and_keeps_one(void) {
    for (int i = 0; i < 3; i++)
        handlers[i] = take(SIZE);
    assert_true(handlers[0] != NULL && handlers[1] != NULL && handlers[2] != NULL);
    give_back(handlers[0]);
    give_back(handlers[2]);
    handlers[0] = handlers[2] = NULL;
}

static unsigned with_free_objects; /* that malloc finds when it starts */

/* Malloc, then free, interrupted once at every access in turn. */
static void interrupt_malloc_and_free(void (*by)(void)) {
    handler = by;
    bool interrupted = true;
    for (unsigned at = 1; interrupted; at++) {
        reset_heap();
        memset(handlers, 0, sizeof handlers);
        uint64_t *held[8];
        for (unsigned i = 0; i < with_free_objects; i++)
            held[i] = take(SIZE);
        for (unsigned i = 0; i < with_free_objects; i++)
            give_back(held[i]);
        accesses = 0;
        interrupt_at = at;
        uint64_t *const block = take(SIZE);
        assert_non_null(block);
        give_back(block);
        interrupted = interrupt_at == 0;
        interrupt_at = 0;
        give_back(handlers[1]);
        assert_sound();
        assert_int_equal(free_objects(body_class(SIZE)), chunks_taken() * CHUNK / 4096);
        assert_true(chunks_taken() <= 2); /* one, and one more where the handler came before it was listed */
        assert_int_equal(waited, 0);
        if (!interrupted)
            assert_true(at > 8);
    }
}

static void the_first_call_is_interrupted_anywhere(void **state) {
    (void)state;
    with_free_objects = 0;
    interrupt_malloc_and_free(takes_and_gives_back);
    interrupt_malloc_and_free(takes_and_keeps_one);
}

static void a_later_call_is_interrupted_anywhere(void **state) {
    (void)state;
    with_free_objects = 3;
    interrupt_malloc_and_free(takes_and_gives_back);
    interrupt_malloc_and_free(takes_and_keeps_one);
}

/* ---- the end of the heap ---- */

static uint64_t *last_block;

static void frees_the_last_block(void) {
    give_back(last_block);
    last_block = NULL;
}

/* The last accesses of a malloc at the end of the heap, where it has looked everywhere and makes sure:
 * replicated lists count the pops. A block that is freed there comes after the answer. */
enum { MAKING_SURE = LIST_PARTS == 1 ? 0 : LIST_PARTS };

static uint64_t *take_at_the_end_of_the_heap(unsigned interrupted_at) {
    reset_heap();
    last_block = take(LARGEST);
    heap.static_chunks_taken = STATIC_CHUNKS;
    accesses = 0;
    interrupt_at = interrupted_at;
    return take(LARGEST);
}

/* The heap is used up. Whenever in a malloc a block is freed, it is found: NULL only where there was none. */
static void a_block_freed_while_malloc_looks_is_found(void **state) {
    (void)state;
    handler = frees_the_last_block;
    assert_null(take_at_the_end_of_the_heap(0));
    const unsigned looking = accesses - MAKING_SURE;
    assert_true(looking > 3);
    for (unsigned at = 1; at <= looking; at++)
        assert_non_null(take_at_the_end_of_the_heap(at));
}

static void takes_the_largest(void) {
    handlers[0] = take(LARGEST);
}

/* One chunk is left, and two want it: one gets it. */
static void the_last_chunk_goes_to_one(void **state) {
    (void)state;
    handler = takes_the_largest;
    for (unsigned at = 1;; at++) {
        reset_heap();
        heap.static_chunks_taken = STATIC_CHUNKS - 1;
        handlers[0] = NULL;
        interrupt_at = at;
        uint64_t *const block = take(LARGEST);
        if (interrupt_at != 0)
            return;
        assert_true((block == NULL) != (handlers[0] == NULL));
        assert_int_equal(chunks_taken(), STATIC_CHUNKS);
        assert_sound();
    }
}

static void enables_mmap(void) {
    body_enable_mmap();
    body_enable_mmap();
}

static void a_handler_enables_mmap(void **state) {
    (void)state;
    handler = enables_mmap;
    for (unsigned at = 1;; at++) {
        reset_heap();
        heap.static_chunks_taken = STATIC_CHUNKS;
        interrupt_at = at;
        uint64_t *const block = take(SIZE), *const large = take(100000);
        if (interrupt_at != 0) {
            assert_true(block == NULL && large == NULL && at > 3);
            return;
        }
        uint64_t *const small = take(SIZE), *const late = take(100000); /* from now on there is memory */
        assert_true(small != NULL && late != NULL);
        give_back(large);
        give_back(late);
        give_back(small);
        give_back(block);
        assert_sound();
    }
}

/* ---- every class ---- */

static void use_every_class(void) {
    uint64_t *block[8];
    for (int round = 0; round < 100; round++)
        for (size_t size = 8; size <= LARGEST; size = size * 2 + 8) {
            const int count = size < 8192 ? 8 : 2;
            for (int i = 0; i < count; i++)
                assert_non_null(block[i] = take(size));
            for (int i = 0; i < count; i++)
                give_back(block[(i * 3 + round) % count]); /* 3 and 2, 3 and 8 have no common divisor */
        }
}

/* ---- the check itself ---- */

static void the_check_sees_rings_and_what_is_misplaced(void **state) {
    (void)state;
    char why[128];
    reset_heap();
    use_every_class();
    assert_true(body_check(why, sizeof why));
    uint64_t *const a = take(SIZE);
    give_back(a);
    AO_uintptr_t *const header = (AO_uintptr_t *)a - 1;
    const AO_uintptr_t link = *header;
    *header = (AO_uintptr_t)header; /* as after a double free */
    assert_false(body_check(why, sizeof why));
    assert_non_null(strstr(why, "ring"));
    *header = link + WORD;
    assert_false(body_check(why, sizeof why));
    assert_non_null(strstr(why, "misaligned"));
    *header = link;
    assert_true(body_check(why, sizeof why));
}

#define BODY_CASES                                                                                           \
    cmocka_unit_test(the_first_call_is_interrupted_anywhere),                                                \
        cmocka_unit_test(a_later_call_is_interrupted_anywhere),                                              \
        cmocka_unit_test(a_block_freed_while_malloc_looks_is_found),                                         \
        cmocka_unit_test(the_last_chunk_goes_to_one), cmocka_unit_test(a_handler_enables_mmap),              \
        cmocka_unit_test(the_check_sees_rings_and_what_is_misplaced)

#endif
