/* SPDX-License-Identifier: MIT
 *
 * For tests: the code of the stacks with a call of step() before each access to shared memory (steps.h), and of
 * blocked() where it would back off. The test defines both. Included after all other headers, before code that
 * uses the stack.
 */
#ifndef AO_STEPPED_H
#define AO_STEPPED_H

#include "ao/steps.h"
#include "os/os.h"

#include <stddef.h>

static void blocked(void);

#undef os_back_off
#define os_back_off(attempt) ((void)(attempt), blocked())

#include "stack_almost.h"
#include "stack_tagged.h"

#endif
