/* SPDX-License-Identifier: MIT
 *
 * failing:N:NAME: an allocator whose N-th malloc returns NULL. Fault injection without a change to what is
 * tested: every N in turn shows every place where a caller must cope.
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

static void *(*const malloc_of[WRAP_SLOTS])(size_t) = {malloc_0, malloc_1, malloc_2, malloc_3,
                                                       malloc_4, malloc_5, malloc_6, malloc_7};

bool failing_wrap(const struct allocator *inner, unsigned long nth, struct allocator *out, char *why,
                  size_t why_size) {
    if (taken == WRAP_SLOTS) {
        snprintf(why, why_size, "at most %d allocators can be made to fail in one process", WRAP_SLOTS);
        return false;
    }
    slots[taken] = (struct slot){.inner = inner, .nth = nth};
    *out = *inner;
    out->malloc = malloc_of[taken++];
    out->init = NULL; /* the inner one's has been called */
    out->calloc = NULL;
    out->realloc = NULL;
    out->aligned_alloc = NULL;
    return true;
}
