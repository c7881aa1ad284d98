/* SPDX-License-Identifier: MIT
 *
 * lea: Doug Lea's malloc in the structure of its versions 2.8, written anew: the serial best-fit allocator that much of
 * the C world has run on, and that is to use little memory. One lock around everything.
 *
 *           previous_foot  head                                                 the next one's:  head
 * in use  | ............ | size, flags | payload ........................................... | size, flags |
 * free    | ............ | size, flags | fd | bk | child[2] | link |  not used  | size       | size, flags |
 *                                                  from 256 bytes                 the foot
 *
 * A chunk knows where the next one is (size), whether the one before is free (a flag), and if so where it is (its
 * foot). A foot lies in the last word of a free chunk, so that a block in use costs one word.
 *
 * malloc rounds a request up to a chunk of N bytes and takes the first of these that there is:
 * 1. N < 256: a free chunk of N bytes or of 16 more, of which nothing could be left over.
 * 2. N < 256, and dv has less than N: the beginning of the next larger free chunk; the rest becomes dv, and what was dv
 *    goes into its bin. (dv, the designated victim: what such a request has left over, so that those that come one
 *    after the other lie side by side.)
 *    N >= 256: the beginning of the smallest free chunk that holds N, unless dv fits as well or better; the rest goes
 *    into its bin.
 * 3. The beginning of dv. 4. The end of top. 5. N >= 256 KiB: a mapping of its own. 6. Top, after it has grown.
 * A rest of less than 32 bytes stays with the block. free makes one chunk of the block and its free neighbours: top, if
 * one of them was, else dv, if one of them was, else it goes into the bin of its size.
 *
 * So never do two free chunks touch, and each free one is top, or dv, or in the one bin of its size:
 *
 *     segments = 16 bytes at the end of each + chunks in use + chunks in bins + dv + top
 *
 * Bins: up to 240 bytes a list a size; above, two tries to a doubling, keyed by the bits of the size. Every step is
 * bounded by the number of bits of a size, but for looking through the segments when one is made or given back.
 *
 * Top is what is used last, and what grows. It is the first chunk of its segment and gives from its end, for Linux
 * hands out mappings downwards: one that lies directly below a segment becomes part of it, and top grows by it. A segment
 * is a row of such mappings, of 64 KiB or more. Of these only whole ones can be unmapped, so top shrinks as it
 * grew: when it exceeds 2 MiB all go that lie within it, but for the last of a segment; and every 4095 times that free
 * has put a chunk into a trie all other segments go that are one free chunk. That gives back address space and needs no look at other
 * chunks; lea_trim does the same everywhere, and discards the pages of all free chunks besides.
 *
 * Not here: caches of threads (all threads wait for one lock), signal safety, and a defence against wrong arguments:
 * only a block that is obviously free already ends the process.
 */
#include "allocator.h"
#include "literature/lea_bins.h"
#include "os/os.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 16,
    OVERHEAD = 8,  /* of a block in use */
    PAYLOAD = 16,  /* its place in the chunk */
    SENTINEL = 16, /* a head in use at the end of each segment */

    GRANULARITY = 64 << 10,
    MMAP_THRESHOLD = 256 << 10,
    TRIM_THRESHOLD = 2 << 20,
    RELEASE_RATE = 4095,
};
static const size_t most = PTRDIFF_MAX - (1 << 20); /* the largest request */

/* Of a segment; its size. */
struct mapping {
    size_t size;
    struct mapping *above;
};

struct segment {
    char *base, *end;
    struct mapping *first; /* at BASE; the others follow it without a gap */
    struct segment *next;
};

union record {
    union record *next;
    struct mapping mapping;
    struct segment segment;
};

static struct {
    pthread_mutex_t lock;            /* guards all that follows, bins, every head, and all of a free chunk */
    struct chunk *dv, *top;          /* NULL: none */
    struct segment *segments;        /* the latest first */
    size_t footprint;                /* bytes of the segments */
    size_t direct, direct_live;      /* and of mappings of their own; of these in blocks */
    unsigned insertions;             /* into tries, by free, since segments were last looked through */
    union record *records;           /* unused ones */
    union record *fresh, *fresh_end; /* never used ones */
} heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- blocks ---- */

static size_t size_or_0(const struct chunk *c) {
    return c == NULL ? 0 : size_of(c);
}

static bool is_direct(const struct chunk *c) {
    return (c->head & (IN_USE | PREVIOUS_IN_USE)) == 0;
}

static struct chunk *chunk_of(void *block) {
    return (struct chunk *)(void *)((char *)block - PAYLOAD);
}

static void *block_of(struct chunk *c) {
    return (char *)c + PAYLOAD;
}

/* How many bytes the owner of a chunk in use has. */
static size_t usable(const struct chunk *c) {
    return size_of(c) - (is_direct(c) ? PAYLOAD : OVERHEAD);
}

/* Of the chunk for a request of at most MOST bytes. */
static size_t chunk_bytes(size_t request) {
    const size_t size = (request + OVERHEAD + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return size < LEAST_CHUNK ? LEAST_CHUNK : size;
}

static size_t round_up(size_t n, size_t unit) {
    return (n + unit - 1) & ~(unit - 1);
}

/* ---- where free chunks are: top, dv, a bin ---- */

/* Takes C from where it is, which is what place() takes: &heap.top, &heap.dv, NULL for a bin. */
static struct chunk **unplace(struct chunk *c) {
    struct chunk **const where = c == heap.top ? &heap.top : c == heap.dv ? &heap.dv : NULL;
    if (where == NULL)
        bin_remove(c);
    else
        *where = NULL;
    return where;
}

static void place(struct chunk *c, struct chunk **where) {
    if (where == NULL)
        bin_insert(c);
    else
        *where = c;
}

/* SIZE bytes from C on, with the flag PREVIOUS_IN_USE in C's head, and their free neighbours: one free chunk, which
 * belongs WHERE it says. */
static struct chunk *coalesce(struct chunk *c, size_t size, struct chunk ***where) {
    struct chunk *const next = at(c, size);
    *where = NULL;
    if (!is_in_use(next)) { /* never top, which is the first of its segment */
        *where = unplace(next);
        size += size_of(next);
    }
    if ((c->head & PREVIOUS_IN_USE) == 0) {
        c = (struct chunk *)(void *)((char *)c - c->previous_foot);
        struct chunk **const before = unplace(c);
        if (before != NULL)
            *where = before;
        size += size_of(c);
    }
    mark_free(c, size);
    return c;
}

/* ---- records: of segments and mappings, on pages of their own that are kept ---- */

static union record *record_take(void) {
    if (heap.records != NULL) {
        union record *const record = heap.records;
        heap.records = record->next;
        return record;
    }
    if (heap.fresh == heap.fresh_end) {
        if ((heap.fresh = os_map(GRANULARITY)) == NULL) {
            heap.fresh_end = NULL;
            return NULL;
        }
        heap.fresh_end = heap.fresh + GRANULARITY / sizeof *heap.fresh;
    }
    return heap.fresh++;
}

static void record_give(void *of) {
    union record *const record = of;
    if (record == NULL)
        return;
    record->next = heap.records;
    heap.records = record;
}

/* ---- segments ---- */

static struct chunk *first_chunk(const struct segment *s) {
    return at(s->base, 0);
}

static struct chunk *sentinel(const struct segment *s) {
    return at(s->end - SENTINEL, 0);
}

/* NULL: none begins there. */
static struct segment *segment_at(const void *base) {
    struct segment *s = heap.segments;
    while (s != NULL && s->base != base)
        s = s->next;
    return s;
}

static void segment_forget(struct segment *s) {
    struct segment **link = &heap.segments;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    record_give(s);
}

/* An empty one that ends at END, with its sentinel. */
static struct segment *segment_new(union record *record, char *end) {
    struct segment *const s = &record->segment;
    *s = (struct segment){.base = end, .end = end, .next = heap.segments};
    heap.segments = s;
    sentinel(s)->head = IN_USE;
    return s;
}

/* Top has SIZE bytes and a chunk more. Directly below top's segment the new mapping makes top larger; below another
 * segment, or alone, it becomes top, and what was top goes into its bin. False: no memory. */
static bool grow(size_t size) {
    const size_t bytes = round_up(size + LEAST_CHUNK + SENTINEL, GRANULARITY);
    union record *const record = record_take(), *const spare = record_take();
    char *const base = spare != NULL ? os_map(bytes) : NULL;
    if (base == NULL) {
        record_give(record);
        record_give(spare);
        return false;
    }
    struct segment *s = segment_at(base + bytes);
    const bool merges = s != NULL;
    if (merges)
        record_give(spare);
    else
        s = segment_new(spare, base + bytes);
    record->mapping = (struct mapping){.size = bytes, .above = s->first};
    s->first = &record->mapping;
    s->base = base;
    heap.footprint += bytes;

    struct chunk **where;
    first_chunk(s)->head = PREVIOUS_IN_USE;
    struct chunk *const c = coalesce(first_chunk(s), merges ? bytes : bytes - SENTINEL, &where);
    if (heap.top != NULL)
        bin_insert(heap.top);
    heap.top = c;
    return true;
}

/* Whether the first mapping of a segment whose first FREE bytes are a chunk can go: nothing of the chunk remains, or a
 * whole one. With the last mapping the sentinel goes, and the segment. */
static bool may_unmap_first(const struct segment *s, size_t free, bool keep_last) {
    const size_t size = s->first->size;
    if (s->first->above == NULL)
        return !keep_last && free + SENTINEL == size;
    return free == size || free >= size + LEAST_CHUNK;
}

/* Unmaps what lies within the first chunk, if that is free. How many bytes; S may be gone. */
static size_t segment_shrink(struct segment *s, bool keep_last) {
    struct chunk *const first = first_chunk(s);
    size_t free = size_of(first), given = 0;
    if (is_in_use(first) || !may_unmap_first(s, free, keep_last))
        return 0;
    struct chunk **const where = unplace(first);
    do {
        struct mapping *const mapping = s->first;
        const size_t size = mapping->size;
        if (!os_unmap(s->base, size))
            break;
        s->base += size;
        s->first = mapping->above;
        record_give(mapping);
        given += size;
        free = s->first == NULL ? 0 : free - size;
    } while (free > 0 && may_unmap_first(s, free, keep_last));
    heap.footprint -= given;
    if (free > 0) {
        mark_free(first_chunk(s), free);
        place(first_chunk(s), where);
    } else if (s->first != NULL) {
        first_chunk(s)->head |= PREVIOUS_IN_USE; /* that is: there is none */
    } else {
        segment_forget(s);
    }
    return given;
}

static bool is_wholly_free(const struct segment *s) {
    struct chunk *const first = first_chunk(s);
    return !is_in_use(first) && after(first) == sentinel(s);
}

/* All segments that are wholly free, but for top's. */
static void release_segments(void) {
    heap.insertions = 0;
    for (struct segment *s = heap.segments, *next; s != NULL; s = next) {
        next = s->next;
        if (is_wholly_free(s) && first_chunk(s) != heap.top)
            segment_shrink(s, false);
    }
}

/* ---- mappings of their own ---- */

static struct chunk *direct_malloc(size_t size) {
    const size_t bytes = round_up(size + PAYLOAD - OVERHEAD, os_page_size());
    struct chunk *const c = os_map(bytes);
    if (c == NULL)
        return NULL;
    c->head = bytes; /* and nothing is before it */
    heap.direct += bytes;
    heap.direct_live += usable(c);
    return c;
}

static void direct_free(struct chunk *c) {
    const size_t before = c->previous_foot, bytes = before + c->head;
    heap.direct -= bytes;
    heap.direct_live -= usable(c);
    os_unmap((char *)c - before, bytes);
}

/* NULL: C stays as it is. */
static struct chunk *direct_resize(struct chunk *c, size_t size) {
    const size_t old = c->head, bytes = round_up(size + PAYLOAD - OVERHEAD, os_page_size());
    if (size < MMAP_THRESHOLD || c->previous_foot != 0)
        return NULL;
    struct chunk *const resized = bytes == old ? c : os_remap(c, old, bytes);
    if (resized == NULL)
        return NULL;
    resized->head = bytes;
    heap.direct += bytes - old;
    heap.direct_live += bytes - old;
    return resized;
}

/* ---- malloc ---- */

/* Steps 1 and 2. NULL: go on with dv. */
static struct chunk *take_small(size_t size) {
    struct chunk *c = bin_exact(size);
    if (c != NULL) {
        bin_remove(c);
        mark_in_use(c, size_of(c));
        return c;
    }
    if (size <= size_or_0(heap.dv) || (c = bin_smallest(size)) == NULL)
        return NULL;
    bin_remove(c);
    struct chunk *const rest = split(c, size);
    if (rest != NULL) {
        if (heap.dv != NULL)
            bin_insert(heap.dv);
        heap.dv = rest;
    }
    return c;
}

/* Step 2. NULL: go on with dv. */
static struct chunk *take_large(size_t size) {
    struct chunk *const c = trie_best_fit(size);
    const size_t victim = size_or_0(heap.dv);
    if (c == NULL || (victim >= size && victim <= size_of(c)))
        return NULL;
    bin_remove(c);
    struct chunk *const rest = split(c, size);
    if (rest != NULL)
        bin_insert(rest);
    return c;
}

/* A chunk in use of at least SIZE bytes; NULL: no memory. */
static struct chunk *take(size_t size) {
    struct chunk *c = size < LEAST_LARGE ? take_small(size) : take_large(size);
    if (c != NULL)
        return c;
    if (size <= size_or_0(heap.dv)) {
        c = heap.dv;
        heap.dv = split(c, size);
        return c;
    }
    if (size_or_0(heap.top) < size + LEAST_CHUNK) {
        if (size >= MMAP_THRESHOLD)
            return direct_malloc(size);
        if (!grow(size))
            return NULL;
    }
    const size_t rest = size_of(heap.top) - size;
    c = at(heap.top, rest);
    c->head = size | IN_USE;
    after(c)->head |= PREVIOUS_IN_USE;
    mark_free(heap.top, rest);
    return c;
}

static void lock(void) {
    pthread_mutex_lock(&heap.lock);
}

static void unlock(void) {
    pthread_mutex_unlock(&heap.lock);
}

static void *lea_malloc(size_t size) {
    if (size > most)
        return NULL;
    lock();
    struct chunk *const c = take(chunk_bytes(size));
    unlock();
    return c == NULL ? NULL : block_of(c);
}

static void *lea_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > most)
        return NULL;
    lock();
    struct chunk *const c = take(chunk_bytes(bytes));
    const bool is_zero = c != NULL && is_direct(c);
    unlock();
    return c == NULL ? NULL : is_zero ? block_of(c) : memset(block_of(c), 0, bytes);
}

/* ---- free ---- */

static void give(struct chunk *c) {
    if (is_direct(c)) {
        direct_free(c);
        return;
    }
    if (!is_in_use(c))
        abort();
    struct chunk **where;
    c = coalesce(c, size_of(c), &where);
    place(c, where);
    if (where == &heap.top && size_of(c) > TRIM_THRESHOLD)
        segment_shrink(segment_at(c), true);
    else if (where == NULL && size_of(c) >= LEAST_LARGE && ++heap.insertions == RELEASE_RATE)
        release_segments();
}

static void lea_free(void *block) {
    if (block == NULL)
        return;
    lock();
    give(chunk_of(block));
    unlock();
}

/* ---- sizes and alignment ---- */

static size_t lea_usable_size(void *block) {
    if (block == NULL)
        return 0;
    lock();
    const size_t size = usable(chunk_of(block));
    unlock();
    return size;
}

/* What a chunk in use has beyond SIZE bytes is freed, if it is a chunk. */
static void cut(struct chunk *c, size_t size) {
    const size_t rest = size_of(c) - size;
    if (rest < LEAST_CHUNK)
        return;
    c->head = size | (c->head & (IN_USE | PREVIOUS_IN_USE));
    after(c)->head = rest | IN_USE | PREVIOUS_IN_USE;
    give(after(c));
}

/* In place, from what is its own or from a free chunk after it. NULL: C stays as it is. */
static struct chunk *resize(struct chunk *c, size_t size) {
    if (is_direct(c))
        return direct_resize(c, size);
    struct chunk *const next = after(c);
    if (size > size_of(c)) {
        const size_t both = size_of(c) + size_of(next);
        if (is_in_use(next) || both < size)
            return NULL;
        struct chunk **const where = unplace(next);
        if (both - size >= LEAST_CHUNK) {
            c->head = size | IN_USE | (c->head & PREVIOUS_IN_USE);
            mark_free(after(c), both - size);
            place(after(c), where);
        } else {
            mark_in_use(c, both);
        }
        return c;
    }
    cut(c, size);
    return c;
}

static void *lea_realloc(void *block, size_t size) {
    if (block == NULL)
        return lea_malloc(size);
    if (size > most)
        return NULL;
    lock();
    struct chunk *const c = resize(chunk_of(block), chunk_bytes(size));
    const size_t old = c == NULL ? usable(chunk_of(block)) : 0;
    unlock();
    if (c != NULL)
        return block_of(c);
    void *const copy = lea_malloc(size);
    if (copy == NULL)
        return NULL;
    memcpy(copy, block, old < size ? old : size);
    lea_free(block);
    return copy;
}

/* The part of C that begins where a block is aligned; the part before it, a chunk or nothing, is freed. */
static struct chunk *align(struct chunk *c, size_t alignment) {
    size_t before = round_up((uintptr_t)block_of(c), alignment) - (uintptr_t)block_of(c);
    if (before == 0)
        return c;
    if (before < LEAST_CHUNK)
        before += alignment;
    struct chunk *const aligned = at(c, before);
    const size_t size = size_of(c) - before;
    if (is_direct(c)) {
        aligned->previous_foot = before;
        aligned->head = size;
        heap.direct_live -= before;
        return aligned;
    }
    aligned->head = size | IN_USE | PREVIOUS_IN_USE;
    c->head = before | (c->head & (IN_USE | PREVIOUS_IN_USE));
    give(c);
    return aligned;
}

static void *lea_aligned_alloc(size_t alignment, size_t size) {
    if (alignment <= ALIGNMENT)
        return lea_malloc(size);
    if (alignment > most / 2 || size > most / 2)
        return NULL;
    lock();
    struct chunk *c = take(chunk_bytes(size) + alignment + LEAST_CHUNK);
    if (c != NULL) {
        c = align(c, alignment);
        if (!is_direct(c))
            cut(c, chunk_bytes(size));
    }
    unlock();
    return c == NULL ? NULL : block_of(c);
}

/* ---- giving back, and figures ---- */

/* The whole pages of a free chunk that nothing is written in; how many bytes. */
static size_t idle_pages(struct chunk *c, char **start) {
    const size_t page = os_page_size();
    char *const end = (char *)((uintptr_t)after(c) & ~(uintptr_t)(page - 1));
    *start = (char *)round_up((uintptr_t)(c + 1), page);
    return *start < end ? (size_t)(end - *start) : 0;
}

/* Any new head that C gets is without the flag. So what is discarded, and then split or coalesced, counts as resident,
 * and is discarded once more. */
static size_t segment_discard(struct segment *s) {
    size_t given = 0;
    for (struct chunk *c = first_chunk(s); c != sentinel(s); c = after(c)) {
        char *start;
        const size_t size = (c->head & (IN_USE | DISCARDED)) == 0 ? idle_pages(c, &start) : 0;
        if (size == 0)
            continue;
        os_discard(start, size);
        c->head |= DISCARDED;
        given += size;
    }
    return given;
}

/* Time as the heap is large. */
static bool lea_trim(void) {
    size_t given = 0;
    lock();
    for (struct segment *s = heap.segments, *next; s != NULL; s = next) {
        next = s->next;
        given += segment_shrink(s, false);
    }
    for (struct segment *s = heap.segments; s != NULL; s = s->next)
        given += segment_discard(s);
    unlock();
    return given > 0;
}

/* Time as the heap is large. */
static void lea_stats(struct allocator_stats *stats) {
    lock();
    *stats = (struct allocator_stats){.live = heap.direct_live, .mapped = heap.footprint + heap.direct};
    size_t discarded = 0;
    for (struct segment *s = heap.segments; s != NULL; s = s->next)
        for (struct chunk *c = first_chunk(s); c != sentinel(s); c = after(c)) {
            char *start;
            stats->live += is_in_use(c) ? usable(c) : 0;
            stats->cached += is_in_use(c) ? 0 : size_of(c);
            discarded += (c->head & DISCARDED) != 0 ? idle_pages(c, &start) : 0;
        }
    stats->cached -= discarded;
    stats->resident = stats->mapped - discarded;
    unlock();
}

#include "literature/lea_check.h"

static bool lea_check(char *why, size_t why_size) {
    lock();
    const bool holds = check_heap(why, why_size);
    unlock();
    return holds;
}

/* A child has one thread, and the lock as it was at the fork: so nobody is inside then. */
static bool lea_init(char *why, size_t why_size) {
    (void)why;
    (void)why_size;
    return pthread_atfork(lock, unlock, unlock) == 0;
}

const struct allocator allocator_lea = {
    .name = "lea",
    .summary = "Doug Lea's best fit with boundary tags, one lock",
    .origin = "D. Lea, A Memory Allocator; the structure of its version 2.8",
    .traits = 0,
    .init = lea_init,
    .malloc = lea_malloc,
    .free = lea_free,
    .calloc = lea_calloc,
    .realloc = lea_realloc,
    .aligned_alloc = lea_aligned_alloc,
    .usable_size = lea_usable_size,
    .trim = lea_trim,
    .stats = lea_stats,
    .check = lea_check,
};
