/* SPDX-License-Identifier: MIT
 *
 * A list of free objects for ao_malloc/body.h: one stack with a version, lock-free. The names are those of list_almost.h.
 */
#ifndef AO_LIST_H
#define AO_LIST_H

#include "stack_tagged.h"

enum { LIST_PARTS = 1 };

/* As large as an almost-lock-free one, so that what differs in speed is not how many share a cache line. */
struct list {
    _Alignas(4 * sizeof(void *)) struct stack_tagged stack;
};

static inline void list_push_chain(struct list *list, AO_uintptr_t *first, AO_uintptr_t *last) {
    stack_tagged_push_chain(&list->stack, first, last);
}

static inline void list_push(struct list *list, AO_uintptr_t *node) {
    stack_tagged_push(&list->stack, node);
}

static inline AO_uintptr_t *list_pop(struct list *list) {
    return stack_tagged_pop(&list->stack);
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
    return (AO_uintptr_t *)__atomic_load_n(&list->stack.top.second, __ATOMIC_ACQUIRE);
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
