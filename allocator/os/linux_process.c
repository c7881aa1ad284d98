/* SPDX-License-Identifier: MIT
 *
 * process.h for Linux.
 */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Behind NAME= where ENTRY, of LENGTH characters, begins so; else NULL. */
static const char *value_of(const char *entry, size_t length, const char *name) {
    const size_t n = strlen(name);
    return length > n && strncmp(entry, name, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

static void copy(char *value, size_t size, const char *from, size_t length) {
    const size_t n = length < size ? length : size - 1;
    memcpy(value, from, n);
    value[n] = '\0';
}

/* Entry by entry; of one that does not fit the beginning is enough. */
static bool read_environment(int file, const char *name, char *value, size_t size) {
    char text[4096];
    size_t length = 0;
    bool skips = false; /* the rest of an entry whose beginning is gone */
    for (;;) {
        const long got = syscall(SYS_read, file, text + length, sizeof text - length);
        if (got > 0)
            length += (size_t)got;
        for (const char *end;
             (end = memchr(text, '\0', length)) != NULL || length == sizeof text || got <= 0;) {
            const size_t entry = end != NULL ? (size_t)(end - text) : length;
            const char *const at = skips ? NULL : value_of(text, entry, name);
            if (at != NULL)
                copy(value, size, at, entry - (size_t)(at - text));
            if (at != NULL || (end == NULL && got <= 0))
                return at != NULL;
            skips = end == NULL;
            length -= entry + (end != NULL);
            memmove(text, text + entry + (end != NULL), length);
        }
    }
}

bool os_environment(const char *name, char *value, size_t size) {
    if (__environ != NULL) {
        for (char **entry = __environ; *entry != NULL; entry++) {
            const char *const at = value_of(*entry, strlen(*entry), name);
            if (at != NULL) {
                copy(value, size, at, strlen(at));
                return true;
            }
        }
        return false;
    }
    const int saved = errno;
    const long file = syscall(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);
    const bool found = file >= 0 && read_environment((int)file, name, value, size);
    if (file >= 0)
        syscall(SYS_close, file);
    errno = saved;
    return found;
}

_Noreturn void os_exit(int status, const char *line) {
    const long written = syscall(SYS_write, STDERR_FILENO, line, strlen(line));
    (void)written;
    for (;;)
        syscall(SYS_exit_group, status);
}

int os_fork_and_wait(void) {
    return (int)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
}
