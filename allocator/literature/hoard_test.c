/* SPDX-License-Identifier: MIT
 *
 * Hoard from the inside: who serves, what moves, the bound on what is held, the change of owners under a free replayed
 * by hand, and threads that give each other blocks. Most cases play several threads on one: `as_thread` chooses the
 * heap, and `before_lock` says what others do before a lock is taken.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ao/lock.h"

static void (*before_lock)(const struct lock *lock);

static void stepped_acquire(struct lock *lock) {
    if (before_lock != NULL)
        before_lock(lock);
    lock_acquire(lock);
}
#define lock_acquire stepped_acquire
#include "hoard.c"

enum { S = 8192, MOST = 40000 };

static struct hoard subject; /* begun anew by most cases; its mappings stay */
static void *block[MOST];

static void fresh(void) {
    memset(&subject, 0, sizeof subject);
    subject.superblock = S;
    initialise(&subject);
    assert_int_equal(subject.superblock, S); /* pages are no larger here */
}

static struct heap *as_thread(unsigned number) {
    my_heap = number;
    return &subject.heap[number];
}

static void *take(size_t size) {
    void *const taken = allocate(&subject, size);
    assert_non_null(taken);
    memset(taken, 0xa5, size);
    return taken;
}

static void take_many(size_t first, size_t end, size_t size) {
    for (size_t i = first; i < end; i++)
        block[i] = take(size);
}

static void give_many(size_t first, size_t end) {
    for (size_t i = first; i < end; i++)
        release(&subject, block[i]);
}

static void assert_sound(void) {
    char why[256] = "";
    if (!audit_all(&subject, why, sizeof why))
        fail_msg("%s", why);
}

static size_t blocks_a_superblock(size_t size) {
    return (S - HEADER) / size_class_bytes(size_class_of(size));
}

/* How many there are, the global heap's with them. */
static size_t superblocks(void) {
    size_t count = 0;
    for (const struct region *region = subject.regions; region != NULL; region = region->next)
        count += REGION_SUPERBLOCKS - (size_t)__builtin_popcountll(region->clean);
    return count;
}

static struct allocator_stats figures(void) {
    struct allocator_stats stats;
    sum_stats(&subject, &stats);
    return stats;
}

/* ---- one superblock, and which one serves ---- */

static void groups_are_quarters(void **state) {
    (void)state;
    struct superblock s = {.capacity = 8};
    static const unsigned group[] = {EMPTY, 1, 1, 2, 2, F_EMPTY, F_EMPTY, NEARLY_FULL, FULL};
    for (; s.used <= s.capacity; s.used++)
        assert_int_equal(group_of(&s), group[s.used]);
    for (s.capacity = 1; s.capacity < 600; s.capacity++) /* f-empty is what restore may move */
        for (s.used = 0; s.used <= s.capacity; s.used++)
            assert_true((group_of(&s) <= F_EMPTY) ==
                        (4U * s.used <= QUARTERS_FULL * s.capacity && s.used < s.capacity));
}

static void every_class_fits(void **state) {
    (void)state;
    assert_true(size_class_of((size_t)262144 / 2) < CLASSES);
    assert_true(262144 / 16 <= UINT16_MAX);
    for (size_t size = 1; size <= S / 2; size++)
        assert_true(blocks_a_superblock(size) >= 1);
}

static void the_fullest_serves(void **state) {
    (void)state;
    fresh();
    as_thread(1);
    const size_t n = blocks_a_superblock(256);
    take_many(0, 2 * n, 256);
    assert_int_equal(superblocks(), 2);
    give_many(n, n + n / 2); /* half of the second, then one of the first */
    release(&subject, block[0]);
    assert_ptr_equal(take(256), block[0]);
    assert_ptr_equal(superblock_of(&subject, take(256)), superblock_of(&subject, block[n]));
    assert_sound();
}

/* Of those that are equally full the one that was used last, whose lines are near. */
static void the_last_used_serves(void **state) {
    (void)state;
    fresh();
    as_thread(1);
    const size_t n = blocks_a_superblock(64);
    take_many(0, 3 * n, 64);
    for (size_t i = 0; i < 4; i++)
        release(&subject, block[i + i % 2 * n]); /* of the first and the second by turns */
    release(&subject, block[4]);
    assert_ptr_equal(take(64), block[4]);
    assert_ptr_equal(take(64), block[2]);
    assert_sound();
}

static void the_last_freed_comes_first(void **state) {
    (void)state;
    fresh();
    as_thread(1);
    take_many(0, 10, 100);
    give_many(2, 5);
    for (size_t i = 5; i-- > 2;)
        assert_ptr_equal(take(100), block[i]);
}

/* ---- superblocks on their way ---- */

static void what_is_too_much_moves(void **state) {
    (void)state;
    fresh();
    const struct heap *const mine = as_thread(1), *const global = &subject.heap[0];
    const size_t n = 20 * blocks_a_superblock(64);
    take_many(0, n, 64);
    assert_int_equal(superblocks(), 20);
    give_many(0, n);
    assert_int_equal(mine->used, 0);
    assert_true(mine->held <= KEPT * S && mine->held > (KEPT - 1) * S);
    assert_int_equal(mine->held + global->held, n * 64);
    assert_int_equal(superblocks(), 20);
    assert_sound();
}

static void empty_ones_serve_every_class_and_thread(void **state) {
    (void)state;
    what_is_too_much_moves(state);
    take_many(0, 3 * blocks_a_superblock(1000), 1000); /* the heap's own */
    as_thread(2);
    take_many(100, 100 + 15 * blocks_a_superblock(3000), 3000); /* the global heap's */
    assert_int_equal(superblocks(), 20);
    assert_sound();
    as_thread(3);
    take_many(300, 300 + 4 * blocks_a_superblock(16), 16);
    assert_int_equal(superblocks(), 23); /* 3 + 15 + 4, and one that the first heap keeps */
    assert_sound();
}

/* One that moves while it is in use goes on as it was, with another owner. */
static void used_ones_move_too(void **state) {
    (void)state;
    fresh();
    struct heap *const first = as_thread(1);
    const size_t n = blocks_a_superblock(64);
    take_many(0, 10 * n, 64);
    for (size_t i = 0; i < 10 * n; i++)
        if (i % n != 0)
            release(&subject, block[i]); /* one stays of each */
    size_t moved = 0;
    for (size_t i = 0; i < 10; i++)
        moved += owner_of(superblock_of(&subject, block[i * n])) == &subject.heap[0];
    assert_int_equal(moved, 10 - KEPT); /* (KEPT + 1) * 127 - 5 blocks are more than KEPT * S */
    assert_int_equal(first->used, KEPT * 64);
    assert_int_equal(subject.heap[0].used, moved * 64);
    struct heap *const second = as_thread(2);
    take(64);
    assert_int_equal(second->used, 2 * 64);
    assert_int_equal(subject.heap[0].used, (moved - 1) * 64);
    for (size_t i = 0; i < 10; i++)
        release(&subject, block[i * n]);
    assert_sound();
}

/* A new superblock must not break the invariant either: a block of each class. */
static void malloc_keeps_the_invariant(void **state) {
    (void)state;
    fresh();
    const struct heap *const mine = as_thread(1);
    unsigned n = 0;
    for (int round = 0; round < 3; round++)
        for (unsigned c = 0; c <= size_class_of(S / 2); c++) {
            block[n++] = take(size_class_bytes(c));
            assert_true(invariant_holds(&subject, mine));
        }
    assert_sound();
    give_many(0, n);
    assert_sound();
    assert_int_equal(figures().live, 0);
}

/* All that can be moved are nearly 1 - f full, and the block that is freed is larger than what is free in one. */
static void one_may_not_be_enough(void **state) {
    (void)state;
    fresh();
    const struct heap *const mine = as_thread(1);
    const size_t n = blocks_a_superblock(64), of = 16;
    assert_int_equal(n, 127);
    take_many(0, of * n, 64);
    void *const larger = take(2560);
    take(2560);
    take(2560);
    for (size_t i = 0; i < of * n; i++)
        if (i % n < 32)
            release(&subject, block[i]);
    assert_int_equal(subject.heap[0].held, 0);
    assert_int_equal(mine->held - mine->used, KEPT * S); /* 16 times 32 blocks: just right */
    release(&subject, larger);
    assert_int_equal(subject.heap[0].held, 2 * n * 64);
    assert_sound();
}

/* ---- the bound ---- */

enum { PLAYERS = 16, ROUNDS = 200, LIVE = 2000 };

/* What stands above struct heap, in superblocks: where LARGEST is the most bytes ever in use and the blocks of a
 * superblock have at least ROOM bytes. The one that is made is the 1. */
static size_t most_superblocks(size_t largest, size_t room) {
    return (largest * 4 / QUARTERS_FULL + (size_t)PLAYERS * KEPT * S) / room + 1;
}

static void assert_bounded(size_t largest, size_t room) {
    const size_t most = most_superblocks(largest, room);
    assert_true(superblocks() <= most);
    const size_t regions = (most + REGION_SUPERBLOCKS - 1) / REGION_SUPERBLOCKS;
    assert_true(figures().mapped <= regions * (REGION_SUPERBLOCKS + 1) * S);
}

/* One thread allocates, the next one frees: with a list a thread and no more, every round would need new memory. */
static void handing_on_stays_bounded(void **state) {
    (void)state;
    fresh();
    for (unsigned round = 0; round < ROUNDS; round++) {
        as_thread(1 + round % PLAYERS);
        take_many(0, LIVE, 64);
        as_thread(1 + (round + 1) % PLAYERS);
        give_many(0, LIVE);
        assert_bounded(LIVE * 64, blocks_a_superblock(64) * 64);
    }
    assert_sound();
}

/* The same, but each allocates before it frees: two rounds' blocks are in use at once. */
static void handing_on_while_in_use_stays_bounded(void **state) {
    (void)state;
    fresh();
    as_thread(1);
    take_many(0, LIVE, 64);
    for (unsigned round = 1; round < ROUNDS; round++) {
        const size_t mine = round % 2 * LIVE, before = LIVE - mine;
        as_thread(1 + round % PLAYERS);
        take_many(mine, mine + LIVE, 64);
        give_many(before, before + LIVE);
        assert_bounded((size_t)2 * LIVE * 64, blocks_a_superblock(64) * 64);
    }
    assert_sound();
}

/* All but every eighth block is freed by another thread at once, the rest at the end of the round by one. Then all begin
 * anew with another class: nothing is in use then, so that the equation holds for the next class. */
static void changing_class_stays_bounded(void **state) {
    (void)state;
    static const size_t size[] = {16, 2000, 64, 208, 1000, 3000};
    enum { SIZES = sizeof size / sizeof *size };
    fresh();
    size_t room = S, largest = 0;
    for (unsigned i = 0; i < SIZES; i++) {
        const size_t bytes = size_class_bytes(size_class_of(size[i]));
        room = blocks_a_superblock(bytes) * bytes < room ? blocks_a_superblock(bytes) * bytes : room;
        largest = bytes * LIVE > largest ? bytes * LIVE : largest;
    }
    for (unsigned round = 0; round < 4 * SIZES; round++) {
        for (unsigned player = 0; player < PLAYERS; player++) {
            const size_t first = player * (LIVE / PLAYERS), end = first + LIVE / PLAYERS;
            as_thread(1 + player);
            take_many(first, end, size[round % SIZES]);
            as_thread(1 + (player + round) % PLAYERS);
            for (size_t i = first; i < end; i++)
                if (i % 8 != 0)
                    release(&subject, block[i]);
        }
        as_thread(1 + round % PLAYERS);
        for (size_t i = 0; i < LIVE / PLAYERS * PLAYERS; i += 8)
            release(&subject, block[i]);
        assert_int_equal(figures().live, 0);
        assert_bounded(largest, room);
    }
    assert_sound();
}

/* ---- the owner changes under a free ---- */

static struct {
    struct superblock *of; /* the block's that is being freed */
    size_t n, locks;
    bool back; /* thread 1 gets it again */
} race;

/* Before a free by thread 3 locks the owner that it has read, thread 1 loses the superblock to the global heap; before it
 * locks that, thread 2 takes it. */
static void others_move_it(const struct lock *lock) {
    void (*const self)(const struct lock *) = before_lock;
    before_lock = NULL;
    race.locks++;
    if (race.locks == 1) {
        assert_ptr_equal(lock, &subject.heap[1].lock);
        as_thread(1);
        for (size_t i = race.n; owner_of(race.of) == &subject.heap[1]; i++)
            if (i % race.n != 0)
                release(&subject, block[i]);
        assert_ptr_equal(owner_of(race.of), &subject.heap[0]);
    }
    if (race.locks == (race.back ? 1 : 2)) {
        as_thread(race.back ? 1 : 2);
        while (owner_of(race.of) == &subject.heap[0])
            take(64);
    }
    as_thread(3);
    before_lock = self;
}

/* Thread 1 has ten superblocks, block[0] and one more are the only ones in use of the first. */
static void prepare_race(bool back) {
    fresh();
    as_thread(1);
    race.n = blocks_a_superblock(64);
    race.locks = 0;
    race.back = back;
    take_many(0, 10 * race.n, 64);
    race.of = superblock_of(&subject, block[0]);
    give_many(2, race.n);
    assert_ptr_equal(owner_of(race.of), &subject.heap[1]);
    as_thread(3);
    before_lock = others_move_it;
    release(&subject, block[0]);
    before_lock = NULL;
}

static void a_free_follows_the_owner(void **state) {
    (void)state;
    prepare_race(false);
    assert_int_equal(race.locks, 3); /* heap 1: no more; the global heap: no more; heap 2 */
    assert_ptr_equal(owner_of(race.of), &subject.heap[2]);
    assert_ptr_equal(race.of->free, block[0]);
    assert_int_equal(race.of->used, 2); /* block[1], and thread 2's */
    assert_int_equal(subject.heap[2].used, 2 * 64);
    assert_int_equal(subject.heap[0].used, 0);
    assert_int_equal(subject.heap[3].held, 0);
    assert_sound();
}

/* Away and back before it locks: the owner that it has read is the owner again, and nothing is wrong. */
static void an_owner_that_is_back_will_do(void **state) {
    (void)state;
    prepare_race(true);
    assert_int_equal(race.locks, 1);
    assert_ptr_equal(owner_of(race.of), &subject.heap[1]);
    assert_ptr_equal(race.of->free, block[0]);
    assert_sound();
}

/* ---- false sharing ---- */

static size_t line_of(const void *of) {
    return (uintptr_t)of / LINE;
}

static void a_freed_block_goes_back_to_its_heap(void **state) {
    (void)state;
    fresh();
    const struct heap *const first = as_thread(1);
    take_many(0, 3, 8);
    const struct heap *const second = as_thread(2);
    release(&subject, block[1]);
    assert_int_equal(second->held, 0);
    assert_int_equal(first->used, 2 * 16);
    void *const others = take(8);
    for (int i = 0; i < 3; i++)
        assert_true(line_of(others) != line_of(block[i]));
    as_thread(1);
    assert_ptr_equal(take(8), block[1]);
}

static void heaps_share_no_line(void **state) {
    (void)state;
    fresh();
    enum { EACH = 50 };
    for (unsigned i = 0; i < PLAYERS * EACH; i++) { /* in turn */
        as_thread(1 + i % PLAYERS);
        block[i] = take(1 + i % 40);
    }
    for (unsigned i = 0; i < PLAYERS * EACH; i++)
        for (unsigned j = 0; j < i; j++)
            assert_true(i % PLAYERS == j % PLAYERS || line_of(block[i]) != line_of(block[j]));
    for (unsigned i = 0; i < HEAPS; i++)
        assert_true(line_of(&subject.heap[i].row[CLASSES - 1]) < line_of(&subject.heap[i + 1]));
    assert_true(line_of(&subject.page) < line_of(&subject.large_used));
    assert_true(line_of(&subject.large_mapped) < line_of(&subject.regions));
    assert_true(line_of(&subject.clean) < line_of(&subject.heap[0]));
}

/* ---- large blocks ---- */

static void large_blocks_are_mappings(void **state) {
    (void)state;
    fresh();
    as_thread(1);
    void *const small = take(S / 2);
    assert_ptr_equal(owner_of(superblock_of(&subject, small)), &subject.heap[1]);
    const struct allocator_stats before = figures();
    size_t n = 0, usable_bytes = 0;
    for (size_t size = S / 2 + 1; size < 3000000; size += 1 + size / 5, n++) {
        block[n] = take(size);
        assert_null(owner_of(superblock_of(&subject, block[n])));
        assert_int_equal((uintptr_t)block[n] % HEADER, 0);
        assert_true(usable(&subject, block[n]) >= size &&
                    usable(&subject, block[n]) < size + S + subject.page);
        memset(block[n], 0x5a, usable(&subject, block[n]));
        usable_bytes += usable(&subject, block[n]);
    }
    assert_int_equal(figures().live, before.live + usable_bytes);
    as_thread(2);
    give_many(0, n);
    assert_int_equal(figures().live, before.live);
    assert_int_equal(figures().mapped, before.mapped);
}

static void sizes_that_overflow_are_null(void **state) {
    (void)state;
    fresh();
    as_thread(1);
    for (size_t less = 0; less < 3 * S; less += 7) {
        assert_null(allocate(&subject, SIZE_MAX - less));
        assert_null(allocate(&subject, (size_t)PTRDIFF_MAX - less));
        assert_null(allocate(&subject, (size_t)PTRDIFF_MAX + 1 + less));
    }
    assert_int_equal(figures().mapped, 0);
}

/* ---- memory that goes back ---- */

static void trim_gives_empty_ones_back(void **state) {
    (void)state;
    fresh();
    const struct heap *const mine = as_thread(1);
    const size_t n = 200 * blocks_a_superblock(500);
    take_many(0, n, 500);
    assert_false(trim(&subject));
    give_many(0, n);
    const size_t kept = mine->held / (blocks_a_superblock(500) * size_class_bytes(size_class_of(500)));
    assert_true(trim(&subject));
    assert_false(trim(&subject));
    assert_int_equal(superblocks(), kept);
    assert_true(figures().resident <=
                kept * S + figures().mapped / ((REGION_SUPERBLOCKS + 1) * S) * subject.page);
    assert_sound();
    const size_t mapped = figures().mapped;
    take_many(0, 200 * blocks_a_superblock(100), 100);
    assert_int_equal(figures().mapped, mapped); /* the same addresses serve again */
    assert_sound();
}

/* ---- threads ---- */

static void *first_call(void *number) {
    release(&subject, allocate(&subject, 8));
    *(unsigned *)number = my_heap;
    return NULL;
}

static void threads_take_heaps_in_turn(void **state) {
    (void)state;
    fresh();
    unsigned number[2 * HEAPS];
    for (unsigned i = 0; i < 2 * HEAPS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, first_call, &number[i]), 0);
        pthread_join(thread, NULL);
        assert_true(number[i] >= 1 && number[i] <= HEAPS);
        assert_int_equal(number[i], i == 0 ? number[0] : number[i - 1] % HEAPS + 1);
    }
    assert_int_equal(number[0], number[HEAPS]);
}

enum { WORKERS = 16, PLACES = 512, OPERATIONS = 30000, LARGEST = S / 2 + 200 };
static uint32_t *place[PLACES]; /* exchanged; first word: the size */
static unsigned broken;         /* what a worker has found, for only the main thread may fail */

static uint32_t draw(uint64_t *random) {
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33);
}

/* Verifies and frees. */
static void unmake(uint32_t *taken) {
    if (taken == NULL)
        return;
    const size_t words = *taken / 4;
    for (size_t i = 1; i < words; i++)
        if (taken[i] != (uint32_t)(uintptr_t)taken + i)
            __atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
    release(&subject, taken);
}

static uint32_t *make(uint32_t size) {
    uint32_t *const taken = allocate(&subject, size);
    if (taken == NULL) {
        __atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    *taken = size;
    for (size_t i = 1; i < size / 4; i++)
        taken[i] = (uint32_t)((uintptr_t)taken + i);
    return taken;
}

static void *work(void *number) {
    uint64_t random = (uintptr_t)number;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const uint32_t size = 4 + draw(&random) % (draw(&random) % 4 == 0 ? LARGEST : 200);
        uint32_t **const at = &place[draw(&random) % PLACES];
        unmake(__atomic_exchange_n(at, make(size), __ATOMIC_ACQ_REL));
        if (i % 1024 == 0) { /* at any time, not only in the end */
            struct heap *const some = &subject.heap[1 + draw(&random) % HEAPS];
            lock_acquire(&some->lock);
            if (!invariant_holds(&subject, some))
                __atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
            lock_release(&some->lock);
        }
        if (i % 8192 == 0)
            trim(&subject);
    }
    return NULL;
}

static void many_threads_at_once(void **state) {
    (void)state;
    fresh();
    for (int round = 0; round < 2; round++) {
        pthread_t thread[WORKERS];
        for (uintptr_t i = 0; i < WORKERS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, work, (void *)(i + 1)), 0);
        for (unsigned i = 0; i < WORKERS; i++)
            pthread_join(thread[i], NULL);
        assert_int_equal(broken, 0);
        assert_sound();
        assert_true(figures().live > 0);
    }
    for (unsigned i = 0; i < PLACES; i++)
        unmake(place[i]);
    assert_int_equal(broken, 0);
    assert_int_equal(figures().live, 0);
    assert_sound();
}

/* ---- the check itself ---- */

static void the_check_sees_what_is_wrong(void **state) {
    (void)state;
    char why[256] = "";
    fresh();
    struct heap *const mine = as_thread(1);
    take_many(0, 100, 64);
    give_many(10, 20);
    struct superblock *const s = superblock_of(&subject, block[0]);
    assert_true(audit_all(&subject, why, sizeof why));
    mine->used += 16;
    assert_false(audit_all(&subject, why, sizeof why));
    mine->used -= 16;
    s->group--;
    assert_false(audit_all(&subject, why, sizeof why));
    s->group++;
    s->free->next->next = s->free; /* freed twice */
    assert_false(audit_all(&subject, why, sizeof why));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_quarters),
        cmocka_unit_test(every_class_fits),
        cmocka_unit_test(the_fullest_serves),
        cmocka_unit_test(the_last_used_serves),
        cmocka_unit_test(the_last_freed_comes_first),
        cmocka_unit_test(what_is_too_much_moves),
        cmocka_unit_test(empty_ones_serve_every_class_and_thread),
        cmocka_unit_test(used_ones_move_too),
        cmocka_unit_test(malloc_keeps_the_invariant),
        cmocka_unit_test(one_may_not_be_enough),
        cmocka_unit_test(handing_on_stays_bounded),
        cmocka_unit_test(handing_on_while_in_use_stays_bounded),
        cmocka_unit_test(changing_class_stays_bounded),
        cmocka_unit_test(a_free_follows_the_owner),
        cmocka_unit_test(an_owner_that_is_back_will_do),
        cmocka_unit_test(a_freed_block_goes_back_to_its_heap),
        cmocka_unit_test(heaps_share_no_line),
        cmocka_unit_test(large_blocks_are_mappings),
        cmocka_unit_test(sizes_that_overflow_are_null),
        cmocka_unit_test(trim_gives_empty_ones_back),
        cmocka_unit_test(threads_take_heaps_in_turn),
        cmocka_unit_test(many_threads_at_once),
        cmocka_unit_test(the_check_sees_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
