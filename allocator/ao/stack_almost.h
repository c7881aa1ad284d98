/* SPDX-License-Identifier: MIT
 *
 * The almost-lock-free stack, as code: one word per list and a black list of AO_BL_SIZE words.
 * Boehm, "An Almost Non-Blocking Stack", PODC 2004. Inline, for our malloc's fast path; stack_almost.c gives
 * the same functions their public names.
 *
 * A list's head and the links hold *padded* addresses: that of a node's link word plus a number below
 * 2^AO_N_BITS in the bits that its alignment leaves free.
 *
 *     head  [ node address        |pad]      aux [ padded address | 0 ] [ padded address | 0 ]
 *              v                                    what pops in progress rely on
 *     link  [ next node's address |pad] payload ...
 *
 * Invariant: a padded address that a pop relies on, because it has black-listed it and has seen it at the
 * head since, is not inserted anew while it stands in the black list.
 *
 * push(x): 1. h = head, x's link = h.  2. Choose a pad that makes x differ from every black list entry.
 *          3. CAS head h -> x+pad; on failure all again, the black list included.
 * pop():   1. f = head; empty: NULL.  2. CAS a free entry 0 -> f; none free: wait, again.
 *          3. head is still f, to the pad? else give the entry back, again.  4. n = f's link.
 *          5. CAS head f -> n; on failure give the entry back, again.  6. Give the entry back.
 *
 * Why it is right: a pop relies on f from 3 on. f may leave the list then, but by the invariant it cannot
 * come back as the same padded value. So if 5 finds f, f has been on the list without a break since 3. Links
 * of nodes on the list do not change: n is f's link. A pop that 3 turns away relies on nothing.
 *
 * Why the invariant holds: in the total order, the entry is taken (2) before f is seen at the head (3), which
 * is before somebody takes f off (5), which is before whoever owns the node since looks at the black list
 * (push 2): it sees the entry, unless the pop has given it back and relies on nothing. Of an entry that is
 * taken after that look, 3 decides: either the node is not on the list yet, or what is relied on is its new
 * life. The second look after a lost exchange is caution: in between the node was on no list, so that no pop
 * can have begun to rely on it. (Without both, 3 and the second look, nodes get lost: stack_steps_test.c
 * has the schedule.) The same holds for nodes that were never on the list: they need no look.
 *
 * Linearisation points: push and a successful pop at their CAS of the head; an empty pop at its load in 1.
 *
 * Progress: a pop that is stopped between 2 and 6 pins one entry. Fewer than AO_BL_SIZE stopped pops leave an
 * entry through which all others go on; AO_BL_SIZE of them stop every pop of that list. Pushes never wait.
 *
 * Memory orders. [A] and [B] are the two halves of a Dekker handshake between a pop that black-lists f and a
 * push that re-inserts f's node: either the push sees the entry, or the pop sees that f was removed. A store
 * buffer must not hide one from the other, so all four accesses are seq_cst (plain moves and locked
 * instructions on x86-64, ldar/casal on aarch64):
 *     pop 1  load head          acquire   an empty pop acquires what the pop that emptied the list wrote
 *     pop 2  CAS entry 0 -> f   seq_cst   [A] before 3 in the total order
 *     pop 3  load head          seq_cst   [A]; also acquires what the pusher of f wrote: pairs with push 3
 *     pop 4  load link          relaxed   may be of a node that is gone; the value counts only if 5 succeeds
 *     pop 5  CAS head f -> n    seq_cst   [B] before any black-list load of who re-inserts the node; its
 *                                         release half keeps 4 from reading a link that is written later
 *     pop 6  store entry 0      release   the reads above stay above; pairs with push 2 and with pop 2
 *     push 1 load head          relaxed   the exchange alone decides whether it was right
 *            store link         relaxed   published by push 3, or read by a pop 4 whose value does not count
 *     push 2 load entries       seq_cst   [B] after the CAS that removed the node
 *     push 3 CAS head h -> x    release   publishes node and link; pairs with pop 1 and 3
 * Every change of the head is a CAS, so that a pop that reads a head which another pop has put there acquires
 * from the pushes before it too: their release sequences go on. A CAS that fails is relaxed: all again.
 */
#ifndef AO_STACK_ALMOST_H
#define AO_STACK_ALMOST_H

#include "atomic_ops_stack.h"
#include "os/os.h"

#include <stdbool.h>

static inline AO_uintptr_t *stack_almost_node(AO_uintptr_t padded) {
    return (AO_uintptr_t *)(padded & ~AO_BIT_MASK);
}

static inline bool stack_almost_cas(volatile AO_uintptr_t *word, AO_uintptr_t expected, AO_uintptr_t desired,
                                    int order) {
    return __atomic_compare_exchange_n(word, &expected, desired, false, order, __ATOMIC_RELAXED);
}

static inline bool stack_almost_listed(const AO_stack_aux *aux, AO_uintptr_t padded) {
    bool listed = false;
    for (unsigned i = 0; i < AO_BL_SIZE; i++)
        listed |= __atomic_load_n(&aux->AO_stack_bl[i], __ATOMIC_SEQ_CST) == padded; /* push 2, [B] */
    return listed;
}

/* Puts the nodes FIRST .. LAST, already linked to each other, on the list. All but FIRST must be ones that no
 * pop of this list can rely on: nodes that were never on it. */
static inline void stack_almost_push_chain(volatile AO_uintptr_t *list, AO_uintptr_t *first,
                                           AO_uintptr_t *last, AO_stack_aux *aux) {
    AO_uintptr_t pad = 0;
    for (;;) {
        const AO_uintptr_t head = __atomic_load_n(list, __ATOMIC_RELAXED); /* push 1 */
        __atomic_store_n(last, head, __ATOMIC_RELAXED);
        const AO_uintptr_t padded = (AO_uintptr_t)first + pad;
        if (__builtin_expect(stack_almost_listed(aux, padded), 0))
            pad = (pad + 1) & AO_BIT_MASK;
        else if (__builtin_expect(stack_almost_cas(list, head, padded, __ATOMIC_RELEASE), 1)) /* push 3 */
            return;
    }
}

static inline void stack_almost_push(volatile AO_uintptr_t *list, AO_uintptr_t *node, AO_stack_aux *aux) {
    stack_almost_push_chain(list, node, node, aux);
}

/* Pop 2 for a head F: the entry taken, or NULL where none was free in one pass. */
static inline volatile AO_uintptr_t *stack_almost_claim(AO_stack_aux *aux, AO_uintptr_t f) {
    for (unsigned i = 0; i < AO_BL_SIZE; i++)
        if (__builtin_expect(stack_almost_cas(&aux->AO_stack_bl[i], 0, f, __ATOMIC_SEQ_CST), 1)) /* [A] */
            return &aux->AO_stack_bl[i];
    return NULL;
}

static inline AO_uintptr_t *stack_almost_pop(volatile AO_uintptr_t *list, AO_stack_aux *aux) {
    unsigned attempt = 0;
    for (;;) {
        const AO_uintptr_t f = __atomic_load_n(list, __ATOMIC_ACQUIRE); /* pop 1, pairs with push 3 */
        if (f == 0)
            return NULL;
        volatile AO_uintptr_t *const entry = stack_almost_claim(aux, f);
        if (__builtin_expect(entry == NULL, 0)) {
            os_back_off(attempt++);
            continue;
        }
        bool popped = false;
        if (__builtin_expect(__atomic_load_n(list, __ATOMIC_SEQ_CST) == f, 1)) { /* pop 3, [A] */
            const AO_uintptr_t next = __atomic_load_n(stack_almost_node(f), __ATOMIC_RELAXED); /* pop 4 */
            popped = stack_almost_cas(list, f, next, __ATOMIC_SEQ_CST); /* pop 5, [B] */
        }
        __atomic_store_n(entry, 0, __ATOMIC_RELEASE); /* pop 6 */
        if (__builtin_expect(popped, 1))
            return stack_almost_node(f);
    }
}

#endif
