/* SPDX-License-Identifier: MIT
 *
 * The harness's promises to a workload: the order of its calls, the warm-up, and what becomes of a failure.
 */
#include "harness.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h> /* after the four that it wants */

enum { THREADS = 3, OPERATIONS = 400, LOG = 64 };

static struct {
    pthread_mutex_t lock;
    char calls[LOG]; /* P prepare, E enter, R run, L leave, F finish; of all workers, in order */
    uint64_t operations[LOG];
    enum work_result enters, warms_up, runs;
    pthread_t main;
    bool worked_on_main;
} seen;

static void note(char call, uint64_t operations) {
    pthread_mutex_lock(&seen.lock);
    const size_t at = strlen(seen.calls);
    if (at + 1 == LOG)
        abort(); /* the test wants a longer log */
    seen.worked_on_main |= call == 'E' && pthread_equal(pthread_self(), seen.main) != 0;
    seen.calls[at] = call;
    seen.operations[at] = operations;
    pthread_mutex_unlock(&seen.lock);
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    (void)cell, (void)why, (void)why_size;
    note('P', 0);
    return true;
}

static enum work_result enter(struct worker *w) {
    w->why = "as asked";
    note('E', 0);
    return seen.enters;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    note('R', operations);
    w->done += operations;
    return operations < OPERATIONS ? seen.warms_up : seen.runs;
}

static void leave(struct worker *w) {
    (void)w;
    note('L', 0);
}

static void finish(struct cell *cell) {
    (void)cell;
    note('F', 0);
}

static struct workload workload = {
    .name = "noted", .prepare = prepare, .enter = enter, .run = run, .leave = leave, .finish = finish};
static const struct allocator libc = {.name = "libc", .malloc = malloc, .free = free};

static struct figures figures;
static char why[200];

static bool run_cell(bool warms_up) {
    struct cell cell = {.allocator = &libc, .workload = &workload, .threads = THREADS};
    workload.warms_up = warms_up;
    harness_take_baseline();
    return harness_run(&cell, OPERATIONS, &figures, why, sizeof why);
}

static int reset(void **state) {
    (void)state;
    memset(&seen, 0, sizeof seen);
    pthread_mutex_init(&seen.lock, NULL);
    seen.main = pthread_self();
    return 0;
}

static void workers_enter_run_and_leave_together_and_never_on_the_main_thread(void **state) {
    (void)state;
    assert_true(run_cell(false));
    assert_string_equal(seen.calls, "PEEERRRLLLF");
    assert_false(seen.worked_on_main);
}

static void a_quarter_of_the_operations_is_done_untimed_before_any_worker_starts(void **state) {
    (void)state;
    unsigned warm_ups = 0;
    assert_true(run_cell(true));
    for (size_t i = 0; seen.calls[i] != '\0'; i++) {
        if (seen.calls[i] != 'R')
            continue;
        warm_ups += seen.operations[i] == OPERATIONS / 4;
        assert_true(seen.operations[i] == OPERATIONS / 4 || warm_ups == THREADS);
    }
    assert_int_equal(figures.operations, OPERATIONS);
}

static void the_figures_are_of_the_timed_part_alone(void **state) {
    (void)state;
    assert_true(run_cell(true));
    assert_true(figures.seconds > 0);
    /* In floating point, one of two ways round: operations of all threads over the time, and back. */
    assert_true(fabs(figures.ops_per_second * figures.seconds / (THREADS * OPERATIONS) - 1) < 1e-9);
    assert_true(figures.thread_spread >= 1);
    assert_true(isnan(figures.line_sharing) && isnan(figures.work_ns));
    assert_true(isnan(figures.concurrency) || (figures.concurrency > 0 && figures.concurrency <= 1));
    assert_true(figures.user_ns >= 0 && figures.system_ns >= 0);
    assert_true(figures.voluntary_switches >= 0);
    for (int i = 0; i < COUNTERS; i++)
        assert_true(isnan(figures.counted[i]) || figures.counted[i] >= 0);
}

static void who_cannot_enter_does_not_run_but_leaves(void **state) {
    (void)state;
    seen.enters = WORK_OUT_OF_MEMORY;
    assert_false(run_cell(true));
    assert_string_equal(seen.calls, "PEEELLLF");
    assert_int_equal(strncmp(why, "out-of-memory: ", 15), 0);
}

static void who_fails_in_the_warm_up_does_not_run_but_leaves(void **state) {
    (void)state;
    seen.warms_up = WORK_WRONG;
    assert_false(run_cell(true));
    assert_string_equal(why, "wrong: thread 0: as asked");
    assert_int_equal(strcspn(seen.calls, "L"), 1 + 2 * THREADS);
}

static void a_failure_in_the_timed_part_says_how_far_it_came(void **state) {
    (void)state;
    seen.runs = WORK_OUT_OF_MEMORY;
    assert_false(run_cell(true));
    assert_string_equal(why, "out-of-memory: thread 0 got NULL after 400 of 400 operations");
}

/* ---- threads that a workload makes ---- */

static struct {
    _Atomic unsigned exits;
    bool on_worker[THREADS];     /* the body ran on its worker's own thread */
    double cpu_seconds[THREADS]; /* of the threads made, by their own clocks */
    pthread_t worker[THREADS];
} made;

static void burn(struct worker *w) {
    made.on_worker[w->index] |= pthread_equal(pthread_self(), made.worker[w->index]) != 0;
    for (volatile int i = 0; i < 1000000; i++)
        ;
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    made.cpu_seconds[w->index] += (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static enum work_result make_three(struct worker *w, uint64_t operations) {
    made.worker[w->index] = pthread_self();
    for (int i = 0; i < 3; i++)
        w->on_new_thread(w, burn);
    w->done = operations;
    return WORK_DONE;
}

static void count_exit(void) {
    made.exits++;
}

static const struct workload maker = {.name = "maker", .run = make_three, .makes_threads = true};
static const struct allocator with_exit = {
    .name = "with-exit", .malloc = malloc, .free = free, .thread_exit = count_exit};

/* Its CPU time is the worker's, its end the allocator's to hear of. */
static void a_thread_that_a_worker_makes_is_another_and_counts_as_the_worker(void **state) {
    (void)state;
    memset(&made, 0, sizeof made);
    struct cell cell = {.allocator = &with_exit, .workload = &maker, .threads = THREADS};
    harness_take_baseline();
    assert_true(harness_run(&cell, OPERATIONS, &figures, why, sizeof why));
    assert_int_equal(made.exits, 3 * THREADS);
    double of_made = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_false(made.on_worker[i]);
        of_made += made.cpu_seconds[i];
    }
    assert_true(figures.cpu_seconds >= of_made * (1 - 1e-9));
    assert_int_equal(memory_mapped(), 0);
}

static void in_turns_a_worker_does_itself_what_a_thread_would(void **state) {
    (void)state;
    memset(&made, 0, sizeof made);
    struct cell cell = {.allocator = &with_exit, .workload = &maker, .threads = THREADS};
    assert_true(harness_line_sharing(&cell, OPERATIONS, &figures, why, sizeof why));
    assert_int_equal(made.exits, 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(made.on_worker[i]);
}

/* ---- memory, of an allocator that holds what is freed until it is called next ---- */

enum { BLOCK = 8 << 20, BLOCKS_A_WORKER = 2, MOST_HELD = 2 * THREADS * BLOCKS_A_WORKER };
static const double all_blocks = (double)THREADS * BLOCKS_A_WORKER * BLOCK,
                    tolerance = 6 << 20; /* code touched for the first time, the kernel's own rounding */

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

static struct {
    pthread_mutex_t lock;
    void *block[MOST_HELD];
    unsigned count, small_calls;
    bool refuses;
} held = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned char small_block[64];

static void *holder_malloc(size_t size) {
    if (size == BLOCK) {
        void *const block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return block == MAP_FAILED ? NULL : block;
    }
    assert_int_equal(size, sizeof small_block);
    for (; held.count > 0; held.count--)
        munmap(held.block[held.count - 1], BLOCK);
    held.small_calls++;
    return held.refuses ? NULL : small_block;
}

static void holder_free(void *block) {
    if (block == small_block || block == NULL)
        return;
    pthread_mutex_lock(&held.lock);
    held.block[held.count++] = block;
    pthread_mutex_unlock(&held.lock);
}

static const struct allocator holder = {.name = "holder", .malloc = holder_malloc, .free = holder_free};

static enum work_result fill(struct worker *w) {
    void **const block = w->state = memory_map(BLOCKS_A_WORKER * sizeof *block);
    for (int i = 0; i < BLOCKS_A_WORKER; i++) {
        block[i] = w->malloc(BLOCK);
        memset(block[i], 1, BLOCK);
    }
    return WORK_DONE;
}

static enum work_result idle(struct worker *w, uint64_t operations) {
    w->done = operations;
    return WORK_DONE;
}

static void empty(struct worker *w) {
    void **const block = w->state;
    for (int i = 0; i < BLOCKS_A_WORKER; i++)
        w->free(block[i]);
    memory_unmap(block, BLOCKS_A_WORKER * sizeof *block);
}

static const struct workload live_set = {
    .name = "live-set", .operations = 7, .enter = fill, .run = idle, .leave = empty};

static bool after_free(double seconds) {
    struct cell cell = {.allocator = &holder, .workload = &live_set, .threads = THREADS};
    held.count = held.small_calls = 0;
    harness_take_baseline();
    return harness_after_free(&cell, 0, seconds, &figures, why, sizeof why);
}

static void what_stays_resident_is_read_at_once_and_again_after_calls_now_and_then(void **state) {
    (void)state;
    held.refuses = false;
    assert_true(after_free(0.1));
    assert_true(SANITIZED || fabs(figures.resident_after_free_bytes - all_blocks) < tolerance);
    assert_true(SANITIZED || figures.resident_after_free_later_bytes < tolerance);
    assert_in_range(held.small_calls, 1, 10); /* one every 10 ms, on a busy machine fewer */
    assert_int_equal(figures.operations, 7);
    assert_int_equal(memory_mapped(), 0);
}

static void null_after_all_was_freed_is_out_of_memory(void **state) {
    (void)state;
    held.refuses = true;
    assert_false(after_free(0.1));
    assert_int_equal(strncmp(why, "out-of-memory: ", 15), 0);
}

/* Reserved without access: nothing. Writable, never touched: all of it. */
static void committed_is_what_is_writable_touched_or_not(void **state) {
    (void)state;
    struct cell cell = {.allocator = &holder, .workload = &live_set, .threads = THREADS};
    held.count = 0;
    harness_take_baseline();
    void *const reserved =
        mmap(NULL, (size_t)1 << 36, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(reserved != MAP_FAILED);
    assert_true(harness_run(&cell, 1, &figures, why, sizeof why));
    assert_true(fabs(figures.peak_committed_bytes - all_blocks) < tolerance);
    assert_int_equal(mprotect(reserved, BLOCK, PROT_READ | PROT_WRITE), 0);
    for (; held.count > 0; held.count--)
        munmap(held.block[held.count - 1], BLOCK);
    assert_true(harness_run(&cell, 1, &figures, why, sizeof why));
    assert_true(fabs(figures.peak_committed_bytes - all_blocks - BLOCK) < tolerance);
    assert_true(SANITIZED || figures.peak_resident_bytes < all_blocks + tolerance);
    for (; held.count > 0; held.count--)
        munmap(held.block[held.count - 1], BLOCK);
    munmap(reserved, (size_t)1 << 36);
}

/* A live set that comes and goes inside run(): only a note tells of it. */
static enum work_result fill_note_and_empty(struct worker *w, uint64_t operations) {
    void *const block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (w->index == 0)
        memory_note_committed();
    munmap(block, BLOCK);
    w->peak_live_bytes = BLOCK;
    w->peak_live_blocks = 2;
    w->done = operations;
    return WORK_DONE;
}

static void a_peak_of_committed_memory_is_what_a_worker_notes(void **state) {
    (void)state;
    static const struct workload coming_and_going = {.name = "coming-and-going", .run = fill_note_and_empty},
                                 none = {.name = "none", .run = idle};
    struct cell cell = {.allocator = &holder, .workload = &coming_and_going, .threads = 1};
    harness_take_baseline();
    assert_true(harness_run(&cell, 1, &figures, why, sizeof why));
    assert_true(fabs(figures.peak_committed_bytes - BLOCK) < tolerance);
    cell.workload = &none; /* nothing is left of it for the next */
    assert_true(harness_run(&cell, 1, &figures, why, sizeof why));
    assert_true(figures.peak_committed_bytes < tolerance);
}

static void the_live_peaks_of_workers_are_added_up_and_absent_where_none_knows(void **state) {
    (void)state;
    static const struct workload coming_and_going = {.name = "coming-and-going", .run = fill_note_and_empty},
                                 none = {.name = "none", .run = idle};
    struct cell cell = {.allocator = &holder, .workload = &coming_and_going, .threads = THREADS};
    assert_true(harness_run(&cell, 1, &figures, why, sizeof why));
    assert_true(figures.peak_live_bytes == (double)THREADS * BLOCK);
    assert_true(figures.peak_live_blocks == 2.0 * THREADS);
    cell.workload = &none;
    assert_true(harness_run(&cell, 1, &figures, why, sizeof why));
    assert_true(isnan(figures.peak_live_bytes) && isnan(figures.peak_live_blocks));
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(workers_enter_run_and_leave_together_and_never_on_the_main_thread),
        TEST(a_quarter_of_the_operations_is_done_untimed_before_any_worker_starts),
        TEST(the_figures_are_of_the_timed_part_alone),
        TEST(who_cannot_enter_does_not_run_but_leaves),
        TEST(who_fails_in_the_warm_up_does_not_run_but_leaves),
        TEST(a_failure_in_the_timed_part_says_how_far_it_came),
        TEST(a_thread_that_a_worker_makes_is_another_and_counts_as_the_worker),
        TEST(in_turns_a_worker_does_itself_what_a_thread_would),
        TEST(what_stays_resident_is_read_at_once_and_again_after_calls_now_and_then),
        TEST(null_after_all_was_freed_is_out_of_memory),
        TEST(committed_is_what_is_writable_touched_or_not),
        TEST(a_peak_of_committed_memory_is_what_a_worker_notes),
        TEST(the_live_peaks_of_workers_are_added_up_and_absent_where_none_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
