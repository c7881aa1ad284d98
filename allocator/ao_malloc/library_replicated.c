/* SPDX-License-Identifier: MIT
 *
 * The lock-free library for many threads: sixteen lists with versions a class.
 */
#include "ao/list_replicated.h"
#include "public_names.h"
