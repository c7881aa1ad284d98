/* SPDX-License-Identifier: MIT
 *
 * The library of the man page: one almost-lock-free list a class.
 */
#include "ao/list_almost.h"
#include "public_names.h"
