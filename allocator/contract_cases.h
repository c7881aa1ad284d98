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

#include "os/sanitizers.h"

#define SANITIZED (UNDER_TSAN || UNDER_ASAN)

enum { CASE_HOLDS = 0, CASE_FAILS = 1, CASE_LEFT_OUT = 77 };

/* The optional entries of a table. */
enum {
    HAS_CALLOC = 1,
    HAS_REALLOC = 2,
    HAS_ALIGNED_ALLOC = 4,
    HAS_USABLE_SIZE = 8,
    HAS_STATS = 16, /* and trim */
    HAS_AFTER_FORK = 32,
    HAS_ALL = HAS_CALLOC | HAS_REALLOC | HAS_ALIGNED_ALLOC | HAS_USABLE_SIZE,
};

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
enum { OPERATIONS = SANITIZED ? 2000 : 20000 }; /* of a thread in a case */
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

/* What a block holds at AT, eight bytes at a time: a sanitizer takes as long for one as for all of them. */
static uint64_t pattern(unsigned key, size_t at) {
    return (key + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15) + (at + 1) * UINT64_C(0xd6e8feb86659fd93);
}

static void fill(const struct held *held) {
    const size_t whole = held->size / 8 * 8;
    uint64_t word;
    for (size_t at = 0; at < whole; at += 8) {
        word = pattern(held->key, at);
        memcpy(held->block + at, &word, 8);
    }
    word = pattern(held->key, whole);
    memcpy(held->block + whole, &word, held->size - whole);
}

static void verify_word(const struct held *held, size_t at, uint64_t word, size_t bytes) {
    const uint64_t wanted = pattern(held->key, at);
    for (size_t i = 0; i < bytes; i++)
        if (((const unsigned char *)&word)[i] != ((const unsigned char *)&wanted)[i])
            violated("byte %zu of the block of %zu bytes at %p changed while it was live", at + i, held->size,
                     (void *)held->block);
}

static void verify(const struct held *held) {
    const size_t whole = held->size / 8 * 8;
    uint64_t word = 0;
    for (size_t at = 0; at < whole; at += 8) {
        memcpy(&word, held->block + at, 8);
        if (word != pattern(held->key, at))
            verify_word(held, at, word, 8);
    }
    memcpy(&word, held->block + whole, held->size - whole);
    verify_word(held, whole, word, held->size - whole);
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
    churn(table[0], HELD, OPERATIONS, 1);
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

enum { MAILBOXES = 16 };
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
    churn(of, HELD, OPERATIONS / 10, (unsigned)((struct held(*)[HELD])of - table) + 1);
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

static void need_limits(void) {
    if (UNDER_TSAN)
        left_out("not limited: ThreadSanitizer itself does not live under a limit");
    if (subject_is_sanitizers)
        left_out("not limited: its memory is the sanitizer's, which does not live under a limit");
}

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

static void exhaust_here(size_t size) {
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

/* The wait status of a process of its own in which BODY(ARGUMENT) is done. */
static int status_in_child(void (*body)(size_t), size_t argument) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(10); /* of this process alone: that of the case is not inherited */
        body(argument);
        _exit(CASE_HOLDS);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        violated("no process could be started");
    return status;
}

static bool aborted(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void exhaust(size_t size) {
    need_limits();
    if (!declares(TRAIT_ABORTS_WHEN_EXHAUSTED)) {
        exhaust_here(size);
        return;
    }
    const int status = status_in_child(exhaust_here, size);
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    if (!aborted(status))
        violated("exhausted by blocks of %zu bytes it neither is NULL nor aborts: wait status %#x", size,
                 (unsigned)status);
}

enum { SMALL = 400, MEDIUM = 16000, LARGE = 1 << 20 };

static void case_exhaustion_small(void) {
    exhaust(SMALL);
}

static void case_exhaustion_medium(void) {
    exhaust(MEDIUM);
}

static void case_exhaustion_large(void) {
    exhaust(LARGE);
}

/* The trait says that exhaustion by some sizes aborts. */
static void case_declared_abort(void) {
    need_limits();
    static const size_t size[] = {SMALL, MEDIUM, LARGE};
    bool deviates = false;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        deviates |= aborted(status_in_child(exhaust_here, size[i]));
    if (!deviates)
        violated("declares TRAIT_ABORTS_WHEN_EXHAUSTED, but never aborted");
}

static void ask_for_40000(size_t room) {
    limit_memory(room);
    alarm(2);
    _exit(subject->malloc(40000) == NULL ? CASE_HOLDS : CASE_FAILS);
}

/* The trait says that these sizes hang, or burn what memory there is and are NULL in the end. */
static void case_declared_hang(void) {
    need_limits();
    const int status = status_in_child(ask_for_40000, (size_t)16 << 20);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CASE_LEFT_OUT)
        _exit(CASE_LEFT_OUT);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CASE_FAILS)
        violated("declares TRAIT_HANGS_32761_65528, but malloc(40000) is a block");
    if (status != 0)
        violated("malloc(40000) neither hangs nor is NULL: wait status %#x", (unsigned)status);
}

/* ---- the optional entries ---- */

static const size_t edge[] = {0,     1,     15,     16,     17,      100,     255,     256,
                              257,   1000,  4096,   16384,  32752,   32768,   32769,   65520,
                              65528, 65529, 100000, 131057, 1000000, 5000000, 40000000};
enum { EDGES = sizeof edge / sizeof *edge };

/* No more where this allocator is bounded. */
static bool is_enough(const void *block, const char *what, size_t size) {
    if (block == NULL && size > 0 && !declares(TRAIT_BOUNDED))
        violated("%s of %zu bytes is NULL, though there is memory", what, size);
    return block != NULL;
}

static void case_calloc(void) {
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < EDGES; i++) {
            unsigned char *const dirty = subject->malloc(edge[i]);
            if (dirty != NULL)
                memset(dirty, 0xff, edge[i]);
            subject->free(dirty);
            unsigned char *const block = subject->calloc(i % 2 == 0 ? edge[i] : 1, i % 2 == 0 ? 1 : edge[i]);
            if (!is_enough(block, "calloc", edge[i]))
                continue;
            verify_alignment(block, edge[i]);
            if (edge[i] > 0 && (block[0] != 0 || memcmp(block, block + 1, edge[i] - 1) != 0))
                violated("a calloc of %zu bytes is not zero", edge[i]);
            memset(block, 0xee, edge[i]);
            subject->free(block);
        }
    const size_t half = (size_t)1 << (sizeof(size_t) * 4);
    if (subject->calloc(half, half) != NULL || subject->calloc(SIZE_MAX / 2, 3) != NULL ||
        subject->calloc(SIZE_MAX, SIZE_MAX) != NULL)
        violated("a product that overflows is not NULL");
}

static void resize(struct held *held, size_t size) {
    unsigned char *const block = subject->realloc(held->block, size);
    if (!is_enough(block, "realloc", size)) {
        verify(held);
        return;
    }
    verify_alignment(block, size);
    const struct held kept = {block, size < held->size ? size : held->size, held->key};
    verify(&kept);
    held->block = block;
    held->size = size;
    fill(held);
}

/* From 1, for ISO C no longer says what 0 is. The largest, whose patterns take time, not in all pairs. */
static void case_realloc(void) {
    enum { PAIRED = EDGES - (SANITIZED ? 5 : 2) };
    for (size_t from = 1; from < PAIRED; from++)
        for (size_t to = 1; to < PAIRED; to++) {
            struct held held = {subject->realloc(NULL, edge[from]), edge[from],
                                (unsigned)(from * EDGES + to)};
            if (!is_enough(held.block, "realloc(NULL)", edge[from]))
                continue;
            fill(&held);
            resize(&held, edge[to]);
            give_back(&held);
        }
    static const size_t wide[] = {20, 5000000, 40000000, 4000000, 90000, 6000000, 3000, 70000};
    struct held held = {NULL, 0, 5};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        resize(&held, wide[i]);
    give_back(&held);
    struct held growing = {NULL, 0, 7}; /* a string that grows, and shrinks */
    for (size_t size = 1; size < 300000; size += 1 + size / 16)
        resize(&growing, size);
    for (size_t size = growing.size; size > 0; size -= 1 + size / 16)
        resize(&growing, size);
    give_back(&growing);
}

static void case_realloc_fails(void) {
    static const size_t size[] = {1, 24, 1000, 20000, 60000, 200000, 3000000};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        struct held held = {subject->malloc(size[i]), size[i], (unsigned)i};
        if (!is_enough(held.block, "malloc", size[i]))
            continue;
        fill(&held);
        for (unsigned j = 0; j < 4; j++) {
            const size_t huge = j == 0   ? SIZE_MAX
                                : j == 1 ? SIZE_MAX - 65536
                                : j == 2 ? PTRDIFF_MAX
                                         : SIZE_MAX / 2 + 1;
            if (subject->realloc(held.block, huge) != NULL)
                violated("realloc(%zu) is not NULL", huge);
            verify(&held);
        }
        give_back(&held);
    }
}

static void case_aligned_alloc(void) {
    size_t n = 0;
    for (size_t alignment = 8; alignment <= (size_t)4 << 20; alignment *= 2)
        for (size_t i = 0; i < EDGES - 1; i++) {
            struct held *const one = &table[n / HELD % THREADS][n % HELD];
            n++;
            give_back(one);
            const size_t size = edge[i] > 16 ? edge[i] - edge[i] % (i % 2 == 0 ? 1 : 16) : edge[i];
            *one = (struct held){subject->aligned_alloc(alignment, size), size, (unsigned)n};
            if (!is_enough(one->block, "aligned_alloc", size))
                continue;
            if ((uintptr_t)one->block % alignment != 0)
                violated("aligned_alloc(%zu, %zu) is %p", alignment, size, (void *)one->block);
            fill(one);
            if (i % 4 == 0 && subject->realloc != NULL && size > 0)
                resize(one, size / 3 + 1);
            if (subject->usable_size != NULL && subject->usable_size(one->block) < one->size)
                violated("aligned_alloc(%zu, %zu): %zu bytes are usable", alignment, size,
                         subject->usable_size(one->block));
        }
    verify_disjoint();
    give_all_back();
    static const size_t huge[] = {SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX};
    for (size_t i = 0; i < 3; i++)
        for (size_t alignment = 16; alignment <= 1 << 20; alignment *= 16)
            if (subject->aligned_alloc(alignment, huge[i]) != NULL)
                violated("aligned_alloc(%zu, %zu) is not NULL", alignment, huge[i]);
    if (subject->aligned_alloc((size_t)1 << 62, (size_t)1 << 62) != NULL)
        violated("an alignment that cannot be had is not NULL");
}

static void case_usable_size(void) {
    if (subject->usable_size(NULL) != 0)
        violated("of NULL %zu bytes are usable", subject->usable_size(NULL));
    for (size_t i = 0; i < 2 * EDGES; i++) {
        struct held *const one = &table[0][i];
        *one = (struct held){subject->malloc(edge[i / 2]), edge[i / 2], (unsigned)i};
        if (one->block == NULL)
            continue;
        const size_t usable = subject->usable_size(one->block);
        if (usable < one->size)
            violated("of a block of %zu bytes %zu are usable", one->size, usable);
        one->size = usable;
        fill(one);
    }
    verify_disjoint();
    give_all_back();
}

static void *all_entries(void *of) {
    struct held *const held = of;
    unsigned seed = (unsigned)((struct held(*)[HELD])of - table) + 1;
    for (unsigned i = 0; i < OPERATIONS / 2; i++) {
        struct held *const one = &held[(size_t)rand_r(&seed) % HELD];
        const size_t size =
            rand_r(&seed) % 64 == 0 ? 65529 + (size_t)rand_r(&seed) % 200000 : random_size(&seed);
        const int what = rand_r(&seed) % 4;
        if (what == 0 && one->block != NULL) {
            resize(one, size);
            continue;
        }
        give_back(one);
        one->size = size;
        one->key = seed;
        one->block = what == 1   ? subject->calloc(1, size)
                     : what == 2 ? subject->aligned_alloc((size_t)16 << rand_r(&seed) % 10, size)
                                 : subject->malloc(size);
        if (is_enough(one->block, "a block", size))
            fill(one);
    }
    thread_ends();
    return NULL;
}

static void case_all_entries(void) {
    on_threads(THREADS, all_entries);
    verify_disjoint();
    on_threads(THREADS, all_entries);
    give_all_back();
}

static struct allocator_stats stats(void) {
    struct allocator_stats s;
    subject->stats(&s);
    if (s.live + s.cached > s.mapped || s.resident > s.mapped)
        violated("%zu bytes are live, %zu cached, %zu resident, of %zu", s.live, s.cached, s.resident,
                 s.mapped);
    return s;
}

static void case_stats_and_trim(void) {
    const size_t before = stats().live;
    size_t usable = 0;
    for (unsigned i = 0; i < THREADS; i++)
        churn(table[i], HELD, 2000, i);
    for (size_t i = 0; i < 20; i++) {
        give_back(&table[0][i]);
        table[0][i] = take(edge[EDGES - 1 - i % 4], (unsigned)i);
    }
    for (size_t i = 0; i < THREADS * HELD; i++)
        usable += subject->usable_size(table[i / HELD][i % HELD].block);
    const struct allocator_stats peak = stats();
    if (peak.live < before + usable || peak.live > before + usable + usable / 8)
        violated("%zu bytes are in use, and %zu are said to be live", usable, peak.live - before);
    give_all_back();
    if (stats().live != before)
        violated("all is freed, and %zu bytes are live", stats().live - before);
    if (!subject->trim())
        violated("there was nothing to give back");
    const struct allocator_stats after = stats();
    if (after.live != before || after.cached > before + (1 << 20) || after.resident > before + (2 << 20))
        violated("after trim %zu bytes are live, %zu cached, %zu resident", after.live, after.cached,
                 after.resident);
    if (!UNDER_TSAN && subject->trim())
        violated("a second time there was something to give back");
    churn(table[0], HELD, 2000, 9);
    give_all_back();
}

/* Threads are at it at the moment of each of many forks. */
static bool forks_are_over;

static void *operate_until_then(void *of) {
    unsigned seed = 3;
    while (!__atomic_load_n(&forks_are_over, __ATOMIC_RELAXED))
        for (unsigned i = 0; i < 100; i++) {
            struct held *const one = (struct held *)of + i % 10;
            subject->free(one->block);
            one->block = subject->malloc(rand_r(&seed) % 2 == 0 ? 40 : 1000);
        }
    return NULL;
}

static _Noreturn void be_the_child(void) {
    char why[256] = "";
    alarm(5);
    subject->after_fork(ALLOCATOR_OUTSIDE);
    for (size_t size = 0; size < 1000; size += 40)
        for (int i = 0; i < 50; i++)
            subject->free(subject->malloc(size));
    if (subject->check != NULL && !subject->check(why, sizeof why))
        violated("in a forked child: %s", why);
    _exit(CASE_HOLDS);
}

static void case_after_fork(void) {
    if (UNDER_TSAN)
        left_out("ThreadSanitizer allows no threads at a fork");
    pthread_t thread[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, operate_until_then, table[i]) != 0)
            violated("no thread could be started");
    for (int i = 0; i < 200; i++) {
        const pid_t child = fork();
        if (child == 0)
            be_the_child();
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            violated("a forked child ended with wait status %#x", (unsigned)status);
    }
    __atomic_store_n(&forks_are_over, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (size_t i = 0; i < THREADS * HELD; i++)
        subject->free(table[i / HELD][i % HELD].block);
}

#endif
