/* SPDX-License-Identifier: MIT
 *
 * The centre's spans alone: every class, the end of memory, rows, and threads over few spans, which are closed and
 * opened as other classes all the time. What one thread does to another at each access: spans_steps_test.c.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ao_malloc/percpu/spans.h"

enum { THREADS = 8, ROUNDS = 6000, HELD = 40 };

static void *block[MOST_BLOCKS];

static size_t take_all(unsigned c, size_t most) {
    size_t n = 0;
    for (size_t got; n < size_class[c].blocks && (got = spans_take(c, block + n, most, 0)) != 0; n += got)
        assert_true(got <= most);
    return n;
}

static void every_class_uses_a_span(void **state) {
    (void)state;
    for (unsigned c = 1; c <= CLASS_LAST; c++) {
        const size_t n = take_all(c, 1 + c % 30);
        assert_true(n >= size_class[c].blocks);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(page_map_class(block[i]), c);
            assert_ptr_equal(page_map_row(block[i]), &static_row);
            const size_t in_span = (uintptr_t)block[i] & (SPAN - 1), colour = in_span % size_class[c].size;
            assert_true(colour % 64 == 0 && colour <= size_class[c].colours);
            assert_true(in_span + size_class[c].size <= SPAN);
            memset(block[i], (int)(i & 0x7f), size_class[c].size);
        }
        for (size_t i = 0; i < n; i++)
            assert_true(*(char *)block[i] == (char)(i & 0x7f) &&
                        ((char *)block[i])[size_class[c].size - 1] == (char)(i & 0x7f));
        spans_give(c, block, n);
        assert_int_equal(spans.open, 0);
        assert_int_equal(page_map_class(block[0]), 0);
    }
}

/* Where blocks are of whole pages those of 34 spans begin in 34 different lines of a page. */
static void spans_have_colours(void **state) {
    (void)state;
    void *one[STATIC_SPANS];
    bool met[PAGE / 64] = {false};
    for (unsigned i = 0; i < STATIC_SPANS; i++) {
        assert_int_equal(spans_take(72, &one[i], 1, 0), 1);
        bool *const line = &met[(uintptr_t)one[i] % PAGE / 64];
        assert_false(*line);
        *line = true;
    }
    spans_give(72, one, STATIC_SPANS);
    assert_int_equal(spans.open, 0);
}

/* Four CPUs that take in turn, as many as a slab does at once: no line has blocks of two. */
static void cpus_share_no_lines(void **state) {
    (void)state;
    enum { CPUS = 4, TURNS = 2, MOST = 30 };
    for (unsigned c = 1; c <= 16; c++) { /* up to 256 bytes: four words and more */
        void *taken[CPUS * TURNS * MOST];
        unsigned owner[SPAN / 64] = {0};
        size_t n = 0;
        for (unsigned i = 0; i < CPUS * TURNS; i++) {
            const size_t got = spans_take(c, taken + n, MOST, i % CPUS);
            for (size_t k = n; k < n + got; k++) {
                const uintptr_t at = (uintptr_t)taken[k] & (SPAN - 1);
                for (uintptr_t line = at / 64; line <= (at + size_class[c].size - 1) / 64; line++) {
                    assert_true(owner[line] == 0 || owner[line] == 1 + i % CPUS);
                    owner[line] = 1 + i % CPUS;
                }
            }
            n += got;
        }
        spans_give(c, taken, n);
        assert_int_equal(spans.open, 0);
    }
}

static void a_batch_may_be_of_many_spans_in_any_order(void **state) {
    (void)state;
    const unsigned c = 40; /* 32 a span */
    void *mixed[96];
    size_t n = 0;
    while (n < 96)
        n += spans_take(c, mixed + n, 96 - n < 30 ? 96 - n : 30, 0);
    assert_true(spans.open >= 3);
    for (size_t i = 0; i < 96; i++)
        block[i * 37 % 96] = mixed[i];
    spans_give(c, block, 96);
    assert_int_equal(spans.open, 0);
}

static void without_mmap_there_are_34_spans(void **state) {
    (void)state;
    void *one[2 * STATIC_SPANS + 1];
    for (unsigned i = 0; i < 2 * STATIC_SPANS; i++)
        assert_int_equal(spans_take(CLASS_LAST, &one[i], 1, 0), 1);
    assert_int_equal(spans_take(CLASS_LAST, &one[2 * STATIC_SPANS], 1, 0), 0);
    assert_int_equal(spans_take(1, &one[2 * STATIC_SPANS], 1, 0), 0);
    spans_give(CLASS_LAST, &one[5], 1);
    void *again;
    assert_int_equal(spans_take(1, &again, 1, 0), 0); /* half a span is of use to its class alone */
    assert_int_equal(spans_take(CLASS_LAST, &again, 1, 0), 1);
    assert_ptr_equal(again, one[5]);
    spans_give(CLASS_LAST, one, 2 * STATIC_SPANS);
    assert_int_equal(spans.open, 0);
    assert_int_equal(spans.dirty, STATIC_SPANS);
}

static void nodes_spans_stay(void **state) {
    (void)state;
    const int32_t open = spans.open;
    void *node;
    assert_int_equal(spans_take(CLASS_NODE, &node, 1, 0), 1);
    spans_give(CLASS_NODE, &node, 1);
    assert_int_equal(spans.open, open + 1);
    assert_int_equal(page_map_class(node), CLASS_NODE);
}

/* Few spans, many classes, of one word and of many, each block with a mark of its holder. */
static void *takes_and_gives(void *number) {
    uint64_t seed = (uintptr_t)number;
    void *mine[HELD];
    for (unsigned round = 0; round < ROUNDS; round++) {
        static const unsigned char few[] = {1, 17, 29, 40, 64, 66, 72, CLASS_NODE};
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const unsigned c = few[(seed >> 40) % sizeof few];
        const size_t n = spans_take(c, mine, 1 + (seed >> 50) % HELD, 0);
        for (size_t i = 0; i < n; i++) {
            if (page_map_class(mine[i]) != c)
                abort();
            __atomic_store_n((uint64_t *)mine[i], (uintptr_t)number, __ATOMIC_RELAXED);
        }
        for (size_t i = 0; i < n; i++)
            if (__atomic_load_n((uint64_t *)mine[i], __ATOMIC_RELAXED) != (uintptr_t)number)
                abort();
        if (n != 0)
            spans_give(c, mine, n);
    }
    return NULL;
}

static void threads_over_few_spans(void **state) {
    (void)state;
    pthread_t thread[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, takes_and_gives, (void *)(uintptr_t)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    int32_t nodes = 0;
    for (unsigned i = 0; i < STATIC_SPANS; i++) {
        const struct span *const span = &static_table.span[i];
        int32_t n = 0;
        for (unsigned w = 0; w < MOST_BLOCKS / 64; w++)
            n += __builtin_popcountll(static_table.bits[w][i]);
        assert_int_equal(n, span->count);
        assert_true(span->class == 0 || span->class == CLASS_NODE);
        assert_int_equal(n, size_class[span->class].blocks);
        nodes += span->class != 0;
    }
    assert_int_equal(spans.open, nodes);
    assert_true(nodes <= THREADS);
}

/* With mmap: rows of 64, lowest first, and all of it comes back. */
static void rows_are_added(void **state) {
    (void)state;
    enum { MANY = 3 * ROW_SPANS * 2 };
    static void *many[MANY];
    const int32_t open = spans.open;
    __atomic_store_n(&spans.mmap_enabled, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(spans_take(CLASS_LAST, &many[i], 1, 0), 1);
        assert_int_equal(page_map_class(many[i]), CLASS_LAST);
        memset(many[i], 1, 32768);
    }
    assert_true(sets.rows >= 2);
    assert_int_equal(spans.open, open + MANY / 2);
    for (unsigned i = 0; i < MANY; i++)
        spans_give(CLASS_LAST, &many[i * 5 % MANY], 1); /* 5 and 384 have no common divisor */
    assert_int_equal(spans.open, open);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_uses_a_span),
        cmocka_unit_test(spans_have_colours),
        cmocka_unit_test(cpus_share_no_lines),
        cmocka_unit_test(a_batch_may_be_of_many_spans_in_any_order),
        cmocka_unit_test(without_mmap_there_are_34_spans),
        cmocka_unit_test(nodes_spans_stay),
        cmocka_unit_test(threads_over_few_spans),
        cmocka_unit_test(rows_are_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
