/* SPDX-License-Identifier: MIT
 *
 * Batches on their way from one slab to another: for each class a few tagged stacks of nodes, each of up to 30
 * free blocks of that class, so that one compare-and-swap moves 30 blocks. A CPU has its own stack of the few
 * and goes to the others late (percpu.h). What a stack will not hold goes back to the spans.
 *
 *     head  [ node | version : 48, nodes : 16 ]     node  [ next | blocks | pointer ... ]
 *
 * pop:  1. read version, then node; none: NULL.  2. n = node's next.  3. CAS {node, version} -> {n, version + 1}.
 * push: 1. read version, then node.  2. next = node.  3. CAS {node, version} -> {mine, version + 1}.
 *
 * Every success makes the version greater, so that 3 succeeds only if nothing has happened since 1: what 2 has
 * read is then node's next. Else it may be anything, for the node may be in other hands; it is discarded. Nodes
 * are blocks of CLASS_NODE, whose spans are never closed: they stay readable, and stay nodes. 48 bits: at 10^8
 * operations a second on one stack the version comes round after a month, and a pop would have to sleep for
 * exactly that long.
 *
 * Linearisation: the compare-and-swap; for an empty pop its load of node. Orders: the compare-and-swap is a full
 * barrier: it releases the node's blocks to the pop that takes it. Lock-free.
 */
#ifndef AO_MALLOC_PERCPU_BATCHES_H
#define AO_MALLOC_PERCPU_BATCHES_H

#include "ao/dwcas.h"
#include "ao_malloc/percpu/classes.h"

enum {
    SHARDS = 4,
    BATCHES_MOST_BYTES = 4 << 20, /* of blocks, a class and shard */
    BATCHES_MOST = 512,           /* nodes: 128 KiB, which stay nodes */
};

struct node {
    struct node *next;
    uint64_t blocks;
    void *block[NODE_POINTERS];
};

_Static_assert(sizeof(struct node) == NODE_BYTES, "a node is a block of CLASS_NODE");

static struct batches {
    _Alignas(64) struct pair head;
    uint32_t low; /* nodes that it had at the least since decay.h last looked */
} batches[SHARDS][CLASSES_END];

static inline uint32_t batches_count(const struct batches *stack) {
    return (uint32_t)(__atomic_load_n(&stack->head.second, __ATOMIC_RELAXED) & 0xffff);
}

static inline struct pair batches_head(const struct batches *stack) {
    struct pair head;
    head.second = __atomic_load_n(&stack->head.second, __ATOMIC_ACQUIRE);
    head.first = __atomic_load_n(&stack->head.first, __ATOMIC_ACQUIRE);
    return head;
}

/* False: it holds as much as it may. */
static inline bool batches_push(struct batches *stack, unsigned c, struct node *node) {
    const uint64_t fit = 2 + BATCHES_MOST_BYTES / (NODE_POINTERS * size_class[c].size);
    const uint64_t most = fit < BATCHES_MOST ? fit : BATCHES_MOST;
    struct pair head = batches_head(stack);
    do {
        if ((head.second & 0xffff) >= most)
            return false;
        __atomic_store_n(&node->next, (struct node *)head.first, __ATOMIC_RELAXED);
    } while (!dwcas(&stack->head, &head, (struct pair){(uintptr_t)node, head.second + (1 << 16) + 1}));
    return true;
}

static inline struct node *batches_pop(struct batches *stack) {
    struct pair head = batches_head(stack);
    for (;;) {
        struct node *const node = (struct node *)head.first;
        if (node == NULL)
            return NULL;
        struct node *const next = __atomic_load_n(&node->next, __ATOMIC_RELAXED);
        if (dwcas(&stack->head, &head, (struct pair){(uintptr_t)next, head.second + (1 << 16) - 1})) {
            const uint32_t left = (uint32_t)((head.second & 0xffff) - 1);
            if (left < __atomic_load_n(&stack->low, __ATOMIC_RELAXED))
                __atomic_store_n(&stack->low, left, __ATOMIC_RELAXED);
            return node;
        }
    }
}

/* From another shard than SHARD, where at least LEAST stand. */
static struct node *batches_steal(unsigned shard, unsigned c, uint32_t least) {
    for (unsigned i = 1; i < SHARDS; i++) {
        struct batches *const stack = &batches[(shard + i) % SHARDS][c];
        struct node *const node = batches_count(stack) < least ? NULL : batches_pop(stack);
        if (node != NULL)
            return node;
    }
    return NULL;
}

#endif
