/* SPDX-License-Identifier: MIT
 *
 * What the machine is, and what about it makes figures doubtful. Facts go into the head of every result file as
 * "# key: value"; each warning says what is wrong and what to do about it.
 */
#ifndef COMPARE_HOST_H
#define COMPARE_HOST_H

#include <stdbool.h>
#include <stddef.h>

struct host_fact {
    char key[64];
    char value[400];
};

struct host {
    struct host_fact fact[96];
    size_t facts;
    char warning[24][400];
    size_t warnings;
    unsigned cores;              /* that this process may use */
    unsigned long available_kib; /* of memory, MemAvailable */
};

/* Reads cpu, cores, smt, governor, turbo, thp, kernel, libc, virtualisation, load, memory, aslr, date; and
 * measures how long a cache line takes between each two of (at most 8 of) the cores used (cache_line_ns 0-1),
 * about 20 ms a pair. Facts that cannot be had say "unknown" and why. Starts threads; no errors. */
void host_read(struct host *host);

/* Adds a warning for each fact that makes figures doubtful; host_read has done it. For facts of a result file. */
void host_warn(struct host *host);

/* The facts that must agree for a campaign to go on in the same directory (not load, not date) as one line. */
void host_identity(const struct host *host, char *text, size_t size);

/* Adds the facts of a measured library: KEY "library NAME", value "PATH VERSION sha256:HASH". VERSION is of the
 * Debian package that owns the file; where none does, of PACKAGE, whose code the file was linked from; else
 * "unpackaged". */
void host_add_library(struct host *host, const char *name, const char *path, const char *package);

void host_add_fact(struct host *host, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void host_add_warning(struct host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
