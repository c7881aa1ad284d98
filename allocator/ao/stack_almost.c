/* SPDX-License-Identifier: MIT
 *
 * The public names of the almost-lock-free stack (atomic_ops_stack.h) on the code of stack_almost.h, where
 * the algorithm, its proof and its memory orders stand.
 */
#include "stack_almost.h"

#include <stdlib.h>

_Static_assert(AO_BL_SIZE <= 1 << AO_N_BITS, "some pad must always be off the black list");
_Static_assert(sizeof(AO_stack_t) == 4 * sizeof(void *) && _Alignof(AO_stack_t) == 4 * sizeof(void *),
               "size and alignment are part of the ABI");

void AO_stack_init(AO_stack_t *stack) {
    *stack = (AO_stack_t)AO_STACK_INITIALIZER;
}

void AO_stack_push_release(AO_stack_t *stack, AO_uintptr_t *element) {
    AO_stack_push_explicit_aux_release(&stack->AO_pa.ptr, element, &stack->AO_pa.aux);
}

AO_uintptr_t *AO_stack_pop_acquire(AO_stack_t *stack) {
    return stack_almost_pop(&stack->AO_pa.ptr, &stack->AO_pa.aux);
}

void AO_stack_push_explicit_aux_release(volatile AO_uintptr_t *list, AO_uintptr_t *element,
                                        AO_stack_aux *aux) {
    if (((AO_uintptr_t)element & AO_BIT_MASK) != 0)
        abort(); /* these bits are the pad's: the list would lose them */
    stack_almost_push(list, element, aux);
}

AO_uintptr_t *AO_stack_pop_explicit_aux_acquire(volatile AO_uintptr_t *list, AO_stack_aux *aux) {
    return stack_almost_pop(list, aux);
}

int AO_stack_is_lock_free(void) {
    return 0;
}

AO_uintptr_t *AO_stack_head_ptr(const AO_stack_t *stack) {
    return stack_almost_node(__atomic_load_n(&stack->AO_pa.ptr, __ATOMIC_ACQUIRE));
}

AO_uintptr_t *AO_stack_next_ptr(AO_uintptr_t link) {
    return stack_almost_node(link);
}

AO_uintptr_t *AO_stack_next_ptr_d(const volatile AO_uintptr_t *link) {
    return stack_almost_node(__atomic_load_n(link, __ATOMIC_RELAXED));
}
