/* SPDX-License-Identifier: MIT
 *
 * The column fork: another thread forks while one is stopped inside. The child, in which that one does not exist, must
 * find everything in order. Where fork itself waits for the stopped thread, as it does where handlers of fork's take the
 * allocator's locks, the thread is let go, and that is told.
 */
#include "cell.h"

#include "raw.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void in_child(void) {
    static struct oracle own;
    raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    own.subject = current->subject;
    own.fault = &attempt->fault;
    oracle_exercise(&own, 10000, walk_size(current->path));
    if (attempt->release == 0) /* else it was running while it was copied */
        oracle_drain(&stopped[0].oracle);
    oracle_exercise(&own, 100, walk_size(current->path));
    raw_exit(0);
}

void column_forks(void) {
    attempt->forking = true;
    const pid_t child = current->from_handler ? _Fork() : fork();
    if (child < 0)
        raw_exit(TRAP_LOST);
    if (child == 0)
        in_child();
    attempt->grandchild = child;
    attempt->forking = false;
    int status = 0;
    while (raw_syscall(SYS_wait4, child, (long)(uintptr_t)&status, 0, 0, 0, 0) == -4 /* EINTR */)
        ;
    if (WIFSIGNALED(status))
        raw_exit(EXIT_CRASHED);
    raw_exit(WEXITSTATUS(status));
}
