/* SPDX-License-Identifier: MIT
 *
 * All that our allocators ask of an operating system. Within allocator/ only this folder names one.
 *
 * Every function may be called from a signal handler and from any thread, before main and after fork. None
 * allocates, none takes a lock, none is a cancellation point, and errno is as it was afterwards.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include <stdbool.h>
#include <stddef.h>

/* A multiple of every page size that this runs on is what sizes are rounded to by callers: 64 KiB chunks. The
 * room behind a chunk need only be this. */
size_t os_page_size(void);

/* SIZE > 0 zeroed bytes, page aligned; NULL when there are none. */
void *os_map(size_t size);

/* Returns a whole mapping of os_map. False where the system refuses, which a correct program never sees. */
bool os_unmap(void *mapping, size_t size);

/* Waits a little, longer the larger ATTEMPT is (0 the first time): a loop of 2^(ATTEMPT+1) steps at first,
 * from 12 on asleep for 2^(ATTEMPT-12) microseconds, at most 100 ms. For who has nothing better to do. */
void os_back_off(unsigned attempt);

#endif
