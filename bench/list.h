/* SPDX-License-Identifier: MIT
 *
 * `bench --list`: what there is, for a reader, and for programs (docs/programs.md).
 */
#ifndef BENCH_LIST_H
#define BENCH_LIST_H

#include "select.h"

void list_for_readers(const struct choices *choices, const struct points *points);
void list_for_programs(const struct choices *choices, const struct points *points);

#endif
