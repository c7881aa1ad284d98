/* SPDX-License-Identifier: MIT
 *
 * Merging GLIBC_TUNABLES. Libraries that are opened at run time take thread-local storage from a reserve of
 * glibc's that holds one or two of them; 64 KiB carries all that we know together.
 */
#include "tunables.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TUNABLES_BYTES = 4096 };
static const char variable[] = "GLIBC_TUNABLES";
static const char static_tls_name[] = "glibc.rtld.optional_static_tls=";
static const char static_tls[] = "glibc.rtld.optional_static_tls=65536";

/* The length of "name=" at the head of an entry. */
static size_t name_length(const char *entry) {
    return strcspn(entry, "=") + 1;
}

/* Sets ENTRY (LENGTH bytes of "name=value") in the colon-separated TUNABLES. */
static void merge_entry(char *tunables, const char *entry, size_t length) {
    char merged[TUNABLES_BYTES] = "";
    size_t used = 0;
    for (const char *at = tunables; *at != '\0';) {
        const size_t own = strcspn(at, ":");
        if (own > 0 && strncmp(at, entry, name_length(entry)) != 0)
            used += (size_t)snprintf(merged + used, sizeof merged - used, "%.*s:", (int)own, at);
        at += own + (at[own] == ':');
        if (used + length + 2 > sizeof merged)
            return; /* a user with 4000 bytes of tunables keeps them */
    }
    snprintf(merged + used, sizeof merged - used, "%.*s", (int)length, entry);
    strcpy(tunables, merged);
}

static bool has_entry(const char *tunables, const char *entry, size_t length) {
    for (const char *at = tunables; *at != '\0';) {
        const size_t own = strcspn(at, ":");
        if (own == length && strncmp(at, entry, length) == 0)
            return true;
        at += own + (at[own] == ':');
    }
    return false;
}

bool tunables_merge(const char *needed) {
    const char *const own = getenv(variable);
    char tunables[TUNABLES_BYTES];
    bool changed = false;
    if (own != NULL && strlen(own) >= sizeof tunables)
        return false;
    strcpy(tunables, own == NULL ? "" : own);
    if (strstr(tunables, static_tls_name) == NULL) {
        merge_entry(tunables, static_tls, strlen(static_tls));
        changed = true;
    }
    for (const char *at = needed == NULL ? "" : needed; *at != '\0';) {
        const size_t length = strcspn(at, ":");
        if (length > 0 && !has_entry(tunables, at, length)) {
            merge_entry(tunables, at, length);
            changed = true;
        }
        at += length + (at[length] == ':');
    }
    if (changed)
        setenv(variable, tunables, 1);
    return changed;
}

void tunables_execute_again(char **argv) {
    /* The link is read, not executed: under valgrind and the like only its text names this program. */
    char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        execv(path, argv);
    }
    perror("bench: cannot execute itself again with GLIBC_TUNABLES");
}
