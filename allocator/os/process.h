/* SPDX-License-Identifier: MIT
 *
 * What a malloc of whole programs asks of the system besides os.h: for the time when libc is not ready, and
 * for the child of vfork. As those of os.h, but nothing here is in a library of ours.
 */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/* The value of NAME in the environment that the process was started with, cut to SIZE - 1 characters.
 * False: there is none, or libc has not begun and /proc is not to be read. */
bool os_environment(const char *name, char *value, size_t size);

/* LINE to standard error, and the process ends: no handlers, no buffers. */
_Noreturn void os_exit(int status, const char *line);

/* fork(2) without what libc does around it, and the parent waits until the child has executed a program or
 * ended: vfork(2) but for the memory, which the child has for itself. The child may do what that of vfork
 * may, and may write and allocate. -1 and errno where there is no child. */
int os_fork_and_wait(void);

#endif
