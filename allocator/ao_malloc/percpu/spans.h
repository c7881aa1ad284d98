/* SPDX-License-Identifier: MIT
 *
 * The centre of ao-percpu: spans of 64 KiB, each of blocks of one class, and a bitmap a span of which are free.
 *
 * 1. take: the lowest span of the class in which blocks are free; one compare-and-swap on a word of its bitmap
 *    takes as many of that word's as are wanted. None: a new span, dirty before clean before a new row.
 * 2. give: blocks of one word of one bitmap go back by one fetch_or. Whoever brings a span's count of free
 *    blocks to all of them tries to close it: takes all bits, words in order, and then has the span alone.
 * 3. A closed span is dirty, for any class. decay.h gives dirty ones back to the system, addresses stay.
 * 4. Rows of 64 spans come from the static heap of 34 spans first, then, if enabled, from mmap; never unmapped.
 *
 *     row    | base | number | member words of the sets |
 *     table  | class, count of each span | word 0 of each | 1 ... |     of their own: they stay what they are
 *
 * No block is read or written: what a delayed thread touches is always a bitmap, and a bit that it takes is a
 * free block, of whatever class the span has become. So it looks at the class after it has taken, when the
 * class cannot change any more (close needs all bits), and gives back what it did not look for. No ABA.
 *
 *     count = bits set + blocks taken and not yet subtracted - blocks given and not yet added
 *
 * at every moment, for each change of the bits is followed by one of the count. So when everything stands
 * still it is the number of free blocks, and the last one to add sees it reach the number of blocks.
 *
 * Linearisation: take at its compare-and-swap, give at its fetch_or. Orders: give releases and take acquires on
 * the bitmap's word, so that what a block's last owner did happens before what its next one does.
 *
 * Progress: lock-free. A thread stopped for good keeps what it had taken: one batch or, in close and open, one
 * span. (In step 4 it may keep a row of addresses that nobody ever touched.)
 */
#ifndef AO_MALLOC_PERCPU_SPANS_H
#define AO_MALLOC_PERCPU_SPANS_H

#include "ao_malloc/percpu/page_map.h"
#include "ao_malloc/percpu/row_set.h"

enum {
    STATIC_SPANS = 34, /* the page's 2 MB */
    MOST_BLOCKS = SPAN / 16,
    ROW_BYTES = ROW_SPANS * SPAN,
};

struct span {
    uint32_t class; /* 0: nobody's, or in somebody's hands */
    int32_t count;
    uint32_t extent; /* bytes from its beginning that may be resident; of who has it in hand */
    uint8_t look[4]; /* [near & 3]: the word at which such CPUs look first; a hint, for bits may be set before it */
};

/* Of a row. Words of all spans stand together, for few classes have more than a few: so of most tables only the
 * first page is ever touched. */
struct spans_table {
    struct span span[ROW_SPANS];
    uint64_t bits[MOST_BLOCKS / 64][ROW_SPANS]; /* 1: free; those past the class's number of blocks are 0 */
};

static struct spans_table static_table;
static _Alignas(SPAN) char static_heap[STATIC_SPANS * SPAN];
static struct row static_row = {
    .base = static_heap,
    .table = &static_table,
    .member[SET_CLEAN] = (UINT64_C(1) << STATIC_SPANS) - 1,
};

static struct {
    bool static_row_is_known; /* page map and hints say so */
    bool mmap_enabled;        /* only ever becomes true */
    int32_t dirty;            /* spans in SET_DIRTY, about */
    int32_t dirty_low;        /* and at the least since decay.h last looked */
    int32_t open;             /* spans of some class, about */
    int32_t peak;             /* and at the most; falls towards it from tick to tick */
    int32_t discarded;        /* by a teardown (decay.h), and not needed again since */
    int32_t regretted;        /* and needed again */
} spans;

static inline unsigned row_spans(uint32_t number) {
    return number == 0 ? STATIC_SPANS : ROW_SPANS;
}

/* The bits of word W that blocks of class C have. */
static inline uint64_t span_mask(unsigned c, unsigned w) {
    const unsigned left = size_class[c].blocks - w * 64;
    return left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
}

static inline unsigned span_words(unsigned c) {
    return (size_class[c].blocks + 63U) / 64;
}

/* ---- rows ---- */

/* Idempotent: any number of threads may do it at once. */
static bool spans_know_static_row(void) {
    if (__atomic_load_n(&spans.static_row_is_known, __ATOMIC_ACQUIRE))
        return true;
    for (unsigned i = 0; i < STATIC_SPANS; i++)
        if (!page_map_set_row(static_heap + (size_t)i * SPAN, &static_row))
            return false;
    row_set_raise(0, SET_CLEAN, 1);
    __atomic_store_n(&spans.static_row_is_known, true, __ATOMIC_RELEASE);
    return true;
}

/* Everything that a search could come upon is there before the row is published. */
static bool spans_add_row(void) {
    if (!__atomic_load_n(&spans.mmap_enabled, __ATOMIC_RELAXED))
        return false;
    enum { TABLES = (sizeof(struct row) + sizeof(struct spans_table) + 63) & ~63U };
    const size_t size = TABLES + SPAN + ROW_BYTES;
    struct row *const row = os_map(size);
    if (row == NULL)
        return false;
    row->table = (struct spans_table *)(void *)(row + 1);
    row->base = (char *)(((uintptr_t)row + TABLES + SPAN - 1) & ~(uintptr_t)(SPAN - 1));
    bool good = true;
    for (unsigned i = 0; i < ROW_SPANS && good; i++)
        good = page_map_set_row(row->base + (size_t)i * SPAN, row);
    row->member[SET_CLEAN] = UINT64_MAX;
    uint32_t number = __atomic_load_n(&sets.rows, __ATOMIC_RELAXED) + 1;
    for (; good && number < ROWS; number++) {
        struct row *nobody = NULL;
        row->number = number;
        if (__atomic_compare_exchange_n(&sets.row[number], &nobody, row, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            break;
    }
    if (!good || number >= ROWS) {
        os_unmap(row, size);
        return false;
    }
    uint32_t rows = __atomic_load_n(&sets.rows, __ATOMIC_RELAXED);
    while (rows < number &&
           !__atomic_compare_exchange_n(&sets.rows, &rows, number, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    row_set_raise(number, SET_CLEAN, 1);
    return true;
}

/* ---- spans ---- */

static struct row *spans_claim(unsigned set, unsigned *index) {
    struct row *row;
    while ((row = row_set_first(set, index)) != NULL)
        if (row_set_remove(row, *index, set))
            return row;
    return NULL;
}

static inline void spans_dirty_less(void) {
    const int32_t left = __atomic_sub_fetch(&spans.dirty, 1, __ATOMIC_RELAXED);
    if (left < __atomic_load_n(&spans.dirty_low, __ATOMIC_RELAXED))
        __atomic_store_n(&spans.dirty_low, left, __ATOMIC_RELAXED);
}

/* A span that nobody else has. NULL: no memory. */
static struct row *spans_acquire(unsigned *index) {
    if (!spans_know_static_row())
        return NULL;
    for (;;) {
        struct row *row = spans_claim(SET_DIRTY, index);
        if (row != NULL) {
            spans_dirty_less();
            return row;
        }
        if ((row = spans_claim(SET_CLEAN, index)) != NULL) {
            if (__atomic_load_n(&spans.discarded, __ATOMIC_RELAXED) > 0) {
                __atomic_fetch_sub(&spans.discarded, 1, __ATOMIC_RELAXED);
                __atomic_fetch_add(&spans.regretted, 1, __ATOMIC_RELAXED);
            }
            return row;
        }
        if (!spans_add_row())
            return NULL;
    }
}

/* Word after word of a span that was of class C; how many words: all of C's, unless one was not full or, with the
 * first in hand, the class turns out to be another. */
static unsigned span_close_words(struct row *row, unsigned index, unsigned c) {
    const struct span *const span = &row->table->span[index];
    unsigned w = 0;
    for (uint64_t all; w < span_words(c); w++) {
        all = span_mask(c, w);
        if (!__atomic_compare_exchange_n(&row->table->bits[w][index], &all, 0, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST))
            break;
        if (w == 0 && __atomic_load_n(&span->class, __ATOMIC_RELAXED) != c)
            return 1;
    }
    return w;
}

/* All bits of a span, if its blocks are all free: the class that it was of; 0: none, and it is as it was. While one
 * has the first word, others fail there and do not come back, though one of them may be the last to have given
 * a block. So who has put the first word back looks once more at the word that it failed at: it sees what those had
 * given before they failed. Each turn of the loop is somebody else's success. */
static unsigned span_close(struct row *row, unsigned index) {
    struct span *const span = &row->table->span[index];
    for (;;) {
        const unsigned c = __atomic_load_n(&span->class, __ATOMIC_SEQ_CST);
        if (c == 0 || c == CLASS_NODE) /* a delayed reader of a node may be anywhere (batches.h) */
            return 0;
        const unsigned words = span_close_words(row, index, c);
        const unsigned now = words == 0 ? c : __atomic_load_n(&span->class, __ATOMIC_RELAXED);
        if (words == span_words(c) && now == c) {
            __atomic_fetch_sub(&span->count, size_class[c].blocks, __ATOMIC_SEQ_CST);
            return c;
        }
        if (words == 0)
            return 0;
        for (unsigned w = words; w-- > 0;)
            __atomic_fetch_or(&row->table->bits[w][index], span_mask(c, w), __ATOMIC_SEQ_CST);
        row_set_add(row, index, now); /* whoever found it empty meanwhile took it off */
        if (now == c &&
            __atomic_load_n(&row->table->bits[words][index], __ATOMIC_SEQ_CST) != span_mask(c, words))
            return 0;
    }
}

/* After blocks came back: the span is in its class's set, or closed. The class is not always that of the blocks: the
 * span may have been closed, and opened as another, between the bits and the count. */
static void span_settle(struct row *row, unsigned index, int32_t count) {
    const unsigned c = __atomic_load_n(&row->table->span[index].class, __ATOMIC_SEQ_CST);
    if (c == 0)
        return;
    const unsigned closed = count == size_class[c].blocks ? span_close(row, index) : 0;
    if (closed != 0) {
        __atomic_store_n(&row->table->span[index].class, 0, __ATOMIC_RELAXED);
        page_map_set_class(row->base + (size_t)index * SPAN, 0);
        row_set_remove(row, index, closed);
        __atomic_fetch_add(&spans.dirty, 1, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&spans.open, 1, __ATOMIC_RELAXED);
        row_set_add(row, index, SET_DIRTY);
    } else if (!row_set_has(row, index, c)) {
        row_set_add(row, index, c);
    }
}

/* BITS of word W go back. */
static void span_give(struct row *row, unsigned index, unsigned w, uint64_t bits) {
    struct span *const span = &row->table->span[index];
    const int32_t n = __builtin_popcountll(bits);
    __atomic_fetch_or(&row->table->bits[w][index], bits, __ATOMIC_SEQ_CST); /* releases; and see span_take */
    span_settle(row, index, __atomic_add_fetch(&span->count, n, __ATOMIC_SEQ_CST));
}

/* The lowest MOST bits of WORD. */
static inline uint64_t lowest_bits(uint64_t word, size_t most) {
    uint64_t rest = word;
    while (most-- > 0 && rest != 0)
        rest &= rest - 1;
    return word ^ rest;
}

/* Where the blocks begin when it is of class C. */
static inline char *span_first_block(const struct row *row, unsigned index, unsigned c) {
    return row->base + (size_t)index * SPAN +
           (64 * (row->number * ROW_SPANS + index) & size_class[c].colours);
}

static size_t span_blocks(struct row *row, unsigned index, unsigned c, unsigned w, uint64_t bits,
                          void **block) {
    char *const base = span_first_block(row, index, c) + (size_t)w * 64 * size_class[c].size;
    size_t n = 0;
    for (; bits != 0; bits &= bits - 1)
        block[n++] = base + (size_t)__builtin_ctzll(bits) * size_class[c].size;
    return n;
}

/* The word of a new span at which CPUs NEAR, NEAR + 4, .. look first: what a CPU takes one after the other then shares
 * few lines with what others do, for 64 blocks of any size end where a line does. From there each goes on at the word
 * at which it stopped: the words lie in lines of their own, and from the first on they would all be read by each call
 * until one is found that is not used up (a heap of a million blocks of 8 bytes: 125 ns a block, and so 63). */
static inline unsigned span_first_word(unsigned c, unsigned near) {
    return span_words(c) * ((near & 1) * 2 + (near >> 1 & 1)) / 4;
}

/* Up to MOST blocks of class C from a span that was found in its set; 0: there were none, and it has left the
 * set. Emptied, it leaves the set too: who gives a block sets its bit, then looks at the set; who takes the
 * span off the set then looks at the bits. All seq_cst: one sees the other. */
static size_t span_take(struct row *row, unsigned index, unsigned c, void **block, size_t most,
                        unsigned near) {
    struct span *const span = &row->table->span[index];
    const unsigned words = span_words(c);
    unsigned w = __atomic_load_n(&span->look[near & 3], __ATOMIC_RELAXED);
    size_t n = 0;
    w = w < words ? w : 0; /* it may have been of another class */
    if (__atomic_load_n(&span->class, __ATOMIC_RELAXED) == c) {
        for (unsigned i = 0; i < words && n < most; i++, w = w + 1 == words ? 0 : w + 1) {
            uint64_t word = __atomic_load_n(&row->table->bits[w][index], __ATOMIC_RELAXED), bits = 0;
            while (word != 0) {
                bits = lowest_bits(word, most - n);
                if (__atomic_compare_exchange_n(&row->table->bits[w][index], &word, word & ~bits, true,
                                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
                    break;
                bits = 0;
            }
            if (bits == 0)
                continue;
            __atomic_fetch_sub(&span->count, __builtin_popcountll(bits), __ATOMIC_SEQ_CST);
            /* Closed and opened anew meanwhile? Then N is 0, for blocks in hand keep it as it is. */
            if (__atomic_load_n(&span->class, __ATOMIC_RELAXED) != c) {
                span_give(row, index, w, bits);
                break;
            }
            n += span_blocks(row, index, c, w, bits, block + n);
            if (n == most)
                break; /* the rest of this word is next */
        }
        __atomic_store_n(&span->look[near & 3], (uint8_t)w, __ATOMIC_RELAXED);
    }
    if (n == most)
        return n;
    row_set_remove(row, index, c);
    if (__atomic_load_n(&span->class, __ATOMIC_SEQ_CST) == c)
        for (w = 0; w < words; w++)
            if (__atomic_load_n(&row->table->bits[w][index], __ATOMIC_SEQ_CST) != 0) {
                row_set_add(row, index, c);
                break;
            }
    return n;
}

/* What lies behind the blocks of class C, and was touched when the span was of another, goes back to the system: of
 * spans of few large blocks that is up to a third. */
static void span_set_extent(struct row *row, unsigned index, unsigned c) {
    uint32_t *const extent = &row->table->span[index].extent;
    const uint32_t page = (uint32_t)os_page_size(), before = __atomic_load_n(extent, __ATOMIC_RELAXED);
    const uint32_t most = size_class[c].blocks * size_class[c].size + size_class[c].colours;
    const uint32_t after = (most + page - 1) & ~(page - 1);
    if (before > after + page)
        os_discard(row->base + (size_t)index * SPAN + after, before - after);
    if (before > after + page || before < after)
        __atomic_store_n(extent, after, __ATOMIC_RELAXED);
}

/* A span in hand becomes one of class C. The class stands in the map before anybody can have a block, and in the
 * span before a bit is set. */
static size_t span_open(struct row *row, unsigned index, unsigned c, void **block, size_t most,
                        unsigned near) {
    const unsigned words = span_words(c), first = span_first_word(c, near);
    struct span *const span = &row->table->span[index];
    for (unsigned q = 0; q < sizeof span->look; q++)
        __atomic_store_n(&span->look[q], (uint8_t)span_first_word(c, q), __ATOMIC_RELAXED);
    const size_t blocks = size_class[c].blocks;
    span_set_extent(row, index, c);
    __atomic_store_n(&span->class, c, __ATOMIC_RELEASE);
    page_map_set_class(row->base + (size_t)index * SPAN, c);
    const int32_t open = __atomic_add_fetch(&spans.open, 1, __ATOMIC_RELAXED);
    if (open > __atomic_load_n(&spans.peak, __ATOMIC_RELAXED))
        __atomic_store_n(&spans.peak, open, __ATOMIC_RELAXED);
    size_t n = 0;
    for (unsigned i = 0; i < words; i++) {
        const unsigned w = (first + i) % words;
        const uint64_t all = span_mask(c, w), mine = lowest_bits(all, most - n);
        n += span_blocks(row, index, c, w, mine, block + n);
        __atomic_store_n(&row->table->bits[w][index], all & ~mine, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_add(&span->count, (int32_t)(blocks - n), __ATOMIC_SEQ_CST);
    if (n < blocks)
        row_set_add(row, index, c);
    return n;
}

/* Up to MOST >= 1 blocks of class C from the spans that it has, for CPU NEAR or any. */
static size_t spans_take_open(unsigned c, void **block, size_t most, unsigned near) {
    unsigned index;
    size_t n = 0;
    for (struct row *row; n == 0 && (row = row_set_first(c, &index)) != NULL;)
        n = span_take(row, index, c, block, most, near);
    return n;
}

/* The same, or from a new one. 0: no memory. */
static size_t spans_take(unsigned c, void **block, size_t most, unsigned near) {
    for (int attempt = 0; attempt < 2; attempt++) {
        unsigned index;
        const size_t n = spans_take_open(c, block, most, near);
        if (n != 0)
            return n;
        struct row *const row = spans_acquire(&index);
        if (row != NULL)
            return span_open(row, index, c, block, most, near);
        row_set_heal(c); /* before it is said that there is none */
        row_set_heal(SET_DIRTY);
        row_set_heal(SET_CLEAN);
    }
    return 0;
}

/* Blocks of one class, in any order; neighbours in one call save atomics. */
static void spans_give(unsigned c, void *const *block, size_t n) {
    for (size_t i = 0; i < n;) {
        const uintptr_t span = (uintptr_t)block[i] >> LOG_SPAN;
        struct row *const row = page_map_row(block[i]);
        const unsigned index = (unsigned)(((uintptr_t)block[i] - (uintptr_t)row->base) >> LOG_SPAN);
        uint64_t bits = 0;
        unsigned word = 0;
        for (; i < n && (uintptr_t)block[i] >> LOG_SPAN == span; i++) {
            const uint64_t offset = (uintptr_t)block[i] & (SPAN - 1);
            const unsigned at = (unsigned)((offset * size_class[c].reciprocal) >> 32);
            if (bits != 0 && at / 64 != word)
                break;
            word = at / 64;
            bits |= row_bit(at);
        }
        span_give(row, index, word, bits);
    }
}

#endif
