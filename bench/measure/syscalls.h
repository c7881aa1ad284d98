/* SPDX-License-Identifier: MIT
 *
 * How often the memory of the process is asked for, changed and given back: calls of mmap and their like, made by the threads that have
 * entered and by the threads that those start. The kernel stops each such call and asks a thread of ours, which counts it and lets it go
 * on (seccomp's user notification). It takes some 10 us, so a run with it has no time. Unlike a tracer it needs no other process and no
 * privilege, and whoever is counted may be debugged all the same.
 *
 * Who has entered is counted for life: there is no way back but the thread's end.
 */
#ifndef BENCH_MEASURE_SYSCALLS_H
#define BENCH_MEASURE_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum syscall_kind { SYSCALL_MMAP, SYSCALL_MUNMAP, SYSCALL_MREMAP, SYSCALL_MADVISE, SYSCALL_MPROTECT, SYSCALL_BRK, SYSCALL_KINDS };

/* The calling thread. False: WHY says why this kernel does not do it; nothing has changed. */
bool syscalls_enter(char *why, size_t size);

/* From now on calls are counted, from 0; until syscalls_end, which says how many there were. In between the caller makes sure that
 * no such call is in progress at either end that it minds. */
void syscalls_begin(void);
void syscalls_end(uint64_t count[SYSCALL_KINDS]);

/* Can it be done here at all? False: WHY says why not. Asks on a thread of its own. */
bool syscalls_can_be_counted(char *why, size_t size);

#endif
