/* SPDX-License-Identifier: MIT
 *
 * rseq.h where there are no restartable sequences: every one fails.
 */
#ifndef OS_RSEQ_H
#    error "include os/rseq.h"
#endif

static inline int os_slab_cpu(void) {
    return -1;
}
static inline void *os_slab_pop(char *slabs, size_t array) {
    (void)slabs, (void)array;
    return NULL;
}
static inline bool os_slab_push(char *slabs, size_t array, void *item) {
    (void)slabs, (void)array, (void)item;
    return false;
}
static inline bool os_slab_push_many(char *slabs, size_t array, uint64_t empty, void *const *item, size_t n) {
    (void)slabs, (void)array, (void)empty, (void)item, (void)n;
    return false;
}
static inline size_t os_slab_pop_many(char *slabs, size_t array, size_t floor, void **item, size_t most) {
    (void)slabs, (void)array, (void)floor, (void)item, (void)most;
    return 0;
}
static inline void os_slab_set_end(char *slabs, size_t array, uint64_t end) {
    (void)slabs, (void)array, (void)end;
}
