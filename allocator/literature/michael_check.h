/* SPDX-License-Identifier: MIT
 *
 * michael.c's figures, and whether all is where it should be, while no thread is inside: every anchor's count agrees with
 * its free list and credits, every descriptor is in one place, and its state allows that place.
 */
#ifndef LITERATURE_MICHAEL_CHECK_H
#define LITERATURE_MICHAEL_CHECK_H

#include "michael_memory.h"

#include <stdio.h>

/* ---- stats ---- */

static struct batch *batches(void) {
    return (struct batch *)(void *)__atomic_load_n(&michael.batches, __ATOMIC_ACQUIRE);
}

static struct hyperblock *hyperblocks(void) {
    return (struct hyperblock *)(void *)__atomic_load_n(&michael.hyperblocks, __ATOMIC_ACQUIRE);
}

static struct batch *batch_after(const struct batch *batch) {
    return (struct batch *)(void *)batch->mapping.next;
}

static struct hyperblock *hyperblock_after(const struct hyperblock *hyperblock) {
    return (struct hyperblock *)(void *)hyperblock->mapping.next;
}

/* How many blocks of D are credits. */
static unsigned reserved_of(const struct descriptor *d) {
    const struct heap *const heap = __atomic_load_n(&d->heap, __ATOMIC_RELAXED);
    if (heap == NULL)
        return 0;
    const active a =
        __atomic_load_n(&heap->of[__atomic_load_n(&d->class, __ATOMIC_RELAXED)].active, __ATOMIC_RELAXED);
    return (a & ~(active)CREDITS_MASK) == (uintptr_t)d ? (unsigned)(a & CREDITS_MASK) + 1 : 0;
}

static void add_descriptor(struct allocator_stats *s, const struct descriptor *d) {
    const anchor a = __atomic_load_n(&d->anchor, __ATOMIC_RELAXED);
    if (anchor_state(a) == EMPTY)
        return;
    const size_t size = __atomic_load_n(&d->size, __ATOMIC_RELAXED);
    const size_t free = least(anchor_count(a) + reserved_of(d), __atomic_load_n(&d->count, __ATOMIC_RELAXED));
    s->cached += free * size;
    s->live += (__atomic_load_n(&d->count, __ATOMIC_RELAXED) - free) * (size - PREFIX);
    s->resident += SUPERBLOCK;
}

static void michael_stats(struct allocator_stats *stats) {
    struct allocator_stats s = {0};
    for (const struct batch *b = batches(); b != NULL; b = batch_after(b)) {
        for (unsigned i = 0; i < BATCH; i++)
            add_descriptor(&s, &b->descriptor[i]);
        s.mapped += sizeof *b;
        s.resident += sizeof *b;
    }
    for (const struct hyperblock *h = hyperblocks(); h != NULL; h = hyperblock_after(h)) {
        s.mapped += HYPERBLOCK + sizeof *h;
        s.resident += sizeof *h;
    }
    const size_t idle = __atomic_load_n(&michael.idle_count, __ATOMIC_RELAXED) * SUPERBLOCK;
    const size_t large = __atomic_load_n(&michael.large_bytes, __ATOMIC_RELAXED);
    s.cached += idle;
    s.resident += idle + large;
    s.mapped += large;
    s.live += large - __atomic_load_n(&michael.large_count, __ATOMIC_RELAXED) * ALIGNMENT;
    *stats = s;
}

/* ---- check ---- */

struct fault {
    char *why;
    size_t size;
};

static bool wrong(const struct fault *fault, const char *what, const void *where) {
    snprintf(fault->why, fault->size, "%s: %p", what, where);
    return false;
}

/* Counts the places of what is on a list; false where there are more than could be. */
static bool count_descriptors(const struct stack_tagged *list, enum state least_state, unsigned class,
                              const struct fault *fault) {
    for (AO_uintptr_t *at = (AO_uintptr_t *)list->top.second; at != NULL; at = (AO_uintptr_t *)*at) {
        struct descriptor *const d = descriptor_of(at);
        const enum state state = anchor_state(d->anchor);
        if (d->places++ != 0)
            return wrong(fault, "a descriptor is in two places", d);
        if (state != EMPTY && (state != least_state || d->class != class))
            return wrong(fault, "a descriptor on a list has another state or class", d);
    }
    return true;
}

static bool count_superblocks(const struct stack_tagged *list, size_t *count, const struct fault *fault) {
    for (AO_uintptr_t *at = (AO_uintptr_t *)list->top.second; at != NULL; at = (AO_uintptr_t *)*at, ++*count)
        if (superblock_of(at)->places++ != 0)
            return wrong(fault, "a superblock is idle twice", superblock_of(at)->memory);
    return true;
}

static bool count_heap(struct heap *heap, unsigned class, const struct fault *fault) {
    struct descriptor *const d = (struct descriptor *)(uintptr_t)(heap->of[class].active &
                                                                  ~(active)CREDITS_MASK),
                             *const p = heap->of[class].partial;
    if (d != NULL &&
        (d->places++ != 0 || anchor_state(d->anchor) != ACTIVE || d->heap != heap || d->class != class))
        return wrong(fault, "an active descriptor has another state, heap or class, or is in two places", d);
    if (p == NULL)
        return true;
    const enum state state = anchor_state(p->anchor);
    if (p->places++ != 0 || (state != EMPTY && (state != PARTIAL || p->class != class)))
        return wrong(fault, "a descriptor in a slot has another state or class, or is in two places", p);
    return true;
}

/* The free list is as long as it should be, no index is on it twice, and all that is not on it is D's. */
static bool check_blocks(const struct descriptor *d, unsigned free, const struct fault *fault) {
    bool seen[MOST_BLOCKS] = {false};
    unsigned index = anchor_avail(d->anchor);
    for (unsigned i = 0; i < free; i++) {
        if (index >= d->count || seen[index])
            return wrong(fault, "a free list is too short", d);
        seen[index] = true;
        index = (unsigned)*block_at(d, index) & INDEX_MASK;
    }
    for (unsigned i = 0; i < d->count; i++)
        if (!seen[i] && *block_at(d, i) != (AO_uintptr_t)d)
            return wrong(fault, "a block is neither free nor its descriptor's", block_at(d, i));
    return true;
}

static bool check_descriptor(struct descriptor *d, const struct fault *fault) {
    const enum state state = anchor_state(d->anchor);
    const unsigned count = anchor_count(d->anchor), free = count + reserved_of(d), places = d->places;
    d->places = 0;
    if (places != (state == FULL ? 0 : 1))
        return wrong(fault, "a descriptor is nowhere, or a full one somewhere", d);
    if (state == EMPTY)
        return true;
    if (d->superblock->places++ != 0)
        return wrong(fault, "a superblock is idle, or another descriptor's", d);
    if (free > d->count || (state == FULL && free != 0) ||
        (state == PARTIAL && (count == 0 || free == d->count)) ||
        d->count != (SUPERBLOCK - PREFIX) / size_class_bytes(d->class))
        return wrong(fault, "a count is not as its state", d);
    return check_blocks(d, free, fault);
}

/* Whatever is in a place is counted there; then each is looked at, and the counts are put back to 0. */
static bool count_places(const struct fault *fault) {
    for (unsigned h = 0; h < HEAPS; h++)
        for (unsigned c = 0; c < CLASSES; c++)
            if (!count_heap(&michael.heap[h], c, fault))
                return false;
    for (unsigned c = 0; c < CLASSES; c++)
        if (!count_descriptors(&michael.of[c].partial, PARTIAL, c, fault))
            return false;
    size_t idle = 0, clean = 0;
    if (!count_superblocks(&michael.idle, &idle, fault) || !count_superblocks(&michael.clean, &clean, fault))
        return false;
    if (idle > michael.idle_count)
        return wrong(fault, "more superblocks are idle than were counted", &michael.idle);
    return count_descriptors(&michael.descriptors, EMPTY, 0, fault);
}

static bool michael_check(char *why, size_t why_size) {
    const struct fault fault = {why, why_size};
    if (!count_places(&fault))
        return false;
    for (struct batch *b = batches(); b != NULL; b = batch_after(b))
        for (unsigned i = 0; i < BATCH; i++)
            if (!check_descriptor(&b->descriptor[i], &fault))
                return false;
    for (struct hyperblock *h = hyperblocks(); h != NULL; h = hyperblock_after(h))
        for (unsigned i = 0; i < SUPERBLOCKS; i++) {
            if (h->superblock[i].places != 1)
                return wrong(&fault, "a superblock is nowhere", h->superblock[i].memory);
            h->superblock[i].places = 0;
        }
    return true;
}

#endif
