/* SPDX-License-Identifier: MIT
 *
 * All that our allocators ask of an operating system. Within allocator/ only this folder names one.
 *
 * Every function may be called from a signal handler and from any thread, before main and after fork. None
 * allocates, none takes a lock, none is a cancellation point, and errno is as it was afterwards.
 *
 * They are linked into the programs of others with the classic library: the linker knows them by names that
 * do not meet theirs.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define os_page_size      AO_os_page_size
#define os_map            AO_os_map
#define os_unmap          AO_os_unmap
#define os_back_off       AO_os_back_off
#define os_discard        AO_os_discard
#define os_remap          AO_os_remap
#define os_milliseconds   AO_os_milliseconds
#define os_process        AO_os_process
#define os_thread         AO_os_thread
#define os_thread_is_gone AO_os_thread_is_gone
#define os_restart_cpu    AO_os_restart_cpu

#pragma GCC visibility push(hidden) /* not part of a shared library's interface */

/* In bytes: a power of two, at most 64 KiB. */
size_t os_page_size(void);

/* SIZE > 0 zeroed bytes, page aligned; NULL when there are none. */
void *os_map(size_t size);

/* Returns a whole mapping of os_map. False where the system refuses, which a correct program never sees. */
bool os_unmap(void *mapping, size_t size);

/* Gives the pages of a part of a mapping, SIZE and START multiples of the page size, back to the system: they
 * read as 0 from then on. Where the system refuses, they stay as they are. */
void os_discard(void *start, size_t size);

/* A whole mapping of os_map, made larger or smaller, perhaps elsewhere; NULL: it stays as it is. */
void *os_remap(void *mapping, size_t size, size_t new_size);

/* Since some moment; goes on in steps of a few. */
uint64_t os_milliseconds(void);

/* The numbers of this process and thread, and whether no thread of this process has that number. */
uint32_t os_process(void);
uint32_t os_thread(void);
bool os_thread_is_gone(uint32_t thread);

/* Every restartable sequence that CPU is in begins anew after what this thread has written so far is seen there.
 * False: not to be had here. */
bool os_restart_cpu(unsigned cpu);

/* Waits a little, longer the larger ATTEMPT is (0 the first time): up to 11 in a loop of 2^(ATTEMPT+1) steps,
 * up to 28 asleep for 2^(ATTEMPT-12) microseconds, above that for 100 ms. A signal may end a sleep early. */
void os_back_off(unsigned attempt);

#pragma GCC visibility pop

#endif
