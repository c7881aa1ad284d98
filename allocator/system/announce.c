/* SPDX-License-Identifier: MIT
 *
 * announce.h. One clock a library, for a freed block's memory may come back in part or as part of a larger
 * one: that orders more than the library does, so that some races of a caller go unseen under a loaded
 * library. Under our own allocators, whose atomics are visible, they are seen.
 */
#include "announce.h"

#include "os/sanitizers.h"

#if UNDER_TSAN

#    include <stdio.h>
#    include <stdlib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

enum { SLOTS = 16 };

static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
} library[SLOTS];
static unsigned taken;

static void *announced_malloc(unsigned slot, size_t size) {
    void *const block = library[slot].malloc(size);
    __tsan_acquire(&library[slot]);
    return block;
}

static void announced_free(unsigned slot, void *block) {
    __tsan_release(&library[slot]);
    library[slot].free(block);
}

#    define SLOT(i)                                                                                          \
        static void *malloc_##i(size_t size) {                                                               \
            return announced_malloc(i, size);                                                                \
        }                                                                                                    \
        static void free_##i(void *block) {                                                                  \
            announced_free(i, block);                                                                        \
        }
SLOT(0)
SLOT(1)
SLOT(2)
SLOT(3)
SLOT(4)
SLOT(5)
SLOT(6)
SLOT(7)
SLOT(8)
SLOT(9)
SLOT(10)
SLOT(11)
SLOT(12)
SLOT(13)
SLOT(14)
SLOT(15)
#    undef SLOT

static void *(*const malloc_of[SLOTS])(size_t) = {
    malloc_0, malloc_1, malloc_2,  malloc_3,  malloc_4,  malloc_5,  malloc_6,  malloc_7,
    malloc_8, malloc_9, malloc_10, malloc_11, malloc_12, malloc_13, malloc_14, malloc_15};
static void (*const free_of[SLOTS])(void *) = {free_0,  free_1,  free_2,  free_3, free_4,  free_5,
                                               free_6,  free_7,  free_8,  free_9, free_10, free_11,
                                               free_12, free_13, free_14, free_15};

void announce_orders(struct allocator *table) {
    if (taken == SLOTS) {
        fprintf(stderr, "at most %d libraries can be opened in a build with ThreadSanitizer\n", SLOTS);
        exit(1);
    }
    library[taken].malloc = table->malloc;
    library[taken].free = table->free;
    table->malloc = malloc_of[taken];
    table->free = free_of[taken++];
    table->realloc = NULL; /* it would pass these by */
}

#else

void announce_orders(struct allocator *table) {
    (void)table;
}

#endif
