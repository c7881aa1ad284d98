/* SPDX-License-Identifier: MIT
 *
 * One process at a time, watched: its time, its resident memory, how it ended, what it said. It leads a process
 * group of its own, which is killed with it; it dies when this program dies. Resident memory is watched, not
 * limited by RLIMIT_AS, for some allocators reserve terabytes of addresses that they never touch.
 */
#ifndef COMPARE_CHILD_H
#define COMPARE_CHILD_H

#include <stdbool.h>
#include <stddef.h>

struct child_limits {
    double seconds;             /* 0: none */
    unsigned long resident_kib; /* 0: none */
};

enum child_end {
    CHILD_EXITED,      /* code is its exit status */
    CHILD_SIGNALLED,   /* code is the signal */
    CHILD_TIMEOUT,     /* it was killed for its time */
    CHILD_MEMORY,      /* for its resident memory */
    CHILD_TALKATIVE,   /* for more output than any answer has */
    CHILD_INTERRUPTED, /* because this program was told to stop */
};

struct child_result {
    enum child_end end;
    int code;
    double seconds;
    unsigned long peak_kib; /* as far as it was watched */
    const char *out;        /* its standard output, with a zero after it */
    const char *last_line;  /* of its standard error; "" where there is none */
};

/* Runs ARGV (looked up in PATH, NULL at its end) with the variable BENCH_LAYOUT set to LAYOUT (NULL: as it is).
 * A program that cannot be started ends as one that exits with 127 and says why. */
struct child_result child_run(const char *const *argv, const char *layout, struct child_limits limits);

/* From now on SIGINT, SIGTERM and SIGHUP end the child, and the program says what it has. */
void child_catch_interrupts(void);

/* The signal that has come; 0: none. */
int child_interrupted(void);

#endif
