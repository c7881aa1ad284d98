/* SPDX-License-Identifier: MIT
 *
 * Wrong: the block that was freed last is kept in a static variable, and taken out of it by a load and a store. A handler
 * between them is given the same block. Nobody waits for anybody.
 */
#include "broken.h"

static void *volatile last[CLASSES];

void *broken_malloc(size_t size) {
    const unsigned k = class_for(size);
    void *const block = last[k];
    if (block == NULL)
        return carve(k);
    last[k] = NULL;
    return block;
}

void broken_free(void *block) {
    if (block != NULL)
        last[class_at(block)] = block;
}
