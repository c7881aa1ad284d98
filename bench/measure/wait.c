/* SPDX-License-Identifier: MIT
 *
 * How a worker waits for another (workload.h).
 */
#include "workload.h"

#include <sched.h>

/* Some microseconds: longer than the other needs where it is running. */
enum { PAUSES = 64 };

static void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void worker_wait(const struct worker *w, unsigned looks) {
    if (w->wait != NULL)
        w->wait();
    else if (looks < PAUSES)
        pause_core();
    else
        sched_yield();
}
