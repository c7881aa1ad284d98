/* SPDX-License-Identifier: MIT
 *
 * The lock-free stack with a version: two words that are exchanged together. Treiber 1986, with the count
 * that the IBM System/370 Principles of Operation (appendix A) gives as the remedy for ABA.
 *
 *     top   [ version | address of the first node's link ]     version: how many pops there were
 *                        v
 *     link  [ address of the next node's link ] payload ...    the last one's is 0
 *
 * push(x): 1. (v, h) = top, x's link = h.  2. CAS top (v, h) -> (v, x); on failure again.
 * pop():   1. v = version.  2. f = first node; none: NULL.  3. n = f's link.
 *          4. CAS top (v, f) -> (v + 1, n); on failure again with what top was instead.
 *
 * A node's link stays addressable for ever (type-stable memory): in 3 a delayed pop may read a word that is
 * no link by now, or one of a node that is on the list for the second time. What it read counts only if 4
 * succeeds.
 *
 * Why it is right: if 4 succeeds, the version was v both at 1 and at 4. It only counts up, and every pop
 * counts it up: between 1 and 4 no node was taken off. At 2, later than 1, f was the first: so f has been on
 * the list from 2 to 4 without a break, its link unchanged, and 3 lies in between: n is f's link. Without the
 * version, f may have been taken off and put back on other nodes between 2 and 4 (ABA), and n be anybody's.
 *
 * Why the version is read first: pushes leave it alone. Were f read first and v after it, then f could be
 * taken off between, v be the version after that, n be read while f is in somebody's hands, and f be put
 * back: 4 would succeed. Read first, an old version only makes 4 fail. What a failed CAS leaves behind is
 * both words of one moment, which will do as well.
 *
 * Why 64 bits are enough: a delayed pop would be deceived only if exactly 2^64 pops, or a multiple, ended
 * while it stands between 1 and 4. At one every nanosecond, more than any machine does to one cache line,
 * that is 584 years.
 *
 * Linearisation points: push and a successful pop at their CAS; an empty pop at its load in 2, or at the
 * failed CAS that showed it.
 *
 * Progress: lock-free. A CAS fails only because another's has succeeded in between, or, the first time, since
 * 1. Threads that are stopped, or gone, hold nothing that others wait for.
 *
 * Memory orders. dwcas is a full barrier; it is the only one that ever changes top.
 *     push 1 load version      relaxed   the CAS decides whether they were right, and if not brings better
 *            load first node   relaxed   ones
 *            store link        relaxed   published by push 2
 *     push 2 dwcas             (release) publishes node and link; pairs with pop 2 and 4
 *     pop 1  load version      acquire   before the load in 2
 *     pop 2  load first node   acquire   before the load in 3; f's link and contents, from the push 2 of f or
 *                                        a pop 4 after it (every change is a read-modify-write, so that the
 *                                        push's release sequence goes on); an empty pop acquires what the pop
 *                                        that emptied the list wrote
 *     pop 3  load link         relaxed   may race with whoever owns the node now
 *     pop 4  dwcas             (acq_rel) 3 stays before it: whoever writes to f's link does so after f was
 *                                        taken off
 */
#ifndef AO_STACK_TAGGED_H
#define AO_STACK_TAGGED_H

#include "dwcas.h"

#include <stddef.h>

/* May alias, as its pair may. */
struct __attribute__((may_alias)) stack_tagged {
    struct pair
        top; /* first: version; second: the first node's link word, or 0. All zero is an empty stack. */
};

/* Puts the nodes FIRST .. LAST, already linked to each other, on the stack. */
static inline void stack_tagged_push_chain(struct stack_tagged *stack, AO_uintptr_t *first,
                                           AO_uintptr_t *last) {
    struct pair seen; /* push 1 */
    seen.first = __atomic_load_n(&stack->top.first, __ATOMIC_RELAXED);
    seen.second = __atomic_load_n(&stack->top.second, __ATOMIC_RELAXED);
    do
        __atomic_store_n(last, seen.second, __ATOMIC_RELAXED);
    while (__builtin_expect(!dwcas(&stack->top, &seen, (struct pair){seen.first, (AO_uintptr_t)first}), 0));
}

static inline void stack_tagged_push(struct stack_tagged *stack, AO_uintptr_t *node) {
    stack_tagged_push_chain(stack, node, node);
}

static inline AO_uintptr_t *stack_tagged_pop(struct stack_tagged *stack) {
    struct pair seen;
    seen.first = __atomic_load_n(&stack->top.first, __ATOMIC_ACQUIRE);   /* pop 1 */
    seen.second = __atomic_load_n(&stack->top.second, __ATOMIC_ACQUIRE); /* pop 2, pairs with push 2 */
    while (seen.second != 0) {
        AO_uintptr_t *const node = (AO_uintptr_t *)seen.second;
        const AO_uintptr_t next = __atomic_load_n(node, __ATOMIC_RELAXED);                       /* pop 3 */
        if (__builtin_expect(dwcas(&stack->top, &seen, (struct pair){seen.first + 1, next}), 1)) /* pop 4 */
            return node;
    }
    return NULL;
}

#endif
