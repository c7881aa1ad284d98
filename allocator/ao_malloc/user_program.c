/* SPDX-License-Identifier: MIT
 *
 * A program as users of the package have written it, against the public headers and nothing else. CMake
 * compiles it with links of type AO_t (up to 7.8) and of type AO_uintptr_t (since), as C from 1989 on and as
 * C++ from 1998 on, warnings being errors, and runs each against the classic library; and once against each
 * of the others. LINK is AO_uintptr_t unless the compiler is told.
 */
#include <atomic_ops_malloc.h>
#include <atomic_ops_stack.h>

#include <stdio.h>
#include <string.h>

#ifndef LINK
#    define LINK AO_uintptr_t
#endif
#ifdef AO_LIBRARY_IS_LOCK_FREE
#    if !defined(AO_MALLOC_IS_LOCK_FREE) || !defined(AO_STACK_IS_LOCK_FREE) ||                               \
        defined(AO_USE_ALMOST_LOCK_FREE)
#        error "the library is lock-free, and the headers were told"
#    endif
#    define LOCK_FREE 1
#else
#    if defined(AO_MALLOC_IS_LOCK_FREE) || defined(AO_STACK_IS_LOCK_FREE) || !defined(AO_USE_ALMOST_LOCK_FREE)
#        error "the classic library is not lock-free, whatever a program is compiled for"
#    endif
#    define LOCK_FREE 0
#endif
#if !defined(AO_HAVE_stack_push) || !defined(AO_HAVE_stack_push_release) || !defined(AO_HAVE_stack_pop) ||   \
    !defined(AO_HAVE_stack_pop_acquire)
#    error "push and pop are there to be tested for"
#endif
#if !defined(AO_HAVE_fetch_and_add1_full) || !defined(AO_HAVE_char_compare_and_swap_acquire) ||              \
    defined(AO_HAVE_load_release)
#    error "operations are there to be tested for"
#endif
#if AO_BL_SIZE != 2 || AO_BL_SIZE > 1 << AO_N_BITS
#    error "a black list of two entries"
#endif

struct element {
    LINK next;
    int data;
};

static AO_stack_t list = AO_STACK_INITIALIZER;

#if !LOCK_FREE
static volatile AO_uintptr_t short_list[2];
static AO_stack_aux short_lists_aux;
#endif

/* A library that this program is linked with may allocate before main. */
static void *early;
static void before_main(void) __attribute__((constructor));
static void before_main(void) {
    early = AO_malloc(1);
}

static int sum_of_list(void) {
    int sum = 0;
    LINK *at;
    for (at = AO_REAL_HEAD_PTR(list); at != NULL; at = AO_REAL_NEXT_PTR(*at)) {
        if (AO_stack_next_ptr(*at) != AO_stack_next_ptr_d(at))
            return -1;
        sum += ((struct element *)(void *)at)->data;
    }
    return sum;
}

static int lists_share_a_black_list(void) {
#if !LOCK_FREE
    static struct element a, b;
    AO_stack_push_explicit_aux_release(&short_list[0], &a.next, &short_lists_aux);
    AO_stack_push_explicit_aux_release(&short_list[1], &b.next, &short_lists_aux);
    return AO_stack_pop_explicit_aux_acquire(&short_list[1], &short_lists_aux) == &b.next &&
           AO_stack_pop_explicit_aux_acquire(&short_list[0], &short_lists_aux) == &a.next &&
           AO_stack_pop_explicit_aux_acquire(&short_list[0], &short_lists_aux) == NULL;
#else
    return 1;
#endif
}

static int operations_are_there(void) {
    static volatile LINK word = 4;
    static volatile unsigned char narrow = 255;
    static AO_TS_t lock = AO_TS_INITIALIZER;
    AO_or_release(&word, 1);
    AO_store_write(&word, AO_load_acquire(&word) + 1);
    AO_nop_full();
    if (AO_test_and_set_acquire(&lock) != AO_TS_CLEAR || AO_test_and_set(&lock) != AO_TS_SET)
        return 0;
    AO_CLEAR(&lock);
    return AO_fetch_and_add1_full(&word) == 6 && AO_fetch_compare_and_swap(&word, 7, 8) == 7 &&
           AO_compare_and_swap_release(&word, 7, 9) == 0 && AO_load(&word) == 8 &&
           AO_char_fetch_and_add1(&narrow) == 255 && AO_char_load_read(&narrow) == 0;
}

int main(void) {
    int i, sum;
    LINK *at;
    char *large;
    if (early == NULL || sizeof(AO_stack_t) != 4 * sizeof(void *) || sizeof(LINK) != sizeof(void *))
        return 1;
    AO_free(early);
    for (i = 1; i <= 10; i++) {
        struct element *const e = (struct element *)AO_malloc(sizeof *e);
        if (e == NULL)
            return 1;
        e->data = i;
        if (i % 2 == 0)
            AO_stack_push(&list, &e->next);
        else
            AO_stack_push_release(&list, &e->next);
    }
    sum = sum_of_list();
    AO_free(AO_stack_pop_acquire(&list));
    while ((at = AO_stack_pop(&list)) != NULL)
        AO_free(at);
    AO_malloc_enable_mmap();
    large = (char *)AO_malloc(200000);
    if (large == NULL)
        return 1;
    memset(large, 1, 200000);
    AO_free(large);
    AO_stack_init(&list);
    printf("%d %d\n", sum, AO_stack_is_lock_free());
    return sum == 55 && AO_stack_is_lock_free() == LOCK_FREE && AO_stack_pop(&list) == NULL &&
                   lists_share_a_black_list() && operations_are_there()
               ? 0
               : 1;
}
