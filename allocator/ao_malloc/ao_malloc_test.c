/* SPDX-License-Identifier: MIT
 *
 * The library of the man page, to the byte: class limits, the static heap's end, mmap only on request. Each
 * case runs in a child of its own, for each wants the heap untouched and mmap still off. Where the package of
 * 2005 to this day misses its own page, the page is right. CMake runs it against the other libraries as well,
 * with LISTS_BY_CPU where blocks come back last in, first out only to the CPU that has freed them.
 */
#include "atomic_ops_malloc.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define SANITIZED 1
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#        define SANITIZED 1
#    endif
#endif
#ifndef SANITIZED
#    define SANITIZED 0
#endif

enum { CHUNK = 65536, STATIC_CHUNKS = 34, LARGEST_SMALL = 65528 };

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

/* So that what is freed comes back at once, whichever library it is. */
static void stay_on_one_cpu(void) {
    cpu_set_t all, one;
    REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
}

typedef void body(void);

/* The case's body is its initial state. */
static void in_child(void **state) {
    body *const run = *(body **)*state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        run();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        fail_msg("killed by signal %d", WTERMSIG(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static size_t count_until_null(size_t size) {
    size_t n = 0;
    while (AO_malloc(size) != NULL)
        n++;
    return n;
}

static bool is_mapped(void *address) {
    return msync((void *)((uintptr_t)address & ~(uintptr_t)4095), 1, MS_ASYNC) == 0;
}

static void null_is_freed(void) {
    AO_free(NULL);
}

static void size_zero_is_a_block_of_its_own(void) {
    stay_on_one_cpu();
    void *const a = AO_malloc(0), *const b = AO_malloc(0);
    REQUIRE(a != NULL && b != NULL && a != b);
    AO_free(a);
    AO_free(b);
    REQUIRE(AO_malloc(0) == b); /* last in, first out */
}

static void sizes_share_a_class_up_to_the_power_of_two_less_a_word(void) {
    stay_on_one_cpu();
    static const size_t last_of_class[] = {0,    8,    24,   56,   120,   248,   504,
                                           1016, 2040, 4088, 8184, 16376, 32760, LARGEST_SMALL};
    for (size_t i = 1; i < sizeof last_of_class / sizeof *last_of_class; i++) {
        const size_t first = last_of_class[i - 1] + 1, last = last_of_class[i];
        void *const block = AO_malloc(last);
        REQUIRE(block != NULL);
        AO_free(block);
        REQUIRE(AO_malloc(first) == block); /* the same list */
        AO_free(block);
        REQUIRE(AO_malloc(first - 1) != block); /* another */
        REQUIRE(AO_malloc(last) == block);
        AO_free(block);
    }
}

static void every_small_payload_is_16_aligned(void) {
    for (size_t size = 1; size <= LARGEST_SMALL; size++) {
        void *const block = AO_malloc(size);
        REQUIRE(block != NULL && (uintptr_t)block % 16 == 0);
        AO_free(block);
    }
}

/* A fresh chunk is handed out from its upper end, object by object, each a power of two. */
static void objects_lie_a_power_of_two_apart(void) {
    stay_on_one_cpu();
    for (unsigned k = 3; k <= 15; k++) {
        const size_t object = (size_t)1 << k;
        const char *const a = AO_malloc(object - 8), *const b = AO_malloc(object - 8);
        REQUIRE(a != NULL && b != NULL && a - b == (ptrdiff_t)object);
    }
}

static void payloads_do_not_meet(void) {
    for (size_t size = 1; size <= LARGEST_SMALL; size = size * 2 + 1) {
        unsigned char *const a = AO_malloc(size), *const b = AO_malloc(size);
        REQUIRE(a != NULL && b != NULL);
        memset(a, 0xaa, size);
        memset(b, 0xbb, size);
        REQUIRE(a[0] == 0xaa && a[size - 1] == 0xaa && b[0] == 0xbb);
        AO_free(a);
        AO_free(b);
    }
}

static void freeing_does_not_write_to_the_payload(void) {
    unsigned char *const a = AO_malloc(100);
    memset(a, 0x5a, 100);
    AO_free(a);
    for (int i = 0; i < 100; i++)
        REQUIRE(a[i] == 0x5a);
}

static void the_static_heap_ends_after_34_chunks_of_any_class(void) {
    for (unsigned k = 3; k <= 16; k++) {
        const pid_t child = fork();
        if (child == 0) {
            const size_t object = (size_t)1 << k;
            REQUIRE(count_until_null(object - 8) == (size_t)STATIC_CHUNKS * CHUNK / object);
            _exit(0);
        }
        int status;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
}

static void after_the_end_a_freed_block_serves_its_class_and_no_other(void) {
    stay_on_one_cpu();
    void *const one = AO_malloc(1000);
    count_until_null(1000);
    REQUIRE(AO_malloc(1000) == NULL && AO_malloc(8) == NULL);
    AO_free(one);
    REQUIRE(AO_malloc(8) == NULL);
    REQUIRE(AO_malloc(1000) == one);
    AO_malloc_enable_mmap();
    REQUIRE(AO_malloc(8) != NULL && AO_malloc(1000) != NULL && AO_malloc(LARGEST_SMALL) != NULL);
}

static void above_65528_is_null_until_mmap_is_enabled_and_consumes_nothing(void) {
    for (int i = 0; i < 1000; i++)
        REQUIRE(AO_malloc(LARGEST_SMALL + 1) == NULL && AO_malloc(1 << 20) == NULL);
    REQUIRE(count_until_null(LARGEST_SMALL) == STATIC_CHUNKS);
    AO_malloc_enable_mmap();
    AO_malloc_enable_mmap();
    REQUIRE(AO_malloc(LARGEST_SMALL) != NULL); /* chunks come from the system now */
    unsigned char *const large = AO_malloc(LARGEST_SMALL + 1);
    REQUIRE(large != NULL && (uintptr_t)large % 16 == 0);
    for (size_t i = 0; i < LARGEST_SMALL + 1; i++)
        REQUIRE(large[i] == 0);
    large[LARGEST_SMALL] = 1;
    REQUIRE(is_mapped(large));
    AO_free(large);
    REQUIRE(!is_mapped(large)); /* at once */
}

static void mappings_are_the_size_and_16_bytes_in_64_kib(void) {
    AO_malloc_enable_mmap();
    static const size_t size[] = {LARGEST_SMALL + 1, 131056, 131057}, mapped[] = {131072, 131072, 196608};
    for (int i = 0; i < 3; i++) {
        void *const block = AO_malloc(size[i]);
        const size_t *volatile header = (const size_t *)block - 1;
        REQUIRE(*header == mapped[i]);
        AO_free(block);
    }
}

/* Large and small must be told apart alike by malloc and free. */
static void sizes_around_the_largest_small_come_and_go(void) {
    static const size_t sizes[] = {65528, 65529, 65535, 65536, 65537};
    AO_malloc_enable_mmap();
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *const a = AO_malloc(sizes[i]), *const b = AO_malloc(sizes[i]);
            REQUIRE(a != NULL && b != NULL);
            memset(a, 0xaa, sizes[i]);
            memset(b, 0xbb, sizes[i]);
            REQUIRE(a[0] == 0xaa && a[sizes[i] - 1] == 0xaa);
            AO_free(a);
            AO_free(b);
        }
}

static void memory_comes_though_no_file_can_be_opened(void) {
    const struct rlimit none = {0, 0};
    close(STDIN_FILENO);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    AO_malloc_enable_mmap();
    REQUIRE(AO_malloc(100000) != NULL);
    for (int i = 0; i < STATIC_CHUNKS + 2; i++)
        REQUIRE(AO_malloc(LARGEST_SMALL) != NULL);
}

static void impossible_sizes_are_null_and_consume_nothing(void) {
    static const size_t sizes[] = {SIZE_MAX,         SIZE_MAX - 8,     SIZE_MAX - 15, SIZE_MAX - 65536,
                                   SIZE_MAX - 65551, SIZE_MAX / 2 + 1, PTRDIFF_MAX};
    for (int enabled = 0; enabled < 2; enabled++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            volatile size_t size = sizes[i];
            REQUIRE(AO_malloc(size) == NULL);
        }
        REQUIRE(AO_malloc(8) != NULL);
        if (enabled == 0)
            REQUIRE(count_until_null(LARGEST_SMALL) == STATIC_CHUNKS - 1); /* one serves the 8 */
        AO_malloc_enable_mmap();
    }
}

static void errno_stays_as_it_was(void) {
    errno = 77;
    volatile size_t impossible = SIZE_MAX / 2;
    REQUIRE(AO_malloc(impossible) == NULL && errno == 77);
    AO_malloc_enable_mmap();
    REQUIRE(AO_malloc(impossible) == NULL && errno == 77);
    void *const large = AO_malloc(1 << 20);
    AO_free(large);
    REQUIRE(errno == 77);
}

static void blocks_of_two_and_four_gib_are_unmapped(void) {
    AO_malloc_enable_mmap();
    static const size_t sizes[] = {0x7ffefff0, 0x7ffefff1, 0xffff0000, 0x100000000, 0x180000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *const block = AO_malloc(sizes[i]);
        if (block == NULL)
            continue; /* this machine has not the room */
        block[0] = block[sizes[i] - 1] = 1;
        unsigned char *const last = block + sizes[i] - 1;
        AO_free(block);
        REQUIRE(!is_mapped(block) && !is_mapped(last));
    }
}

/* The package: NULL here, and the whole heap consumed by asking. */
static void sizes_from_32761_to_65528_are_met_and_their_failure_burns_nothing(void) {
    stay_on_one_cpu();
    void *const a = AO_malloc(32761), *const b = AO_malloc(LARGEST_SMALL);
    REQUIRE(a != NULL && b != NULL);
    memset(a, 1, 32761);
    memset(b, 2, LARGEST_SMALL);
    REQUIRE(count_until_null(40000) == STATIC_CHUNKS - 2);
    AO_free(a);
    REQUIRE(AO_malloc(LARGEST_SMALL) == a);
}

/* ---- signals ---- */

static void *volatile from_handler;
static volatile sig_atomic_t handled;

static void first_call_handler(int signal) {
    (void)signal;
    from_handler = AO_malloc(100);
}

static void the_first_call_may_be_in_a_handler(void) {
    stay_on_one_cpu();
    signal(SIGUSR1, first_call_handler);
    raise(SIGUSR1);
    REQUIRE(from_handler != NULL);
    AO_free(from_handler);
    REQUIRE(AO_malloc(100) == from_handler);
}

static void enabling_handler(int signal) {
    (void)signal;
    AO_malloc_enable_mmap();
    from_handler = AO_malloc(100000);
}

static void a_handler_may_enable_mmap(void) {
    REQUIRE(AO_malloc(100000) == NULL);
    signal(SIGUSR1, enabling_handler);
    raise(SIGUSR1);
    raise(SIGUSR1);
    REQUIRE(from_handler != NULL && AO_malloc(100000) != NULL);
}

/* A block that is live bears a mark, which freeing leaves alone: one that comes with it is somebody's. */
enum { MARK = 0x11fe, KEPT = 8 };

static size_t *take_marked(size_t size) {
    size_t *const block = AO_malloc(size);
    REQUIRE(block != NULL && *block != MARK);
    *block = MARK;
    return block;
}

static void free_marked(size_t *block) {
    if (block != NULL) {
        REQUIRE(*block == MARK);
        *block = 0;
    }
    AO_free(block);
}

/* Puts a new block into one of KEPT places, and frees what was there. */
static void exchange(size_t *kept[KEPT], unsigned *random) {
    *random = *random * 1664525 + 1013904223;
    size_t **const place = &kept[*random >> 29];
    free_marked(*place);
    *place = take_marked((size_t)16 << (*random >> 27) % 3);
}

static size_t *handlers_kept[KEPT];

static void exchanging_handler(int signal) {
    (void)signal;
    static unsigned random = 5;
    for (int i = 0; i < 3; i++)
        exchange(handlers_kept, &random);
    handled++;
}

/* The handler and what it interrupts use the same lists. Ends after so many signals, or so many operations
 * where they do not come. */
static void no_block_is_handed_out_twice_under_a_timers_signals(void) {
    size_t *kept[KEPT] = {0};
    unsigned random = 6;
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    signal(SIGALRM, exchanging_handler);
    REQUIRE(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; i < 2000000 && handled < 3000; i++)
        exchange(kept, &random);
    REQUIRE(setitimer(ITIMER_REAL, &never, NULL) == 0);
    REQUIRE(handled > 0);
    for (int i = 0; i < KEPT; i++) {
        free_marked(kept[i]);
        free_marked(handlers_kept[i]);
    }
}

static void handler(int signal) {
    (void)signal;
    void *block[4];
    for (int i = 0; i < 4; i++) {
        block[i] = AO_malloc((size_t)(16 << i));
        if (block[i] != NULL)
            memset(block[i], 0xee, (size_t)(16 << i));
    }
    for (int i = 0; i < 4; i++)
        AO_free(block[i]);
    handled++;
}

/* ---- threads ---- */

static void *free_all(void *blocks) {
    for (void **block = blocks; *block != NULL; block++)
        AO_free(*block);
    return NULL;
}

static void another_thread_may_free(void) {
    void *block[101];
    for (int i = 0; i < 100; i++) {
        block[i] = AO_malloc(500);
        memset(block[i], i, 500);
    }
    block[100] = NULL;
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, free_all, block) == 0);
    pthread_join(thread, NULL);
#ifndef LISTS_BY_CPU
    for (int i = 99; i >= 0; i--)
        REQUIRE(AO_malloc(500) == block[i]); /* last in, first out */
#endif
}

#if !SANITIZED
static _Alignas(16) unsigned char bare_stack[1 << 16];

static int bare_thread(void *cell) {
    for (int i = 0; i < 1000; i++) {
        unsigned char *const small = AO_malloc(40), *const large = AO_malloc(100000);
        if (small == NULL || large == NULL)
            return 1;
        small[39] = large[99999] = 1;
        AO_free(small);
        AO_free(large);
    }
    return (*(void **)cell = AO_malloc(40)) == NULL;
}
#endif

/* No pthread, no thread-local storage of its own. */
static void a_thread_of_a_bare_clone_allocates(void) {
#if !SANITIZED /* which want to know of every thread */
    AO_malloc_enable_mmap();
    void *cell = NULL;
    const pid_t thread = clone(bare_thread, bare_stack + sizeof bare_stack, CLONE_VM | SIGCHLD, &cell);
    REQUIRE(thread > 0);
    for (int i = 0; i < 1000; i++)
        AO_free(AO_malloc(40));
    int status;
    REQUIRE(waitpid(thread, &status, 0) == thread && status == 0);
    REQUIRE(cell != NULL);
    AO_free(cell);
#endif
}

static void *mixer(void *seed) {
    unsigned random = *(const unsigned *)seed;
    unsigned char *block[64] = {0};
    size_t size[64] = {0};
    for (int i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        const unsigned slot = random >> 26;
        for (size_t at = 0; at < size[slot]; at++)
            REQUIRE(block[slot][at] == (unsigned char)slot);
        AO_free(block[slot]);
        size[slot] = (random >> 8) % 200;
        block[slot] = AO_malloc(size[slot]);
        REQUIRE(block[slot] != NULL);
        memset(block[slot], (int)slot, size[slot]);
    }
    for (int i = 0; i < 64; i++)
        AO_free(block[i]);
    return NULL;
}

static void handlers_allocate_while_threads_do(void) {
    AO_malloc_enable_mmap();
    signal(SIGUSR1, handler);
    pthread_t thread[2];
    unsigned seed[2] = {1, 2};
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&thread[i], NULL, mixer, &seed[i]) == 0);
    for (int i = 0; i < 2000; i++) {
        pthread_kill(thread[0], SIGUSR1);
        usleep(20);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    REQUIRE(handled > 0);
}

static void a_forked_child_allocates_while_threads_were_inside(void) {
    if (SANITIZED && AO_stack_is_lock_free())
        return; /* TSan's compare-and-swap of 16 bytes takes a lock, which a child may inherit for ever */
    AO_malloc_enable_mmap();
    pthread_t thread;
    unsigned seed = 3;
    REQUIRE(pthread_create(&thread, NULL, mixer, &seed) == 0);
    for (int i = 0; i < 50; i++) {
        const pid_t child =
            fork(); /* one thread may be inside: at most one black list entry is lost, and one is left */
        if (child == 0) {
            alarm(10);
            unsigned other = 4;
            mixer(&other);
            syscall(SYS_exit_group, 0); /* past a sanitizer, to which the parent's thread is a leak */
        }
        int status;
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
    pthread_join(thread, NULL);
}

/* clang-format off */
#define CASE(name) {#name, in_child, NULL, NULL, &(body *){name}}
/* clang-format on */

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(null_is_freed),
        CASE(size_zero_is_a_block_of_its_own),
        CASE(sizes_share_a_class_up_to_the_power_of_two_less_a_word),
        CASE(every_small_payload_is_16_aligned),
        CASE(objects_lie_a_power_of_two_apart),
        CASE(payloads_do_not_meet),
        CASE(freeing_does_not_write_to_the_payload),
        CASE(the_static_heap_ends_after_34_chunks_of_any_class),
        CASE(after_the_end_a_freed_block_serves_its_class_and_no_other),
        CASE(above_65528_is_null_until_mmap_is_enabled_and_consumes_nothing),
        CASE(mappings_are_the_size_and_16_bytes_in_64_kib),
        CASE(sizes_around_the_largest_small_come_and_go),
        CASE(memory_comes_though_no_file_can_be_opened),
        CASE(impossible_sizes_are_null_and_consume_nothing),
        CASE(errno_stays_as_it_was),
        CASE(blocks_of_two_and_four_gib_are_unmapped),
        CASE(sizes_from_32761_to_65528_are_met_and_their_failure_burns_nothing),
        CASE(the_first_call_may_be_in_a_handler),
        CASE(a_handler_may_enable_mmap),
        CASE(no_block_is_handed_out_twice_under_a_timers_signals),
        CASE(another_thread_may_free),
        CASE(a_thread_of_a_bare_clone_allocates),
        CASE(handlers_allocate_while_threads_do),
        CASE(a_forked_child_allocates_while_threads_were_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
