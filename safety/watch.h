/* SPDX-License-Identifier: MIT
 *
 * One child, forked from this process as it is, and how it ends. A hang is told apart from a slow path by what the
 * child's threads are doing:
 *
 *     deadlock   every thread waits for another in a system call without a time limit, twice in a row at the same place
 *     sleep      the same, but some sleep or wait with a limit, eight times in a row (spinlocks that sleep between looks)
 *     spin       more processor time than any point takes; or, where its threads give the processor away as they spin,
 *                many times as long as any point takes on a busy machine
 *
 * Between children nothing here calls malloc: where the subject is libc's, that would be another state for each child.
 */
#ifndef SAFETY_WATCH_H
#define SAFETY_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

enum watch_end { WATCH_EXITED, WATCH_SIGNALLED, WATCH_DEADLOCK, WATCH_SLEEP, WATCH_SPIN };

struct watch_result {
    enum watch_end end;
    int code;               /* exit status or signal */
    long milliseconds; /* of processor time that it took */
};

struct watch {
    double patience;         /* times the limits */
    long spin_milliseconds;  /* of processor time, at patience 1 */
    long wall_milliseconds;  /* likewise: for threads that give the processor away, and so use hardly any of it */
    /* It hangs: true where something was done about it, and it is to go on. NULL: nothing is. */
    bool (*on_hang)(void);
    const pid_t *grandchild; /* shared memory; watched too where it is not 0. NULL: there is none */
};

/* Forks without handlers (a handler of fork's would be one of the subject's), runs BODY in the child, then ends it with
 * status 0; kills what hangs. */
struct watch_result watch_run(const struct watch *watch, void (*body)(void));

#endif
