/* SPDX-License-Identifier: MIT
 *
 * A lock inside of which all signals are blocked: no handler can come, and signal holds. Wrong: others wait for a holder
 * that is stopped.
 */
#include "broken.h"

#include <signal.h>

struct inside {
    sigset_t before;
};

static int locked;

static void lock(struct inside *inside) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &inside->before);
    while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE) != 0)
        ;
}

static void unlock(struct inside *inside) {
    __atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
    sigprocmask(SIG_SETMASK, &inside->before, NULL);
}

#include "locked.h"
