/* SPDX-License-Identifier: MIT
 *
 * Wrong: Treiber's stack without a tag. A pop that a handler interrupts between its look at the next node and its
 * exchange finds the same head with another node after it (ABA), and a block is handed out twice. Nobody waits for anybody.
 */
#include "broken.h"

static struct node *list[CLASSES];

void *broken_malloc(size_t size) {
    const unsigned k = class_for(size);
    struct node *head = __atomic_load_n(&list[k], __ATOMIC_ACQUIRE);
    while (head != NULL && !__atomic_compare_exchange_n(&list[k], &head, head->next, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        ;
    return head != NULL ? (void *)head : carve(k);
}

void broken_free(void *block) {
    if (block == NULL)
        return;
    struct node *const node = block;
    const unsigned k = class_at(block);
    struct node *head = __atomic_load_n(&list[k], __ATOMIC_RELAXED);
    do
        node->next = head;
    while (!__atomic_compare_exchange_n(&list[k], &head, node, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}
