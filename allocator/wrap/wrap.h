/* SPDX-License-Identifier: MIT
 *
 * Allocators around an allocator. The inner one does not know; wrappers nest in any order.
 *
 * A vtable's functions have no self parameter, so each kind has WRAP_SLOTS sets of them, one for each
 * allocator that is wrapped; false and a line in WHY when all are taken. Both fill all of *OUT but its name.
 */
#ifndef WRAP_WRAP_H
#define WRAP_WRAP_H

#include "allocator.h"

enum { WRAP_SLOTS = 8 };

/* Verifies alignment, overlap, canaries and what is freed; on a violation writes one line to standard error
 * and aborts. */
bool checked_wrap(const struct allocator *inner, struct allocator *out, char *why, size_t why_size);

/* Returns NULL at the NTH malloc (from 1, over all threads), and only there. */
bool failing_wrap(const struct allocator *inner, unsigned long nth, struct allocator *out, char *why,
                  size_t why_size);

#endif
