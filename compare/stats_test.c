/* SPDX-License-Identifier: MIT
 *
 * The statistics against examples worked by hand, and a simulation in which A is held against A.
 */
#include "stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void medians(void **state) {
    (void)state;
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, one[] = {7};
    assert_near(stats_median(odd, 3), 2);
    assert_near(stats_median(even, 4), 2.5);
    assert_near(stats_median(one, 1), 7);
}

static void binomial_tails(void **state) {
    (void)state;
    assert_near(stats_binomial_half_cdf(9, 0), 1 / 512.0);
    assert_near(stats_binomial_half_cdf(9, 1), 10 / 512.0);
    assert_near(stats_binomial_half_cdf(6, 3), 42 / 64.0);
    assert_near(stats_binomial_half_cdf(5, 5), 1);
    assert_near(stats_binomial_half_cdf(1000, 499) + stats_binomial_half_cdf(1000, 500), 1);
}

/* Two-sided: 2/64 at 6 rounds is the first below 5 %; 2 x 10/512 = 3.9 % lets 9 rounds drop one at each end.
 */
static void ranks(void **state) {
    (void)state;
    assert_int_equal(stats_sign_rank(5, 0.05), 0);
    assert_int_equal(stats_sign_rank(6, 0.05), 1);
    assert_int_equal(stats_sign_rank(9, 0.05), 2);
    assert_int_equal(stats_sign_rank(15, 0.05), 4);
    assert_int_equal(stats_sign_rank(25, 0.05), 8);
}

static void nine_rounds_carry_twelve_comparisons_and_fifteen_more(void **state) {
    (void)state;
    assert_int_equal(stats_sign_rank(9, stats_alpha(12)), 1);
    assert_int_equal(stats_sign_rank(9, stats_alpha(13)), 0);
    assert_true(stats_sign_rank(15, stats_alpha(13)) >= 1);
    assert_int_equal(stats_rounds_needed(1), 6);
    assert_int_equal(stats_rounds_needed(12), 9);
    assert_int_equal(stats_rounds_needed(13), 10);
}

static void looks_are_at_9_15_25_and_never_before_an_interval_exists(void **state) {
    (void)state;
    assert_int_equal(stats_next_look(0, 1), 9);
    assert_int_equal(stats_next_look(8, 1), 9);
    assert_int_equal(stats_next_look(9, 1), 15);
    assert_int_equal(stats_next_look(15, 1), 25);
    assert_int_equal(stats_next_look(25, 1), 0);
    assert_int_equal(stats_next_look(0, 13), 15);
}

static void the_interval_of_the_inverse_is_the_inverse(void **state) {
    (void)state;
    double ratio[] = {1.1, 1.2, 0.9, 1.3, 1.05, 1.15, 1.4, 1.0, 1.25}, inverse[9];
    for (int i = 0; i < 9; i++)
        inverse[i] = 1 / ratio[i];
    const struct stats_interval a = stats_ratio(ratio, 9, 0.05), b = stats_ratio(inverse, 9, 0.05);
    assert_true(a.exists && b.exists);
    assert_near(a.median, 1.15);
    assert_near(a.low, 1.0); /* second smallest, second largest */
    assert_near(a.high, 1.3);
    assert_near(b.median, 1 / a.median);
    assert_near(b.low, 1 / a.high);
    assert_near(b.high, 1 / a.low);
}

static void an_even_count_takes_the_geometric_mean(void **state) {
    (void)state;
    double ratio[] = {1, 4};
    const struct stats_interval i = stats_ratio(ratio, 2, 0.05);
    assert_near(i.median, 2);
    assert_false(i.exists);
    assert_near(i.low, 1);
    assert_near(i.high, 4);
}

static void verdicts(void **state) {
    (void)state;
    const struct stats_interval below = {0.9, 0.8, 0.99, true}, above = {1.2, 1.01, 1.4, true},
                                across = {1, 0.9, 1.1, true}, touching = {0.9, 0.8, 1.0, true},
                                none = {0.5, 0.4, 0.6, false};
    assert_int_equal(stats_judge(below, true), VERDICT_BETTER);
    assert_int_equal(stats_judge(below, false), VERDICT_WORSE);
    assert_int_equal(stats_judge(above, true), VERDICT_WORSE);
    assert_int_equal(stats_judge(above, false), VERDICT_BETTER);
    assert_int_equal(stats_judge(across, true), VERDICT_NOT_SEPARATED);
    assert_int_equal(stats_judge(touching, true), VERDICT_NOT_SEPARATED);
    assert_int_equal(stats_judge(none, true), VERDICT_NOT_SEPARATED);
    assert_string_equal(stats_verdict_name[VERDICT_NOT_SEPARATED], "not-separated");
}

static void width_alone_decides_on_another_look(void **state) {
    (void)state;
    const struct stats_interval narrow = {2, 1.95, 2.05, true}, wide = {2, 1.5, 2.5, true},
                                none = {1, 1, 1, false};
    assert_true(stats_width(narrow) < 1.1);
    assert_true(stats_width(wide) > 1.1);
    assert_true(stats_width(none) > 1.1);
}

static void permutations_are_fresh_each_round_and_the_same_each_time(void **state) {
    (void)state;
    unsigned first[7], again[7], second[7], at_front[7] = {0};
    stats_permutation(first, 7, 42, 1);
    stats_permutation(again, 7, 42, 1);
    stats_permutation(second, 7, 42, 2);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, second, sizeof first);
    for (unsigned round = 0; round < 7000; round++) {
        unsigned order[7], seen = 0;
        stats_permutation(order, 7, 1, round);
        for (int i = 0; i < 7; i++)
            seen |= 1U << order[i];
        assert_int_equal(seen, 127);
        at_front[order[0]]++;
    }
    for (int i = 0; i < 7; i++) /* 1000 each, standard deviation 29 */
        assert_in_range(at_front[i], 850, 1150);
}

/* ---- two samples ---- */

/* Against the tables of Mann and Whitney's U, which give the largest U that is still separated: one less. */
static void ranks_of_a_shift_are_those_of_the_tables(void **state) {
    (void)state;
    assert_int_equal(stats_shift_rank(3, 3, 0.05), 0);
    assert_int_equal(stats_shift_rank(4, 4, 0.05), 1);
    assert_int_equal(stats_shift_rank(9, 9, 0.05), 18);
    assert_int_equal(stats_shift_rank(9, 15, 0.05), 35);
    assert_int_equal(stats_shift_rank(15, 9, 0.05), 35);
    assert_int_equal(stats_shift_rank(20, 20, 0.05), 128);
    assert_int_equal(stats_shift_rank(9, 9, stats_alpha(1215)), 1);
    assert_int_equal(stats_shift_rank(9, 9, stats_alpha(1216)), 0);
}

/* All orders of 4 and 5 values, counted one by one. */
static void ranks_of_a_shift_are_those_of_all_orders(void **state) {
    (void)state;
    unsigned count[21] = {0}, below = 0;
    for (unsigned order = 0; order < 512; order++) {
        unsigned u = 0, others = 0;
        for (unsigned i = 0; i < 9; i++) {
            u += (order >> i & 1) != 0 ? others : 0;
            others += (order >> i & 1) == 0;
        }
        if (others == 5)
            count[u]++;
    }
    for (unsigned u = 0; u < 10; u++) {
        below += count[u]; /* of 126 */
        assert_int_equal(stats_shift_rank(4, 5, 2 * (below + 0.5) / 126), u + 1);
        assert_int_equal(stats_shift_rank(4, 5, 2 * (below - 0.5) / 126), u);
    }
}

/* EXACT was computed with whole numbers. */
static void beyond_the_exact_ranks_intervals_are_the_wider(void **state) {
    (void)state;
    static const struct {
        unsigned m, n, comparisons;
        size_t exact;
    } known[] = {{41, 41, 1, 629},  {41, 41, 100, 472}, {41, 41, 1000, 414}, {9, 100, 1, 273},
                 {9, 100, 10, 202}, {50, 60, 1, 1174},  {50, 60, 1000, 837}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t rank = stats_shift_rank(known[i].m, known[i].n, stats_alpha(known[i].comparisons));
        assert_true(rank <= known[i].exact);
        assert_true(rank + 25 >= known[i].exact);
    }
}

static void a_shift_is_the_median_of_all_differences(void **state) {
    (void)state;
    const double before[] = {log(2), 0}, after[] = {log(4), log(8)};
    double scratch[4];
    const struct stats_interval i = stats_shift(before, 2, after, 2, 0, scratch), /* 2 4 4 8 */
        back = stats_shift(after, 2, before, 2, 0, scratch),
                                second = stats_shift(before, 2, after, 2, 2, scratch);
    assert_near(i.median, 4);
    assert_near(i.low, 2);
    assert_near(i.high, 8);
    assert_false(i.exists);
    assert_near(back.median, 1 / i.median);
    assert_near(back.low, 1 / i.high);
    assert_true(second.exists);
    assert_near(second.low, 4);
    assert_near(second.high, 4);
}

/* ---- A against A ---- */

static uint64_t random_state;

static double uniform(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return ((double)(random_state >> 11) + 0.5) * 0x1.0p-53;
}

static double normal(void) {
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* One timing in a round whose machine is DRIFT times slower: noise of 3 %, and one in ten spoilt, up to
 * tenfold. */
static double timing(double drift) {
    const double spoilt = uniform() < 0.1 ? pow(uniform(), -0.5) : 1;
    return drift * exp(0.03 * normal()) * fmin(spoilt, 10);
}

/* One campaign of COMPARISONS allocators that are all the baseline, looked at as a campaign looks. Does any
 * of them come out as separated? */
static bool any_separated(unsigned comparisons, bool several_looks) {
    double ratio[12][25], sorted[25];
    unsigned rounds = 0;
    bool separated = false;
    for (unsigned look = stats_next_look(0, comparisons); look != 0;
         look = several_looks ? stats_next_look(rounds, comparisons) : 0) {
        for (; rounds < look; rounds++) {
            const double drift = exp(0.3 * normal()), baseline = timing(drift);
            for (unsigned a = 0; a < comparisons; a++)
                ratio[a][rounds] = timing(drift) / baseline;
        }
        bool wide = false;
        separated = false;
        for (unsigned a = 0; a < comparisons; a++) {
            memcpy(sorted, ratio[a], rounds * sizeof *sorted);
            const struct stats_interval i = stats_ratio(sorted, rounds, stats_alpha(comparisons));
            separated |= stats_judge(i, true) != VERDICT_NOT_SEPARATED;
            wide |= stats_width(i) > 1.1;
        }
        if (!wide)
            break;
    }
    return separated;
}

static void a_against_a_is_separated_in_at_most_five_percent(void **state) {
    (void)state;
    enum { CAMPAIGNS = 20000 };
    static const unsigned comparisons[] = {1, 6, 12};
    random_state = 20261124;
    for (size_t c = 0; c < 3; c++)
        for (int several = 0; several < 2; several++) {
            unsigned separated = 0;
            for (int i = 0; i < CAMPAIGNS; i++)
                separated += any_separated(comparisons[c], several);
            printf("%2u comparisons, %s: A against A separated in %.2f %% of %d campaigns\n", comparisons[c],
                   several ? "looks by width" : "one look", 100.0 * separated / CAMPAIGNS, CAMPAIGNS);
            assert_true(separated <= CAMPAIGNS / 20);
        }
}

/* ---- a run against another of the same ---- */

enum { MOST_CELLS = 100, MOST_ROUNDS = 25 };

/* The log-ratios of one run of CELLS cells: all share a baseline, and the machine is MACHINE times slower than on another
 * day. LOOKS: until the widest interval is narrow, as a campaign does; returns the rounds. */
static unsigned run_of(unsigned cells, unsigned rounds, bool looks, double machine,
                       double log_ratio[][MOST_ROUNDS]) {
    double ratio[MOST_ROUNDS];
    unsigned done = 0;
    for (unsigned look = rounds, next; look != 0; look = next) {
        for (; done < look; done++) {
            const double drift = machine * exp(0.3 * normal()), baseline = timing(drift);
            for (unsigned c = 0; c < cells; c++)
                log_ratio[c][done] = log(timing(drift) / baseline);
        }
        next = 0;
        for (unsigned c = 0; c < cells && looks; c++) {
            for (unsigned i = 0; i < done; i++)
                ratio[i] = exp(log_ratio[c][i]);
            if (stats_width(stats_ratio(ratio, done, stats_alpha(1))) > 1.1)
                next = stats_next_look(done, 1);
        }
    }
    return done;
}

/* Is any of CELLS, which are the same in both runs, said to have become worse, or better? */
static bool any_changed(unsigned cells, const unsigned *rounds, bool looks) {
    static size_t ranks[MOST_CELLS + 1][MOST_ROUNDS + 1][MOST_ROUNDS + 1]; /* each is counted once */
    static double before[MOST_CELLS][MOST_ROUNDS], after[MOST_CELLS][MOST_ROUNDS];
    double scratch[MOST_ROUNDS * MOST_ROUNDS];
    const unsigned m = run_of(cells, rounds[0], looks, 1, before),
                   n = run_of(cells, rounds[1], looks, 1.4, after);
    size_t *const rank = &ranks[cells][m][n];
    if (*rank == 0)
        *rank = stats_shift_rank(m, n, stats_alpha(cells));
    for (unsigned c = 0; c < cells; c++)
        if (stats_judge(stats_shift(before[c], m, after[c], n, *rank, scratch), true) !=
            VERDICT_NOT_SEPARATED)
            return true;
    return false;
}

static void a_run_against_another_is_separated_in_at_most_five_percent(void **state) {
    (void)state;
    static const struct {
        unsigned cells, rounds[2], runs;
        bool looks;
    } kinds[] = {
        {1, {9, 9}, 20000, false},          {1, {9, 25}, 20000, false}, {12, {9, 9}, 5000, false},
        {12, {15, 9}, 5000, false},         {12, {9, 9}, 2000, true},   {MOST_CELLS, {9, 9}, 1000, false},
        {MOST_CELLS, {25, 25}, 200, false},
    };
    random_state = 20261127;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        unsigned changed = 0;
        for (unsigned i = 0; i < kinds[k].runs; i++)
            changed += any_changed(kinds[k].cells, kinds[k].rounds, kinds[k].looks);
        printf("%3u cells, %u and %u rounds%s: a run is separated from the same in %.2f %% of %u\n",
               kinds[k].cells, kinds[k].rounds[0], kinds[k].rounds[1],
               kinds[k].looks ? " or more, by width" : "", 100.0 * changed / kinds[k].runs, kinds[k].runs);
        assert_true(changed <= kinds[k].runs / 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),
        cmocka_unit_test(binomial_tails),
        cmocka_unit_test(ranks),
        cmocka_unit_test(nine_rounds_carry_twelve_comparisons_and_fifteen_more),
        cmocka_unit_test(looks_are_at_9_15_25_and_never_before_an_interval_exists),
        cmocka_unit_test(the_interval_of_the_inverse_is_the_inverse),
        cmocka_unit_test(an_even_count_takes_the_geometric_mean),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(width_alone_decides_on_another_look),
        cmocka_unit_test(permutations_are_fresh_each_round_and_the_same_each_time),
        cmocka_unit_test(ranks_of_a_shift_are_those_of_the_tables),
        cmocka_unit_test(ranks_of_a_shift_are_those_of_all_orders),
        cmocka_unit_test(beyond_the_exact_ranks_intervals_are_the_wider),
        cmocka_unit_test(a_shift_is_the_median_of_all_differences),
        cmocka_unit_test(a_against_a_is_separated_in_at_most_five_percent),
        cmocka_unit_test(a_run_against_another_is_separated_in_at_most_five_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
