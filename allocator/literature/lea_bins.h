/* SPDX-License-Identifier: MIT
 *
 * Chunks of lea.c, and the bins of the free ones; the drawing and the invariants stand there. Nothing here asks where a
 * chunk comes from.
 *
 * Below 256 bytes a bin is a ring of chunks of one size, last in, first out. Above, bins are bitwise tries, two to a
 * doubling of the size. A node of a trie holds all free chunks of one size: itself and its ring. Beneath its child B
 * are sizes that have in common with it all bits down to its own level, and then have B. Its own size is any that
 * belongs there, so there are no nodes without chunks, and any leaf can take the place of any node above it.
 *
 *         320                           trie 0: 256 up to 384, told apart by the bits of 64, 32, 16
 *        /   \
 *     272     368 - 368 - 368           the bit of 64 is 0, is 1; a ring of equals, of which one is in the trie
 *        \
 *         304                           then the bit of 32 is 1
 *
 * Each step is bounded by the number of bits of a size. Not thread-safe.
 */
#ifndef LITERATURE_LEA_BINS_H
#define LITERATURE_LEA_BINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* flags of a head; neither of the first two: a mapping of its own */
    PREVIOUS_IN_USE = 1,
    IN_USE = 2,
    DISCARDED = 4, /* free, and its whole pages are with the system */
    MET = 8,       /* of check() */
    FLAGS = 15,

    LEAST_CHUNK = 32,
    LEAST_LARGE = 256, /* in a trie */
    SMALL_BINS = 32,   /* for sizes 8 apart; chunks are multiples of 16, so that every second stays empty */
    TRIES = 32,
};

struct chunk {
    size_t previous_foot; /* size of the chunk before, if it is free; of a mapping of its own: bytes before */
    size_t head;          /* size and flags */
    struct chunk *fd, *bk;  /* in a bin: ring of chunks of the same size */
    struct chunk *child[2]; /* in a trie: the next bit of the size is 0, is 1 */
    struct chunk **link;    /* what leads here; NULL: another chunk of the ring is the one in the trie */
};

_Static_assert(sizeof(size_t) == 8 && sizeof(struct chunk) <= LEAST_LARGE, "for 64 bits");

static struct {
    uint32_t small_map, trie_map; /* a bit for each bin that is not empty */
    struct chunk *small[SMALL_BINS];
    struct chunk *trie[TRIES]; /* roots */
} bins;

/* ---- chunks ---- */

static struct chunk *at(void *base, size_t offset) {
    return (struct chunk *)(void *)((char *)base + offset);
}

static size_t size_of(const struct chunk *c) {
    return c->head & ~(size_t)FLAGS;
}

static struct chunk *after(struct chunk *c) {
    return at(c, size_of(c));
}

static bool is_in_use(const struct chunk *c) {
    return (c->head & IN_USE) != 0;
}

/* The chunk before a free one is in use, or there is none. */
static void mark_free(struct chunk *c, size_t size) {
    c->head = size | PREVIOUS_IN_USE;
    at(c, size)->previous_foot = size;
    at(c, size)->head &= ~(size_t)PREVIOUS_IN_USE;
}

static void mark_in_use(struct chunk *c, size_t size) {
    c->head = size | IN_USE | (c->head & PREVIOUS_IN_USE);
    at(c, size)->head |= PREVIOUS_IN_USE;
}

/* The first SIZE bytes of the free chunk C, which is in no bin, come into use. What is left over, also in no bin;
 * NULL: less than a chunk, and it stays with them. */
static struct chunk *split(struct chunk *c, size_t size) {
    const size_t rest = size_of(c) - size;
    if (rest < LEAST_CHUNK) {
        mark_in_use(c, size + rest);
        return NULL;
    }
    c->head = size | IN_USE | PREVIOUS_IN_USE;
    mark_free(after(c), rest);
    return after(c);
}

/* ---- rings, and small bins ---- */

static void ring_insert(struct chunk *before, struct chunk *c) {
    c->bk = before;
    c->fd = before->fd;
    c->fd->bk = before->fd = c;
}

static void ring_remove(struct chunk *c) {
    c->bk->fd = c->fd;
    c->fd->bk = c->bk;
}

static void small_insert(struct chunk *c, size_t size) {
    struct chunk **const bin = &bins.small[size / 8];
    bins.small_map |= 1U << size / 8;
    if (*bin == NULL)
        c->fd = c->bk = c;
    else
        ring_insert((*bin)->bk, c);
    *bin = c;
}

static void small_remove(struct chunk *c, size_t size) {
    struct chunk **const bin = &bins.small[size / 8];
    ring_remove(c);
    if (*bin == c)
        *bin = c->fd == c ? NULL : c->fd;
    if (*bin == NULL)
        bins.small_map &= ~(1U << size / 8);
}

/* ---- tries ---- */

/* The trie of sizes from 2^k to 1.5 * 2^k, or from there to 2^(k+1); the last has all above, too. */
static unsigned trie_index(size_t size) {
    const unsigned log = 63 - (unsigned)__builtin_clzl(size);
    const size_t index = 2 * (log - 8) + (size >> (log - 1) & 1);
    return index < TRIES ? (unsigned)index : TRIES - 1;
}

/* The bits in which the sizes of trie I differ, from the highest on, beginning with the highest of the word. */
static size_t trie_key(size_t size, unsigned i) {
    return i == TRIES - 1 ? size : size << (57 - i / 2);
}

static void trie_insert(struct chunk *c, size_t size) {
    const unsigned i = trie_index(size);
    struct chunk **link = &bins.trie[i];
    for (size_t key = trie_key(size, i); *link != NULL; key <<= 1) {
        if (size_of(*link) == size) {
            ring_insert(*link, c);
            c->link = NULL;
            return;
        }
        link = &(*link)->child[key >> 63];
    }
    bins.trie_map |= 1U << i;
    *link = c;
    c->link = link;
    c->child[0] = c->child[1] = NULL;
    c->fd = c->bk = c;
}

/* A leaf beneath C, which nothing leads to any more; NULL: there is none. */
static struct chunk *trie_detach_leaf(struct chunk *c) {
    struct chunk **link = &c->child[c->child[1] != NULL];
    struct chunk *leaf = *link;
    while (leaf != NULL && (leaf->child[0] != NULL || leaf->child[1] != NULL)) {
        link = &leaf->child[leaf->child[1] != NULL];
        leaf = *link;
    }
    *link = NULL;
    return leaf;
}

/* Of the ring the oldest takes the place of C. So among equals the one that was free longest goes first, about. */
static void trie_remove(struct chunk *c, size_t size) {
    const bool alone = c->fd == c;
    ring_remove(c);
    if (c->link == NULL)
        return;
    struct chunk *const heir = alone ? trie_detach_leaf(c) : c->bk;
    *c->link = heir;
    if (heir != NULL) {
        heir->link = c->link;
        for (int bit = 0; bit < 2; bit++)
            if ((heir->child[bit] = c->child[bit]) != NULL)
                heir->child[bit]->link = &heir->child[bit];
    } else if (c->link == &bins.trie[trie_index(size)]) {
        bins.trie_map &= ~(1U << trie_index(size));
    }
}

/* The smaller of BEST, if any, and the smallest beneath T, if any; that one stands where one always turns to 0. */
static struct chunk *trie_smallest(struct chunk *t, struct chunk *best) {
    for (; t != NULL; t = t->child[t->child[0] == NULL])
        if (best == NULL || size_of(t) < size_of(best))
            best = t;
    return best;
}

/* The smallest chunk of at least SIZE. On the way down to where SIZE itself would be, all that hangs to the right is
 * larger, and the last such subtree has the smallest of these. */
static struct chunk *trie_best_fit(size_t size) {
    const unsigned i = trie_index(size);
    struct chunk *best = NULL, *larger = NULL, *t = bins.trie[i];
    for (size_t key = trie_key(size, i); t != NULL; key <<= 1) {
        if (size_of(t) >= size && (best == NULL || size_of(t) < size_of(best)))
            best = t;
        struct chunk *const next = t->child[key >> 63];
        if (t->child[1] != NULL && t->child[1] != next)
            larger = t->child[1];
        t = next;
    }
    best = trie_smallest(larger, best);
    const uint32_t above = bins.trie_map & ~((2U << i) - 1);
    return best != NULL || above == 0 ? best : trie_smallest(bins.trie[__builtin_ctz(above)], NULL);
}

/* ---- all bins ---- */

static void bin_insert(struct chunk *c) {
    const size_t size = size_of(c);
    if (size < LEAST_LARGE)
        small_insert(c, size);
    else
        trie_insert(c, size);
}

static void bin_remove(struct chunk *c) {
    const size_t size = size_of(c);
    if (size < LEAST_LARGE)
        small_remove(c, size);
    else
        trie_remove(c, size);
}

/* A chunk of SIZE bytes, or of the next size, of which nothing could be left over. SIZE < 256, as below. */
static struct chunk *bin_exact(size_t size) {
    const uint32_t bits = bins.small_map >> size / 8;
    return (bits & 1) != 0 ? bins.small[size / 8] : (bits & 4) != 0 ? bins.small[size / 8 + 2] : NULL;
}

/* The smallest of all that are not smaller than SIZE. */
static struct chunk *bin_smallest(size_t size) {
    const uint32_t bits = bins.small_map >> size / 8;
    if (bits != 0)
        return bins.small[size / 8 + (unsigned)__builtin_ctz(bits)];
    return bins.trie_map == 0 ? NULL : trie_smallest(bins.trie[__builtin_ctz(bins.trie_map)], NULL);
}

#endif
