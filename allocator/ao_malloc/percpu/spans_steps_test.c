/* SPDX-License-Identifier: MIT
 *
 * The centre's spans, their real code, under every schedule of two or three threads with up to three switches
 * (ao/schedules.h). At the end of each, when everything stands still: no block is in two places and none is
 * lost, counts are right, a free block can be found, and no span is open in which all blocks are free.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ao/schedules.h"
#include "ao_malloc/percpu/spans.h"

enum {
    HANDS = 160,
    SPANS = 2,  /* that there are */
    TWO = 72,   /* the class of two blocks a span, */
    THREE = 66, /* of three, */
    FOUR = 64,  /* of four, */
    WIDE = 29,  /* of 78: two words */
};

/* What each thread owns; and one more, for what nobody does. */
static struct hand {
    unsigned class;
    size_t blocks;
    void *block[HANDS];
} hand[ACTIVATIONS];

/* ---- what the threads do ---- */

static void take(unsigned self, unsigned c, size_t most) {
    hand[self].class = c;
    hand[self].blocks = spans_take(c, hand[self].block, most, self);
}

static void give(unsigned self) {
    const size_t n = hand[self].blocks;
    hand[self].blocks = 0;
    spans_give(hand[self].class, hand[self].block, n);
}

static unsigned class_first, class_second;
static size_t most;

static void takes_and_gives_first(unsigned self) {
    give(self);
    take(self, class_first, most);
    give(self);
}

static void takes_and_gives_second(unsigned self) {
    give(self);
    take(self, class_second, most);
    give(self);
}

static void takes_first(unsigned self) {
    take(self, class_first, most);
}

static void gives(unsigned self) {
    give(self);
}

static void gives_and_takes_second(unsigned self) {
    give(self);
    take(self, class_second, most);
}

/* Closes a span, opens it as another class, and again. */
static void reopens_twice(unsigned self) {
    give(self);
    take(self, class_second, most);
    give(self);
    take(self, class_first, 1);
}

/* ---- the start ---- */

/* So many blocks of CLASS_FIRST in each hand, and the rest of their spans free. */
static size_t at_start[ACTIVATIONS];
static bool first_gives_at_once;

static void forget_sets(void) {
    memset(sets.hint_3, 0, sizeof sets.hint_3);
    memset(sets.hint_2[0], 0, sizeof sets.hint_2[0]);
    memset(sets.hint_1[0], 0, sizeof sets.hint_1[0]);
    memset(static_row.member, 0, sizeof static_row.member);
    static_row.member[SET_CLEAN] = (1 << SPANS) - 1;
    memset(&spans, 0, sizeof spans);
}

static void prepare_schedule(void) {
    forget_sets();
    memset(&static_table, 0, sizeof static_table);
    for (unsigned i = 0; i < ACTIVATIONS; i++) {
        hand[i].blocks = 0;
        for (size_t n; hand[i].blocks < at_start[i]; hand[i].blocks += n) {
            n = spans_take(class_first, hand[i].block + hand[i].blocks, at_start[i] - hand[i].blocks, 0);
            assert_int_not_equal(n, 0);
        }
        hand[i].class = class_first;
    }
    if (first_gives_at_once)
        give(0);
}

/* ---- the end ---- */

/* What the hands hold of a span. */
static void held(unsigned index, uint64_t *bits, const char *schedule) {
    const unsigned c = static_table.span[index].class;
    for (unsigned i = 0; i < ACTIVATIONS; i++)
        for (size_t n = 0; n < hand[i].blocks; n++) {
            const size_t offset = (size_t)((char *)hand[i].block[n] - static_heap);
            if (offset >> LOG_SPAN != index)
                continue;
            const unsigned at = (unsigned)((offset & (SPAN - 1)) / size_class[c].size);
            if (c != hand[i].class)
                fail_msg("span %u is of class %u, and one holds a block of %u: switched%s", index, c,
                         hand[i].class, schedule);
            if ((bits[at / 64] & row_bit(at)) != 0)
                fail_msg("block %u of span %u is in two hands: switched%s", at, index, schedule);
            bits[at / 64] |= row_bit(at);
        }
}

/* How many are free. */
static int32_t check_bits(unsigned index, unsigned c, const char *schedule) {
    uint64_t bits[MOST_BLOCKS / 64] = {0};
    int32_t n = 0;
    held(index, bits, schedule);
    for (unsigned w = 0; w < MOST_BLOCKS / 64; w++) {
        const uint64_t have = static_table.bits[w][index], all = w < span_words(c) ? span_mask(c, w) : 0;
        if ((have & bits[w]) != 0 || (have | bits[w]) != all)
            fail_msg("word %u of span %u: free %lx, held %lx: switched%s", w, index, (unsigned long)have,
                     (unsigned long)bits[w], schedule);
        n += __builtin_popcountll(have);
    }
    return n;
}

static bool can_be_found(unsigned set) {
    return (sets.hint_3[set] & 1) != 0 && (sets.hint_2[0][set] & 1) != 0 && (sets.hint_1[0][set] & 1) != 0;
}

static void check_span(unsigned index, const char *schedule) {
    const struct span *const span = &static_table.span[index];
    const unsigned c = span->class;
    const bool dirty = row_set_has(&static_row, index, SET_DIRTY),
               clean = row_set_has(&static_row, index, SET_CLEAN);
    if (c == 0) {
        if (dirty + clean != 1 || span->count != 0)
            fail_msg("span %u: dirty %d, clean %d, count %d: switched%s", index, dirty, clean, span->count,
                     schedule);
        if (dirty && !can_be_found(SET_DIRTY))
            fail_msg("dirty span %u is hidden: switched%s", index, schedule);
        return;
    }
    const int32_t n = check_bits(index, c, schedule);
    if (dirty || clean)
        fail_msg("span %u is open, and for any class: switched%s", index, schedule);
    if (span->count != n)
        fail_msg("span %u has %d free, counted %d: switched%s", index, n, span->count, schedule);
    if (n != 0 && (!row_set_has(&static_row, index, c) || !can_be_found(c)))
        fail_msg("free blocks of span %u are hidden: switched%s", index, schedule);
    if (n == size_class[c].blocks)
        fail_msg("span %u is free and was not closed: switched%s", index, schedule);
}

static void check_schedule(const char *schedule) {
    for (unsigned i = 0; i < SPANS; i++)
        check_span(i, schedule);
}

/* ---- cases ---- */

static void start(unsigned first, unsigned second, size_t take_at_most, size_t a, size_t b, size_t c) {
    class_first = first;
    class_second = second;
    most = take_at_most;
    at_start[0] = a;
    at_start[1] = b;
    at_start[2] = c;
}

/* Both hold blocks of the span; the last to give closes it. */
static void two_closers(void **state) {
    (void)state;
    start(TWO, 0, 1, 1, 1, 0);
    explore_all(SWITCHES, gives, gives, NULL);
    start(WIDE, 0, 1, 63, 15, 0);
    explore_all(SWITCHES, gives, gives, NULL);
    start(WIDE, 0, 1, 1, 64, 1);
    explore_all(SWITCHES - 1, gives, gives, gives);
    start(WIDE, 0, 1, 60, 5, 13);
    explore_all(SWITCHES, gives, gives, gives);
}

static void a_taker_and_a_giver_at_the_emptied_span(void **state) {
    (void)state;
    start(TWO, 0, 1, 0, 2, 0);
    explore_all(SWITCHES, takes_first, gives, NULL);
    start(TWO, 0, 2, 0, 2, 0);
    explore_all(SWITCHES, takes_first, gives, NULL);
    start(TWO, 0, 2, 0, 1, 1);
    explore_all(SWITCHES - 1, takes_first, gives, gives);
    start(WIDE, 0, 30, 0, 70, 0);
    explore_all(SWITCHES - 1, takes_first, gives, NULL);
}

/* A thread that is late, at a span that was closed and opened as another class meanwhile: first to take, */
static void a_late_taker_at_a_reopened_span(void **state) {
    (void)state;
    start(TWO, FOUR, 1, 0, 1, 0);
    explore_all(SWITCHES, takes_first, reopens_twice, NULL);
    start(TWO, FOUR, 2, 0, 1, 0);
    explore_all(SWITCHES, takes_and_gives_first, gives_and_takes_second, NULL);
    start(WIDE, FOUR, 3, 0, 1, 0);
    explore_all(SWITCHES - 1, takes_and_gives_first, takes_and_gives_second, NULL);
    start(FOUR, WIDE, 3, 0, 1, 0);
    explore_all(SWITCHES - 1, takes_and_gives_first, reopens_twice, NULL);
}

/* then to give or to close. */
static void a_late_giver_at_a_reopened_span(void **state) {
    (void)state;
    start(TWO, FOUR, 1, 1, 1, 0);
    explore_all(SWITCHES, gives, takes_and_gives_second, NULL);
    start(FOUR, TWO, 1, 2, 2, 0);
    explore_all(SWITCHES, gives, takes_and_gives_second, NULL);
    start(THREE, FOUR, 2, 1, 1, 1);
    explore_all(SWITCHES - 1, gives, gives, takes_and_gives_second);
    start(WIDE, THREE, 1, 1, 77, 0);
    explore_all(SWITCHES, gives, takes_and_gives_second, NULL);
    start(WIDE, CLASS_NODE, 1, 1, 77, 0);
    explore_all(SWITCHES - 1, gives, gives_and_takes_second, NULL);
}

static void closes_in_vain(unsigned self) {
    (void)self;
    assert_int_equal(span_close(&static_row, 0), 0);
}

/* The first word is full, the second is in use. */
static void a_closer_in_vain(void **state) {
    (void)state;
    first_gives_at_once = true;
    start(WIDE, 0, 1, 64, 0, 14);
    explore_all(SWITCHES, closes_in_vain, takes_first, NULL);
    explore_all(SWITCHES - 1, closes_in_vain, takes_first, closes_in_vain);
    first_gives_at_once = false;
}

/* Who closes is late, and finds that blocks were taken and are on their way back. */
static void a_late_closer(void **state) {
    (void)state;
    start(WIDE, WIDE, 1, 78, 0, 0);
    explore_all(SWITCHES, gives, takes_and_gives_second, NULL);
    start(WIDE, FOUR, 1, 78, 0, 0);
    explore_all(SWITCHES, takes_and_gives_second, takes_and_gives_first, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_closers),
        cmocka_unit_test(a_taker_and_a_giver_at_the_emptied_span),
        cmocka_unit_test(a_late_taker_at_a_reopened_span),
        cmocka_unit_test(a_late_giver_at_a_reopened_span),
        cmocka_unit_test(a_closer_in_vain),
        cmocka_unit_test(a_late_closer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
