/* SPDX-License-Identifier: MIT
 *
 * Lists under a lock: lock(&inside) and unlock(&inside) are the including file's.
 */
static struct node *list[CLASSES];

void *broken_malloc(size_t size) {
    const unsigned k = class_for(size);
    struct inside inside;
    lock(&inside);
    struct node *const node = list[k];
    if (node != NULL)
        list[k] = node->next;
    unlock(&inside);
    return node != NULL ? (void *)node : carve(k);
}

void broken_free(void *block) {
    if (block == NULL)
        return;
    struct node *const node = block;
    const unsigned k = class_at(block);
    struct inside inside;
    lock(&inside);
    node->next = list[k];
    list[k] = node;
    unlock(&inside);
}
