/* SPDX-License-Identifier: MIT
 *
 * A program as users of the package have written it, against the two public headers and nothing else. CMake
 * compiles it with links of type AO_t (up to 7.8) and of type AO_uintptr_t (since), as C and as C++, warnings
 * being errors, and runs each against the static library.
 */
#include <atomic_ops_malloc.h>
#include <atomic_ops_stack.h>

#include <stdio.h>
#include <string.h>

#ifdef AO_MALLOC_IS_LOCK_FREE
#    error "the classic library is not lock-free"
#endif
#if !defined(AO_HAVE_stack_push_release) || !defined(AO_HAVE_stack_pop_acquire)
#    error "push and pop are there to be tested for"
#endif

struct element {
    LINK next;
    int data;
};

static AO_stack_t list = AO_STACK_INITIALIZER;

int main(void) {
    int sum = 0;
    for (int i = 1; i <= 10; i++) {
        struct element *const e = (struct element *)AO_malloc(sizeof *e);
        if (e == NULL)
            return 1;
        e->data = i;
        AO_stack_push(&list, &e->next);
    }
    for (LINK *at = AO_REAL_HEAD_PTR(list); at != NULL; at = AO_REAL_NEXT_PTR(*at))
        sum += ((struct element *)(void *)at)->data;
    for (LINK *at; (at = AO_stack_pop(&list)) != NULL;)
        AO_free(at);
    AO_malloc_enable_mmap();
    char *const large = (char *)AO_malloc(200000);
    if (large == NULL)
        return 1;
    memset(large, 1, 200000);
    AO_free(large);
    AO_stack_init(&list);
    printf("%d %d\n", sum, AO_stack_is_lock_free());
    return sum == 55 && AO_stack_pop(&list) == NULL ? 0 : 1;
}
