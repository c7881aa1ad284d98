/* SPDX-License-Identifier: MIT
 *
 * For tests: a call of step() before each access to shared memory of the lock-free code that is included after
 * this. The test defines it, and so decides what others do at every instant that could make a difference.
 */
#ifndef AO_STEPS_H
#define AO_STEPS_H

#include "ao/dwcas.h"

static void step(void);

#define __atomic_load_n(word, order)            (step(), __atomic_load_n(word, order))
#define __atomic_store_n(word, value, order)    (step(), __atomic_store_n(word, value, order))
#define __atomic_exchange_n(word, value, order) (step(), __atomic_exchange_n(word, value, order))
#define __atomic_compare_exchange_n(word, expected, desired, weak, success, failure)                         \
    (step(), __atomic_compare_exchange_n(word, expected, desired, weak, success, failure))
#define __atomic_fetch_or(word, bits, order)  (step(), __atomic_fetch_or(word, bits, order))
#define __atomic_fetch_and(word, bits, order) (step(), __atomic_fetch_and(word, bits, order))
#define __atomic_fetch_add(word, n, order)    (step(), __atomic_fetch_add(word, n, order))
#define __atomic_fetch_sub(word, n, order)    (step(), __atomic_fetch_sub(word, n, order))
#define __atomic_add_fetch(word, n, order)    (step(), __atomic_add_fetch(word, n, order))
#define __atomic_sub_fetch(word, n, order)    (step(), __atomic_sub_fetch(word, n, order))
#define dwcas(...)                            (step(), dwcas(__VA_ARGS__))

#endif
