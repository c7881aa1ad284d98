/* SPDX-License-Identifier: MIT
 *
 * A list of free objects for ao_malloc/body.h: one almost-lock-free stack. Each ao/list_*.h defines the same names, and a
 * file that includes the body includes one of them first:
 *
 *     struct list                      all zero: empty
 *     list_push(list, node)            puts a node on the caller's part
 *     list_push_chain(list, first, last)   nodes already linked, all of which were never on a list
 *     list_pop(list)                   takes one off the caller's part; NULL only if at some moment that was empty
 *     list_pop_elsewhere(list)         takes one off any part; NULL only if at some moment of the call all were empty
 *     list_settle(list)                true once for each part that wants a chunk of its own, if chunks abound
 *     LIST_PARTS, list_part(list, i)   all threads stopped: the first node of each part, NULL where empty
 *     list_next(link)                  the node after the one whose link word is LINK
 *     list_at_rest(list, why, size)    all threads stopped: is nobody inside? else one line into WHY
 *
 * Nodes are known by their link word, as in atomic_ops_stack.h, and stay addressable for ever.
 */
#ifndef AO_LIST_H
#define AO_LIST_H

#include "stack_almost.h"

#include <stdio.h>

enum { LIST_PARTS = 1 };

struct list {
    AO_stack_t stack;
};

static inline void list_push_chain(struct list *list, AO_uintptr_t *first, AO_uintptr_t *last) {
    stack_almost_push_chain(&list->stack.AO_pa.ptr, first, last, &list->stack.AO_pa.aux);
}

static inline void list_push(struct list *list, AO_uintptr_t *node) {
    stack_almost_push(&list->stack.AO_pa.ptr, node, &list->stack.AO_pa.aux);
}

static inline AO_uintptr_t *list_pop(struct list *list) {
    return stack_almost_pop(&list->stack.AO_pa.ptr, &list->stack.AO_pa.aux);
}

static inline AO_uintptr_t *list_pop_elsewhere(struct list *list) {
    return list_pop(list);
}

static inline bool list_settle(struct list *list) {
    (void)list;
    return false;
}

static inline AO_uintptr_t *list_part(const struct list *list, unsigned part) {
    (void)part;
    return stack_almost_node(__atomic_load_n(&list->stack.AO_pa.ptr, __ATOMIC_ACQUIRE));
}

static inline AO_uintptr_t *list_next(AO_uintptr_t link) {
    return stack_almost_node(link);
}

static inline bool list_at_rest(const struct list *list, char *why, size_t why_size) {
    for (unsigned i = 0; i < AO_BL_SIZE; i++)
        if (list->stack.AO_pa.aux.AO_stack_bl[i] != 0) {
            snprintf(why, why_size, "black list entry %u is taken", i);
            return false;
        }
    return true;
}

/* In a forked child: pops that are not there rely on nothing. */
static inline void list_forget(struct list *list) {
    for (unsigned i = 0; i < AO_BL_SIZE; i++)
        __atomic_store_n(&list->stack.AO_pa.aux.AO_stack_bl[i], 0, __ATOMIC_RELAXED);
}

#endif
