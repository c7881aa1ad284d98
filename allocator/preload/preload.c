/* SPDX-License-Identifier: MIT
 *
 * libao_malloc_preload.so: the malloc of a whole program, by LD_PRELOAD, on any of our allocators.
 *
 *     AO_MALLOC=ao|ao-lockfree|ao-replicated|ao-percpu    (those it was built with; default: ao-percpu)
 *
 * 1. `now` holds the allocator's functions. At the start they are ones that choose it first, so that any call
 *    may be the first: the loader's before libc is there, a constructor's, a handler's. Choosing depends
 *    on nothing but the environment, and whoever comes meanwhile does it again, to the same end: no lock.
 * 2. From then on malloc is a call through `now` and a test for NULL, which sets errno. Everything else does
 *    what POSIX and, beyond it, glibc's manual says; free leaves errno.
 * 3. fork: the child's table may have something to forget (after_fork). So that it knows what the forking
 *    thread itself is in the middle of, requests to an allocator that asks for it are marked, by their size,
 *    in a word of the thread.
 * 4. vfork is a fork whose parent waits, for the child would allocate with its parent's thread-local storage.
 */
#include "allocator.h"
#include "os/os.h"
#include "os/process.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* Of the list, what this library was linked with (CMakeLists.txt) is there, and all else is NULL. */
#define ALLOCATOR(symbol, file)                                                                              \
    extern const struct allocator allocator_##symbol __attribute__((weak, visibility("hidden")));
#include "allocators.def"
#undef ALLOCATOR

static const struct allocator *const list[] = {
#define ALLOCATOR(symbol, file) &allocator_##symbol,
#include "allocators.def"
#undef ALLOCATOR
};
enum { LISTED = sizeof list / sizeof *list };

static const char by_default[] = "ao-percpu";

static void *first_malloc(size_t size);
static void first_free(void *block);
static void *first_calloc(size_t count, size_t size);
static void *first_realloc(void *block, size_t size);
static void *first_aligned_alloc(size_t alignment, size_t size);
static size_t first_usable_size(void *block);

/* Each pointer is written once or more, always the same, and read as one word. */
static struct {
    void *(*malloc)(size_t size);
    void (*free)(void *block);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    size_t (*usable_size)(void *block);
    const struct allocator *chosen;
} now = {
    .malloc = first_malloc,
    .free = first_free,
    .calloc = first_calloc,
    .realloc = first_realloc,
    .aligned_alloc = first_aligned_alloc,
    .usable_size = first_usable_size,
};

#define NOW(entry) __atomic_load_n(&now.entry, __ATOMIC_RELAXED)

/* ---- marked requests ---- */

/* What request the thread is in: its size. */
static __attribute__((tls_model("initial-exec"))) _Thread_local volatile size_t inside = ALLOCATOR_OUTSIDE;

#define UNKNOWN_SIZE (SIZE_MAX - 1)

static void *marked_malloc(size_t size) {
    const size_t outer = inside;
    inside = size;
    void *const block = now.chosen->malloc(size);
    inside = outer;
    return block;
}

static void *marked_calloc(size_t count, size_t size) {
    const size_t outer = inside;
    inside = count * size; /* where that overflows, no request is made */
    void *const block = now.chosen->calloc(count, size);
    inside = outer;
    return block;
}

static void *marked_realloc(void *block, size_t size) {
    const size_t outer = inside;
    inside = size;
    void *const resized = now.chosen->realloc(block, size);
    inside = outer;
    return resized;
}

static void *marked_aligned_alloc(size_t alignment, size_t size) {
    const size_t outer = inside;
    inside = UNKNOWN_SIZE;
    void *const block = now.chosen->aligned_alloc(alignment, size);
    inside = outer;
    return block;
}

static void after_fork(void) {
    const struct allocator *const a = now.chosen;
    if (a != NULL && a->after_fork != NULL && inside != UNKNOWN_SIZE)
        a->after_fork(inside);
}

/* ---- the choice ---- */

static bool is_complete(const struct allocator *a) {
    return a != NULL && a->calloc != NULL && a->realloc != NULL && a->aligned_alloc != NULL &&
           a->usable_size != NULL;
}

static _Noreturn void refuse(const char *name) {
    char line[512];
    int length = snprintf(line, sizeof line, "libao_malloc_preload.so: AO_MALLOC=%.100s is none of", name);
    for (size_t i = 0; i < LISTED; i++)
        if (is_complete(list[i]))
            length += snprintf(line + length, sizeof line - (size_t)length, " %.40s", list[i]->name);
    snprintf(line + length, sizeof line - (size_t)length, "\n");
    os_exit(2, line);
}

static const struct allocator *named(const char *name) {
    for (size_t i = 0; i < LISTED; i++)
        if (is_complete(list[i]) && strcmp(list[i]->name, name) == 0)
            return list[i];
    refuse(name);
}

#define SET(entry, value) __atomic_store_n(&now.entry, value, __ATOMIC_RELEASE)

static __attribute__((noinline, cold)) void choose(void) {
    char name[128], why[256] = "", line[512];
    if (!os_environment("AO_MALLOC", name, sizeof name))
        memcpy(name, by_default, sizeof by_default);
    const struct allocator *const a = named(name);
    if (a->init != NULL && !a->init(why, sizeof why)) {
        snprintf(line, sizeof line, "libao_malloc_preload.so: %s cannot work here: %s\n", a->name, why);
        os_exit(2, line);
    }
    const bool marks = a->after_fork != NULL;
    SET(chosen, a);
    SET(malloc, marks ? marked_malloc : a->malloc);
    SET(calloc, marks ? marked_calloc : a->calloc);
    SET(realloc, marks ? marked_realloc : a->realloc);
    SET(aligned_alloc, marks ? marked_aligned_alloc : a->aligned_alloc);
    SET(usable_size, a->usable_size);
    SET(free, a->free);
}

static __attribute__((cold)) void *first_malloc(size_t size) {
    choose();
    return NOW(malloc)(size);
}

static __attribute__((cold)) void first_free(void *block) {
    choose();
    NOW(free)(block);
}

static __attribute__((cold)) void *first_calloc(size_t count, size_t size) {
    choose();
    return NOW(calloc)(count, size);
}

static __attribute__((cold)) void *first_realloc(void *block, size_t size) {
    choose();
    return NOW(realloc)(block, size);
}

static __attribute__((cold)) void *first_aligned_alloc(size_t alignment, size_t size) {
    choose();
    return NOW(aligned_alloc)(alignment, size);
}

static __attribute__((cold)) size_t first_usable_size(void *block) {
    choose();
    return NOW(usable_size)(block);
}

/* Here libc is ready. Where /proc could not be read when the first block was asked for, it can be too late
 * to do what the environment says; it is said then. */
static __attribute__((constructor)) void begin(void) {
    if (NOW(chosen) == NULL)
        choose();
    const char *const name = getenv("AO_MALLOC");
    if (name != NULL && named(name) != now.chosen)
        os_exit(
            2,
            "libao_malloc_preload.so: AO_MALLOC could not be read before the first malloc, for /proc is not "
            "there\n");
    if (now.chosen->after_fork != NULL)
        pthread_atfork(NULL, NULL, after_fork);
}

/* ---- the public names ---- */

static inline void *or_enomem(void *block) {
    if (__builtin_expect(block == NULL, 0))
        errno = ENOMEM;
    return block;
}

static inline bool is_power_of_two(size_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

PUBLIC void *malloc(size_t size) {
    return or_enomem(NOW(malloc)(size));
}

PUBLIC void free(void *block) {
    NOW(free)(block);
}

PUBLIC void *calloc(size_t count, size_t size) {
    return or_enomem(NOW(calloc)(count, size));
}

/* Size 0 frees, as in glibc: programs here are written for that. */
PUBLIC void *realloc(void *block, size_t size) {
    if (__builtin_expect(size == 0 && block != NULL, 0)) {
        NOW(free)(block);
        return NULL;
    }
    return or_enomem(NOW(realloc)(block, size));
}

PUBLIC void *reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return or_enomem(NULL);
    return realloc(block, bytes);
}

PUBLIC void *aligned_alloc(size_t alignment, size_t size) {
    if (!is_power_of_two(alignment)) {
        errno = EINVAL;
        return NULL;
    }
    return or_enomem(NOW(aligned_alloc)(alignment, size));
}

/* Leaves errno, and *RESULT where it fails. */
PUBLIC int posix_memalign(void **result, size_t alignment, size_t size) {
    if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    void *const block = NOW(aligned_alloc)(alignment, size);
    if (block == NULL)
        return ENOMEM;
    *result = block;
    return 0;
}

/* Any alignment, rounded up to a power of two, as in glibc. */
PUBLIC void *memalign(size_t alignment, size_t size) {
    if (alignment > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    size_t power = 1;
    while (power < alignment)
        power *= 2;
    return or_enomem(NOW(aligned_alloc)(power, size));
}

PUBLIC void *valloc(size_t size) {
    return or_enomem(NOW(aligned_alloc)(os_page_size(), size));
}

PUBLIC void *pvalloc(size_t size) {
    const size_t page = os_page_size();
    if (size > SIZE_MAX - page)
        return or_enomem(NULL);
    return or_enomem(NOW(aligned_alloc)(page, (size + page - 1) & ~(page - 1)));
}

PUBLIC size_t malloc_usable_size(void *block) {
    return NOW(usable_size)(block);
}

PUBLIC int malloc_trim(size_t pad) {
    (void)pad;
    const struct allocator *const a = NOW(chosen);
    return a != NULL && a->trim != NULL && a->trim();
}

/* All is arena, none of it is split from mappings; all 0 for an allocator that does not count. */
PUBLIC struct mallinfo2 mallinfo2(void) {
    struct allocator_stats s = {0};
    const struct allocator *const a = NOW(chosen);
    if (a != NULL && a->stats != NULL)
        a->stats(&s);
    return (struct mallinfo2){.arena = s.live + s.cached, .uordblks = s.live, .fordblks = s.cached};
}

PUBLIC pid_t vfork(void) {
    const pid_t child = os_fork_and_wait();
    if (child == 0)
        after_fork();
    return child;
}
