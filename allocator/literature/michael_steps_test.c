/* SPDX-License-Identifier: MIT
 *
 * `michael` under every schedule of two activations with up to three switches (ao/schedules.h), over superblocks of
 * two and three blocks, so that a few calls go through all states. Both are on one heap, as a handler and what it
 * interrupts, or each on its own. Afterwards all invariants hold, no block is in two hands, and when all is freed
 * and trimmed, every superblock is idle again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ao/schedules.h"
#include "os/os.h"

static void *map_of_test(size_t size);

#undef os_map
#undef os_discard
#define os_map                  map_of_test
#define os_discard(start, size) ((void)(start), (void)(size))

#include "michael.c"

enum { TWO = LARGEST_SMALL, THREE = 5000, HANDS = 4, MAPPINGS = 2 };

/* ---- memory, the same in each schedule ---- */

static struct {
    char superblocks[HYPERBLOCK];
    struct hyperblock hyperblock;
} hyperblock_memory[MAPPINGS];
static _Alignas(4096) struct batch batch_memory[MAPPINGS];
static unsigned hyperblocks_mapped, batches_mapped;

static void *map_of_test(size_t size) {
    if (size == sizeof(struct batch))
        return batches_mapped == MAPPINGS ? NULL : &batch_memory[batches_mapped++];
    return hyperblocks_mapped == MAPPINGS ? NULL : hyperblock_memory[hyperblocks_mapped++].superblocks;
}

static void *hand[ACTIVATIONS][HANDS];
static size_t size_of_blocks;
static unsigned blocks_at_start, freed_at_start, heap_of[ACTIVATIONS];
static bool cold; /* nothing is mapped at the start */

static void *take(unsigned self) {
    own_heap = heap_of[self] + 1;
    return michael_malloc(size_of_blocks);
}

static void put(unsigned self, unsigned which) {
    void *const block = hand[self][which];
    hand[self][which] = NULL;
    own_heap = heap_of[self] + 1;
    michael_free(block);
}

/* As trim, which looks at all heaps and classes. */
static void deactivate_used(void) {
    for (unsigned self = 0; self < 2; self++)
        deactivate(&michael.heap[heap_of[self]], size_class_of(size_of_blocks + PREFIX));
}

/* A superblock and descriptors, idle. */
static void warm_up(void) {
    michael_free(take(0));
    deactivate_used();
}

/* The first activation has the even blocks, the second the odd ones. */
static void prepare_schedule(void) {
    for (unsigned i = 0; i < batches_mapped; i++)
        memset(&batch_memory[i], 0, sizeof batch_memory[i]);
    for (unsigned i = 0; i < hyperblocks_mapped; i++)
        memset(&hyperblock_memory[i].hyperblock, 0, sizeof(struct hyperblock));
    hyperblocks_mapped = batches_mapped = 0;
    memset(&michael, 0, sizeof michael);
    memset(hand, 0, sizeof hand);
    if (!cold)
        warm_up();
    for (unsigned i = 0; i < blocks_at_start; i++)
        hand[i % 2][i / 2] = take(0);
    for (unsigned i = 0; i < freed_at_start; i++)
        put(i % 2, i / 2);
}

static void assert_sound(const char *schedule) {
    char why[128] = "";
    if (!michael_check(why, sizeof why))
        fail_msg("%s: switched%s", why, schedule);
}

/* All hands: no block twice. */
static void assert_disjoint(const char *schedule) {
    void *const *const all = &hand[0][0];
    for (unsigned i = 0; i < 2 * HANDS; i++)
        for (unsigned j = 0; j < i; j++)
            if (all[i] != NULL && all[i] == all[j])
                fail_msg("a block is in two hands: switched%s", schedule);
}

static void check_schedule(const char *schedule) {
    assert_sound(schedule);
    assert_disjoint(schedule);
    const unsigned most = cold ? 2 : 1; /* both may find that nothing is there yet */
    if (hyperblocks_mapped > most || batches_mapped > most)
        fail_msg("more was mapped than two can need: switched%s", schedule);
    struct allocator_stats s;
    unsigned held = 0;
    for (unsigned i = 0; i < 2 * HANDS; i++)
        held += hand[i / HANDS][i % HANDS] != NULL;
    michael_stats(&s);
    if (s.live != held * (size_class_bytes(size_class_of(size_of_blocks + PREFIX)) - PREFIX))
        fail_msg("%u are in hand, and %zu bytes live: switched%s", held, s.live, schedule);
    for (unsigned i = 0; i < 2 * HANDS; i++)
        put(i / HANDS, i % HANDS);
    assert_sound(schedule);
    deactivate_used();
    assert_sound(schedule);
    michael_stats(&s);
    if (s.cached != michael.idle_count * SUPERBLOCK || s.live != 0)
        fail_msg("a superblock is not idle: switched%s", schedule);
}

/* ---- activations ---- */

static void takes(unsigned self) {
    hand[self][2] = take(self);
}

static void takes_two(unsigned self) {
    hand[self][2] = take(self);
    hand[self][3] = take(self);
}

static void frees(unsigned self) {
    put(self, hand[self][0] != NULL ? 0 : 1);
}

static void frees_two(unsigned self) {
    put(self, 0);
    put(self, 1);
}

static void takes_and_frees(unsigned self) {
    hand[self][2] = take(self);
    put(self, 2);
}

/* Of two or three blocks, so that a descriptor goes FULL, PARTIAL, EMPTY, and is somebody else's. */
static void frees_and_takes(unsigned self) {
    frees(self);
    hand[self][2] = take(self);
}

static void frees_two_and_takes_two(unsigned self) {
    frees_two(self);
    takes_two(self);
}

/* ABA of the anchor, and of the slot. */
static void takes_two_and_frees_the_first(unsigned self) {
    takes_two(self);
    put(self, 2);
}

static void trims(unsigned self) {
    (void)self;
    michael_trim();
}

static body *const bodies[] = {takes, takes_two, takes_and_frees, takes_two_and_frees_the_first,
                               frees, frees_two, frees_and_takes, frees_two_and_takes_two,
                               trims};
enum { TAKERS = 4, BODIES = sizeof bodies / sizeof *bodies - 1, TRIMS = BODIES };

/* So many blocks, of which so many are freed again. In the last two there is nothing that the second could free. */
static const struct start {
    unsigned blocks, freed;
} starts[] = {{2, 0}, {3, 0}, {4, 0}, {4, 2}, {4, 1}, {0, 0}, {2, 2}};
enum { STARTS = sizeof starts / sizeof *starts, STARTS_TO_FREE = STARTS - 2 };

static void explore_all_starts(size_t size, unsigned at_most, unsigned first, unsigned second) {
    const unsigned most = first < TAKERS && second < TAKERS ? STARTS : STARTS_TO_FREE;
    size_of_blocks = size;
    for (unsigned s = 0; s < most; s++)
        for (heap_of[1] = 0; heap_of[1] < 2; heap_of[1]++) {
            blocks_at_start = starts[s].blocks;
            freed_at_start = starts[s].freed;
            explore_all(at_most, bodies[first], bodies[second], NULL);
        }
}

static void every_pair_with_two_switches(void **state) {
    (void)state;
    for (unsigned i = 0; i < BODIES; i++)
        for (unsigned j = 0; j < BODIES; j++)
            explore_all_starts((i + j) % 2 == 0 ? TWO : THREE, 2, i, j);
}

static void explore_from(size_t size, unsigned blocks, unsigned freed, body *first, body *second) {
    size_of_blocks = size;
    blocks_at_start = blocks;
    freed_at_start = freed;
    for (heap_of[1] = 0; heap_of[1] < 2; heap_of[1]++)
        explore_all(SWITCHES, first, second, NULL);
}

static void the_last_credit(void **state) {
    (void)state;
    explore_from(THREE, 2, 0, takes, takes_and_frees);
    explore_from(TWO, 1, 0, takes, takes_and_frees);
}

static void the_first_superblock(void **state) {
    (void)state;
    explore_from(TWO, 0, 0, takes, takes);
    explore_from(TWO, 0, 0, takes, takes_and_frees);
}

static void the_first_call_of_all(void **state) {
    (void)state;
    cold = true;
    size_of_blocks = TWO;
    blocks_at_start = freed_at_start = heap_of[1] = 0;
    explore_all(1, takes, takes_and_frees, NULL);
    explore_all(1, takes_two, takes, NULL);
    cold = false;
}

static void a_free_that_empties_against_reuse_of_the_descriptor(void **state) {
    (void)state;
    explore_from(TWO, 2, 1, frees, takes);
    explore_from(TWO, 2, 0, frees, frees);
    explore_from(TWO, 2, 0, frees, frees_and_takes);
    explore_from(TWO, 4, 0, frees_two, frees_two);
}

static void partial_ones_on_the_list(void **state) {
    (void)state;
    explore_from(TWO, 4, 2, takes_and_frees, takes);
    explore_from(TWO, 4, 1, frees, takes);
}

static void trim_against_all(void **state) {
    (void)state;
    for (unsigned i = 0; i < BODIES; i++) {
        explore_all_starts(i % 2 == 0 ? TWO : THREE, 1, TRIMS, i);
        explore_all_starts(i % 2 == 0 ? TWO : THREE, 1, i, TRIMS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_with_two_switches),
        cmocka_unit_test(the_last_credit),
        cmocka_unit_test(the_first_superblock),
        cmocka_unit_test(the_first_call_of_all),
        cmocka_unit_test(a_free_that_empties_against_reuse_of_the_descriptor),
        cmocka_unit_test(partial_ones_on_the_list),
        cmocka_unit_test(trim_against_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
