/* SPDX-License-Identifier: MIT
 *
 * bench/record.def as an enumeration and a table: the metrics that a cell yields.
 */
#ifndef COMPARE_RECORD_H
#define COMPARE_RECORD_H

enum better { LOW, HIGH, NEITHER };

enum record {
#define RECORD(name, key, better, unit, what) RECORD_##name,
#include "../bench/record.def"
#undef RECORD
    RECORDS,
};

struct record_info {
    const char *name, *key, *unit, *what;
    enum better better;
};

static const struct record_info record_info[RECORDS] = {
#define RECORD(name, key, better, unit, what)        {#name, #key, unit, what, better},
#define RECORD_AS(id, name, key, better, unit, what) {#name, #key, unit, what, better},
#include "../bench/record.def"
#undef RECORD
};

/* Where less is taken at the peak, a page more is a large ratio and no loss: such cells are not compared by memory. */
static const double record_least_memory = 1 << 20;

/* What a cell is run for. The passes but the first two are outside the rounds. */
enum pass { PASS_TIME, PASS_LATENCY, PASS_LINE_SHARING, PASS_AFTER_FREE, PASS_MEMORY_TIME, PASS_SYSCALLS, PASS_VALGRIND, PASSES };

/* The figure that is written last of a cell in each pass: its row says that the others are there. */
static const enum record pass_completes[PASSES] = {RECORD_time_ns, RECORD_max_ns, RECORD_line_sharing,
                                                   RECORD_resident_after_free_12s_bytes, RECORD_memory_overhead, RECORD_brk_calls, RECORD_valgrind_instructions};

#endif
