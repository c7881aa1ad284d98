/* SPDX-License-Identifier: MIT
 *
 * ao-percpu as a whole: sizes, threads, a storm of signals, forks, threads that move, slabs drained from another
 * CPU while it works. Nothing may be lost: at the end of each case a census finds every block (check.h). It runs
 * once more without restartable sequences (CMakeLists.txt).
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ao_malloc/percpu/check.h"

enum { THREADS = 12, PLACES = 256, LARGEST = 40000, STORM_MS = 1200, FORKS = 20, CHILD_BLOCKS = 500 };

static bool stop;
static uint64_t *place[PLACES];
static _Thread_local uint64_t seed;

static uint64_t random_word(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 24;
}

/* ---- blocks that carry what they are ---- */

static uint64_t mark(const uint64_t *block, size_t word) {
    return ((uintptr_t)block + word) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t *make(size_t size) {
    uint64_t *const block = percpu_malloc(size);
    if (block == NULL || ((uintptr_t)block & 15) != 0)
        abort();
    block[0] = size ^ mark(block, 0);
    for (size_t i = 1; i < size / 8; i += 1 + i / 16)
        block[i] = mark(block, i);
    return block;
}

static void unmake(uint64_t *block) {
    if (block == NULL)
        return;
    const size_t size = block[0] ^ mark(block, 0);
    if (size < 8 || size > 4 * LARGEST)
        abort();
    for (size_t i = 1; i < size / 8; i += 1 + i / 16)
        if (block[i] != mark(block, i))
            abort();
    block[0] = 0;
    percpu_free(block);
}

static size_t random_size(void) {
    return 8 + random_word() % ((size_t)64 << random_word() % 10);
}

static void exchange_one(void) {
    uint64_t *const mine = make(random_size());
    unmake(__atomic_exchange_n(&place[random_word() % PLACES], mine, __ATOMIC_ACQ_REL));
}

static void empty_places(void) {
    for (unsigned i = 0; i < PLACES; i++)
        unmake(__atomic_exchange_n(&place[i], NULL, __ATOMIC_ACQ_REL));
}

/* Every block is somewhere, and OUT of them in use. */
static struct census assert_sound(size_t out) {
    char why[200];
    struct census found;
    if (!percpu_check(&found, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(found.out, out);
    return found;
}

/* All but nodes' spans are given back, where no other thread's slab holds any. */
static void assert_all_comes_back(void) {
    for (int i = 0; i < 3;
         i++) /* a sequence that is aborted, or a move to another CPU, may leave something */
        decay_all();
    const struct census found = assert_sound(0);
    assert_int_equal(found.batch, 0);
    assert_true(found.open <= found.node_spans + found.slab);
}

/* ---- alone ---- */

/* What is cached of one size is memory for all others. */
static void without_mmap_nothing_free_is_out_of_reach(void **state) {
    (void)state;
    static void *held[STATIC_SPANS * SPAN / 16 + 1]; /* NULL is the last */
    for (size_t size = 1; size < 5000; size++)
        percpu_free(percpu_malloc(size));
    void *const block = percpu_malloc(26000);
    assert_non_null(block);
    percpu_free(block);
    size_t n = 0;
    while ((held[n] = percpu_malloc(16)) != NULL)
        n++;
    assert_true(n > sizeof held / sizeof *held * 9 / 10);
    while (n-- > 0)
        percpu_free(held[n]);
    for (n = 0; (held[n] = percpu_malloc(32768)) != NULL;)
        n++;
    const size_t nodes = assert_sound(n).node_spans;
    assert_true(nodes <= 8 && n + nodes + 1 >= STATIC_SPANS); /* an aborted sequence may leave something */
    while (n-- > 0)
        percpu_free(held[n]);
    assert_all_comes_back();
}

static void every_size(void **state) {
    (void)state;
    static unsigned char *held[64];
    percpu_enable_mmap();
    for (size_t size = 0; size <= LARGEST; size++) {
        unsigned char *const block = percpu_malloc(size);
        assert_non_null(block);
        assert_true(((uintptr_t)block & 15) == 0);
        if (size != 0 && size < PAGE && (size & (size - 1)) == 0)
            assert_true(((uintptr_t)block & (size - 1)) == 0);
        memset(block, (int)(size & 0xff), size);
        unsigned char **const at = &held[size % 64];
        const size_t old = size - 64;
        for (size_t i = 0; size >= 64 && i < old; i += 1 + i / 8)
            assert_true((*at)[i] == (old & 0xff));
        percpu_free(*at);
        *at = block;
    }
    for (unsigned i = 0; i < 64; i++)
        percpu_free(held[i]);
    assert_all_comes_back();
}

static void sizes_that_cannot_be_had(void **state) {
    (void)state;
    assert_null(percpu_malloc(SIZE_MAX));
    assert_null(percpu_malloc(SIZE_MAX - 15));
    assert_null(percpu_malloc((size_t)PTRDIFF_MAX));
    percpu_free(NULL);
    unmake(make(8));
}

/* ---- threads ---- */

static bool moves, drains;
static cpu_set_t cpus;

static void move(void) {
    cpu_set_t one;
    CPU_ZERO(&one);
    const size_t cpu = random_word() % SLAB_CPUS;
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one); /* or not, where there is none of that number */
}

static void *exchanges(void *number) {
    seed = (uintptr_t)number;
    for (unsigned n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
        exchange_one();
        if (moves && n % 128 == 0)
            move();
    }
    return NULL;
}

static void *drains_all(void *unused) {
    (void)unused;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        for (unsigned cpu = 0; cpu < SLAB_CPUS; cpu++)
            if (cache_is_used(slabs + (size_t)cpu * SLAB_BYTES))
                cache_drain(cpu);
        cache_drain_gone();
        cache_flush();
    }
    return NULL;
}

static void pause_ms(unsigned ms) {
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&rest, &rest) != 0)
        ;
}

static void with_threads(unsigned threads, void (*meanwhile)(void)) {
    pthread_t thread[THREADS], drainer;
    stop = false;
    for (unsigned i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, exchanges, (void *)(uintptr_t)(i + 1)), 0);
    if (drains)
        assert_int_equal(pthread_create(&drainer, NULL, drains_all, NULL), 0);
    meanwhile();
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    if (drains)
        pthread_join(drainer, NULL);
    empty_places();
    assert_sound(0);
    assert_all_comes_back();
}

static void rests(void) {
    pause_ms(300);
}

static void more_threads_than_cpus(void **state) {
    (void)state;
    with_threads(THREADS, rests);
}

static void threads_that_move(void **state) {
    (void)state;
    moves = true;
    with_threads(4, rests);
    moves = false;
    sched_setaffinity(0, sizeof cpus, &cpus);
}

static void slabs_drained_at_work(void **state) {
    (void)state;
    drains = true;
    with_threads(2, rests);
    moves = true;
    with_threads(4, rests);
    moves = drains = false;
}

/* Ticks one after another, two at once among them. */
static void ticks(void) {
    for (int i = 0; i < 100; i++) {
        __atomic_store_n(&decay.next, 0, __ATOMIC_RELAXED);
        decay_tick();
        pause_ms(1);
    }
}

static void given_back_while_in_use(void **state) {
    (void)state;
    with_threads(4, ticks);
}

/* ---- signals ---- */

static unsigned handled;

static void handler(int number) {
    (void)number;
    enum { TAKES = 8, KEEPS = 4 };
    uint64_t *block[TAKES];
    const uint64_t before = seed;
    for (int i = 0; i < TAKES; i++)
        block[i] = make(random_size());
    for (int i = 0; i < TAKES; i++)
        unmake(i < KEEPS ? block[i]
                         : __atomic_exchange_n(&place[random_word() % PLACES], block[i], __ATOMIC_ACQ_REL));
    seed = before;
    __atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static void block_signals(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(how, &set, NULL);
}

/* Ten thousand a second, to any of the threads but this one. */
static void start_storm(timer_t *timer) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    const struct itimerspec every = {{0, 100000}, {0, 100000}};
    sigaction(SIGUSR1, &action, NULL);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, timer), 0);
    assert_int_equal(timer_settime(*timer, 0, &every, NULL), 0);
}

static void end_storm(timer_t timer) {
    timer_delete(timer);
    signal(SIGUSR1, SIG_IGN); /* what is pending is gone */
}

static void storms(void) {
    timer_t timer;
    block_signals(SIG_BLOCK);
    start_storm(&timer);
    pause_ms(STORM_MS);
    end_storm(timer);
    block_signals(SIG_UNBLOCK);
}

static void a_storm_of_signals(void **state) {
    (void)state;
    handled = 0;
    with_threads(3, storms);
    assert_true(handled > 0);
}

/* ---- forks ---- */

static _Noreturn void child(void) {
    static uint64_t *own[CHILD_BLOCKS];
    setrlimit(RLIMIT_CPU, &(struct rlimit){20, 20}); /* a child that hangs is a failure */
    for (unsigned i = 0; i < CHILD_BLOCKS; i++)
        own[i] = make(random_size());
    empty_places();
    for (unsigned i = 0; i < CHILD_BLOCKS; i++)
        unmake(own[i]);
    for (unsigned i = 0; i < CHILD_BLOCKS; i++)
        exchange_one();
    empty_places();
    decay_all();
    _exit(0);
}

static void forks(void) {
    for (unsigned i = 0; i < FORKS; i++) {
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child();
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

static void forks_in_the_middle(void **state) {
    (void)state;
    with_threads(4, forks);
}

static void storms_and_forks(void) {
    timer_t timer;
    block_signals(SIG_BLOCK);
    start_storm(&timer);
    forks();
    end_storm(timer);
    block_signals(SIG_UNBLOCK);
}

static void all_at_once(void **state) {
    (void)state;
    moves = drains = true;
    with_threads(3, storms_and_forks);
    moves = drains = false;
}

/* ---- giving back ---- */

static void a_burst_comes_back(void **state) {
    (void)state;
    enum { BLOCKS = 20000 }; /* not a multiple of 7; all small */
    static uint64_t *block[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++)
        block[i] = make(random_size());
    assert_true(spans.open > 100);
    assert_sound(BLOCKS);
    for (unsigned i = 0; i < BLOCKS; i++)
        unmake(block[i * 7 % BLOCKS]);
    assert_all_comes_back();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_mmap_nothing_free_is_out_of_reach),
        cmocka_unit_test(every_size),
        cmocka_unit_test(sizes_that_cannot_be_had),
        cmocka_unit_test(a_burst_comes_back),
        cmocka_unit_test(more_threads_than_cpus),
        cmocka_unit_test(threads_that_move),
        cmocka_unit_test(slabs_drained_at_work),
        cmocka_unit_test(given_back_while_in_use),
        cmocka_unit_test(a_storm_of_signals),
        cmocka_unit_test(forks_in_the_middle),
        cmocka_unit_test(all_at_once),
    };
    sched_getaffinity(0, sizeof cpus, &cpus);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
