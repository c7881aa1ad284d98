/* SPDX-License-Identifier: MIT
 *
 * Memory over time, of allocators whose behaviour is known to the byte. A block is pages of its own, so that committed memory is
 * exact and resident memory is what was written; samples are taken by hand, so that nothing hangs on a clock.
 */
#include "memory_time.c"

#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* What sanitizers note of each byte is resident as well: these figures are theirs. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define SANITIZED true
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#        define SANITIZED true
#    endif
#endif
#ifndef SANITIZED
#    define SANITIZED false
#endif

enum { PAGES_BYTES = 64 << 10, ASKED = PAGES_BYTES - 100, BLOCKS = 200, LEAKS_ONE_IN = 10 };
static const double resident_tolerance = 2 << 20, /* code touched for the first time, the kernel's own rounding */
    committed_tolerance = SANITIZED ? 6 << 20 : 256 << 10; /* cmocka maps now and then; sanitizers for each thread */

/* ---- allocators ---- */

static unsigned frees, leaks_one_in; /* 0: none */
static void *leaked[BLOCKS];
static unsigned leaked_count;

static void *pages_malloc(size_t size) {
    void *const block = mmap(NULL, PAGES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)size;
    return block == MAP_FAILED ? NULL : block;
}

static void pages_free(void *block) {
    if (block != NULL && leaks_one_in != 0 && ++frees % leaks_one_in == 0)
        leaked[leaked_count++] = block;
    else if (block != NULL)
        munmap(block, PAGES_BYTES);
}

static const struct allocator pages = {.name = "pages", .malloc = pages_malloc, .free = pages_free};

/* Addresses alone, drawn by the test. */
static uintptr_t next_address;

static void *address_malloc(size_t size) {
    (void)size;
    return (void *)next_address; /* NOLINT(performance-no-int-to-ptr): never read or written */
}

static void address_free(void *block) {
    (void)block;
}

static const struct allocator addresses = {.name = "addresses", .malloc = address_malloc, .free = address_free};

static int fresh(void **state) {
    (void)state;
    frees = leaked_count = leaks_one_in = 0;
    return 0;
}

static int unmap_leaked(void **state) {
    (void)state;
    while (leaked_count > 0)
        munmap(leaked[--leaked_count], PAGES_BYTES);
    return 0;
}

static struct memory_time *start(const struct allocator *a) {
    struct memory_reading r;
    memory_read(&r);
    struct memory_time *const m = memory_time_start(a, r.resident, r.committed);
    assert_non_null(m);
    m->start_ns = now();
    return m;
}

static void stop(struct memory_time *m) {
    static struct memory_course course;
    struct memory_time_figures figures;
    memory_time_stop(m, &course, &figures);
    assert_int_equal(memory_mapped(), 0);
}

static void is_about(double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%.0f is not %.0f", value, wanted);
}

static void fill_and_empty(const struct allocator *a, unsigned blocks) {
    void *block[BLOCKS];
    for (unsigned i = 0; i < blocks; i++) {
        block[i] = a->malloc(ASKED);
        memset(block[i], 1, ASKED);
    }
    for (unsigned i = 0; i < blocks; i++)
        a->free(block[i]);
}

/* ---- what is told of known allocators ---- */

static void what_lives_is_what_was_asked_for_and_what_is_held_is_what_it_takes(void **state) {
    (void)state;
    struct memory_time *const m = start(&pages);
    const struct allocator *const a = memory_time_allocator(m);
    void *block[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        block[i] = a->malloc(ASKED);
        if (i % 2 == 0)
            memset(block[i], 1, ASKED);
        assert_true(read_sample(m).live == (i + 1.0) * ASKED);
    }
    const struct memory_sample full = read_sample(m);
    is_about(full.committed, (double)BLOCKS * PAGES_BYTES, committed_tolerance);
    assert_true(SANITIZED || fabs(full.resident - BLOCKS / 2.0 * PAGES_BYTES) < resident_tolerance);
    for (unsigned i = 0; i < BLOCKS; i++)
        a->free(block[i]);
    const struct memory_sample empty = read_sample(m);
    assert_true(empty.live == 0);
    is_about(empty.committed, 0, committed_tolerance);
    assert_true(SANITIZED || empty.resident < resident_tolerance);
    stop(m);
}

static void who_leaks_one_block_in_ten_shows_just_that(void **state) {
    (void)state;
    struct memory_time *const m = start(&pages);
    const struct allocator *const a = memory_time_allocator(m);
    leaks_one_in = LEAKS_ONE_IN;
    const struct memory_sample before = read_sample(m);
    for (unsigned times = 1; times <= LEAKS_ONE_IN; times++) {
        fill_and_empty(a, BLOCKS);
        const struct memory_sample after = read_sample(m);
        const double leak = (double)times * BLOCKS / LEAKS_ONE_IN * PAGES_BYTES;
        assert_true(after.live == 0);
        is_about(after.committed - before.committed, leak, committed_tolerance);
        assert_true(SANITIZED || fabs(after.resident - before.resident - leak) < resident_tolerance);
    }
    stop(m);
}

static enum work_result pairs(struct worker *w, uint64_t operations) {
    for (w->done = 0; w->done < operations; w->done++) {
        void *const block = w->malloc(ASKED % 32768);
        if (block == NULL)
            return WORK_OUT_OF_MEMORY;
        touch_block(block, ASKED % 32768);
        w->free(block);
    }
    return WORK_DONE;
}

extern const struct allocator allocator_null;

/* Three workers, and the sampler, in a pass of the harness. */
static void null_shows_nothing(void **state) {
    (void)state;
    static const struct workload workload = {.name = "pairs", .run = pairs, .warms_up = true};
    static struct memory_course course;
    struct cell cell = {.allocator = &allocator_null, .workload = &workload, .threads = 3};
    struct figures figures;
    char why[200];
    harness_take_baseline();
    assert_true(harness_memory_time(&cell, 20000, &figures, &course, why, sizeof why));
    assert_ptr_equal(cell.allocator, &allocator_null);
    assert_in_range(course.count, 2, MEMORY_SAMPLES);
    for (unsigned i = 0; i < course.count; i++) {
        assert_true(course.sample[i].live <= 3 * (ASKED % 32768));
        assert_true(SANITIZED || course.sample[i].resident < resident_tolerance);
        assert_true(SANITIZED || course.sample[i].committed < committed_tolerance);
    }
    assert_true(course.sample[0].live == 0 && course.sample[course.count - 1].live == 0);
    assert_true(isnan(figures.memory_time.overhead));
    assert_int_equal(figures.operations, 20000);
    assert_int_equal(memory_mapped(), 0);
}

static void *last_block;

static enum work_result keeps_two(struct worker *w, uint64_t operations) {
    w->state = w->malloc(ASKED);
    last_block = w->malloc(ASKED);
    memset(w->state, 1, ASKED);
    memset(last_block, 1, ASKED);
    w->done = operations;
    return WORK_DONE;
}

static void frees_them(struct worker *w) {
    w->free(w->state);
    w->free(last_block);
}

static void the_last_sample_is_of_the_end_before_what_lives_is_freed(void **state) {
    (void)state;
    static const struct workload workload = {.name = "keeps", .run = keeps_two, .leave = frees_them, .operations = 7};
    static struct memory_course course;
    struct cell cell = {.allocator = &pages, .workload = &workload, .threads = 1};
    struct figures figures;
    char why[200];
    harness_take_baseline();
    assert_true(harness_memory_time(&cell, 0, &figures, &course, why, sizeof why));
    assert_true(course.sample[0].live == 0);
    assert_true(course.sample[course.count - 1].live == 2.0 * ASKED);
    is_about(course.sample[course.count - 1].committed, 2.0 * PAGES_BYTES, committed_tolerance);
    assert_true(figures.memory_time.final_resident == course.sample[course.count - 1].resident);
    assert_int_equal(figures.operations, 7);
}

static void a_run_that_fails_says_so(void **state) {
    (void)state;
    static const struct workload workload = {.name = "pairs", .run = pairs};
    static const struct allocator none = {.name = "none", .malloc = address_malloc, .free = address_free};
    static struct memory_course course;
    struct cell cell = {.allocator = &none, .workload = &workload, .threads = 2};
    struct figures figures;
    char why[200];
    next_address = 0;
    assert_false(harness_memory_time(&cell, 5, &figures, &course, why, sizeof why));
    assert_int_equal(strncmp(why, "out-of-memory: ", 15), 0);
    assert_ptr_equal(cell.allocator, &none);
    assert_int_equal(memory_mapped(), 0);
}

/* ---- the table of sizes, against a plain array ---- */

enum { PLACES = 4096 };

static void sizes_are_those_of_a_plain_array(void **state) {
    (void)state;
    static size_t size_at[PLACES]; /* plus one; 0: nothing lives there */
    struct memory_time *const m = start(&addresses);
    const struct allocator *const a = memory_time_allocator(m);
    uint64_t random = 1;
    double live = 0;
    for (int i = 0; i < 400000; i++) {
        /* More and more, then fewer and fewer: tables grow and every way to close a hole comes. */
        const size_t place = random_below(&random, PLACES);
        const bool grows = random_below(&random, 8) < (i / 40000 % 2 == 0 ? 6U : 2U);
        next_address = 16 * (place + 1);
        if (grows) { /* where one lives already it is the floor that hands out what is in use */
            const size_t size = random_below(&random, 1000);
            assert_non_null(a->malloc(size));
            live += (double)size - (size_at[place] == 0 ? 0 : (double)size_at[place] - 1);
            size_at[place] = size + 1;
        } else { /* where none lives it is a free of what is unknown */
            a->free((void *)next_address); /* NOLINT(performance-no-int-to-ptr) */
            live -= size_at[place] == 0 ? 0 : (double)size_at[place] - 1;
            size_at[place] = 0;
        }
        assert_true((double)atomic_load(&m->live) == live);
    }
    size_t used = 0, living = 0;
    for (unsigned i = 0; i < SHARDS; i++)
        used += m->shard[i].used;
    for (size_t i = 0; i < PLACES; i++)
        living += size_at[i] != 0;
    assert_int_equal(used, living);
    stop(m);
}

static void null_and_its_free_count_nothing(void **state) {
    (void)state;
    struct memory_time *const m = start(&addresses);
    const struct allocator *const a = memory_time_allocator(m);
    next_address = 0;
    assert_null(a->malloc(100));
    a->free(NULL);
    assert_true(read_sample(m).live == 0);
    stop(m);
}

/* Blocks that another thread frees, which may come back to the first at once. */
enum { EXCHANGES = 20000, SLOTS = 8 };
static _Atomic(void *) slot[SLOTS];

static void *exchange(void *argument) {
    const struct allocator *const a = argument;
    uint64_t random = (uintptr_t)&random;
    for (int i = 0; i < EXCHANGES; i++) {
        char *const block = a->malloc((size_t)(1 + i % 100));
        block[0] = 1;
        a->free(atomic_exchange(&slot[random_below(&random, SLOTS)], block));
    }
    return NULL;
}

static void live_is_exact_where_threads_free_each_other_s_blocks(void **state) {
    (void)state;
    static const struct allocator libc = {.name = "libc", .malloc = malloc, .free = free};
    struct memory_time *const m = start(&libc);
    const struct allocator *const a = memory_time_allocator(m);
    pthread_t thread[3];
    memory_time_begin(m);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, exchange, (void *)a), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    assert_true(read_sample(m).live <= SLOTS * 100);
    for (int i = 0; i < SLOTS; i++)
        a->free(atomic_exchange(&slot[i], NULL));
    memory_time_end(m);
    assert_true(m->course.sample[m->course.count - 1].live == 0);
    stop(m);
}

/* ---- samples ---- */

static void a_long_run_keeps_every_other_sample_and_doubles_the_step(void **state) {
    (void)state;
    struct memory_time *const m = start(&pages);
    m->step_ns = STEP_NS;
    double ms = 0;
    for (int i = 0; i < 10 * MEMORY_SAMPLES; i++) {
        keep_sample(m, (struct memory_sample){.ms = ms});
        assert_true(m->course.count <= MEMORY_SAMPLES);
        ms += (double)m->step_ns * 1e-6;
    }
    assert_true(m->course.count >= MEMORY_SAMPLES / 2);
    assert_true(m->course.sample[0].ms == 0);
    for (unsigned i = 1; i < m->course.count; i++)
        assert_true(m->course.sample[i].ms - m->course.sample[i - 1].ms <= (double)m->step_ns * 1e-6);
    assert_true(m->step_ns >= 8 * (uint64_t)STEP_NS);
    stop(m);
}

static void moments_are_whole_steps_from_the_start(void **state) {
    (void)state;
    struct memory_time *const m = start(&pages);
    m->step_ns = 3 * STEP_NS;
    const struct timespec t = next_moment(m);
    const uint64_t moment = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
    assert_true(moment > m->start_ns && (moment - m->start_ns) % m->step_ns == 0);
    stop(m);
}

/* The sampler reads while the test waits for it: however long that takes. */
static void the_sampler_reads_until_the_end(void **state) {
    (void)state;
    struct memory_time *const m = start(&pages);
    unsigned seen = 0;
    memory_time_begin(m);
    while (seen < 5) {
        pthread_mutex_lock(&m->lock);
        seen = m->course.count;
        pthread_mutex_unlock(&m->lock);
        nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
    }
    memory_time_end(m);
    assert_true(m->course.count > seen);
    for (unsigned i = 1; i < m->course.count; i++)
        assert_true(m->course.sample[i].ms >= m->course.sample[i - 1].ms);
    stop(m);
}

static void means_are_over_time_and_the_overhead_is_their_ratio(void **state) {
    (void)state;
    static const double mib = 1 << 20;
    struct memory_course c = {.count = 4,
                              .sample = {{.ms = 0, .resident = 0, .live = 0},
                                         {.ms = 1, .resident = 8 * mib, .live = 4 * mib},
                                         {.ms = 9, .resident = 8 * mib, .live = 4 * mib},
                                         {.ms = 10, .resident = 8 * mib, .live = 0}}};
    const struct memory_time_figures f = figures_of(&c);
    assert_true(fabs(f.mean_resident - 7.6 * mib) < 1);
    assert_true(fabs(f.mean_live - 3.6 * mib) < 1);
    assert_true(f.final_resident == 8 * mib);
    assert_true(fabs(f.overhead - 7.6 / 3.6) < 1e-9);
    c.sample[1].live = c.sample[2].live = 1 * mib; /* 0.9 on the average: what is resident is not told to the page */
    assert_true(isnan(figures_of(&c).overhead));
    c.sample[1].live = NAN; /* the table found no memory */
    assert_true(isnan(figures_of(&c).mean_live) && isnan(figures_of(&c).overhead));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, unmap_leaked)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_lives_is_what_was_asked_for_and_what_is_held_is_what_it_takes),
        TEST(who_leaks_one_block_in_ten_shows_just_that),
        TEST(null_shows_nothing),
        TEST(the_last_sample_is_of_the_end_before_what_lives_is_freed),
        TEST(a_run_that_fails_says_so),
        TEST(sizes_are_those_of_a_plain_array),
        TEST(null_and_its_free_count_nothing),
        TEST(live_is_exact_where_threads_free_each_other_s_blocks),
        TEST(a_long_run_keeps_every_other_sample_and_doubles_the_step),
        TEST(moments_are_whole_steps_from_the_start),
        TEST(the_sampler_reads_until_the_end),
        TEST(means_are_over_time_and_the_overhead_is_their_ratio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
