/* SPDX-License-Identifier: MIT
 *
 * Wrong: a plain lock. A handler that comes while it is held spins for ever; so do others when its holder is stopped, and
 * the child of a fork.
 */
#include "broken.h"

struct inside {
    char nothing;
};

static int locked;

static void lock(struct inside *inside) {
    (void)inside;
    while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE) != 0)
        ;
}

static void unlock(struct inside *inside) {
    (void)inside;
    __atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}

#include "locked.h"
