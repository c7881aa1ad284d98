/* SPDX-License-Identifier: MIT
 *
 * The part of the atomic_ops interface that atomic_ops_stack.h and atomic_ops_malloc.h need: the word that
 * atomic operations work on. Programs written for either generation of the package compile: up to 7.8 links
 * of a stack are AO_t, later ones AO_uintptr_t; here both are the same type.
 */
#ifndef ATOMIC_OPS_H
#define ATOMIC_OPS_H

#include <stddef.h>
#include <stdint.h>

/* As wide as a pointer; size_t where that is a type of its own of that width, as programs expect. */
typedef size_t AO_t;
typedef AO_t AO_uintptr_t;

#if defined(__cplusplus)
static_assert(sizeof(AO_t) == sizeof(void *), "AO_t holds a pointer");
#else
_Static_assert(sizeof(AO_t) == sizeof(void *), "AO_t holds a pointer");
#endif

#endif
