/* SPDX-License-Identifier: MIT
 *
 * Where every block of ao-percpu is, and whether every invariant holds. To be asked while no thread is inside.
 *
 *     blocks of all open spans = free in bitmaps + in slabs + in batches + out (in use, or lost)
 *
 * - Each free block stands in exactly one place: as a bit of its span, in a slab, or in a batch; a map of all
 *   blocks says where it was met.
 * - A span's count is that of its bits. One with bits is in its class's set, and the hints lead to it. The page map
 *   says the same class, and the row. One of no class is either clean or dirty, and has no bits. None is open of
 *   which all blocks are free, but those of nodes.
 * - Slabs begin with 0, and so do their arrays, which lie within their room; none is closed.
 * - What is counted is as many as there are: open spans, dirty ones, batches of each stack, bytes kept by large.h.
 */
#ifndef AO_MALLOC_PERCPU_CHECK_H
#define AO_MALLOC_PERCPU_CHECK_H

#include "ao_malloc/percpu/percpu.h"

#include <stdarg.h>
#include <stdio.h>

struct census {
    size_t open, node_spans; /* spans of some class, and those of nodes among them */
    size_t slab, batch, out; /* blocks: in slabs, in batches or nodes of these, and out */
};

struct check {
    /* [row]: the blocks that were met in slabs, in batches and as nodes; NULL where memory is out. */
    uint64_t (*met)[ROW_SPANS][MOST_BLOCKS / 64];
    struct census *found;
    char *why;
    size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool check_fails(const struct check *check, const char *format,
                                                              ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->why, check->why_size, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- spans and sets ---- */

/* The hints lead to all members of ROW. */
static bool check_hints(const struct check *check, const struct row *row) {
    const uint32_t n = row->number;
    for (unsigned set = 0; set < SETS; set++)
        if (row->member[set] != 0 && ((sets.hint_1[n >> 6][set] & row_bit(n)) == 0 ||
                                      (sets.hint_2[n >> 12][set] & row_bit(n >> 6)) == 0 ||
                                      (sets.hint_3[set] & row_bit(n >> 12)) == 0))
            return check_fails(check, "row %u has members in set %u, and no hint says so", n, set);
    return true;
}

/* A span of nobody is in one of the sets of those, and none of its blocks is free. */
static bool check_closed_span(const struct check *check, const struct row *row, unsigned index) {
    const struct span *const span = &row->table->span[index];
    const bool clean = (row->member[SET_CLEAN] & row_bit(index)) != 0;
    const bool dirty = (row->member[SET_DIRTY] & row_bit(index)) != 0;
    if (clean == dirty)
        return check_fails(check, "span %u.%u is of no class and in %s of the sets of those", row->number,
                           index, clean ? "both" : "none");
    if (span->count != 0)
        return check_fails(check, "span %u.%u is of no class and counts %d free blocks", row->number, index,
                           span->count);
    for (unsigned w = 0; w < MOST_BLOCKS / 64; w++)
        if (row->table->bits[w][index] != 0)
            return check_fails(check, "span %u.%u is of no class, and word %u of its bits is not 0",
                               row->number, index, w);
    return true;
}

static bool check_open_span(const struct check *check, const struct row *row, unsigned index) {
    const struct span *const span = &row->table->span[index];
    const unsigned c = span->class;
    const char *const base = row->base + (size_t)index * SPAN;
    if (c >= CLASSES_END || page_map_class(base) != c || page_map_row(base) != row)
        return check_fails(check, "span %u.%u is of class %u, and the page map says %u%s", row->number, index,
                           c, page_map_class(base), page_map_row(base) != row ? " of another row" : "");
    if (((row->member[SET_CLEAN] | row->member[SET_DIRTY]) & row_bit(index)) != 0)
        return check_fails(check, "span %u.%u is of class %u and in a set of those of none", row->number,
                           index, c);
    int32_t bits = 0;
    for (unsigned w = 0; w < MOST_BLOCKS / 64; w++) {
        if ((row->table->bits[w][index] & ~(w < span_words(c) ? span_mask(c, w) : 0)) != 0)
            return check_fails(check, "span %u.%u, of class %u: word %u has bits of no block", row->number,
                               index, c, w);
        bits += __builtin_popcountll(row->table->bits[w][index]);
    }
    if (bits != span->count)
        return check_fails(check, "span %u.%u, of class %u, counts %d free blocks and has %d", row->number,
                           index, c, span->count, bits);
    if (bits != 0 && (row->member[c] & row_bit(index)) == 0)
        return check_fails(check, "span %u.%u, of class %u, has %d free blocks and is not in its set",
                           row->number, index, c, bits);
    if (bits == size_class[c].blocks && c != CLASS_NODE)
        return check_fails(check, "span %u.%u, of class %u, is open, and all its blocks are free",
                           row->number, index, c);
    check->found->open++;
    check->found->node_spans += c == CLASS_NODE;
    check->found->out += (size_t)(size_class[c].blocks - bits);
    return true;
}

static bool check_spans(const struct check *check) {
    int32_t dirty = 0;
    for (uint32_t number = 0; number <= sets.rows; number++) {
        const struct row *const row = row_at(number);
        if (row == NULL || row->number != number)
            return check_fails(check, "row %u is not there, or another", number);
        if ((number != 0 || spans.static_row_is_known) && !check_hints(check, row))
            return false;
        for (unsigned i = 0; i < row_spans(number); i++)
            if (!(row->table->span[i].class == 0 ? check_closed_span : check_open_span)(check, row, i))
                return false;
        dirty += __builtin_popcountll(row->member[SET_DIRTY]);
    }
    const int32_t open = (int32_t)check->found->open;
    if (open != spans.open || dirty != spans.dirty)
        return check_fails(check, "%d spans are open and %d dirty, and %d and %d are counted", open, dirty,
                           spans.open, spans.dirty);
    return true;
}

/* ---- what is free elsewhere ---- */

static bool check_block(const struct check *check, const void *block, unsigned c, const char *where) {
    if (page_map_class(block) != c)
        return check_fails(check, "%s of class %u holds %p, which is of class %u", where, c, block,
                           page_map_class(block));
    const struct row *const row = page_map_row(block);
    const size_t offset = (size_t)((const char *)block - row->base);
    const size_t in_span =
        (size_t)((const char *)block - span_first_block(row, (unsigned)(offset / SPAN), c));
    const size_t at = in_span / size_class[c].size;
    if (in_span % size_class[c].size != 0 || at >= size_class[c].blocks)
        return check_fails(check, "%s of class %u holds %p, where no block begins", where, c, block);
    if ((row->table->bits[at / 64][offset / SPAN] & row_bit((uint32_t)at)) != 0)
        return check_fails(check, "%s of class %u holds %p, which is free in its span too", where, c, block);
    if (check->met == NULL)
        return true;
    uint64_t *const met = &check->met[row->number][offset / SPAN][at / 64];
    if ((*met & row_bit((uint32_t)at)) != 0)
        return check_fails(check, "%s of class %u holds %p, which is free elsewhere too", where, c, block);
    *met |= row_bit((uint32_t)at);
    return true;
}

static bool check_slab(const struct check *check, const char *slab) {
    if (*(const uint64_t *)(const void *)slab != 0 || slab[SLAB_CLOSED] != 0)
        return check_fails(check, "the slab at %p does not begin with 0, or is closed", (const void *)slab);
    for (unsigned c = 0; c < CLASSES_END; c++) {
        const uint32_t *const header = (const uint32_t *)(const void *)(slab + slab_header(c));
        if (header[0] == 0 && header[1] == 0)
            continue;
        if (header[0] < slab_place[c].floor || header[0] > header[1] || header[1] > slab_place[c].end ||
            header[0] % 8 != 0 || *(const uint64_t *)(const void *)(slab + slab_place[c].floor) != 0)
            return check_fails(check,
                               "the slab at %p: the header of class %u is {%u, %u}, or no 0 is under it",
                               (const void *)slab, c, header[0], header[1]);
        for (uint32_t at = slab_place[c].floor + 8U; at <= header[0]; at += 8, check->found->slab++)
            if (!check_block(check, *(void *const *)(const void *)(slab + at), c, "a slab"))
                return false;
    }
    return true;
}

static bool check_batches(const struct check *check, const struct batches *stack, unsigned c) {
    uint32_t nodes = 0;
    for (const struct node *node = (const struct node *)stack->head.first; node != NULL;
         node = node->next, nodes++) {
        if (!check_block(check, node, CLASS_NODE, "a stack of batches"))
            return false;
        if (node->blocks == 0 || node->blocks > NODE_POINTERS)
            return check_fails(check, "a batch of class %u has %llu blocks", c,
                               (unsigned long long)node->blocks);
        for (uint64_t i = 0; i < node->blocks; i++)
            if (!check_block(check, node->block[i], c, "a batch"))
                return false;
        check->found->batch += node->blocks + 1;
    }
    if (nodes != batches_count(stack))
        return check_fails(check, "a stack of batches of class %u has %u nodes and counts %u", c, nodes,
                           batches_count(stack));
    return true;
}

static bool check_caches(const struct check *check) {
    for (unsigned cpu = 0; cpu < SLAB_CPUS; cpu++)
        if (!check_slab(check, slabs + (size_t)cpu * SLAB_BYTES))
            return false;
    for (const struct thread_slab *slab = thread_slabs; slab != NULL; slab = slab->next)
        if (!check_slab(check, (const char *)slab))
            return false;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        for (unsigned c = 0; c < CLASSES_END; c++)
            if (!check_batches(check, &batches[shard][c], c))
                return false;
    return true;
}

static bool check_large(const struct check *check) {
    size_t kept = 0;
    for (unsigned k = 0; k < LARGE_CLASSES; k++)
        for (unsigned i = 0; i < LARGE_PLACES; i++)
            if (large.kept[k][i] != 0)
                kept += ((size_t)1 << (k / 8 + LOG_LEAST_LARGE - 3)) * (k % 8 + 9);
    if (kept != large.bytes || kept > large.mapped)
        return check_fails(check, "%zu bytes of large mappings are kept, and %zu of %zu counted", kept,
                           large.bytes, large.mapped);
    return true;
}

/* What is found. False: something does not hold, one line into WHY. */
static bool percpu_check(struct census *found, char *why, size_t why_size) {
    const size_t size = (sets.rows + (size_t)1) * sizeof(uint64_t[ROW_SPANS][MOST_BLOCKS / 64]);
    const struct check check = {os_map(size), found, why, why_size};
    *found = (struct census){0};
    const bool holds = check_spans(&check) && check_caches(&check) && check_large(&check);
    if (check.met != NULL)
        os_unmap(check.met, size);
    if (!holds)
        return false;
    if (found->out < found->slab + found->batch) /* seen before, unless there was no map */
        return check_fails(&check, "%zu blocks are not free in spans, and %zu in slabs and %zu in batches",
                           found->out, found->slab, found->batch);
    found->out -= found->slab + found->batch;
    return true;
}

#endif
