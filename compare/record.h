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
#define RECORD(name, key, better, unit, what) {#name, #key, unit, what, better},
#include "../bench/record.def"
#undef RECORD
};

#endif
