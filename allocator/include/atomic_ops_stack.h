/* SPDX-License-Identifier: MIT
 *
 * LIFO lists of caller-owned nodes. In the classic library the almost-lock-free stack (Boehm, "An Almost
 * Non-Blocking Stack", PODC 2004), from single-word compare-and-swap alone. Blocks only while AO_BL_SIZE
 * activations of pop on one stack are stopped halfway at once. AO_BL_SIZE is 2: it is 1-lock-free, so that
 * one thread and one handler that interrupts it never wait for each other. In all other libraries a stack with a
 * version, which never blocks, from double-width compare-and-swap.
 *
 * Programs that are linked with one of those are compiled with AO_LIBRARY_IS_LOCK_FREE defined, which pkg-config and
 * the CMake package tell them. It depends on the library alone, never on the machine that a program is compiled for.
 *
 * Thread and signal safety: every function but AO_stack_init may be called from any number of threads and
 * from a signal handler; with the classic library, the handler itself not interrupted by another that pops
 * from the same stack. No function fails, allocates, or touches errno.
 */
#ifndef ATOMIC_OPS_STACK_H
#define ATOMIC_OPS_STACK_H

#include "atomic_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef AO_LIBRARY_IS_LOCK_FREE
#    ifdef AO_USE_ALMOST_LOCK_FREE
#        error "AO_USE_ALMOST_LOCK_FREE is the classic library: without AO_LIBRARY_IS_LOCK_FREE"
#    endif
#    define AO_STACK_IS_LOCK_FREE
#elif !defined(AO_USE_ALMOST_LOCK_FREE)
#    define AO_USE_ALMOST_LOCK_FREE
#endif

/* Entries of a black list, and low bits of a node's address that serve as its pad. Part of the ABI. */
#ifndef AO_BL_SIZE
#    define AO_BL_SIZE 2
#endif
#if !defined(UINTPTR_MAX)
#    error "<stdint.h> lacks UINTPTR_MAX: define __STDC_LIMIT_MACROS first"
#elif UINTPTR_MAX > 0xffffffffU
#    define AO_N_BITS 3
#else
#    define AO_N_BITS 2
#endif
#define AO_BIT_MASK ((AO_uintptr_t)((1 << AO_N_BITS) - 1))
#if AO_BL_SIZE != 2
#    error "AO_BL_SIZE is part of this library's ABI: 2"
#endif

/* The padded node addresses that pops in progress rely on; 0: a free entry. Opaque, but fully defined so that
 * it can be allocated. */
typedef struct AO__stack_aux {
    volatile AO_uintptr_t AO_stack_bl[AO_BL_SIZE];
} AO_stack_aux;

/* A stack. Opaque; static or heap storage. 32 bytes on LP64, so aligned that it lies in one cache line. */
#if defined(__GNUC__)
#    define AO_STACK_ATTR_ALIGNED __attribute__((__aligned__(sizeof(void *) << (AO_BL_SIZE > 1 ? 2 : 1))))
#else
#    define AO_STACK_ATTR_ALIGNED
#endif
typedef union AO_STACK_ATTR_ALIGNED AO__stack {
    struct {
        volatile AO_uintptr_t ptr;
        AO_stack_aux aux;
    } AO_pa;
    struct { /* the lock-free libraries': the type is the same for all */
        volatile AO_uintptr_t AO_version;
        volatile AO_uintptr_t AO_ptr;
    } AO_vp;
} AO_stack_t;

/* An empty stack. */
/* clang-format off */
#define AO_STACK_INITIALIZER { { 0, { { 0, 0 } } } }
/* clang-format on */

/* Makes it empty, whatever it held. Not atomic: nobody else may use it meanwhile. */
void AO_stack_init(AO_stack_t *stack);

/* ELEMENT is the link word inside the caller's node, aligned to 1 << AO_N_BITS bytes, or the program is
 * aborted; it is overwritten. What was written to the node before is seen by whoever pops it. Nodes stay
 * addressable as long as any push or pop on the stack is in progress: a delayed pop may read the link of a
 * node that is long gone from the stack. */
void AO_stack_push_release(AO_stack_t *stack, AO_uintptr_t *element);

/* The link word last pushed, taken off; NULL when the stack is empty. The word's value means nothing then. */
AO_uintptr_t *AO_stack_pop_acquire(AO_stack_t *stack);

#define AO_stack_push              AO_stack_push_release
#define AO_stack_pop               AO_stack_pop_acquire
#define AO_HAVE_stack_push         1
#define AO_HAVE_stack_push_release 1
#define AO_HAVE_stack_pop          1
#define AO_HAVE_stack_pop_acquire  1

#ifdef AO_USE_ALMOST_LOCK_FREE
/* The same for lists of one word each that share a black list. A list is always used with the same one. Only
 * the classic library has them. */
void AO_stack_push_explicit_aux_release(volatile AO_uintptr_t *list, AO_uintptr_t *element,
                                        AO_stack_aux *aux);
AO_uintptr_t *AO_stack_pop_explicit_aux_acquire(volatile AO_uintptr_t *list, AO_stack_aux *aux);
#endif

/* 1 when the linked library's stack is lock-free, else 0, whatever the program was compiled with. */
int AO_stack_is_lock_free(void);

/* For debugging, and to walk a stack that nobody changes: the first node's link word, and from a link word
 * the next node's; NULL at the end. AO_REAL_NEXT_PTR takes any expression, as programs up to 7.8 may write;
 * later ones name a link word there. AO_stack_next_ptr_d is what those call behind it, by reference. */
AO_uintptr_t *AO_stack_head_ptr(const AO_stack_t *stack);
AO_uintptr_t *AO_stack_next_ptr(AO_uintptr_t link);
AO_uintptr_t *AO_stack_next_ptr_d(const volatile AO_uintptr_t *link);
#define AO_REAL_HEAD_PTR(stack) AO_stack_head_ptr(&(stack))
#define AO_REAL_NEXT_PTR(link)  AO_stack_next_ptr(link)

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
