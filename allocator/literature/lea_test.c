/* SPDX-License-Identifier: MIT
 *
 * lea from the inside, on a system of our own: mappings lie one directly below the other, as on Linux, unless a test
 * wants a gap or a refusal; what is unmapped must be a whole mapping, and cannot be touched any more. Each rule of the
 * comment at the top of lea.c by example; the tries against a table that is searched; random requests with check()
 * after each; threads, and forks between them.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/os.h"

static void *test_map(size_t size);
static bool test_unmap(void *mapping, size_t size);
static void test_discard(void *start, size_t size);
static void *test_remap(void *mapping, size_t size, size_t new_size);
#undef os_map
#undef os_unmap
#undef os_discard
#undef os_remap
#define os_map     test_map
#define os_unmap   test_unmap
#define os_discard test_discard
#define os_remap   test_remap
#include "literature/lea.c"

#include "os/sanitizers.h"

/* ---- the system ---- */

enum { MAPPINGS = 1 << 16 };
static const size_t arena_size = (size_t)4 << 30;
static struct {
    char *arena, *low; /* below LOW all is free */
    struct {
        char *base;
        size_t size;     /* 0: unmapped */
    } mapping[MAPPINGS]; /* downwards */
    size_t count;
    size_t mapped;    /* bytes, without what a test began with */
    size_t discarded; /* bytes, all together */
    bool gap;         /* leave one above the next */
    long left;        /* so many more are granted; negative: all */
} os = {.left = -1};

/* Under lea's lock, as all of them. */
static void *test_map(size_t size) {
    if (os.left == 0)
        return NULL;
    os.left -= os.left > 0;
    size = round_up(size, os_page_size());
    os.low -= os.gap ? GRANULARITY : 0;
    os.gap = false;
    os.low -= size;
    assert_true(os.count < MAPPINGS && os.low > os.arena);
    assert_int_equal(mprotect(os.low, size, PROT_READ | PROT_WRITE), 0);
    os.mapping[os.count].base = os.low;
    os.mapping[os.count++].size = size;
    os.mapped += size;
    return os.low;
}

static bool test_unmap(void *mapping, size_t size) {
    size_t i = os.count;
    while (i-- > 0 && os.mapping[i].base != mapping)
        ;
    assert_true(i < os.count && os.mapping[i].size == size);
    assert_ptr_equal(
        mmap(mapping, size, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
        mapping);
    os.mapping[i].size = 0;
    os.mapped -= size;
    while (os.count > 0 && os.mapping[os.count - 1].size == 0)
        os.count--;
    os.low = os.count > 0 ? os.mapping[os.count - 1].base : os.arena + arena_size;
    return true;
}

static void test_discard(void *start, size_t size) {
    AO_os_discard(start, size);
    os.discarded += size;
}

static void *test_remap(void *mapping, size_t size, size_t new_size) {
    void *const moved = test_map(new_size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, mapping, size < new_size ? size : new_size);
    test_unmap(mapping, size);
    return moved;
}

/* An empty heap, which has its page of records already, so that only blocks are counted. */
static int begin(void **state) {
    (void)state;
    if (os.arena != NULL)
        munmap(os.arena, arena_size);
    os.arena = mmap(NULL, arena_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(os.arena, MAP_FAILED);
    os.low = os.arena + arena_size;
    os.count = os.discarded = 0;
    os.gap = false;
    os.left = -1;
    memset(&bins, 0, sizeof bins);
    const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    memset(&heap, 0, sizeof heap);
    heap.lock = fresh;
    record_give(record_take());
    os.mapped = 0;
    return 0;
}

/* ---- means ---- */

static void assert_holds(void) {
    char why[256] = "";
    if (!lea_check(why, sizeof why))
        fail_msg("%s", why);
}

static void assert_fails(const char *what) {
    char why[256] = "";
    assert_false(lea_check(why, sizeof why));
    if (strstr(why, what) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why, what);
}

/* Each block between two small ones in use, so that it has no free neighbour when it is freed. */
static void make(void **block, const size_t *size, size_t count) {
    assert_non_null(lea_malloc(24));
    for (size_t i = 0; i < count; i++) {
        assert_non_null(block[i] = lea_malloc(size[i]));
        assert_non_null(lea_malloc(24));
    }
}
#define MAKE(block, ...)                                                                                     \
    void *block[sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)];                                           \
    make(block, (size_t[]){__VA_ARGS__}, sizeof block / sizeof *block)

static size_t trie_chunks(struct chunk *t) {
    size_t n = 0;
    if (t == NULL)
        return 0;
    struct chunk *c = t;
    do
        n++;
    while ((c = c->fd) != t);
    return n + trie_chunks(t->child[0]) + trie_chunks(t->child[1]);
}

static size_t binned(void) {
    size_t n = 0;
    for (unsigned i = 0; i < SMALL_BINS; i++)
        for (struct chunk *c = bins.small[i]; c != NULL; c = c->fd == bins.small[i] ? NULL : c->fd)
            n++;
    for (unsigned i = 0; i < TRIES; i++)
        n += trie_chunks(bins.trie[i]);
    return n;
}

/* ---- chunks and small bins ---- */

static void a_block_costs_a_word(void **state) {
    (void)state;
    static const size_t table[][2] = {{0, 32},    {1, 32},    {24, 32},   {25, 48},   {40, 48},    {41, 64},
                                      {232, 240}, {233, 256}, {248, 256}, {249, 272}, {1000, 1008}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(chunk_bytes(table[i][0]), table[i][1]);
        char *const a = lea_malloc(table[i][0]), *const b = lea_malloc(table[i][0]);
        assert_true((uintptr_t)a % 16 == 0 && (uintptr_t)b % 16 == 0);
        assert_int_equal(a - b, table[i][1]); /* top gives from its end */
        assert_int_equal(lea_usable_size(a), table[i][1] - 8);
        memset(a, 1, table[i][1] - 8);
        memset(b, 2, table[i][1] - 8);
        assert_holds();
    }
}

static void a_small_chunk_of_the_size_or_of_the_next_is_taken_whole(void **state) {
    (void)state;
    MAKE(block, 40, 56, 88);
    for (int i = 0; i < 3; i++)
        lea_free(block[i]);
    assert_int_equal(bins.small_map, 1U << 48 / 8 | 1U << 64 / 8 | 1U << 96 / 8);
    assert_ptr_equal(lea_malloc(40), block[0]);
    assert_ptr_equal(lea_malloc(40), block[1]);
    assert_int_equal(lea_usable_size(block[1]), 56);
    assert_null(heap.dv);
    assert_ptr_equal(lea_malloc(40), block[2]); /* 48 more: a chunk is left over */
    assert_int_equal(lea_usable_size(block[2]), 40);
    assert_int_equal(size_or_0(heap.dv), 48);
    assert_int_equal(bins.small_map, 0);
    assert_holds();
}

static void the_next_size_comes_before_dv(void **state) {
    (void)state;
    MAKE(block, 1000, 56, 72);
    lea_free(block[0]);
    assert_ptr_equal(lea_malloc(24), block[0]);
    lea_free(block[1]);
    lea_free(block[2]);
    assert_ptr_equal(lea_malloc(40), block[1]);
    assert_ptr_equal(lea_malloc(40), (char *)block[0] + 32); /* 80 is too much, dv has enough */
    assert_holds();
}

static void small_bins_are_last_in_first_out(void **state) {
    (void)state;
    MAKE(block, 40, 40, 40);
    lea_free(block[1]);
    lea_free(block[0]);
    lea_free(block[2]);
    assert_ptr_equal(lea_malloc(40), block[2]);
    assert_ptr_equal(lea_malloc(40), block[0]);
    assert_ptr_equal(lea_malloc(40), block[1]);
    assert_holds();
}

static void what_is_less_than_a_chunk_stays_with_the_block(void **state) {
    (void)state;
    MAKE(block, 1000, 500);
    lea_free(block[0]);
    assert_ptr_equal(lea_malloc(1000 - 16), block[0]);
    assert_int_equal(lea_usable_size(block[0]), 1000);
    lea_free(block[0]);
    assert_ptr_equal(lea_malloc(1000 - 32), block[0]);
    assert_int_equal(lea_usable_size(block[0]), 1000 - 32);
    assert_int_equal(bins.small_map, 1U << 32 / 8);
    assert_holds();
}

/* ---- the designated victim ---- */

static void small_requests_are_carved_side_by_side(void **state) {
    (void)state;
    MAKE(block, 488); /* a chunk of 496 */
    lea_free(block[0]);
    char *const a = lea_malloc(72);
    assert_ptr_equal(a, block[0]);
    assert_int_equal(size_or_0(heap.dv), 496 - 80);
    assert_int_equal(bins.trie_map, 0);
    assert_ptr_equal(lea_malloc(72), a + 80);
    assert_ptr_equal(lea_malloc(200), a + 160);
    assert_int_equal(size_or_0(heap.dv), 496 - 160 - 208);
    assert_ptr_equal(lea_malloc(88), a + 368); /* 96 of 128: the last chunk remains */
    assert_int_equal(size_or_0(heap.dv), 32);
    assert_ptr_equal(lea_malloc(0), a + 464);
    assert_null(heap.dv);
    assert_holds();
}

static void a_new_victim_sends_the_old_one_into_its_bin(void **state) {
    (void)state;
    MAKE(block, 120, 1000);
    lea_free(block[0]);
    lea_free(block[1]);
    assert_ptr_equal(lea_malloc(72), block[0]); /* 80 of 128 */
    assert_int_equal(size_or_0(heap.dv), 48);
    assert_ptr_equal(lea_malloc(72), block[1]); /* 80 of 1008 */
    assert_int_equal(size_or_0(heap.dv), 1008 - 80);
    assert_int_equal(bins.small_map, 1U << 48 / 8);
    assert_holds();
}

static void a_large_request_takes_the_victim_only_if_nothing_fits_better(void **state) {
    (void)state;
    MAKE(block, 2040, 1016, 1000);
    lea_free(block[0]);
    assert_ptr_equal(lea_malloc(24), block[0]); /* dv has 2048 - 32 */
    lea_free(block[1]);
    assert_ptr_equal(lea_malloc(600), block[1]); /* of 1024; the rest does not become dv */
    assert_int_equal(size_or_0(heap.dv), 2048 - 32);
    assert_int_equal(binned(), 1);
    assert_ptr_equal(lea_malloc(1400), (char *)block[0] + 32); /* of dv, for nothing else holds it */
    assert_int_equal(size_or_0(heap.dv), 2048 - 32 - 1408);
    lea_free(block[2]);
    assert_int_equal(size_or_0(heap.dv), 608);
    assert_ptr_equal(lea_malloc(500), (char *)block[0] + 32 + 1408); /* dv, 608, is less than 1008 */
    assert_holds();
}

static void dv_comes_before_a_chunk_of_its_size(void **state) {
    (void)state;
    MAKE(block, 1032, 1000);
    lea_free(block[0]);
    assert_ptr_equal(lea_malloc(24), block[0]);
    assert_int_equal(size_or_0(heap.dv), 1008);
    lea_free(block[1]);
    assert_ptr_equal(lea_malloc(600), (char *)block[0] + 32);
    assert_holds();
}

/* ---- tries ---- */

enum { NODES = 600, TRIE_STEPS = 40000 };

static size_t random_large(unsigned *seed) {
    const size_t size = (size_t)16 << rand_r(seed) % 23;
    return LEAST_LARGE + (size + (size_t)rand_r(seed) % size) / 16 * 16;
}

static size_t searched(struct chunk *node, const bool *in, size_t size) {
    size_t best = SIZE_MAX;
    for (unsigned i = 0; i < NODES; i++)
        if (in[i] && size_of(&node[i]) >= size && size_of(&node[i]) < best)
            best = size_of(&node[i]);
    return best;
}

/* Tries look at sizes and links alone, so these chunks are nothing but that. */
static void best_fit_is_what_a_search_finds(void **state) {
    (void)state;
    static struct chunk node[NODES];
    static bool in[NODES];
    char why[256];
    unsigned seed = 1;
    for (unsigned step = 0; step < TRIE_STEPS / (UNDER_TSAN ? 10 : 1); step++) {
        const unsigned i = (unsigned)rand_r(&seed) % NODES;
        if (!in[i])
            node[i].head = (rand_r(&seed) % 2 == 0 ? random_large(&seed)
                                                   : LEAST_LARGE + (size_t)rand_r(&seed) % 60 * 16) |
                           PREVIOUS_IN_USE;
        (in[i] ? bin_remove : bin_insert)(&node[i]);
        in[i] = !in[i];
        const size_t size = rand_r(&seed) % 2 == 0 ? random_large(&seed) : size_of(&node[i]);
        struct chunk *const best = trie_best_fit(size);
        assert_int_equal(best == NULL ? SIZE_MAX : size_of(best), searched(node, in, size));
        struct chunk *const least = bin_smallest(32);
        assert_int_equal(least == NULL ? SIZE_MAX : size_of(least), searched(node, in, 0));
        if (step % 100 != 0)
            continue;
        struct check check = {.why = why, .why_size = sizeof why};
        for (unsigned j = 0; j < NODES; j++) {
            node[j].head |= in[j] ? MET : 0U;
            check.binned += in[j];
        }
        for (unsigned trie = 0; trie < TRIES; trie++)
            if (!check_trie(&check, trie))
                fail_msg("%s", why);
        assert_int_equal(check.binned, check.seen_in_bins);
    }
    memset(&bins, 0, sizeof bins);
}

static void there_are_two_tries_to_a_doubling(void **state) {
    (void)state;
    static const size_t first[] = {256, 384, 512, 768, 1024, 1536, 2048};
    for (unsigned i = 0; i < sizeof first / sizeof *first; i++) {
        assert_int_equal(trie_index(first[i]), i);
        assert_true(i == 0 || trie_index(first[i] - 16) == i - 1);
    }
    for (unsigned i = 0; i < TRIES - 1;
         i++) { /* the first bit of the key parts the sizes of a trie in the middle */
        const size_t octave = (size_t)256 << i / 2, least = octave + (i % 2 ? octave / 2 : 0);
        assert_true(trie_key(least, i) == 0 && trie_key(least + octave / 4, i) == (size_t)1 << 63);
    }
    assert_int_equal(trie_index((size_t)3 << 22), 31);
    assert_int_equal(trie_index(((size_t)3 << 22) - 16), 30);
    assert_int_equal(trie_index((size_t)1 << 40), 31);
}

static void among_equals_the_oldest_goes_first(void **state) {
    (void)state;
    MAKE(block, 1000, 1000, 1000, 1000);
    for (int i = 0; i < 4; i++)
        lea_free(block[i]);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(lea_malloc(1000), block[i]);
    assert_holds();
}

/* ---- coalescing ---- */

static void neighbours_become_one_chunk_in_all_four_cases(void **state) {
    (void)state;
    for (unsigned free_neighbours = 0; free_neighbours < 4; free_neighbours++) {
        char *of[5];
        for (int i = 4; i >= 0; i--)
            of[i] = lea_malloc(1000);
        assert_ptr_equal(of[3], of[2] + 1008);
        if (free_neighbours & 1)
            lea_free(of[1]);
        if (free_neighbours & 2)
            lea_free(of[3]);
        assert_int_equal(binned(), (free_neighbours & 1) + (free_neighbours >> 1 & 1));
        lea_free(of[2]);
        assert_holds();
        const size_t size = 1008 * (size_t)(1 + (free_neighbours & 1) + (free_neighbours >> 1 & 1));
        struct chunk *const c = chunk_of(of[free_neighbours & 1 ? 1 : 2]);
        assert_int_equal(size_of(c), size);
        assert_false(is_in_use(c));
        assert_int_equal(binned(), 1);
        assert_ptr_equal(trie_best_fit(size), c);
        assert_int_equal(begin(NULL), 0);
    }
}

static void with_dv_it_is_dv_and_with_top_it_is_top(void **state) {
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        char *const above = lea_malloc(1000), *const middle = lea_malloc(1000),
                    *const below = lea_malloc(1000);
        assert_ptr_equal(heap.top, (char *)chunk_of(below) - size_of(heap.top));
        const size_t top = size_of(heap.top);
        if (way == 0) {      /* dv after it, top before it */
            lea_free(above); /* the sentinel is after that one */
            assert_ptr_equal(lea_malloc(24), above);
            assert_int_equal(size_or_0(heap.dv), 1008 - 32);
            lea_free(above);
            assert_int_equal(size_or_0(heap.dv), 1008);
            lea_free(middle);
            assert_ptr_equal(heap.dv, chunk_of(middle));
            assert_int_equal(size_or_0(heap.dv), 2016);
            lea_free(below);
            assert_null(heap.dv);
        } else if (way == 1) { /* dv before it */
            lea_free(middle);
            char *const cut_off = lea_malloc(24);
            assert_ptr_equal(cut_off, middle);
            lea_free(above);
            assert_ptr_equal(heap.dv, chunk_of(middle + 32));
            assert_int_equal(size_or_0(heap.dv), 2016 - 32);
            lea_free(cut_off);
            lea_free(below);
        } else { /* top before it, a binned one after it */
            lea_free(above);
            lea_free(below);
            assert_int_equal(size_of(heap.top), top + 1008);
            lea_free(middle);
        }
        assert_int_equal(size_of(heap.top), top + 3 * 1008);
        assert_int_equal(binned(), 0);
        assert_holds();
        assert_int_equal(begin(NULL), 0);
    }
}

/* ---- segments ---- */

static void top_grows_downwards_by_64_KiB(void **state) {
    (void)state;
    assert_non_null(lea_malloc(1000));
    assert_int_equal(heap.footprint, GRANULARITY);
    assert_int_equal(size_of(heap.top), GRANULARITY - SENTINEL - 1008);
    for (int i = 0; i < 200; i++)
        assert_non_null(lea_malloc(1000));
    assert_true(heap.footprint == 4 * GRANULARITY && os.mapped == heap.footprint);
    assert_null(heap.segments->next);
    assert_int_equal(size_of(heap.top), 4 * GRANULARITY - SENTINEL - 201 * 1008);
    assert_int_equal(binned(), 0);
    assert_holds();
}

static void a_chunk_of_top_remains(void **state) {
    (void)state;
    const size_t most_of_it = GRANULARITY - SENTINEL - LEAST_CHUNK - OVERHEAD;
    assert_non_null(lea_malloc(24));
    assert_non_null(lea_malloc(most_of_it - 32));
    assert_true(size_of(heap.top) == LEAST_CHUNK && heap.footprint == GRANULARITY);
    assert_non_null(lea_malloc(24));
    assert_int_equal(heap.footprint, 2 * GRANULARITY);
    assert_holds();
}

static void a_mapping_elsewhere_is_a_segment_and_its_chunk_is_top(void **state) {
    (void)state;
    assert_non_null(lea_malloc(40000));
    struct chunk *const old = heap.top;
    const size_t old_size = size_of(old);
    os.gap = true;
    void *const lower = lea_malloc(50000);
    assert_non_null(lower);
    assert_true(heap.segments->next != NULL && heap.segments->next->next == NULL);
    assert_ptr_equal(heap.top, first_chunk(heap.segments));
    assert_ptr_equal(trie_best_fit(old_size), old);
    assert_holds();
    assert_ptr_equal(lea_malloc(old_size - 8), block_of(old)); /* top is the last resort */
    assert_holds();
}

/* A direct mapping below a segment, freed when another lies below it: then there is a hole above that one. */
static void a_mapping_below_any_segment_becomes_part_of_it(void **state) {
    (void)state;
    assert_non_null(lea_malloc(60000));
    struct segment *const upper = heap.segments;
    os.gap = true;
    assert_non_null(lea_malloc(60000));
    char *const low = os.low;
    os.low = upper->base; /* the gap is filled */
    assert_non_null(lea_malloc(50000));
    assert_int_equal(upper->end - upper->base, 2 * GRANULARITY);
    assert_ptr_equal(heap.top, first_chunk(upper));
    assert_true(heap.segments != upper && heap.segments->next == upper && upper->next == NULL);
    os.low = low;
    assert_holds();
}

static void top_above_2_MiB_is_unmapped_but_for_one_mapping(void **state) {
    (void)state;
    enum { BLOCKS = 40, SIZE = 64 << 10 };
    void *block[BLOCKS], *const kept = lea_malloc(100);
    for (int i = 0; i < BLOCKS; i++)
        assert_non_null(block[i] = lea_malloc(SIZE));
    assert_non_null(kept);
    for (int i = BLOCKS - 1; i >= 0; i--) {
        lea_free(block[i]);
        assert_true(size_of(heap.top) <= TRIM_THRESHOLD);
        assert_holds();
    }
    assert_true(heap.footprint < (size_t)(BLOCKS * SIZE) / 2 && os.mapped == heap.footprint);
    assert_true(lea_trim());
    assert_int_equal(heap.footprint, GRANULARITY);
    assert_false(lea_trim());
    lea_free(kept);
    assert_true(lea_trim());
    assert_true(os.mapped == 0 && heap.top == NULL && heap.segments == NULL);
    assert_holds();
    assert_false(lea_trim());
    assert_non_null(lea_malloc(100));
    assert_holds();
}

static void one_mapping_of_a_top_that_is_everything_remains(void **state) {
    (void)state;
    enum { BLOCKS = 40, SIZE = 64 << 10 };
    void *block[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        assert_non_null(block[i] = lea_malloc(SIZE));
    for (int i = 0; i < BLOCKS; i++)
        lea_free(block[i]); /* only the last one touches top */
    assert_null(heap.segments->first->above);
    assert_int_equal(size_of(heap.top), heap.footprint - SENTINEL);
    assert_int_equal(os.mapped, heap.footprint);
    assert_holds();
}

/* What remains of the first chunk of a segment must be nothing, or a chunk. */
static void a_mapping_goes_only_if_no_less_than_a_chunk_remains(void **state) {
    (void)state;
    for (size_t rest = 0; rest <= 48; rest += 16) {
        void *const first = lea_malloc(60000);
        const size_t left = size_of(heap.top);
        lea_free(lea_malloc(40000)); /* top has a second mapping now */
        assert_int_equal(size_of(heap.top), GRANULARITY + left);
        void *const second =
            lea_malloc(left - OVERHEAD - rest); /* begins REST bytes above the second mapping */
        assert_ptr_equal(chunk_of(second), heap.segments->base + GRANULARITY + rest);
        lea_trim();
        assert_int_equal(os.mapped, rest == 16 ? 2 * GRANULARITY : GRANULARITY);
        assert_holds();
        assert_int_equal(size_or_0(heap.top), rest == 16 ? GRANULARITY + 16 : rest);
        assert_non_null(lea_malloc(1000));
        assert_holds();
        lea_free(first);
        lea_free(second);
        assert_int_equal(begin(NULL), 0);
    }
}

static void trim_discards_whole_pages_of_free_chunks_once(void **state) {
    (void)state;
    MAKE(block, 40000, 20000, 1000);
    memset(block[0], 1, 40000);
    memset(block[1], 2, 20000);
    memset(block[2], 3, 1000);
    lea_free(block[1]);
    assert_true(lea_trim());
    assert_true(os.discarded >= 20000 - 2 * os_page_size() && os.discarded % os_page_size() == 0);
    assert_false(lea_trim());
    struct allocator_stats stats;
    lea_stats(&stats);
    assert_int_equal(stats.resident, heap.footprint - os.discarded);
    assert_int_equal(stats.live, lea_usable_size(block[0]) + 1000 + 4 * 24);
    for (size_t i = 0; i < 1000; i++)
        assert_true(((char *)block[0])[39 * i] == 1 && ((char *)block[2])[i] == 3);
    assert_ptr_equal(lea_malloc(20000), block[1]);
    lea_stats(&stats);
    assert_true(stats.live == lea_usable_size(block[0]) + lea_usable_size(block[1]) + 1000 + 4 * 24 &&
                stats.cached + stats.live < stats.mapped);
    assert_holds();
}

static void every_4095_insertions_free_segments_are_released(void **state) {
    (void)state;
    void *const upper = lea_malloc(GRANULARITY - SENTINEL - LEAST_CHUNK - OVERHEAD);
    os.gap = true;
    assert_non_null(lea_malloc(40000));
    void *const block = lea_malloc(1000);
    assert_non_null(lea_malloc(3000));
    lea_free(upper); /* the first insertion: the old top was not freed */
    assert_int_equal(os.mapped, 2 * GRANULARITY);
    for (int i = 1; i < RELEASE_RATE; i++) {
        assert_int_equal(heap.insertions, i);
        assert_int_equal(heap.footprint, 2 * GRANULARITY);
        lea_free(block);
        if (i + 1 < RELEASE_RATE)
            assert_ptr_equal(lea_malloc(1000), block);
    }
    assert_true(heap.insertions == 0 && heap.footprint == GRANULARITY && os.mapped == GRANULARITY);
    assert_null(heap.segments->next);
    assert_holds();
}

static void a_wholly_free_top_is_not_released(void **state) {
    (void)state;
    MAKE(block, 1000, 2000);
    os.gap = true;
    lea_free(lea_malloc(GRANULARITY - SENTINEL - LEAST_CHUNK - OVERHEAD));
    assert_true(is_wholly_free(heap.segments) && heap.segments->next != NULL);
    for (int i = 0; i < RELEASE_RATE; i++) {
        lea_free(block[0]);
        assert_ptr_equal(lea_malloc(1000), block[0]);
    }
    assert_true(heap.insertions == 0 && os.mapped == 2 * GRANULARITY);
    assert_ptr_equal(heap.top, first_chunk(heap.segments));
    assert_holds();
}

static void from_256_KiB_on_a_block_has_a_mapping_of_its_own(void **state) {
    (void)state;
    const size_t least = MMAP_THRESHOLD - OVERHEAD - 15;
    void *const small = lea_malloc(least - 1), *const large = lea_malloc(least);
    assert_true(!is_direct(chunk_of(small)) && is_direct(chunk_of(large)));
    assert_true((uintptr_t)large % 16 == 0 && lea_usable_size(large) >= least);
    memset(large, 1, lea_usable_size(large));
    const size_t before = os.mapped;
    lea_free(large);
    assert_int_equal(os.mapped, before - MMAP_THRESHOLD - os_page_size());
    assert_true(heap.direct == 0 && heap.direct_live == 0);
    assert_holds();
}

static void a_free_chunk_that_holds_it_comes_before_a_mapping(void **state) {
    (void)state;
    char *block[4];
    for (int i = 0; i < 4; i++)
        assert_non_null(block[i] = lea_malloc(200000));
    lea_free(block[1]);
    lea_free(block[2]);
    assert_ptr_equal(lea_malloc(400000), block[2]);
    assert_int_equal(heap.direct, 0);
    assert_holds();
}

/* ---- the other entries ---- */

static void alignment_holds_for_every_power_of_two(void **state) {
    (void)state;
    enum { KEPT = 64 };
    char *kept[KEPT] = {0};
    unsigned n = 0;
    for (size_t alignment = 1; alignment <= 1 << 20; alignment *= 2)
        for (size_t size = 0; size < 500000; size = size * 3 + 1) {
            char *const block = lea_aligned_alloc(alignment, size);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % alignment, 0);
            assert_true(lea_usable_size(block) >= size);
            memset(block, 1, size);
            lea_free(kept[n % KEPT]);
            kept[n++ % KEPT] = block;
            if (n % 8 == 0)
                assert_holds();
        }
    assert_null(lea_aligned_alloc(64, SIZE_MAX - 64));
    assert_null(lea_aligned_alloc((size_t)1 << 63, 64));
    for (int i = 0; i < KEPT; i++)
        lea_free(kept[i]);
    lea_trim();
    assert_true(os.mapped == 0 && heap.direct == 0 && heap.direct_live == 0);
}

static void realloc_grows_into_a_free_neighbour(void **state) {
    (void)state;
    char *const above = lea_malloc(1000), *block = lea_malloc(1000), *const below = lea_malloc(1000);
    memset(block, 7, 1000);
    assert_true(lea_realloc(block, 900) == block && lea_usable_size(block) == 904); /* 96 go */
    assert_true(lea_realloc(block, 1000) == block && lea_usable_size(block) == 1000);
    lea_free(above);
    assert_true(lea_realloc(block, 1500) == block && lea_usable_size(block) == 1512);
    assert_holds();
    assert_true(lea_realloc(block, 1990) == block &&
                lea_usable_size(block) == 2008); /* less than a chunk was left */
    assert_int_equal(binned(), 0);
    assert_holds();
    char *const moved = lea_realloc(block, 3000);
    assert_true(moved != block && lea_realloc(moved, SIZE_MAX) == NULL);
    for (int i = 0; i < 900; i++)
        assert_int_equal(moved[i], 7);
    assert_int_equal(size_of(trie_best_fit(2016)), 2016);
    lea_free(moved);
    lea_free(below);
    assert_ptr_equal(first_chunk(heap.segments), heap.top);
    assert_true(is_wholly_free(heap.segments));
    assert_holds();
}

static void realloc_carves_from_dv_and_leaves_it_dv(void **state) {
    (void)state;
    char *const above = lea_malloc(1000), *const block = lea_malloc(100);
    lea_free(above);
    char *const cut_off = lea_malloc(24);
    assert_true(cut_off == above && size_or_0(heap.dv) == 1008 - 32);
    assert_true(lea_realloc(cut_off, 200) == cut_off && size_or_0(heap.dv) == 1008 - 208);
    assert_holds();
    assert_true(lea_realloc(cut_off, 1000) == cut_off && heap.dv == NULL);
    assert_non_null(block);
    assert_holds();
}

static void realloc_of_a_mapping_is_the_systems(void **state) {
    (void)state;
    char *block = lea_malloc(300000);
    memset(block, 5, 300000);
    assert_non_null(block = lea_realloc(block, 3000000));
    assert_true(is_direct(chunk_of(block)) && block[299999] == 5 && os.mapped == heap.direct);
    assert_non_null(block = lea_realloc(block, 270000));
    assert_true(is_direct(chunk_of(block)) && block[269999] == 5 && os.mapped == heap.direct);
    assert_non_null(block = lea_realloc(block, 1000));
    assert_true(!is_direct(chunk_of(block)) && block[999] == 5 && heap.direct == 0);
    lea_free(block);
    assert_holds();
}

static void calloc_is_zero(void **state) {
    (void)state;
    for (size_t size = 1; size < 1000000; size *= 3) {
        void *const dirty = lea_malloc(size);
        memset(dirty, 1, size);
        lea_free(dirty);
        char *const block = lea_calloc(size, 1);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        lea_free(block);
    }
    assert_null(lea_calloc(SIZE_MAX / 2, 3));
    assert_null(lea_calloc(SIZE_MAX, 1));
}

/* ---- no memory ---- */

static void where_the_system_has_no_more_malloc_is_null(void **state) {
    (void)state;
    static void *block[1000];
    for (long granted = 0; granted < 6; granted++) {
        os.left = granted;
        size_t n = 0;
        while ((block[n] = lea_malloc(n % 100 == 3 ? 300000 : 1000)) != NULL)
            n++;
        assert_true(granted == 0 ? n == 0 : n > 0);
        assert_null(lea_malloc(300000));
        assert_holds();
        if (n > 0) {
            assert_null(lea_realloc(block[0], 500000));
            lea_free(block[n - 1]);
            assert_non_null(block[n - 1] = lea_malloc(900));
        }
        while (n-- > 0)
            lea_free(block[n]);
        lea_trim();
        assert_int_equal(os.mapped, 0);
        assert_holds();
    }
    os.left = -1;
    assert_null(lea_malloc(SIZE_MAX));
    assert_null(lea_malloc(PTRDIFF_MAX));
}

static void without_records_there_is_no_segment(void **state) {
    (void)state;
    heap.records = NULL;
    heap.fresh = heap.fresh_end;
    os.left = 0;
    assert_null(lea_malloc(100));
    os.left = 1; /* for the records, none for the mapping */
    assert_null(lea_malloc(100));
    os.left = -1;
    assert_non_null(lea_malloc(100));
    assert_holds();
}

/* ---- everything at random ---- */

enum { HELD = 300, STEPS = UNDER_TSAN ? 3000 : 30000 };

struct held {
    unsigned char *block;
    size_t size;
    unsigned char byte;
};

static size_t random_size(unsigned *seed) {
    const int what = rand_r(seed) % 100;
    return what == 0   ? 200000 + (size_t)rand_r(seed) % 200000
           : what < 10 ? (size_t)rand_r(seed) % 40000
           : what < 40 ? (size_t)rand_r(seed) % 3000
                       : (size_t)rand_r(seed) % 256;
}

static void verify(const struct held *h) {
    for (size_t i = 0; i < h->size; i += i < 64 || i + 65 > h->size ? 1 : 61)
        assert_int_equal(h->block[i], h->byte);
}

static void operate(struct held *h, unsigned *seed) {
    const int what = rand_r(seed) % 16;
    const size_t size = random_size(seed);
    if (h->block != NULL) {
        verify(h);
        if (what < 2) {
            unsigned char *const block = lea_realloc(h->block, size + 1);
            assert_non_null(block);
            h->block = block;
            h->size = h->size < size ? h->size : size;
            verify(h);
        } else {
            lea_free(h->block);
            h->block = NULL;
            return;
        }
    } else {
        h->block = what == 0   ? lea_aligned_alloc((size_t)16 << rand_r(seed) % 10, size)
                   : what == 1 ? lea_calloc(size, 1)
                               : lea_malloc(size);
    }
    assert_non_null(h->block);
    h->size = lea_usable_size(h->block);
    assert_true(h->size >= size && (uintptr_t)h->block % 16 == 0);
    h->byte = (unsigned char)rand_r(seed);
    memset(h->block, h->byte, h->size);
}

static void random_requests_keep_every_invariant(void **state) {
    (void)state;
    static struct held held[HELD];
    unsigned seed = 7;
    for (unsigned step = 0; step < STEPS; step++) {
        os.gap = rand_r(&seed) % 8 == 0;
        operate(&held[(size_t)rand_r(&seed) % HELD], &seed);
        if (step % 1000 == 999)
            lea_trim();
        assert_holds();
        struct allocator_stats stats;
        lea_stats(&stats);
        assert_true(stats.mapped == os.mapped && stats.live + stats.cached <= stats.mapped);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i].block != NULL) {
            verify(&held[i]);
            lea_free(held[i].block);
            assert_holds();
        }
    lea_trim();
    assert_int_equal(os.mapped, 0);
}

enum { THREADS = 16, OF_A_THREAD = 100, THREAD_STEPS = UNDER_TSAN ? 1500 : 20000 };

static struct {
    pthread_mutex_t lock;
    struct held held;
} mail = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Every eighth step with a block that another thread may have made. */
static void *work(void *number) {
    struct held own[OF_A_THREAD] = {{0}};
    unsigned seed = (unsigned)(uintptr_t)number;
    for (unsigned step = 0; step < THREAD_STEPS; step++) {
        struct held *const h = &own[(size_t)rand_r(&seed) % OF_A_THREAD];
        if (step % 8 == 0) {
            pthread_mutex_lock(&mail.lock);
            const struct held other = mail.held;
            mail.held = *h;
            pthread_mutex_unlock(&mail.lock);
            *h = other;
        }
        operate(h, &seed);
    }
    for (unsigned i = 0; i < OF_A_THREAD; i++)
        lea_free(own[i].block);
    return NULL;
}

static void sixteen_threads(void **state) {
    (void)state;
    pthread_t thread[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_holds();
    lea_free(mail.held.block);
    lea_trim();
    assert_int_equal(os.mapped, 0);
}

static bool forks_are_over;

static void *work_until_then(void *nothing) {
    while (!__atomic_load_n(&forks_are_over, __ATOMIC_RELAXED))
        lea_free(lea_malloc(1000));
    return nothing;
}

static void a_forked_child_finds_nobody_inside(void **state) {
    (void)state;
    if (UNDER_TSAN)
        skip(); /* which allows no threads at a fork */
    pthread_t thread;
    assert_true(lea_init(NULL, 0));
    assert_int_equal(pthread_create(&thread, NULL, work_until_then, NULL), 0);
    for (int i = 0; i < 100; i++) {
        const pid_t child = fork();
        if (child == 0) {
            char why[256];
            alarm(20);
            lea_free(lea_malloc(1000));
            _exit(lea_check(why, sizeof why) ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    __atomic_store_n(&forks_are_over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

/* ---- check() ---- */

/* VALUE stands in PLACE while check() must say WHAT, then what stood there again. */
#define ASSERT_SEEN(place, value, what)                                                                      \
    do {                                                                                                     \
        const __typeof__(place) stood = (place);                                                             \
        (place) = (value);                                                                                   \
        assert_fails(what);                                                                                  \
        (place) = stood;                                                                                     \
        for (struct chunk *c = first_chunk(heap.segments); c != sentinel(heap.segments); c = after(c))       \
            c->head &= ~(size_t)MET;                                                                         \
        assert_holds();                                                                                      \
    } while (0)

static void check_sees_what_is_wrong(void **state) {
    (void)state;
    MAKE(block, 1000, 2000, 100, 3000, 1000);
    for (int i = 0; i < 4; i++)
        lea_free(block[i]);
    assert_ptr_equal(lea_malloc(80), block[2]); /* of 112; what is left stays with it */
    lea_free(block[2]);
    assert_ptr_equal(lea_malloc(40), block[2]); /* and now dv has 64 */
    struct chunk *const a = chunk_of(block[0]), *const b = chunk_of(block[1]),
                        *const used = chunk_of(block[4]);
    lea_free(block[4]);
    assert_ptr_equal(lea_malloc(1000), block[0]); /* the oldest */
    assert_false(is_in_use(used));
    lea_free(block[0]);
    assert_true(size_or_0(heap.dv) == 64 && used->fd == a && a->fd == used);
    assert_holds();
    ASSERT_SEEN(heap.footprint, heap.footprint + 1, "footprint");
    ASSERT_SEEN(heap.segments->first->size, 2 * GRANULARITY, "mappings");
    ASSERT_SEEN(after(b)->previous_foot, 48, "foot");
    ASSERT_SEEN(after(b)->head, after(b)->head | PREVIOUS_IN_USE, "chunk before");
    ASSERT_SEEN(a->head, 16 | PREVIOUS_IN_USE, "16 bytes");
    ASSERT_SEEN(a->head, ((size_t)1 << 30) | PREVIOUS_IN_USE, "bytes");
    ASSERT_SEEN(sentinel(heap.segments)->head, IN_USE, "sentinel");
    ASSERT_SEEN(bins.trie_map, 0, "map");
    ASSERT_SEEN(bins.small_map, 4, "map");
    ASSERT_SEEN(heap.dv, NULL, "not in a bin");
    ASSERT_SEEN(heap.top, NULL, "not in a bin");
    ASSERT_SEEN(heap.dv, b, "is top or dv");
    ASSERT_SEEN(heap.dv, chunk_of(block[2]), "dv is no free chunk");
    ASSERT_SEEN(heap.top, b, "first chunk");
    ASSERT_SEEN(a->fd, a, "broken");
    ASSERT_SEEN(a->link, &bins.trie[0], "something leads to it");
    ASSERT_SEEN(used->link, NULL, "does not know what leads to it");
    bin_remove(b);
    assert_fails("1 free chunks are not in a bin");
    bin_insert(b);
    for (struct chunk *c = first_chunk(heap.segments); c != sentinel(heap.segments); c = after(c))
        c->head &= ~(size_t)MET;
    assert_holds();
}

int main(void) {
#define T(rule) cmocka_unit_test_setup(rule, begin)
    const struct CMUnitTest tests[] = {
        T(a_block_costs_a_word),
        T(a_small_chunk_of_the_size_or_of_the_next_is_taken_whole),
        T(the_next_size_comes_before_dv),
        T(small_bins_are_last_in_first_out),
        T(what_is_less_than_a_chunk_stays_with_the_block),
        T(small_requests_are_carved_side_by_side),
        T(a_new_victim_sends_the_old_one_into_its_bin),
        T(a_large_request_takes_the_victim_only_if_nothing_fits_better),
        T(dv_comes_before_a_chunk_of_its_size),
        T(best_fit_is_what_a_search_finds),
        T(there_are_two_tries_to_a_doubling),
        T(among_equals_the_oldest_goes_first),
        T(neighbours_become_one_chunk_in_all_four_cases),
        T(with_dv_it_is_dv_and_with_top_it_is_top),
        T(top_grows_downwards_by_64_KiB),
        T(a_chunk_of_top_remains),
        T(a_mapping_elsewhere_is_a_segment_and_its_chunk_is_top),
        T(a_mapping_below_any_segment_becomes_part_of_it),
        T(top_above_2_MiB_is_unmapped_but_for_one_mapping),
        T(one_mapping_of_a_top_that_is_everything_remains),
        T(a_mapping_goes_only_if_no_less_than_a_chunk_remains),
        T(trim_discards_whole_pages_of_free_chunks_once),
        T(every_4095_insertions_free_segments_are_released),
        T(a_wholly_free_top_is_not_released),
        T(from_256_KiB_on_a_block_has_a_mapping_of_its_own),
        T(a_free_chunk_that_holds_it_comes_before_a_mapping),
        T(alignment_holds_for_every_power_of_two),
        T(realloc_grows_into_a_free_neighbour),
        T(realloc_carves_from_dv_and_leaves_it_dv),
        T(realloc_of_a_mapping_is_the_systems),
        T(calloc_is_zero),
        T(where_the_system_has_no_more_malloc_is_null),
        T(without_records_there_is_no_segment),
        T(random_requests_keep_every_invariant),
        T(sixteen_threads),
        T(a_forked_child_finds_nobody_inside),
        T(check_sees_what_is_wrong),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
