/* SPDX-License-Identifier: MIT
 *
 * stress SPEC [SECONDS [THREADS]]: everything at once, for as long as one likes: random sizes to 4 MiB, blocks freed
 * by other threads than those that made them, a handler 10000 times a second that allocates and frees, threads
 * that move from CPU to CPU, forks in the middle. Each block carries its size and a pattern in its first words
 * and in one word of each further page, verified when it goes. At the end all is freed, and what the allocator
 * checks itself must hold. Its last line says how much was done. It shows nothing of sizes that stay.
 */
#include "allocator.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PLACES = 4096,
    MOST_THREADS = 256,
    LOG_SMALLEST = 3,
    LOG_LARGEST = 22,
    DENSE = 512,
    PAGE = 4096,
    SIGNAL_NS = 100000, /* 10 kHz */
    FORK_MS = 50,
    CHILD_BLOCKS = 3000,
    CHILD_CPU_SECONDS = 20, /* what hangs here does not sleep; on a busy machine much more may pass */
    HANDLER_BLOCKS = 8,
    SLACK = 4096, /* the C library's own, where it is the subject */
};

static const struct allocator *subject;
static uint64_t *place[PLACES]; /* exchanged; what stands there is whole */
static bool stop;
static unsigned long operations, signals, refused, moved;
static cpu_set_t cpus;

static _Thread_local uint64_t seed;

static uint64_t random_word(void) { /* xorshift; a handler in between only stirs it */
    uint64_t x = seed;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return seed = x;
}

/* ---- blocks ---- */

static _Noreturn void broken(const char *what, const void *block, size_t at) {
    char line[160];
    const int n = snprintf(line, sizeof line, "stress: %s: block %p, byte %zu\n", what, block, at);
    if (write(STDERR_FILENO, line, (size_t)n) > 0)
        abort();
    abort();
}

static uint64_t mark(const uint64_t *block, size_t at) {
    return ((uintptr_t)block + at) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Offsets: 8, 16 ... while dense, then one word of each page, then the last whole word. */
static size_t next_offset(size_t at, size_t size) {
    const size_t next = at < DENSE ? at + 8 : at + PAGE, last = size / 8 * 8 - 8;
    return next > last && at < last ? last : next;
}

static uint64_t *make(size_t size) {
    uint64_t *const block = subject->malloc(size);
    if (block == NULL) {
        __atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    if (((uintptr_t)block & (size >= 16 ? 15 : 7)) != 0)
        broken("misaligned", block, 0);
    block[0] = size ^ mark(block, 0);
    for (size_t at = 8; at + 8 <= size; at = next_offset(at, size))
        block[at / 8] = mark(block, at);
    return block;
}

static void verify(const uint64_t *block) {
    const size_t size = block[0] ^ mark(block, 0);
    if (size < 8 || size > (size_t)1 << LOG_LARGEST)
        broken("its size is overwritten", block, 0);
    for (size_t at = 8; at + 8 <= size; at = next_offset(at, size))
        if (block[at / 8] != mark(block, at))
            broken("overwritten", block, at);
}

static void unmake(uint64_t *block) {
    if (block == NULL)
        return;
    verify(block);
    block[0] = 0; /* who has it too will see */
    subject->free(block);
}

/* Each power of two as often as each other. */
static size_t random_size(unsigned log_largest) {
    const unsigned log = LOG_SMALLEST + (unsigned)(random_word() % (log_largest - LOG_SMALLEST));
    return ((size_t)1 << log) + random_word() % (((size_t)1 << log) + 1);
}

static void exchange_one(size_t size) {
    uint64_t *const mine = make(size);
    unmake(__atomic_exchange_n(&place[random_word() % PLACES], mine, __ATOMIC_ACQ_REL));
}

static void empty_places(void) {
    for (int i = 0; i < PLACES; i++)
        unmake(__atomic_exchange_n(&place[i], NULL, __ATOMIC_ACQ_REL));
}

/* ---- what disturbs ---- */

static void handler(int number) {
    (void)number;
    const int saved = errno;
    const uint64_t before = seed;
    uint64_t *block[HANDLER_BLOCKS];
    for (int i = 0; i < HANDLER_BLOCKS; i++)
        block[i] = make(random_size(random_word() % 64 == 0 ? LOG_LARGEST : 12));
    for (int i = 0; i < HANDLER_BLOCKS; i++)
        if (i % 2 == 0)
            unmake(block[i]);
        else
            unmake(__atomic_exchange_n(&place[random_word() % PLACES], block[i], __ATOMIC_ACQ_REL));
    __atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
    seed = before + 2;
    errno = saved;
}

static void move(void) {
    const unsigned n = (unsigned)(random_word() % (unsigned)CPU_COUNT(&cpus));
    cpu_set_t one;
    CPU_ZERO(&one);
    unsigned seen = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &cpus) && seen++ == n)
            CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0)
        __atomic_fetch_add(&moved, 1, __ATOMIC_RELAXED);
}

static void *work(void *number) {
    seed = (uintptr_t)number * UINT64_C(0x9e3779b97f4a7c15) + 1;
    unsigned long n = 0;
    for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
        exchange_one(random_size(random_word() % 16 == 0 ? LOG_LARGEST : 14));
        if (random_word() % 2000 == 0)
            move();
    }
    __atomic_fetch_add(&operations, n, __ATOMIC_RELAXED);
    return NULL;
}

/* Frees what its parent had, and lives on. */
static _Noreturn void child(void) {
    static uint64_t *own[CHILD_BLOCKS];
    const struct rlimit most = {CHILD_CPU_SECONDS, CHILD_CPU_SECONDS + 1};
    setrlimit(RLIMIT_CPU, &most);
    for (int i = 0; i < CHILD_BLOCKS; i++)
        own[i] = make(random_size(14));
    empty_places();
    for (int i = 0; i < CHILD_BLOCKS; i++)
        unmake(own[i]);
    for (int i = 0; i < CHILD_BLOCKS; i++)
        exchange_one(random_size(16));
    _exit(0);
}

static void fork_once(void) {
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        child();
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "stress: a forked child ended with status %d%s\n", status,
                WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? ", it hung" : "");
        exit(1);
    }
}

/* To whichever thread the kernel picks; main, which forks, is left out. */
static void start_signals(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;
    const struct itimerspec every = {{0, SIGNAL_NS}, {0, SIGNAL_NS}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &every, NULL) != 0) {
        perror("stress: timer");
        exit(1);
    }
}

static void block_signals(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(how, &set, NULL);
}

/* ---- the whole ---- */

static unsigned run(time_t seconds, unsigned threads) {
    pthread_t thread[MOST_THREADS];
    unsigned forks = 0;
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)(i + 1)) != 0)
            exit(1);
    block_signals(SIG_BLOCK);
    if ((subject->traits & TRAIT_SIGNAL_SAFE) != 0)
        start_signals();
    const time_t end = time(NULL) + seconds;
    while (time(NULL) < end) {
        const struct timespec pause = {.tv_nsec = FORK_MS * 1000000L};
        nanosleep(&pause, NULL);
        fork_once();
        forks++;
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    empty_places();
    return forks;
}

static struct allocator_stats figures(void) {
    struct allocator_stats stats = {0};
    if (subject->stats != NULL)
        subject->stats(&stats);
    return stats;
}

/* All blocks are freed and all threads are gone: does everything hold, and is nothing lost? */
static int judge(size_t live_before) {
    char why[256] = "";
    if (subject->check != NULL && !subject->check(why, sizeof why)) {
        fprintf(stderr, "stress: %s\n", why);
        return 1;
    }
    const struct allocator_stats before = figures();
    if (subject->trim != NULL)
        subject->trim();
    const struct allocator_stats after = figures();
    if (subject->stats != NULL)
        printf(
            "%s: %zu bytes live, %zu KiB cached, %zu resident; trimmed: %zu live, %zu KiB cached, %zu resident\n",
            subject->name, before.live, before.cached / 1024, before.resident / 1024, after.live,
            after.cached / 1024, after.resident / 1024);
    if (after.live <= live_before + SLACK)
        return 0;
    fprintf(stderr, "stress: %zu bytes are lost\n", after.live - live_before);
    return 1;
}

int main(int count, char **argument) {
    char why[256] = "";
    const time_t seconds = count > 2 ? atol(argument[2]) : 10;
    const unsigned threads = count > 3 ? (unsigned)atoi(argument[3]) : 16;
    if (count < 2 || count > 4 || seconds < 1 || threads < 1 || threads > MOST_THREADS) {
        fprintf(stderr, "usage: stress SPEC [SECONDS [THREADS]]\n");
        return 2;
    }
    if (allocator_open(argument[1], &subject, why, sizeof why) != ALLOCATOR_OK) {
        fprintf(stderr, "stress: %s\n", why);
        return 2;
    }
    sched_getaffinity(0, sizeof cpus, &cpus);
    seed = 1;
    const size_t live_before = figures().live;
    const unsigned forks = run(seconds, threads);
    const int status = judge(live_before);
    printf("%lu operations, %lu signals, %lu moves, %u forks, %lu times no memory\n", operations, signals,
           moved, forks, refused);
    return status;
}
