/* SPDX-License-Identifier: MIT
 *
 * The body over replicated lists: what holds over every list (body_cases.h), and what it makes of callers
 * that are moved to another CPU at any access, of objects that lie at another's replica, and of ones that
 * move while they are looked for. The test says where the caller runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ao/stepped.h"
#include "os/place.h"

static unsigned place; /* below LIST_REPLICAS */
#define os_place(bits) ((void)(bits), place)

#include "ao/list_replicated.h"

#include "body_cases.h"

static void objects_are_found_at_every_replica(void **state) {
    (void)state;
    for (unsigned from = 0; from < LIST_REPLICAS; from++)
        for (unsigned to = 0; to < LIST_REPLICAS; to++) {
            reset_heap();
            place = from;
            give_back(take(SIZE));
            place = to;
            uint64_t *block[CHUNK / 4096];
            for (unsigned i = 0; i < CHUNK / 4096; i++)
                block[i] = take(SIZE);
            assert_int_equal(chunks_taken(), 1); /* all of them, before there is a second chunk */
            for (unsigned i = 0; i < CHUNK / 4096; i++)
                give_back(block[i]);
            assert_int_equal(heap.list[body_class(SIZE)].replica[to].stack.top.second,
                             (AO_uintptr_t)(block[CHUNK / 4096 - 1] - 1));
            assert_sound();
        }
}

static void callers_stay_at_their_own_replica_while_it_has_objects(void **state) {
    (void)state;
    reset_heap();
    uint64_t *mine[2];
    for (place = 0; place < 2; place++)
        mine[place] = take(SIZE);
    for (place = 0; place < 2; place++)
        give_back(mine[place]);
    for (int round = 0; round < 10; round++) {
        place = (unsigned)round % 2;
        uint64_t *const block = take(SIZE);
        assert_ptr_equal(block, mine[place]);
        give_back(block);
    }
    place = 0;
}

/* Where chunks abound, no two places begin with objects of one chunk; after that none is taken before all are used. */
static void places_begin_with_a_chunk_of_their_own_where_chunks_abound(void **state) {
    (void)state;
    reset_heap();
    body_enable_mmap();
    uint64_t *mine[2];
    for (place = 0; place < 2; place++)
        mine[place] = take(LARGEST / 2 - 8); /* the others would be neighbours of the first */
    assert_int_equal(chunks_taken(), 2);
    for (unsigned i = 0; i < 2; i++) {
        place = 0; /* its own first, then the other's */
        assert_non_null(take(LARGEST / 2 - 8));
        assert_int_equal(chunks_taken(), 2);
    }
    for (place = 0; place < 2; place++)
        give_back(mine[place]);
    reset_heap();
    place = 0;
}

/* ---- moved at any access ---- */

static void moves_on(void) {
    place = (place + 5) % LIST_REPLICAS;
    takes_and_gives_back();
}

static void a_caller_is_moved_anywhere(void **state) {
    (void)state;
    with_free_objects = 0;
    interrupt_malloc_and_free(moves_on);
    with_free_objects = 3;
    interrupt_malloc_and_free(moves_on);
    place = 0;
}

/* ---- objects that move ---- */

static uint64_t *kept;
static unsigned free_at, every, moves;

/* Frees what is kept at the other end, and only then takes the block that was free: one always is. */
static void moves_the_free_block(void) {
    const unsigned at = accesses, before = place, other_end = free_at == 1 ? LIST_REPLICAS - 1 : 1;
    place = other_end;
    give_back(kept);
    place = free_at;
    kept = take(LARGEST);
    assert_non_null(kept);
    free_at = other_end;
    place = before;
    if (--moves > 0)
        interrupt_at = at + every;
}

/* The heap is used up, and one block is free, at the replica that malloc looks at last but one; at some
 * access another is freed at the one that it looks at first, which it has done, and the first block is gone;
 * and back again, every so many accesses: among them are the rhythms that outrun any fixed number of looks. */
static void a_block_that_moves_is_not_overlooked(void **state) {
    (void)state;
    handler = moves_the_free_block;
    unsigned most_accesses = 0;
    for (unsigned first = 1; first < 4 * LIST_REPLICAS; first++)
        for (every = 10; every < 4 * LIST_REPLICAS; every++) {
            reset_heap();
            place = free_at = LIST_REPLICAS - 1;
            uint64_t *const block = take(LARGEST);
            kept = take(LARGEST);
            heap.static_chunks_taken = STATIC_CHUNKS;
            give_back(block);
            place = 0;
            accesses = 0;
            interrupt_at = first;
            moves = 12; /* for ever would be a livelock, which lock-free allows: the others succeed */
            uint64_t *const found = take(LARGEST);
            interrupt_at = 0;
            if (found == NULL)
                fail_msg("moved at access %u and every %u: overlooked", first, every);
            most_accesses = accesses > most_accesses ? accesses : most_accesses;
            assert_sound();
        }
    assert_true(most_accesses > 6 * LIST_REPLICAS); /* some have looked everywhere, in vain, and again */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BODY_CASES,
        cmocka_unit_test(objects_are_found_at_every_replica),
        cmocka_unit_test(callers_stay_at_their_own_replica_while_it_has_objects),
        cmocka_unit_test(places_begin_with_a_chunk_of_their_own_where_chunks_abound),
        cmocka_unit_test(a_caller_is_moved_anywhere),
        cmocka_unit_test(a_block_that_moves_is_not_overlooked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
