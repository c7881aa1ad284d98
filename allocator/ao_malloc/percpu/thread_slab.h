/* SPDX-License-Identifier: MIT
 *
 * A slab of the thread, for threads without rseq and for CPUs without a slab: the arrays of slab.h under a busy
 * flag of the thread. No atomic read-modify-write: only the thread itself and handlers that interrupt it come
 * here, and a handler that finds the flag up goes another way. Left by longjmp, the flag stays up: that thread is
 * slower from then on, never wrong, for each operation takes effect by one store.
 *
 * A thread's exit runs no code here. Its slab is found by the next thread that needs one, or that gives memory back
 * (cache.h), which asks the kernel whether the owner is gone. The owner's word holds a generation, so that of two that
 * find it only one gets it, a new thread with the old one's number among them. Only slabs of the same process: in a
 * forked child the slabs of the threads that it does not have stay as they are.
 *
 * Orders: cur and end are stored with release and read with acquire, for the adopter.
 */
#ifndef AO_MALLOC_PERCPU_THREAD_SLAB_H
#define AO_MALLOC_PERCPU_THREAD_SLAB_H

#include "ao_malloc/percpu/slab.h"
#include "os/os.h"

#include <string.h>

struct thread_slab { /* over the first words of its memory */
    uint64_t zero, closed, grown;
    uint64_t owner; /* thread : 31, EMPTYING : 1, generation : 32; thread 0: nobody's */
    struct thread_slab *next;
    uint32_t process;
};

/* The thread only empties it, and its handlers must not take it for theirs. */
#define EMPTYING (UINT32_C(1) << 31)

_Static_assert(sizeof(struct thread_slab) <= SLAB_HEADERS, "the arrays begin after it");

static struct thread_slab *thread_slabs; /* all that there are; only ever grows */

static __attribute__((tls_model("initial-exec"))) _Thread_local struct {
    struct thread_slab *slab;
    bool busy;
    bool is_without; /* no memory for one */
} thread_slab;

/* Whether SLAB had no owner or one that is gone, MINE included where it is not 0, and is NEW's now. */
static bool thread_slab_claim(struct thread_slab *slab, uint32_t mine, uint32_t new) {
    uint64_t owner = __atomic_load_n(&slab->owner, __ATOMIC_RELAXED);
    const uint32_t thread = (uint32_t)owner & ~EMPTYING;
    return (thread == 0 || (uint32_t)owner == mine || os_thread_is_gone(thread)) &&
           __atomic_compare_exchange_n(&slab->owner, &owner, ((owner >> 32) + 1) << 32 | new, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* What has this thread's number, and is not its own, was of one that is gone. */
static struct thread_slab *thread_slab_adopt(uint32_t process, uint32_t thread) {
    struct thread_slab *slab = __atomic_load_n(&thread_slabs, __ATOMIC_ACQUIRE);
    while (slab != NULL && (slab->process != process || !thread_slab_claim(slab, thread, thread)))
        slab = slab->next;
    return slab;
}

static struct thread_slab *thread_slab_new(uint32_t process, uint32_t thread) {
    struct thread_slab *const slab = os_map(SLAB_BYTES);
    if (slab == NULL)
        return NULL;
    slab->owner = thread;
    slab->process = process;
    slab->next = __atomic_load_n(&thread_slabs, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&thread_slabs, &slab->next, slab, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    return slab;
}

/* The thread's, with the flag up; NULL: go another way. */
static char *thread_slab_enter(void) {
    if (thread_slab.busy || thread_slab.is_without)
        return NULL;
    thread_slab.busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(thread_slab.slab == NULL, 0)) {
        const uint32_t process = os_process(), thread = os_thread();
        thread_slab.slab = thread_slab_adopt(process, thread);
        if (thread_slab.slab == NULL)
            thread_slab.slab = thread_slab_new(process, thread);
        if (thread_slab.slab == NULL) {
            thread_slab.is_without = true;
            thread_slab.busy = false;
        }
    }
    return (char *)thread_slab.slab;
}

static void thread_slab_leave(void) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread_slab.busy = false;
}

static inline uint32_t *thread_slab_cur(char *slab, unsigned c) {
    uint32_t *const header = (uint32_t *)(void *)(slab + slab_header(c));
    if (__builtin_expect(__atomic_load_n(&header[1], __ATOMIC_ACQUIRE) == 0, 0)) { /* new */
        __atomic_store_n(&header[0], slab_place[c].floor, __ATOMIC_RELAXED);
        __atomic_store_n(&header[1], slab_place[c].first_end, __ATOMIC_RELEASE);
    }
    return header;
}

/* The guess of the word on top (os/rseq.h). */
static inline void **thread_slab_guess(char *slab, unsigned c) {
    return (void **)(void *)(slab + SLAB_TOPS + 8 * (size_t)c);
}

/* The top block of class C, of a slab that is there, fast; NULL: not so. An array that is still new holds nothing. */
static inline void *thread_slab_pop(unsigned c) {
    char *const slab = (char *)thread_slab.slab;
    if (thread_slab.busy || slab == NULL)
        return NULL;
    thread_slab.busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t *const cur = (uint32_t *)(void *)(slab + slab_header(c));
    const uint32_t top = __atomic_load_n(cur, __ATOMIC_ACQUIRE);
    void *block = *(void **)(void *)(slab + top), *guess = *thread_slab_guess(slab, c);
    if (block != NULL) {
        *thread_slab_guess(slab, c) = *(void **)(void *)(slab + top - 8);
        __atomic_store_n(cur, top - 8, __ATOMIC_RELEASE);
    }
    if (__builtin_expect(guess == block, 1)) {
        __asm__("" : "+r"(guess)); /* else the compiler would return block, and wait for it */
        block = guess;
    }
    thread_slab_leave();
    return block;
}

/* BLOCK on top, likewise. False where the array is new, or full. */
static inline bool thread_slab_push(unsigned c, void *block) {
    char *const slab = (char *)thread_slab.slab;
    if (thread_slab.busy || slab == NULL)
        return false;
    thread_slab.busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t *const cur = (uint32_t *)(void *)(slab + slab_header(c));
    const uint32_t top = __atomic_load_n(cur, __ATOMIC_ACQUIRE);
    const bool fits = top < __atomic_load_n(&cur[1], __ATOMIC_RELAXED);
    if (fits) {
        *(void **)(void *)(slab + top + 8) = block;
        *thread_slab_guess(slab, c) = block;
        __atomic_store_n(cur, top + 8, __ATOMIC_RELEASE);
    }
    thread_slab_leave();
    return fits;
}

/* From a slab that the caller alone has: the top ones. */
static size_t thread_slab_take(char *slab, unsigned c, void **block, size_t most) {
    uint32_t *const cur = thread_slab_cur(slab, c);
    const uint32_t top = __atomic_load_n(cur, __ATOMIC_ACQUIRE);
    size_t n = (top - slab_place[c].floor) / 8;
    n = n < most ? n : most;
    for (size_t i = 0; i < n; i++)
        block[i] = *(void **)(void *)(slab + top - 8 * i);
    __atomic_store_n(cur, top - 8 * (uint32_t)n, __ATOMIC_RELEASE);
    return n;
}

static size_t thread_slab_pop_many(unsigned c, void **block, size_t most) {
    char *const slab = thread_slab_enter();
    if (slab == NULL)
        return 0;
    const size_t n = thread_slab_take(slab, c, block, most);
    thread_slab_leave();
    return n;
}

static bool thread_slab_push_many(unsigned c, void *const *block, size_t n) {
    char *const slab = thread_slab_enter();
    if (slab == NULL)
        return false;
    uint32_t *const cur = thread_slab_cur(slab, c);
    const uint32_t top = __atomic_load_n(cur, __ATOMIC_ACQUIRE);
    const bool fits = top + 8 * n <= __atomic_load_n(&cur[1], __ATOMIC_RELAXED);
    if (fits) {
        for (size_t i = 0; i < n; i++)
            *(void **)(void *)(slab + top + 8 * (i + 1)) = block[i];
        __atomic_store_n(cur, top + 8 * (uint32_t)n, __ATOMIC_RELEASE);
    }
    thread_slab_leave();
    return fits;
}

#endif
