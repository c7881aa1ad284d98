/* SPDX-License-Identifier: MIT
 *
 * list-reversal: after the test program that comes with libatomic_ops, the only load ever published with this
 * malloc.
 *
 * Every thread builds a list of 1000 nodes. Node k, k from a counter, has a next pointer, an int, and k mod
 * 101 words of 4 bytes more, the first byte of each of which is written: 16 + 4 (k mod 101) bytes on LP64.
 * Then it reverses the list again and again by
 *
 *     reverse(x, done):  if x is empty: done
 *                        else: r = reverse(next of x, new node of x's value before done); free x; r
 *
 * The free comes after the call has returned, so 2000 nodes live at the turn, and frees come in the reverse
 * of the order of allocation. It must stay a recursion: freed before the call, half as much would live, and
 * glibc would work from its thread cache. Two blocks of 200 000 bytes (20 000 where the heap is bounded) live
 * throughout. At the end of run() the order is checked, at the price of a thousandth of what a thousand
 * reversals cost.
 *
 * Parameter counter: `shared` (one atomic counter for all threads, a contended line of its own; which thread
 * gets which size then depends on who comes first) or `private` (one a thread, each from 0).
 * An operation is a node: one allocation and one free; 1000 a reversal, and reversals are done whole.
 *
 * Not shown: cross-thread frees, anything but LIFO, any other mix of sizes.
 */
#include "workload.h"

#include <stdio.h>
#include <string.h>

enum { NODES = 1000, SIZES = 101, WORD = 4, BIG = 200000, BIG_BOUNDED = 20000 };

struct node {
    struct node *next;
    int value;
};

struct shared {
    _Alignas(128) _Atomic uint64_t counter;
};

/* A worker's state; a page of its own. */
struct state {
    struct node *list;
    void *big[2];
    _Atomic uint64_t *counter; /* the shared one, or own */
    _Atomic uint64_t own;
    bool is_private;
    bool ascending; /* the list as built counts down; each reversal turns it round */
    bool failed;
};

static inline uint64_t count(struct state *s) {
    if (!s->is_private)
        return atomic_fetch_add_explicit(s->counter, 1, memory_order_relaxed);
    const uint64_t k = atomic_load_explicit(&s->own, memory_order_relaxed);
    atomic_store_explicit(&s->own, k + 1, memory_order_relaxed);
    return k;
}

static inline struct node *new_node(struct worker *w, int value, struct node *next) {
    const size_t words = count(w->state) % SIZES;
    struct node *const n = w->malloc(sizeof *n + words * WORD);
    if (n == NULL)
        return NULL;
    n->next = next;
    n->value = value;
    volatile unsigned char *const extra = (volatile unsigned char *)(n + 1);
    for (size_t i = 0; i < words; i++)
        extra[i * WORD] = 1;
    return n;
}

/* On NULL the part that is reversed already stays behind the part that is not, so that all can be freed. */
__attribute__((noinline, aligned(64))) static struct node *reverse(struct worker *w, struct node *x,
                                                                   struct node *done) {
    if (x == NULL)
        return done;
    struct node *const copy = new_node(w, x->value, done);
    if (__builtin_expect(copy == NULL, 0)) {
        ((struct state *)w->state)->failed = true;
        struct node *last = x;
        while (last->next != NULL)
            last = last->next;
        last->next = done;
        return x;
    }
    struct node *const next = x->next;
    struct node *const r = reverse(w, next, copy);
    w->free(x);
    return r;
}

static void free_list(struct worker *w, struct node *list) {
    while (list != NULL) {
        struct node *const next = list->next;
        w->free(list);
        list = next;
    }
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    cell->state = memory_map(sizeof(struct shared));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the shared counter");
    return cell->state != NULL;
}

static void finish(struct cell *cell) {
    memory_unmap(cell->state, sizeof(struct shared));
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL)
        return WORK_OUT_OF_MEMORY;
    s->counter = &((struct shared *)w->cell->state)->counter;
    s->is_private = strcmp(w->cell->word[0], "private") == 0;
    const size_t big = (w->cell->allocator->traits & TRAIT_BOUNDED) != 0 ? BIG_BOUNDED : BIG;
    for (int i = 0; i < 2; i++) {
        if ((s->big[i] = w->malloc(big)) == NULL)
            return WORK_OUT_OF_MEMORY;
        touch_block(s->big[i], big);
    }
    for (int i = 0; i < NODES; i++) {
        struct node *const n = new_node(w, i, s->list);
        if (n == NULL)
            return WORK_OUT_OF_MEMORY;
        s->list = n;
    }
    return WORK_DONE;
}

static bool in_order(const struct node *list, bool ascending) {
    int expected = ascending ? 0 : NODES - 1;
    for (; list != NULL; list = list->next, expected += ascending ? 1 : -1)
        if (list->value != expected)
            return false;
    return expected == (ascending ? NODES : -1);
}

static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    while (w->done < operations) {
        s->list = reverse(w, s->list, NULL);
        if (s->failed)
            return WORK_OUT_OF_MEMORY;
        s->ascending = !s->ascending;
        w->done += NODES;
    }
    if (in_order(s->list, s->ascending))
        return WORK_DONE;
    w->why = "the list is out of order";
    return WORK_WRONG;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    free_list(w, s->list);
    w->free(s->big[0]);
    w->free(s->big[1]);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_list_reversal = {
    .name = "list-reversal",
    .aliases = "test-malloc",
    .summary =
        "recursive list reversals, 16 to 416 bytes, 2000 nodes live at the turn: the load published with AO_malloc",
    .not_shown = "cross-thread frees, anything but LIFO",
    .kind = WORKLOAD_SCRIPTED,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"counter", "shared,private", 0, 0,
                    "where a node's number comes from: one atomic counter, or one a thread"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 1000000,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
