/* SPDX-License-Identifier: MIT
 *
 * Work that calls malloc, in a child of its own, so that the process from which points are forked stays as it is.
 */
#ifndef SAFETY_ASIDE_H
#define SAFETY_ASIDE_H

#include <stddef.h>

/* Runs WORK in a child, which ends with it; results go through shared memory. Ends this program where the child does
 * not come to its end. */
void aside(void (*work)(void));

/* Zeroed memory that children share. Ends this program where there is none. */
void *aside_memory(size_t size);

#endif
