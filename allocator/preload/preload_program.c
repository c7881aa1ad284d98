/* SPDX-License-Identifier: MIT
 *
 * preload_program USABLE: a program that is run under libao_malloc_preload.so by preload_test.sh, and looks
 * at what it got. USABLE is what malloc_usable_size says of a byte, by which allocators differ. Exit status 1
 * and a line for each thing that is wrong.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int wrong;

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            wrong = 1;                                                                                       \
        }                                                                                                    \
    } while (0)

/* Before any constructor, libc's own among them. */
static void *earliest;

static void allocate_first(void) {
    earliest = malloc(100);
    earliest = realloc(earliest, 1000);
}
__attribute__((section(".preinit_array"), used)) static void (*preinit)(void) = allocate_first;

static bool is_aligned(const void *block, size_t alignment) {
    return block != NULL && (uintptr_t)block % alignment == 0;
}

static bool is_zero(const unsigned char *block, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (block[i] != 0)
            return false;
    return true;
}

static void names(size_t usable) {
    static const char *const name[] = {
        "malloc",         "free",     "calloc", "realloc", "reallocarray",       "aligned_alloc",
        "posix_memalign", "memalign", "valloc", "pvalloc", "malloc_usable_size", "malloc_trim",
        "mallinfo2",      "vfork"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        Dl_info home;
        void *const at = dlsym(RTLD_DEFAULT, name[i]);
        if (at == NULL || dladdr(at, &home) == 0 || strstr(home.dli_fname, "libao_malloc_preload") == NULL) {
            fprintf(stderr, "%s is not the preload library's\n", name[i]);
            wrong = 1;
        }
    }
    void *const block = malloc(1);
    REQUIRE(malloc_usable_size(block) == usable);
    free(block);
}

static void sizes(void) {
    static const size_t size[] = {0, 1, 100, 5000, 32768, 32769, 65528, 65529, 3000000};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        unsigned char *block = malloc(size[i]);
        REQUIRE(block != NULL && malloc_usable_size(block) >= size[i]);
        memset(block, 0x5a, size[i]);
        free(block);
        block = calloc(1, size[i]);
        REQUIRE(block != NULL && is_zero(block, size[i]));
        block = realloc(block, size[i] / 2 + 1);
        REQUIRE(block != NULL && is_zero(block, size[i] / 2));
        block = reallocarray(block, 3, size[i] + 1);
        REQUIRE(block != NULL && is_zero(block, size[i] / 2));
        free(block);
        for (size_t alignment = 8; alignment <= 1 << 21; alignment *= 4) {
            void *other = NULL, *const a = aligned_alloc(alignment, size[i]),
                 *const b = memalign(alignment, size[i]);
            REQUIRE(is_aligned(a, alignment) && is_aligned(b, alignment));
            REQUIRE(posix_memalign(&other, alignment, size[i]) == 0 && is_aligned(other, alignment));
            REQUIRE(malloc_usable_size(other) >= size[i]);
            memset(a, 1, size[i]);
            memset(b, 2, size[i]);
            memset(other, 3, size[i]);
            free(a);
            free(b);
            free(other);
        }
    }
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    volatile size_t odd = 48;
    void *const a = valloc(10), *const b = pvalloc(10), *const c = memalign(odd, 10), *const d = pvalloc(0);
    REQUIRE(is_aligned(a, page) && is_aligned(b, page) && malloc_usable_size(b) >= page && is_aligned(c, 64));
    free(a);
    free(b);
    free(c);
    free(d);
}

/* CALL gives NULL and errno ERROR. */
#define FAILS(call, error)                                                                                   \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        void *const failed = call;                                                                           \
        REQUIRE(failed == NULL && errno == (error));                                                         \
    } while (0)

static void errors(void) {
    volatile size_t huge = SIZE_MAX, large = PTRDIFF_MAX, three = 3, none = 0;
    void *const block = malloc(100), *volatile kept = block, *untouched = kept;
    FAILS(malloc(huge), ENOMEM);
    FAILS(malloc(large), ENOMEM);
    FAILS(calloc(huge, 2), ENOMEM);
    FAILS(calloc(large, three), ENOMEM);
    FAILS(realloc(untouched, large), ENOMEM);
    FAILS(reallocarray(untouched, huge, 2), ENOMEM);
    FAILS(aligned_alloc(three, 10), EINVAL);
    FAILS(aligned_alloc(none, 10), EINVAL);
    FAILS(aligned_alloc(64, large), ENOMEM);
    FAILS(memalign(huge, 10), EINVAL);
    FAILS(valloc(huge), ENOMEM);
    FAILS(pvalloc(huge), ENOMEM);
    errno = 77;
    REQUIRE(posix_memalign(&untouched, three, 10) == EINVAL && posix_memalign(&untouched, 4, 10) == EINVAL &&
            posix_memalign(&untouched, 64, large) == ENOMEM && untouched == block);
    free(malloc(10000000));
    free(NULL);
    REQUIRE(realloc(block, 0) == NULL && malloc_usable_size(NULL) == 0);
    free(realloc(NULL, 0));
    REQUIRE(errno == 77);
}

static void figures(void) {
    void *const block = malloc(20000);
    const struct mallinfo2 info = mallinfo2();
    REQUIRE(info.arena == 0 || (info.uordblks >= 20000 && info.arena == info.uordblks + info.fordblks));
    free(block);
    malloc_trim(0);
}

/* operator new and delete as libstdc++ has them: plain, sized, aligned, both. */
static void operators(void) {
    void *const library = dlopen("libstdc++.so.6", RTLD_NOW);
    if (library == NULL)
        return;
    void *(*make)(size_t), *(*make_aligned)(size_t, size_t);
    void (*drop)(void *), (*drop_sized)(void *, size_t), (*drop_both)(void *, size_t, size_t);
    *(void **)&make = dlsym(library, "_Znwm");
    *(void **)&make_aligned = dlsym(library, "_ZnwmSt11align_val_t");
    *(void **)&drop = dlsym(library, "_ZdlPv");
    *(void **)&drop_sized = dlsym(library, "_ZdlPvm");
    *(void **)&drop_both = dlsym(library, "_ZdlPvmSt11align_val_t");
    REQUIRE(make != NULL && make_aligned != NULL && drop != NULL && drop_sized != NULL && drop_both != NULL);
    for (size_t size = 1; size < 100000 && wrong == 0; size = size * 2 + 1) {
        void *const block = make(size), *const same = malloc(size), *const aligned = make_aligned(size, 128);
        REQUIRE(malloc_usable_size(block) == malloc_usable_size(same));
        REQUIRE(is_aligned(aligned, 128) && malloc_usable_size(aligned) >= size);
        free(same);
        size % 2 == 1 ? drop_sized(block, size) : drop(block);
        drop_both(aligned, size, 128);
    }
}

/* ---- threads, forks, handlers ---- */

static void churn(unsigned seed, unsigned operations) {
    unsigned char *held[64] = {0};
    size_t size[64] = {0};
    for (unsigned i = 0; i < operations; i++) {
        const int at = rand_r(&seed) % 64;
        if (held[at] != NULL &&
            (held[at][0] != (unsigned char)at || held[at][size[at] - 1] != (unsigned char)at))
            _exit(3);
        free(held[at]);
        size[at] = 1 + (size_t)rand_r(&seed) % ((size_t)2 << rand_r(&seed) % 17);
        held[at] = rand_r(&seed) % 4 == 0 ? aligned_alloc(64, size[at]) : malloc(size[at]);
        if (held[at] == NULL)
            _exit(4);
        held[at][0] = held[at][size[at] - 1] = (unsigned char)at;
    }
    for (int i = 0; i < 64; i++)
        free(held[i]);
}

enum { THREADS = 4 };
static bool is_over;
static pthread_t thread[THREADS];

static void *churn_until_over(void *seed) {
    for (unsigned i = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); i++)
        churn((unsigned)(uintptr_t)seed + i, 200);
    return NULL;
}

static bool ended_with(pid_t child, int status) {
    int got = 0;
    while (waitpid(child, &got, 0) != child)
        if (errno != EINTR)
            return false;
    if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
        fprintf(stderr, "the child has wait status %#x\n", (unsigned)got);
    return WIFEXITED(got) && WEXITSTATUS(got) == status;
}

static _Noreturn void be_the_child(unsigned seed) {
    alarm(20);
    churn(seed, 1000);
    _exit(5);
}

static void forks(void) {
    for (unsigned i = 0; i < 50 && wrong == 0; i++) {
        const pid_t child = fork();
        if (child == 0)
            be_the_child(i);
        REQUIRE(child > 0 && ended_with(child, 5));
    }
}

/* The child has memory of its own, and the parent goes on when it has ended. */
static void vforks(void) {
    int ends[2];
    REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
    for (volatile unsigned i = 0; i < 20 && wrong == 0; i++) {
        volatile char mine = 1;
        const pid_t child = vfork();
        if (child == 0) {
            mine = 2;
            usleep(1000);
            if (write(ends[1], (const char *)&mine, 1) == 1)
                be_the_child(i);
            _exit(7);
        }
        char its = 0;
        REQUIRE(child > 0 && mine == 1 && read(ends[0], &its, 1) == 1 && its == 2 && ended_with(child, 5));
    }
    close(ends[0]);
    close(ends[1]);
}

/* A handler that has interrupted whatever, perhaps malloc, forks; the child goes on with what was
 * interrupted. */
static volatile sig_atomic_t forked, good;
static volatile bool is_child;

static void fork_here(int signal) {
    const int saved = errno;
    (void)signal;
    free(malloc(40));
    if (!is_child) {
        const pid_t child = fork();
        forked++;
        if (child == 0) {
            is_child = true;
            free(malloc(40));
        } else {
            good += child > 0 && ended_with(child, 6);
        }
    }
    errno = saved;
}

static void forks_in_handlers(void) {
    signal(SIGVTALRM, fork_here);
    const struct itimerval often = {{0, 1500}, {0, 1500}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_VIRTUAL, &often, NULL);
    while (forked < 50 && !is_child)
        for (int i = 0; i < 1000 && !is_child; i++)
            free(malloc(40));
    if (is_child) {
        alarm(20);
        churn(7, 2000);
        _exit(6);
    }
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    REQUIRE(good == forked);
}

int main(int count, char **arguments) {
    names(count > 1 ? strtoul(arguments[1], NULL, 10) : 0);
    REQUIRE(earliest != NULL && malloc_usable_size(earliest) >= 1000);
    free(earliest);
    sizes();
    errors();
    figures();
    operators();
    forks_in_handlers();
    for (unsigned i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&thread[i], NULL, churn_until_over, (void *)(uintptr_t)(100000 * i)) == 0);
    forks();
    vforks();
    REQUIRE(system("true") == 0);
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    return wrong;
}
