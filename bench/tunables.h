/* SPDX-License-Identifier: MIT
 *
 * GLIBC_TUNABLES, which a process can set only for its next life.
 */
#ifndef BENCH_TUNABLES_H
#define BENCH_TUNABLES_H

#include <stdbool.h>

/* Puts NEEDED ("name=value:name=value", NULL: nothing) and room for the thread-local storage of loaded
 * libraries into the environment, over the user's own settings of the same names, beside all others. True
 * where that changed anything: the process must be executed again to feel it. */
bool tunables_merge(const char *needed);

/* Executes this program again with ARGV; returns only where that fails. */
void tunables_execute_again(char **argv);

#endif
