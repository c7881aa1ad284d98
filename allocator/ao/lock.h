/* SPDX-License-Identifier: MIT
 *
 * A lock of one word: an exchange takes it, a store gives it back. Without contention that is one atomic operation, where
 * pthread_mutex has two. Who finds it taken backs off: spins for some microseconds, then sleeps, longer and longer, for
 * the holder may have lost its processor. Neither fair nor recursive; a handler that interrupts its holder must not want
 * it.
 *
 * Orders: the exchange acquires, the store releases; each holder sees what those before it have written.
 */
#ifndef AO_LOCK_H
#define AO_LOCK_H

#include "os/os.h"

struct lock {
    unsigned taken; /* all zero is free */
};

static inline void lock_acquire(struct lock *lock) {
    unsigned attempt = 0;
    while (__builtin_expect(__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0, 0))
        do
            os_back_off(attempt++);
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED) !=
               0); /* a load leaves the line to the holder */
}

static inline void lock_release(struct lock *lock) {
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
