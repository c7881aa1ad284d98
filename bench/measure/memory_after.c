/* SPDX-License-Identifier: MIT
 *
 * memory_after.h. The thread's stack is harness memory, so that nothing of it counts as the allocator's.
 */
#include "memory_after.h"

#include "workload.h"

#include <pthread.h>
#include <time.h>

enum { STACK_BYTES = 1 << 20, CALL_BYTES = 64, CALL_EVERY_NS = 10 * 1000 * 1000 };

struct calls {
    const struct allocator *allocator;
    double seconds;
    bool done;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *call_now_and_then(void *argument) {
    struct calls *const c = argument;
    const struct timespec rest = {.tv_nsec = CALL_EVERY_NS};
    for (const double end = now() + c->seconds; now() < end;) {
        void *const block = c->allocator->malloc(CALL_BYTES);
        if (block == NULL)
            return NULL;
        touch_block(block, CALL_BYTES);
        c->allocator->free(block);
        nanosleep(&rest, NULL);
    }
    c->done = true;
    return NULL;
}

bool memory_after_calls(const struct allocator *allocator, double seconds) {
    struct calls calls = {.allocator = allocator, .seconds = seconds};
    void *const stack = memory_map(STACK_BYTES);
    if (stack == NULL)
        return false;
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK_BYTES);
    if (pthread_create(&thread, &attributes, call_now_and_then, &calls) == 0)
        pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    memory_unmap(stack, STACK_BYTES);
    return calls.done;
}
