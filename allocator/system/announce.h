/* SPDX-License-Identifier: MIT
 *
 * For ThreadSanitizer, to which the atomics of a library that was not built with it are invisible: it would
 * call every block that goes from one thread to another a race.
 */
#ifndef SYSTEM_ANNOUNCE_H
#define SYSTEM_ANNOUNCE_H

#include "allocator.h"

/* In a build with ThreadSanitizer, puts functions before TABLE's malloc and free that announce what the
 * contract promises: free happens-before the malloc that hands the memory out again. Elsewhere nothing. */
void announce_orders(struct allocator *table);

#endif
