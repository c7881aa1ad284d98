/* SPDX-License-Identifier: MIT
 *
 * Whether every invariant of lea.c holds; the rest of that file, which alone includes it. Asked under the lock.
 *
 * 1. Segments are rows of their mappings, none twice, and their sizes add up to the footprint.
 * 2. Chunks fill a segment up to its sentinel. A head says whether the chunk before is in use, a foot how large a free
 *    one is; no two free ones are neighbours. Free ones are marked MET, but for top, first of its segment, and dv.
 * 3. Bins: each chunk in one is MET, and the mark goes; so it is a free chunk of a segment, and was in no bin
 *    before. It has the bin's size, in a trie the bits of its path; rings close, and the maps tell what is empty. As
 *    many marks go as were made, so no free chunk is in no bin.
 *
 * Mappings of their own are in no list: of these only the sums can be wrong, and are not seen.
 */
#ifndef LITERATURE_LEA_CHECK_H
#define LITERATURE_LEA_CHECK_H

#include "literature/lea_bins.h"

#include <stdarg.h>
#include <stdio.h>

struct check {
    size_t in_use, binned, seen_in_bins; /* chunks */
    bool met_top, met_dv;
    char *why;
    size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool fails(const struct check *k, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(k->why, k->why_size, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- segments ---- */

static bool check_mappings(const struct check *k) {
    size_t all = 0;
    for (const struct segment *s = heap.segments; s != NULL; s = s->next) {
        size_t size = 0;
        for (const struct mapping *m = s->first; m != NULL; m = m->above)
            size += m->size;
        if (size == 0 || size != (size_t)(s->end - s->base))
            return fails(k, "the segment at %p has %zu bytes of mappings, but is %td long", (void *)s->base,
                         size, s->end - s->base);
        for (const struct segment *t = s->next; t != NULL; t = t->next)
            if (s->base < t->end && t->base < s->end)
                return fails(k, "the segments at %p and %p overlap", (void *)s->base, (void *)t->base);
        all += size;
    }
    return all == heap.footprint ||
           fails(k, "segments have %zu bytes, the footprint says %zu", all, heap.footprint);
}

static bool check_free_chunk(struct check *k, const struct segment *s, struct chunk *c) {
    if (after(c)->previous_foot != size_of(c))
        return fails(k, "the free chunk %p of %zu bytes has %zu as its foot", (void *)c, size_of(c),
                     after(c)->previous_foot);
    if ((c->head & PREVIOUS_IN_USE) == 0)
        return fails(k, "the free chunk %p follows another", (void *)c);
    if (c == heap.top && c != first_chunk(s))
        return fails(k, "top, %p, is not the first chunk of its segment", (void *)c);
    if (c == heap.top && c == heap.dv)
        return fails(k, "%p is top and dv", (void *)c);
    k->met_top |= c == heap.top;
    k->met_dv |= c == heap.dv;
    if (c != heap.top && c != heap.dv) {
        c->head |= MET;
        k->binned++;
    }
    return true;
}

static bool check_segment(struct check *k, const struct segment *s) {
    size_t before = PREVIOUS_IN_USE; /* the flag as it should be */
    struct chunk *c = first_chunk(s);
    for (; c != sentinel(s); c = after(c)) {
        if (size_of(c) < LEAST_CHUNK || size_of(c) > (size_t)((char *)sentinel(s) - (char *)c))
            return fails(k, "the chunk %p says that it has %zu bytes", (void *)c, size_of(c));
        if ((c->head & PREVIOUS_IN_USE) != before)
            return fails(k, "the head of %p is wrong about the chunk before it", (void *)c);
        before = is_in_use(c) ? PREVIOUS_IN_USE : 0;
        k->in_use += is_in_use(c);
        if (!is_in_use(c) && !check_free_chunk(k, s, c))
            return false;
    }
    return c->head == (IN_USE | before) ||
           fails(k, "the head of the sentinel %p is %#zx", (void *)c, c->head);
}

/* ---- bins ---- */

static bool check_binned(struct check *k, struct chunk *c, size_t size) {
    if ((c->head & MET) == 0)
        return fails(k, "%p in the bin of %zu bytes is no free chunk, or is top or dv, or is in a bin twice",
                     (void *)c, size);
    c->head &= ~(size_t)MET;
    k->seen_in_bins++;
    if (size_of(c) != size)
        return fails(k, "%p of %zu bytes is in the bin of %zu", (void *)c, size_of(c), size);
    return (c->fd->bk == c && c->bk->fd == c) || fails(k, "the ring is broken at %p", (void *)c);
}

/* FIRST and its ring. */
static bool check_ring(struct check *k, struct chunk *first, size_t size) {
    struct chunk *c = first;
    do {
        if (!check_binned(k, c, size))
            return false;
        if (c != first && size >= LEAST_LARGE && c->link != NULL)
            return fails(k, "%p is not the first of its ring, but something leads to it", (void *)c);
    } while ((c = c->fd) != first);
    return true;
}

static bool check_small(struct check *k, unsigned i) {
    struct chunk *const first = bins.small[i];
    if ((first != NULL) != (bins.small_map >> i & 1))
        return fails(k, "the map is wrong about small bin %u", i);
    return first == NULL || check_ring(k, first, 8 * i);
}

/* *LINK and what is beneath it; the first DEPTH bits of the keys there are those of PATH, its lowest ones. */
static bool check_node(struct check *k, unsigned i, struct chunk **link, unsigned depth, size_t path) {
    struct chunk *const c = *link;
    if (c == NULL)
        return true;
    const size_t size = size_of(c);
    if (size < LEAST_LARGE || trie_index(size) != i || depth > 63 ||
        (depth > 0 && trie_key(size, i) >> (64 - depth) != path))
        return fails(k, "%p of %zu bytes is at the wrong place of trie %u", (void *)c, size, i);
    if (c->link != link)
        return fails(k, "%p in trie %u does not know what leads to it", (void *)c, i);
    return check_ring(k, c, size) && check_node(k, i, &c->child[0], depth + 1, 2 * path) &&
           check_node(k, i, &c->child[1], depth + 1, 2 * path + 1);
}

static bool check_trie(struct check *k, unsigned i) {
    if ((bins.trie[i] != NULL) != (bins.trie_map >> i & 1))
        return fails(k, "the map is wrong about trie %u", i);
    return check_node(k, i, &bins.trie[i], 0, 0);
}

static bool check_heap(char *why, size_t why_size) {
    struct check k = {.why = why, .why_size = why_size};
    if (!check_mappings(&k))
        return false;
    for (const struct segment *s = heap.segments; s != NULL; s = s->next)
        if (!check_segment(&k, s))
            return false;
    if ((heap.top != NULL) != k.met_top || (heap.dv != NULL) != k.met_dv)
        return fails(&k, "%s is no free chunk of a segment", (heap.top != NULL) != k.met_top ? "top" : "dv");
    for (unsigned i = 0; i < SMALL_BINS; i++)
        if (!check_small(&k, i))
            return false;
    for (unsigned i = 0; i < TRIES; i++)
        if (!check_trie(&k, i))
            return false;
    if (k.binned != k.seen_in_bins)
        return fails(&k, "%zu free chunks are not in a bin", k.binned - k.seen_in_bins);
    snprintf(why, why_size,
             "%zu chunks in use, %zu in bins, %zu bytes of segments, %zu of mappings of their own", k.in_use,
             k.binned, heap.footprint, heap.direct);
    return true;
}

#endif
