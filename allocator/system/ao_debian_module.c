/* SPDX-License-Identifier: MIT
 *
 * The packaged libatomic_ops_gpl.a as a loadable module: linking pulls its objects in, and they keep their
 * names. Its headers are never included; the three prototypes are the man page's. Built twice, once without the call that
 * lets it use mmap.
 */
#include <stddef.h>

void *AO_malloc(size_t size);
void AO_free(void *block);
void AO_malloc_enable_mmap(void);

/* Named so that the linker takes the archive's member. */
__attribute__((used)) static const struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
} wanted = {AO_malloc, AO_free};

#ifndef WITHOUT_MMAP
__attribute__((constructor)) static void enable_mmap(void) {
    AO_malloc_enable_mmap();
}
#endif
