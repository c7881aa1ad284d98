/* SPDX-License-Identifier: MIT
 *
 * Shared libraries as allocators: opened at run time with RTLD_LOCAL, so that one process can hold many and
 * none replaces the process's malloc.
 */
#ifndef SYSTEM_LIBRARY_H
#define SYSTEM_LIBRARY_H

#include "allocator.h"

/* Opens the first of LIBRARY's files that is there and fills TABLE's malloc and free, and realloc where it is
 * named and there. UNAVAILABLE: none is there; BAD_SPEC: one is, but it does not load or has not the first
 * two. A line in WHY. A file that begins with $ORIGIN, the program's own folder, is one that the build makes
 * when it finds the package. */
enum allocator_status library_open(const struct allocator_library *library, struct allocator *table,
                                   char *why, size_t why_size);

#endif
