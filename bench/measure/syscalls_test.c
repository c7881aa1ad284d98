/* SPDX-License-Identifier: MIT
 *
 * Counts of calls that are known. Where the kernel does not let calls be counted (a container may forbid it) there is nothing to test but
 * that it is said.
 */
#include "syscalls.h"

#include "harness.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096 };

/* Sanitizers map and unmap for themselves: then what is counted is at least what is known. */
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

static char why[200];

static void needs_counting(void) {
    if (syscalls_can_be_counted(why, sizeof why))
        return;
    assert_true(*why != '\0');
    print_message("%s\n", why);
    skip();
}

static void are(const uint64_t *count, uint64_t mmaps, uint64_t munmaps, uint64_t madvises) {
    const uint64_t expected[SYSCALL_KINDS] = {
        [SYSCALL_MMAP] = mmaps, [SYSCALL_MUNMAP] = munmaps, [SYSCALL_MADVISE] = madvises};
    for (int i = 0; i < SYSCALL_KINDS; i++)
        if (SANITIZED ? count[i] < expected[i] : count[i] != expected[i])
            fail_msg("%llu of kind %d, not %llu", (unsigned long long)count[i], i, (unsigned long long)expected[i]);
}

static void *map(size_t size) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- one thread, each kind of call ---- */

static pthread_barrier_t entered, begun, done, ended;

static void *call_each_kind(void *argument) {
    bool *const good = argument;
    *good = syscalls_enter(why, sizeof why);
    pthread_barrier_wait(&entered);
    pthread_barrier_wait(&begun);
    char *block = map(2 * PAGE);
    block[0] = 7;
    *good &= mprotect(block, PAGE, PROT_READ) == 0;
    *good &= madvise(block + PAGE, PAGE, MADV_DONTNEED) == 0;
    char *const larger = mremap(block, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    *good &= larger[0] == 7 && munmap(larger, 4 * PAGE) == 0;
    *good &= syscall(SYS_brk, 0) != 0;
    *good &= syscall(SYS_getpid) > 0; /* no call of memory */
    pthread_barrier_wait(&done);
    pthread_barrier_wait(&ended);
    munmap(block + PAGE, PAGE); /* too late to be counted, and goes on all the same */
    return NULL;
}

static void each_kind_is_counted_and_does_what_it_does(void **state) {
    (void)state;
    needs_counting();
    pthread_t thread;
    bool good;
    uint64_t count[SYSCALL_KINDS];
    pthread_create(&thread, NULL, call_each_kind, &good);
    pthread_barrier_wait(&entered);
    syscalls_begin();
    pthread_barrier_wait(&begun);
    munmap(map(PAGE), PAGE); /* of a thread that has not entered */
    pthread_barrier_wait(&done);
    syscalls_end(count);
    pthread_barrier_wait(&ended);
    pthread_join(thread, NULL);
    assert_true(good);
    for (int i = 0; i < SYSCALL_KINDS; i++)
        if (SANITIZED ? count[i] < 1 : count[i] != 1)
            fail_msg("%llu of kind %d", (unsigned long long)count[i], i);
}

static void make_barriers(unsigned threads) {
    pthread_barrier_t *const barrier[] = {&entered, &begun, &done, &ended};
    for (int i = 0; i < 4; i++)
        pthread_barrier_init(barrier[i], NULL, threads);
}

/* ---- in a pass of the harness: an allocator that maps, and trims one block in four ---- */

static void *mapping_malloc(size_t size) {
    return map(size);
}

static atomic_uint frees;

static void mapping_free(void *block) {
    if (block == NULL)
        return;
    if (atomic_fetch_add(&frees, 1) % 4 == 0)
        madvise(block, PAGE, MADV_DONTNEED);
    munmap(block, PAGE);
}

static const struct allocator mapping = {.name = "mapping", .malloc = mapping_malloc, .free = mapping_free};

static enum work_result pairs(struct worker *w, uint64_t operations) {
    for (w->done = 0; w->done < operations; w->done++) {
        void *const block = w->malloc(PAGE);
        touch_block(block, PAGE);
        w->free(block);
    }
    return WORK_DONE;
}

static enum work_result enter_with_a_block(struct worker *w) {
    w->state = w->malloc(PAGE);
    return WORK_DONE;
}

static void leave_with_it(struct worker *w) {
    w->free(w->state);
}

static void the_harness_counts_what_workers_call_within_their_run(void **state) {
    (void)state;
    needs_counting();
    static const struct workload workload = {.name = "pairs",
                                             .enter = enter_with_a_block,
                                             .run = pairs,
                                             .leave = leave_with_it,
                                             .warms_up = true,
                                             .operations = 400};
    struct cell cell = {.allocator = &mapping, .workload = &workload, .threads = 3};
    struct figures figures;
    for (int times = 0; times < 2; times++) { /* the second finds no filter of the first */
        if (!harness_syscalls(&cell, 0, &figures, why, sizeof why))
            fail_msg("%s", why);
        assert_int_equal(figures.operations, 400);
        are(figures.syscalls, 3 * 400, 3 * 400, 3 * 400 / 4);
    }
    assert_int_equal(memory_mapped(), 0);
}

/* A thread that a counted one has made, and that is there when the counted one has ended. */
static void *map_and_unmap(void *argument) {
    bool *const good = argument;
    pthread_barrier_wait(&ended);
    void *const block = map(PAGE);
    *good = block != MAP_FAILED && munmap(block, PAGE) == 0;
    return NULL;
}

static pthread_t child;

static void *enter_and_end(void *argument) {
    if (syscalls_enter(why, sizeof why))
        pthread_create(&child, NULL, map_and_unmap, argument);
    return NULL;
}

static void whom_a_counted_thread_starts_is_counted_too_and_outlives_it(void **state) {
    (void)state;
    needs_counting();
    pthread_t thread;
    bool good = false;
    uint64_t count[SYSCALL_KINDS];
    pthread_create(&thread, NULL, enter_and_end, &good);
    pthread_join(thread, NULL);
    syscalls_begin();
    pthread_barrier_wait(&ended);
    pthread_join(child, NULL);
    syscalls_end(count);
    assert_true(good);
    assert_true(count[SYSCALL_MMAP] >= 1 && count[SYSCALL_MUNMAP] >= 1);
}

static int barriers_of_two(void **state) {
    (void)state;
    make_barriers(2);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, barriers_of_two)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_kind_is_counted_and_does_what_it_does),
        TEST(the_harness_counts_what_workers_call_within_their_run),
        TEST(whom_a_counted_thread_starts_is_counted_too_and_outlives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
