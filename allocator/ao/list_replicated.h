/* SPDX-License-Identifier: MIT
 *
 * A list of free objects for ao_malloc/body.h: LIST_REPLICAS stacks with a version, each on a cache line of its own, so
 * that threads on different CPUs do not meet. The names are those of list_almost.h.
 *
 *     push            on the replica of the CPU that one runs on
 *     pop             from that one
 *     pop elsewhere   1. From the others in turn, the own one last.
 *                     2. All were seen empty: once more, if there were pops in the meantime; else NULL.
 *
 * Which replica is chosen is a matter of speed alone: a thread that is moved in between does what is right on one that
 * is no longer its own. There are no restartable sequences: each step is one compare-and-swap.
 *
 * Linearisation points: those of stack_tagged.h, and for NULL from elsewhere the moment when all versions had been read,
 * before the last time round. Each replica was seen empty after that moment and before its version was read again and
 * found the same: nothing was popped from it meanwhile, and what is not popped from stays empty only if it was: so at
 * that moment all of them were. Without the versions, an object that moves from a replica not yet looked at to one that
 * was would be overlooked, and a new chunk be taken, or NULL be the answer, for no reason.
 *
 * Progress: lock-free. 2 begins again only because another's pop has succeeded.
 *
 * Memory orders: as in stack_tagged.h. The loads of versions are acquire: the first of them before the loads of the
 * scan; the second after the loads that saw the replicas empty, which are acquire themselves: who sees the first node
 * that a pop has left behind sees that pop's version. That the moment is one for all replicas needs that threads agree
 * on the order of independent stores, as they do on all machines that dwcas.h knows.
 *
 * Space: an empty replica takes from the others before there is a new chunk, but for its first, if chunks abound: the
 * objects of one chunk are neighbours, and where an object is full its last byte is in the line of the next one's
 * header, so that two CPUs that shared a chunk would meet there (two threads' pairs of 8 or 32 760 bytes took two to
 * three times as long). So there is at most one chunk a replica and class more than by one list. Speed: CPUs whose numbers are
 * the same modulo LIST_REPLICAS meet. A thread that only frees, and one that only allocates, meet at the first one's
 * replica, after the second one has looked in vain at its own and at those in between.
 */
#ifndef AO_LIST_H
#define AO_LIST_H

#include "os/place.h"
#include "stack_tagged.h"

enum { LIST_LOG_REPLICAS = 4, LIST_REPLICAS = 1 << LIST_LOG_REPLICAS, LIST_PARTS = LIST_REPLICAS, LINE = 64 };

struct list {
    struct {
        _Alignas(LINE) struct stack_tagged stack;
        bool settled; /* its first chunk was asked for; only ever becomes true */
    } replica[LIST_REPLICAS];
};

static inline void list_push_chain(struct list *list, AO_uintptr_t *first, AO_uintptr_t *last) {
    stack_tagged_push_chain(&list->replica[os_place(LIST_LOG_REPLICAS)].stack, first, last);
}

static inline void list_push(struct list *list, AO_uintptr_t *node) {
    list_push_chain(list, node, node);
}

/* How many pops there were, over all replicas: it only counts up. */
static inline AO_uintptr_t list_pops(const struct list *list) {
    AO_uintptr_t pops = 0;
    for (unsigned i = 0; i < LIST_REPLICAS; i++)
        pops += __atomic_load_n(&list->replica[i].stack.top.first, __ATOMIC_ACQUIRE);
    return pops;
}

static inline AO_uintptr_t *list_pop(struct list *list) {
    return stack_tagged_pop(&list->replica[os_place(LIST_LOG_REPLICAS)].stack);
}

/* Elsewhere 1. */
static inline AO_uintptr_t *list_pop_any(struct list *list, unsigned own) {
    AO_uintptr_t *node = NULL;
    for (unsigned i = 1; i <= LIST_REPLICAS && node == NULL; i++)
        node = stack_tagged_pop(&list->replica[(own + i) % LIST_REPLICAS].stack);
    return node;
}

static inline AO_uintptr_t *list_pop_elsewhere(struct list *list) {
    const unsigned own = os_place(LIST_LOG_REPLICAS);
    AO_uintptr_t *node =
        list_pop_any(list, own); /* mostly there is one: to count pops would be for nothing */
    for (bool again = node == NULL; again;) {
        const AO_uintptr_t before = list_pops(list);
        node = list_pop_any(list, own);
        again = node == NULL && list_pops(list) != before;
    }
    return node;
}

/* Relaxed: two threads that both see it unsettled take a chunk each, which are as good as one. */
static inline bool list_settle(struct list *list) {
    bool *const settled = &list->replica[os_place(LIST_LOG_REPLICAS)].settled;
    return !__atomic_load_n(settled, __ATOMIC_RELAXED) && (__atomic_store_n(settled, true, __ATOMIC_RELAXED), true);
}

static inline AO_uintptr_t *list_part(const struct list *list, unsigned part) {
    return (AO_uintptr_t *)__atomic_load_n(&list->replica[part].stack.top.second, __ATOMIC_ACQUIRE);
}

static inline AO_uintptr_t *list_next(AO_uintptr_t link) {
    return (AO_uintptr_t *)link;
}

static inline bool list_at_rest(const struct list *list, char *why, size_t why_size) {
    (void)list, (void)why, (void)why_size;
    return true; /* whoever is inside leaves no trace */
}

/* In a forked child: a stopped pop holds nothing. */
static inline void list_forget(struct list *list) {
    (void)list;
}

#endif
