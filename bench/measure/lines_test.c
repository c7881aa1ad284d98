/* SPDX-License-Identifier: MIT
 *
 * Line sharing, by allocators of a few lines whose addresses are known. Their blocks are numbers and no
 * memory: only addresses are counted. They have no lock, for the pass promises one operation at a time.
 */
#include "lines.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workload.h"

enum { THREADS = 4, ROUNDS = 200, LOG = 1 << 16 };

/* ---- allocators ---- */

static _Thread_local unsigned thread, drawn;
static atomic_uint
    counter; /* what threads share besides the allocator: each draws a number for an operation */
static uintptr_t packed_next, page_next[THREADS + 1];
static uint64_t order_hash; /* of who called when, and with which number */

static void note_turn(void) {
    order_hash = (order_hash ^ thread) * UINT64_C(0x100000001b3);
    order_hash = (order_hash ^ drawn) * UINT64_C(0x100000001b3);
}

static void *block_at(uintptr_t address) {
    return (void *)address;
}

/* 16 bytes a block, one behind the other, whoever asks; never used again. */
static void *packed_malloc(size_t size) {
    (void)size;
    note_turn();
    packed_next += 16;
    return block_at(packed_next - 16);
}

/* The same in a region for each thread. */
static void *regions_malloc(size_t size) {
    (void)size;
    note_turn();
    page_next[thread] += 16;
    return block_at(((uintptr_t)(thread + 1) << 32) + page_next[thread] - 16);
}

/* 32 bytes a block, with a LIFO free list for all. */
static uintptr_t stack[LOG];
static size_t stack_depth;

static void *lifo_malloc(size_t size) {
    (void)size;
    note_turn();
    if (stack_depth > 0)
        return block_at(stack[--stack_depth]);
    packed_next += 32;
    return block_at(packed_next - 32);
}

static void lifo_free(void *block) {
    note_turn();
    if (block != NULL)
        stack[stack_depth++] = (uintptr_t)block;
}

static void free_nothing(void *block) {
    (void)block;
    note_turn();
}

static void *no_memory(size_t size) {
    (void)size;
    return NULL;
}

static const struct allocator packed = {.name = "packed", .malloc = packed_malloc, .free = free_nothing};
static const struct allocator regions = {.name = "regions", .malloc = regions_malloc, .free = free_nothing};
static const struct allocator lifo = {.name = "lifo", .malloc = lifo_malloc, .free = lifo_free};
static const struct allocator empty = {.name = "empty", .malloc = no_memory, .free = free_nothing};

static int reset(void **state) {
    (void)state;
    packed_next = 1 << 20;
    memset(page_next, 0, sizeof page_next);
    stack_depth = 0;
    order_hash = 0;
    counter = 0;
    drawn = 0;
    thread = THREADS;
    return 0;
}

/* ---- a pass ---- */

/* What each thread does in each phase: KEPT blocks that live through it, and meanwhile rounds[index] pairs.
 */
struct plan {
    size_t size;
    unsigned kept, rounds[THREADS], phases;
};

struct crew {
    struct lines *lines;
    const struct plan *plan;
    pthread_barrier_t barrier;
};

struct seat {
    struct crew *crew;
    unsigned index;
    pthread_t thread;
};

static void *draw_and_malloc(const struct allocator *a, size_t size) {
    drawn = atomic_fetch_add(&counter, 1);
    return a->malloc(size);
}

static void *work(void *argument) {
    const struct seat *const seat = argument;
    struct crew *const crew = seat->crew;
    const struct plan *const plan = crew->plan;
    const struct allocator *const a = lines_allocator(crew->lines);
    void *kept[8];
    thread = seat->index;
    for (unsigned phase = 0; phase < plan->phases; phase++) {
        lines_enter(crew->lines, seat->index);
        lines_await_turn(crew->lines);
        for (unsigned i = 0; i < plan->kept; i++)
            kept[i] = draw_and_malloc(a, plan->size);
        for (unsigned i = 0; i < plan->rounds[seat->index]; i++)
            a->free(draw_and_malloc(a, plan->size));
        for (unsigned i = 0; i < plan->kept; i++)
            a->free(kept[i]);
        lines_leave(crew->lines);
        pthread_barrier_wait(&crew->barrier);
    }
    return NULL;
}

static double share_of(const struct allocator *allocator, const struct plan *plan, uint64_t seed,
                       uint64_t *seen) {
    struct seat seat[THREADS];
    struct crew crew = {.lines = lines_start(allocator, THREADS, seed), .plan = plan};
    assert_non_null(crew.lines);
    pthread_barrier_init(&crew.barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        seat[i] = (struct seat){.crew = &crew, .index = i};
        assert_int_equal(pthread_create(&seat[i].thread, NULL, work, &seat[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(seat[i].thread, NULL);
    pthread_barrier_destroy(&crew.barrier);
    return lines_stop(crew.lines, seen);
}

static const struct plan keep_eight = {.size = 16, .kept = 8, .phases = 1};
static const struct plan pairs = {
    .size = 32, .kept = 2, .rounds = {ROUNDS, ROUNDS, ROUNDS, ROUNDS}, .phases = 1};

/* ---- tests ---- */

/* Two threads' turns made by hand, on one thread: exact, and nothing to schedule. The pass is one of a single
 * thread at a time, which enters under one index or the other. */
static void alternate(struct lines *lines, const struct allocator *a, void **block, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        lines_enter(lines, i % 2);
        block[i] = a->malloc(16);
        lines_leave(lines);
    }
}

static void blocks_of_alternating_threads_in_one_line_share_all_of_them(void **state) {
    (void)state;
    uint64_t seen;
    void *block[64];
    struct lines *const lines = lines_start(&packed, 1, 1);
    alternate(lines, lines_allocator(lines), block, 64);
    assert_true(lines_stop(lines, &seen) == 1.0);
    assert_int_equal(seen, 64 * 16 / 64);
}

static void a_line_that_changes_hands_while_empty_is_not_shared(void **state) {
    (void)state;
    uint64_t seen;
    struct lines *const lines = lines_start(&lifo, 1, 1);
    const struct allocator *const a = lines_allocator(lines);
    for (unsigned i = 0; i < 10; i++) {
        lines_enter(lines, i % 2);
        a->free(a->malloc(32));
        lines_leave(lines);
    }
    assert_true(lines_stop(lines, &seen) == 0.0);
    assert_int_equal(seen, 1);
}

/* The rest of the line lives on when its first owner's object is gone. */
static void the_owner_of_a_line_is_who_still_lives_in_it(void **state) {
    (void)state;
    uint64_t seen;
    void *block[2];
    struct lines *const lines = lines_start(&lifo, 1, 1);
    const struct allocator *const a = lines_allocator(lines);
    alternate(lines, a, block, 1);
    a->free(block[0]);
    lines_enter(lines, 1);
    block[0] = a->malloc(32);
    block[1] = a->malloc(32);
    lines_leave(lines);
    assert_true(lines_stop(lines, &seen) == 0.0);
    assert_int_equal(seen, 1);
}

static void a_large_block_counts_every_line_that_it_touches(void **state) {
    (void)state;
    uint64_t seen;
    struct lines *const lines = lines_start(&packed, 1, 1);
    packed_next += 48; /* 16 bytes in its first line, 1000 - 16 behind */
    assert_non_null(lines_allocator(lines)->malloc(1000));
    assert_true(lines_stop(lines, &seen) == 0.0);
    assert_int_equal(seen, 1 + (1000 - 16 + 63) / 64);
}

static void a_region_for_each_thread_shares_nothing(void **state) {
    (void)state;
    uint64_t seen;
    assert_true(share_of(&regions, &keep_eight, 1, &seen) == 0.0);
    assert_int_equal(seen, THREADS * 8 * 16 / 64);
}

static void one_region_for_all_shares(void **state) {
    (void)state;
    uint64_t seen;
    assert_true(share_of(&packed, &keep_eight, 1, &seen) > 0.5);
    assert_int_equal(seen, THREADS * 8 * 16 / 64);
}

static void what_the_main_thread_handed_over_has_an_owner_of_its_own(void **state) {
    (void)state;
    uint64_t seen;
    struct lines *const lines = lines_start(&packed, 1, 1);
    const struct allocator *const a = lines_allocator(lines);
    void *const handed = a->malloc(16);
    lines_enter(lines, 0);
    void *const own = a->malloc(16);
    a->free(own);
    a->free(handed);
    lines_leave(lines);
    assert_true(lines_stop(lines, &seen) == 1.0);
    assert_int_equal(seen, 1);
}

static void equal_seeds_give_equal_turns_and_figures(void **state) {
    uint64_t first_seen = 0, first_order = 0, seen;
    double first = NAN;
    for (int i = 0; i < 3; i++) {
        reset(state);
        const double share = share_of(&lifo, &pairs, 42, &seen);
        if (i == 0) {
            first = share;
            first_seen = seen;
            first_order = order_hash;
        }
        assert_true(share == first);
        assert_int_equal(seen, first_seen);
        assert_true(order_hash == first_order);
    }
    reset(state);
    share_of(&lifo, &pairs, 43, &seen);
    assert_true(order_hash != first_order);
}

static void a_thread_that_leaves_early_blocks_nobody(void **state) {
    (void)state;
    static const struct plan uneven = {.size = 16, .rounds = {0, 3, ROUNDS, 1}, .phases = 1};
    uint64_t seen;
    share_of(&packed, &uneven, 7, &seen);
    assert_int_equal(seen, (3 + ROUNDS + 1) * 16 / 64);
}

/* One thread allocates, the others wait until it has allocated half, and then allocate one each. */
static void *work_or_wait(void *argument) {
    const struct seat *const seat = argument;
    struct lines *const lines = seat->crew->lines;
    const struct allocator *const a = lines_allocator(lines);
    thread = seat->index;
    lines_enter(lines, seat->index);
    lines_await_turn(lines);
    while (seat->index != 0 && atomic_load(&counter) < ROUNDS / 2)
        lines_pass();
    for (unsigned i = 0; i < (seat->index == 0 ? ROUNDS : 1); i++)
        draw_and_malloc(a, 16);
    lines_leave(lines);
    return NULL;
}

static void who_waits_passes_the_token_on(void **state) {
    uint64_t order[2], seen;
    for (int run = 0; run < 2; run++) {
        struct seat seat[THREADS];
        reset(state);
        struct crew crew = {.lines = lines_start(&packed, THREADS, 9)};
        for (unsigned i = 0; i < THREADS; i++) {
            seat[i] = (struct seat){.crew = &crew, .index = i};
            assert_int_equal(pthread_create(&seat[i].thread, NULL, work_or_wait, &seat[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(seat[i].thread, NULL);
        lines_stop(crew.lines, &seen);
        assert_int_equal(counter, ROUNDS + THREADS - 1);
        order[run] = order_hash;
    }
    assert_true(order[0] == order[1]);
}

static void all_may_enter_again_once_all_have_left(void **state) {
    (void)state;
    static const struct plan twice = {.size = 16, .kept = 4, .phases = 5};
    uint64_t seen;
    share_of(&packed, &twice, 7, &seen);
    assert_int_equal(seen, 5 * THREADS * 4 * 16 / 64);
}

static void no_object_is_no_figure(void **state) {
    (void)state;
    uint64_t seen;
    assert_true(isnan(share_of(&empty, &keep_eight, 1, &seen)));
    assert_int_equal(seen, 0);
}

/* Past several doublings of both tables; and an address that comes back takes no new room. */
static void tables_grow_with_addresses_and_not_with_operations(void **state) {
    (void)state;
    uint64_t seen;
    struct lines *const lines = lines_start(&packed, 1, 1);
    const struct allocator *const a = lines_allocator(lines);
    for (unsigned i = 0; i < 100000; i++)
        a->free(a->malloc(16));
    assert_true(lines_stop(lines, &seen) == 0.0);
    assert_int_equal(seen, 100000 / 4);

    struct lines *const again = lines_start(&lifo, 1, 1);
    const struct allocator *const b = lines_allocator(again);
    b->free(b->malloc(16));
    const size_t mapped = memory_mapped();
    for (unsigned i = 0; i < 100000; i++)
        b->free(b->malloc(16));
    assert_int_equal(memory_mapped(), mapped);
    assert_true(lines_stop(again, &seen) == 0.0);
    assert_int_equal(memory_mapped(), 0);
}

/* ---- the footprint ---- */

/* A block in every second page, 32 bytes behind its beginning, so that one of 64 bytes lies in two lines. */
static void *astride_malloc(size_t size) {
    (void)size;
    packed_next += 2 * 4096;
    return block_at(packed_next + 32);
}

static const struct allocator astride = {.name = "astride", .malloc = astride_malloc, .free = free_nothing};

static struct lines *start_alone(const struct allocator *a) {
    struct lines *const lines = lines_start(a, 1, 1);
    assert_non_null(lines);
    lines_enter(lines, 0);
    lines_await_turn(lines);
    return lines;
}

static struct lines_footprint stop_alone(struct lines *lines) {
    uint64_t seen;
    lines_leave(lines);
    const struct lines_footprint f = lines_footprint(lines);
    lines_stop(lines, &seen);
    assert_int_equal(memory_mapped(), 0);
    return f;
}

static void is_footprint(struct lines_footprint f, double lines, double pages, double bytes) {
    if (f.lines != lines || f.pages != pages || f.bytes != bytes)
        fail_msg("%g lines, %g pages, %g bytes", f.lines, f.pages, f.bytes);
}

static void blocks_that_fill_their_lines_lie_in_as_few_as_can_be(void **state) {
    (void)state;
    struct lines *const lines = start_alone(&packed);
    double expected_lines = 0, expected_pages = 0, expected_bytes = 0;
    for (int n = 1; n <= 1024; n++) {
        lines_allocator(lines)->malloc(16);
        expected_lines += (n + 3) / 4;
        expected_pages += (n + 255) / 256;
        expected_bytes += 16 * n;
    }
    is_footprint(stop_alone(lines), expected_lines, expected_pages, expected_bytes);
}

static void a_block_lies_in_each_line_and_page_that_it_reaches_into(void **state) {
    (void)state;
    struct lines *lines = start_alone(&astride);
    lines_allocator(lines)->malloc(64);
    is_footprint(stop_alone(lines), 2, 1, 64);
    lines = start_alone(&astride);
    lines_allocator(lines)->malloc(4096);
    is_footprint(stop_alone(lines), 65, 2, 4096);
    lines = start_alone(&astride);
    lines_allocator(lines)->malloc(32);
    is_footprint(stop_alone(lines), 1, 1, 32);
}

static void what_is_freed_lies_nowhere_and_a_line_lives_as_long_as_its_last_object(void **state) {
    (void)state;
    struct lines *const lines = start_alone(&lifo);
    const struct allocator *const a = lines_allocator(lines);
    void *const first = a->malloc(32), *const second = a->malloc(32); /* 1 and 1 */
    a->free(first);                                                   /* 1 */
    a->free(second);                                                  /* 0 */
    a->free(a->malloc(8));                                            /* 1 and 0 */
    is_footprint(stop_alone(lines), 4, 4, 32 + 64 + 32 + 8);
}

static void before_and_after_nothing_is_added_but_what_lives_counts(void **state) {
    (void)state;
    struct lines *const lines = lines_start(&packed, 1, 1);
    void *const before = lines_allocator(lines)->malloc(16);
    lines_enter(lines, 0);
    lines_await_turn(lines);
    lines_allocator(lines)->malloc(16);
    lines_leave(lines);
    lines_allocator(lines)->free(before);
    is_footprint(lines_footprint(lines), 1, 1, 32);
    uint64_t seen;
    lines_stop(lines, &seen);
}

static void without_an_object_there_is_no_footprint(void **state) {
    (void)state;
    struct lines *const lines = start_alone(&empty);
    assert_null(lines_allocator(lines)->malloc(16));
    assert_true(isnan(stop_alone(lines).lines));
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(blocks_of_alternating_threads_in_one_line_share_all_of_them),
        TEST(a_line_that_changes_hands_while_empty_is_not_shared),
        TEST(the_owner_of_a_line_is_who_still_lives_in_it),
        TEST(a_large_block_counts_every_line_that_it_touches),
        TEST(a_region_for_each_thread_shares_nothing),
        TEST(one_region_for_all_shares),
        TEST(what_the_main_thread_handed_over_has_an_owner_of_its_own),
        TEST(equal_seeds_give_equal_turns_and_figures),
        TEST(a_thread_that_leaves_early_blocks_nobody),
        TEST(who_waits_passes_the_token_on),
        TEST(all_may_enter_again_once_all_have_left),
        TEST(no_object_is_no_figure),
        TEST(tables_grow_with_addresses_and_not_with_operations),
        TEST(blocks_that_fill_their_lines_lie_in_as_few_as_can_be),
        TEST(a_block_lies_in_each_line_and_page_that_it_reaches_into),
        TEST(what_is_freed_lies_nowhere_and_a_line_lives_as_long_as_its_last_object),
        TEST(before_and_after_nothing_is_added_but_what_lives_counts),
        TEST(without_an_object_there_is_no_footprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
