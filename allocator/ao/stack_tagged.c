/* SPDX-License-Identifier: MIT
 *
 * The public names of the lock-free libraries' stack (atomic_ops_stack.h) on the code of stack_tagged.h,
 * where the algorithm, its proof and its memory orders stand.
 */
#include "stack_tagged.h"

#include "atomic_ops_stack.h"

#include <stdlib.h>

_Static_assert(sizeof(AO_stack_t) == 4 * sizeof(void *) && _Alignof(AO_stack_t) == 4 * sizeof(void *),
               "size and alignment are part of the ABI, the same in all libraries");
_Static_assert(offsetof(AO_stack_t, AO_vp.AO_version) == offsetof(struct stack_tagged, top.first) &&
                   offsetof(AO_stack_t, AO_vp.AO_ptr) == offsetof(struct stack_tagged, top.second),
               "the version, then the node");

static struct stack_tagged *tagged(AO_stack_t *stack) {
    return (struct stack_tagged *)(void *)stack;
}

void AO_stack_init(AO_stack_t *stack) {
    *stack = (AO_stack_t)AO_STACK_INITIALIZER;
}

void AO_stack_push_release(AO_stack_t *stack, AO_uintptr_t *element) {
    if (((AO_uintptr_t)element & AO_BIT_MASK) != 0)
        abort(); /* nothing here would mind, but the other libraries would */
    stack_tagged_push(tagged(stack), element);
}

AO_uintptr_t *AO_stack_pop_acquire(AO_stack_t *stack) {
    return stack_tagged_pop(tagged(stack));
}

int AO_stack_is_lock_free(void) {
    return 1;
}

AO_uintptr_t *AO_stack_head_ptr(const AO_stack_t *stack) {
    return (AO_uintptr_t *)__atomic_load_n(&stack->AO_vp.AO_ptr, __ATOMIC_ACQUIRE);
}

AO_uintptr_t *AO_stack_next_ptr(AO_uintptr_t link) {
    return (AO_uintptr_t *)link;
}

AO_uintptr_t *AO_stack_next_ptr_d(const volatile AO_uintptr_t *link) {
    return (AO_uintptr_t *)__atomic_load_n(link, __ATOMIC_RELAXED);
}
