/* SPDX-License-Identifier: MIT
 *
 * failing:N:SPEC: an allocator whose N-th malloc returns NULL, and no other. Fault injection without a change
 * to what is tested: every N in turn shows every place where a caller must cope.
 *
 * One atomic add a call, over all threads, so that it is as lock-free and as signal-safe as what it wraps.
 */
#include "wrap.h"

#include <stdio.h>

static struct slot {
    const struct allocator *inner;
    unsigned long nth;
    unsigned long calls; /* relaxed: only the count matters */
} slots[WRAP_SLOTS];
static unsigned taken;

static void *failing_malloc(struct slot *slot, size_t size) {
    if (__atomic_add_fetch(&slot->calls, 1, __ATOMIC_RELAXED) == slot->nth)
        return NULL;
    return slot->inner->malloc(size);
}

#define SLOT(i)                                                                                              \
    static void *malloc_##i(size_t size) {                                                                   \
        return failing_malloc(&slots[i], size);                                                              \
    }                                                                                                        \
    static void free_##i(void *block) {                                                                      \
        slots[i].inner->free(block);                                                                         \
    }
SLOT(0)
SLOT(1)
SLOT(2)
SLOT(3)
SLOT(4)
SLOT(5)
SLOT(6)
SLOT(7)
#undef SLOT

static const struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
} functions[WRAP_SLOTS] = {{malloc_0, free_0}, {malloc_1, free_1}, {malloc_2, free_2}, {malloc_3, free_3},
                           {malloc_4, free_4}, {malloc_5, free_5}, {malloc_6, free_6}, {malloc_7, free_7}};

bool failing_wrap(const struct allocator *inner, unsigned long nth, struct allocator *out, char *why,
                  size_t why_size) {
    if (taken == WRAP_SLOTS) {
        snprintf(why, why_size, "at most %d allocators can be made to fail in one process", WRAP_SLOTS);
        return false;
    }
    slots[taken] = (struct slot){.inner = inner, .nth = nth};
    *out = (struct allocator){
        .summary = "returns NULL at one malloc",
        .origin = inner->origin,
        .environment = inner->environment,
        .traits = inner->traits,
        .library = inner->library,
        .malloc = functions[taken].malloc,
        .free = functions[taken].free,
        .thread_exit = inner->thread_exit,
        .check = inner->check,
    };
    taken++;
    return true;
}
