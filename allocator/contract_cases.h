/* SPDX-License-Identifier: MIT
 *
 * The rules of allocator.h as cases: functions that hold `subject` to one rule each, in a process of their
 * own that ends with them. Each block is filled with a pattern of its own, verified when it goes. Where an
 * allocator declares a deviation, a case allows for that and no more. They show what an allocator does wrong
 * in some seconds of seeded requests, not that it does everything right; races need luck, or a sanitizer.
 *
 * For contract_test.c alone, which starts the processes; may include allocator.h only.
 */
#ifndef CONTRACT_CASES_H
#define CONTRACT_CASES_H

#include "allocator.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define SANITIZED 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#        define SANITIZED 1
#    endif
#endif
#ifndef SANITIZED
#    define SANITIZED 0
#endif

enum { CASE_HOLDS = 0, CASE_FAILS = 1, CASE_LEFT_OUT = 77 };

static const struct allocator *subject;
static bool subject_is_sanitizers; /* its memory comes from the malloc that a sanitizer has put in */

static void say(const char *format, va_list arguments) {
    char what[256], line[384];
    vsnprintf(what, sizeof what, format, arguments);
    const int length = snprintf(line, sizeof line, "    %.64s: %s\n", subject->name, what);
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        _exit(CASE_FAILS);
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 1, 2))) static _Noreturn void violated(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    _exit(CASE_FAILS);
}

__attribute__((format(printf, 1, 2))) static _Noreturn void left_out(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    _exit(CASE_LEFT_OUT);
}

static bool declares(enum allocator_trait trait) {
    return (subject->traits & (unsigned)trait) != 0;
}

/* ---- blocks and what is in them ---- */

struct held {
    unsigned char *block; /* NULL: none */
    size_t size;
    unsigned key; /* of its pattern */
};

enum { THREADS = 4, HELD = 500, HANG_FIRST = 32761, HANG_LAST = 65528, LARGEST_OVERHEAD = 64 };
static struct held table[THREADS][HELD];

/* A wrapper asks the inner allocator for a little more than it was asked for. */
static bool hangs(size_t size) {
    const size_t overhead = declares(TRAIT_CHECKED) ? LARGEST_OVERHEAD : 0;
    return declares(TRAIT_HANGS_32761_65528) && size + overhead >= HANG_FIRST && size <= HANG_LAST;
}

/* From 1 to 64 KiB, each power of two as likely as another. */
static size_t random_size(unsigned *seed) {
    size_t size;
    do
        size = 1 + (size_t)rand_r(seed) % ((size_t)2 << rand_r(seed) % 16);
    while (hangs(size));
    return size;
}

static unsigned char pattern(unsigned key, size_t at) {
    return (unsigned char)((key * 2654435761u + (unsigned)at * 40503u) >> 8);
}

static void fill(const struct held *held) {
    for (size_t i = 0; i < held->size; i++)
        held->block[i] = pattern(held->key, i);
}

static void verify(const struct held *held) {
    for (size_t i = 0; i < held->size; i++)
        if (held->block[i] != pattern(held->key, i))
            violated("byte %zu of the block of %zu bytes at %p changed while it was live", i, held->size,
                     (void *)held->block);
}

/* A filled block; none where the allocator is bounded and has no more. */
static struct held take(size_t size, unsigned key) {
    const struct held held = {subject->malloc(size), size, key};
    if (held.block != NULL)
        fill(&held);
    else if (!declares(TRAIT_BOUNDED))
        violated("malloc(%zu) is NULL, though there is memory", size);
    return held;
}

static void give_back(struct held *held) {
    if (held->block != NULL)
        verify(held);
    subject->free(held->block);
    held->block = NULL;
}

static struct held take_random(unsigned *seed) {
    const size_t size = random_size(seed);
    return take(size, *seed);
}

/* Each of COUNT entries gets a random block at first; then OPERATIONS of them at random get another. */
static void churn(struct held *of, size_t count, unsigned operations, unsigned seed) {
    for (size_t i = 0; i < count; i++)
        of[i] = take_random(&seed);
    for (unsigned i = 0; i < operations; i++) {
        struct held *const one = &of[(size_t)rand_r(&seed) % count];
        give_back(one);
        *one = take_random(&seed);
    }
}

static void give_all_back(void) {
    for (size_t i = 0; i < THREADS * HELD; i++)
        give_back(&table[i / HELD][i % HELD]);
}

static void on_threads(size_t count, void *(*body)(void *)) {
    pthread_t thread[THREADS];
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&thread[i], NULL, body, table[i]) != 0)
            violated("no thread could be started");
    for (size_t i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
}

static void thread_ends(void) {
    if (subject->thread_exit != NULL)
        subject->thread_exit();
}

/* ---- one thread ---- */

static size_t contract_alignment(size_t size) {
    size_t alignment = 1;
    while (alignment < 16 && alignment * 2 <= size)
        alignment *= 2;
    return alignment;
}

/* True where BLOCK is aligned less than the contract wants, as declared. */
static bool verify_alignment(const void *block, size_t size) {
    const size_t wanted = contract_alignment(size), least = declares(TRAIT_ALIGN_8) ? 8 : wanted;
    if ((uintptr_t)block % least != 0)
        violated("the block of %zu bytes at %p is not %zu-aligned", size, block, least);
    return (uintptr_t)block % wanted != 0;
}

static void case_alignment(void) {
    bool deviates = false;
    unsigned seed = 1;
    for (size_t i = 0; i < 3000; i++) {
        const size_t size = i < 2048 ? i / 2 + 1 : random_size(&seed);
        struct held *const one = &table[0][i % HELD];
        give_back(one);
        *one = take(size, seed);
        deviates |= verify_alignment(one->block, size);
    }
    give_all_back();
    if (declares(TRAIT_ALIGN_8) && !deviates)
        note("declares TRAIT_ALIGN_8, but every block was aligned as the contract wants");
}

static void case_size_0(void) {
    void *block[100];
    for (int i = 0; i < 100; i++)
        block[i] = subject->malloc(0);
    for (int i = 0; i < 100; i++)
        subject->free(block[i]);
    table[0][0] = take(100, 1);
    if (table[0][0].block == NULL)
        violated("after 100 blocks of size 0 there are none of size 100");
    give_all_back();
}

static void case_free_of_null(void) {
    subject->free(NULL);
    table[0][0] = take(100, 1);
    subject->free(NULL);
    give_all_back();
    subject->free(NULL);
}

static int by_address(const void *a, const void *b) {
    const struct held *const x = a, *const y = b;
    return (x->block > y->block) - (x->block < y->block);
}

static void verify_disjoint(void) {
    static struct held sorted[THREADS * HELD];
    memcpy(sorted, table, sizeof sorted);
    qsort(sorted, THREADS * HELD, sizeof *sorted, by_address);
    for (const struct held *a = sorted; a < sorted + THREADS * HELD - 1; a++)
        if (a->block != NULL && (size_t)(a[1].block - a->block) < a->size)
            violated("the blocks of %zu bytes at %p and of %zu bytes at %p are live and overlap", a->size,
                     (void *)a->block, a[1].size, (void *)a[1].block);
}

static void case_no_overlap(void) {
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < THREADS; i++)
            churn(table[i], HELD, 200, 10 * round + i + 1);
        verify_disjoint();
        give_all_back();
    }
}

static void case_contents(void) {
    churn(table[0], HELD, 20000, 1);
    give_all_back();
}

static void boundary(size_t size) {
    if (hangs(size))
        return;
    struct held a = take(size, 1), b = take(size, 2);
    if ((a.block == NULL || b.block == NULL) && size <= 4096)
        violated("malloc(%zu) is NULL in an empty heap", size);
    verify_alignment(a.block, size);
    verify_alignment(b.block, size);
    give_back(&a);
    give_back(&b);
}

static void case_boundaries(void) {
    for (size_t power = 8; power <= 1 << 20; power *= 2)
        for (size_t size = power - 1; size <= power + 1; size++)
            boundary(size);
    static const size_t more[] = {65528, 65529, 65536, 131056, 131057};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        boundary(more[i]);
}

static void case_huge_sizes(void) {
    static const size_t huge[] = {SIZE_MAX, SIZE_MAX - 8, SIZE_MAX - 65536, SIZE_MAX / 2 + 1, PTRDIFF_MAX};
    for (unsigned i = 0; i < 10 * sizeof huge / sizeof *huge; i++) {
        const size_t size = huge[i % (sizeof huge / sizeof *huge)];
        void *const block = subject->malloc(size);
        if (block != NULL)
            violated("malloc(%zu) is not NULL but %p", size, block);
        table[0][0] = take(24, i);
        if (table[0][0].block == NULL)
            violated("after malloc(%zu) has failed, malloc(24) fails", size);
        give_all_back();
    }
}

/* ---- many threads ---- */

enum { MAILBOXES = 16, OPERATIONS = SANITIZED ? 2000 : 10000 };
static struct {
    pthread_mutex_t lock;
    struct held held;
} mail[MAILBOXES];

static void *free_all_and_take_others(void *of) {
    struct held *const held = of;
    unsigned seed = 2;
    for (size_t i = 0; i < HELD; i++) {
        give_back(&held[i]);
        held[i] = take_random(&seed);
    }
    thread_ends();
    return NULL;
}

static void case_free_by_another_thread(void) {
    churn(table[0], HELD, 0, 1);
    for (int round = 0; round < 5; round++) {
        on_threads(1, free_all_and_take_others);
        free_all_and_take_others(table[0]);
    }
    give_all_back();
}

static void *take_and_exit(void *of) {
    churn(of, HELD, 1000, (unsigned)((struct held(*)[HELD])of - table) + 1);
    thread_ends();
    return NULL;
}

static void case_blocks_outlive_their_thread(void) {
    on_threads(THREADS, take_and_exit);
    verify_disjoint();
    on_threads(THREADS / 2, free_all_and_take_others);
    give_all_back();
}

/* Operations on blocks of its own, and every eighth time an exchange with whoever used the mailbox last. */
static void *operate(void *of) {
    struct held *const held = of;
    unsigned seed = (unsigned)((struct held(*)[HELD])of - table) + 1;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct held *const one = &held[rand_r(&seed) % 100];
        const int box = rand_r(&seed) % MAILBOXES;
        if (i % 8 == 0) {
            pthread_mutex_lock(&mail[box].lock);
            const struct held other = mail[box].held;
            mail[box].held = *one;
            pthread_mutex_unlock(&mail[box].lock);
            *one = other;
        } else {
            give_back(one);
            *one = take_random(&seed);
        }
    }
    thread_ends();
    return NULL;
}

static void case_many_threads(void) {
    for (int i = 0; i < MAILBOXES; i++)
        pthread_mutex_init(&mail[i].lock, NULL);
    on_threads(THREADS, operate);
    for (int i = 0; i < MAILBOXES; i++)
        give_back(&mail[i].held);
    give_all_back();
}

/* ---- the end of memory ---- */

/* Leaves room for BYTES more than there is now; of address space, and of data, for who has reserved that. */
static void limit_memory(size_t bytes) {
    char text[128] = "";
    const int file = open("/proc/self/statm", O_RDONLY);
    unsigned long all = 0, data = 0;
    if (file < 0 || read(file, text, sizeof text - 1) <= 0 ||
        sscanf(text, "%lu %*u %*u %*u %*u %lu", &all, &data) != 2)
        left_out("/proc/self/statm cannot be read, so memory cannot be limited");
    close(file);
    const rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE);
    const struct rlimit space = {all * page + bytes, all * page + bytes},
                        written = {data * page + bytes, data * page + bytes};
    if (setrlimit(RLIMIT_AS, &space) != 0 || setrlimit(RLIMIT_DATA, &written) != 0)
        left_out("memory cannot be limited here");
}

enum { ROOM = 256 << 20, MOST_BLOCKS = 16 << 20 };
static const size_t most_bytes = (size_t)8 << 30; /* beyond it nothing seems to be limited */

/* Takes blocks into BLOCK until there are no more; how many. They are not touched: a bounded heap may be
 * larger than the machine. */
static size_t take_all(void **block, size_t size) {
    size_t count = 0;
    while ((block[count] = subject->malloc(size)) != NULL)
        if (++count == MOST_BLOCKS || count * size > most_bytes)
            left_out("not limited: more than %zu blocks of %zu bytes", count - 1, size);
    return count;
}

static void exhaust(size_t size) {
    if (subject_is_sanitizers)
        left_out("not limited: its memory is the sanitizer's, which does not live under a limit");
    void **const block = mmap(NULL, MOST_BLOCKS * sizeof *block, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        left_out("no memory for a table of blocks");
    subject->free(subject->malloc(size));
    limit_memory(ROOM);
    const size_t first = take_all(block, size);
    if (first == 0 && !declares(TRAIT_BOUNDED))
        violated("malloc(%zu) is NULL with %d MiB to go", size, ROOM >> 20);
    for (size_t i = 0; i < first; i++)
        subject->free(block[i]);
    const size_t second = take_all(block, size);
    if (declares(TRAIT_NEVER_FREES) ? second > 0 : second < first / 2)
        violated("%zu blocks of %zu bytes until NULL; all freed, then %zu, which %s", first, size, second,
                 declares(TRAIT_NEVER_FREES) ? "TRAIT_NEVER_FREES denies" : "is less than half");
}

static void case_exhaustion_small(void) {
    exhaust(400);
}

static void case_exhaustion_medium(void) {
    exhaust(16000);
}

static void case_exhaustion_large(void) {
    exhaust(1 << 20);
}

/* The trait says that these sizes hang, or burn what memory there is until none is left for NULL to spare. */
static void case_declared_hang(void) {
    const pid_t child = fork();
    if (child == 0) {
        limit_memory((size_t)16 << 20);
        alarm(2);
        _exit(subject->malloc(40000) == NULL ? 0 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        violated("no process could be started");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
        violated("declares TRAIT_HANGS_32761_65528, but malloc(40000) is a block");
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM)
        violated("malloc(40000) ends in signal %d", WTERMSIG(status));
}

#endif
