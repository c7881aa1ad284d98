/* SPDX-License-Identifier: MIT
 *
 * The lock-free library: one list with a version a class.
 */
#include "ao/list_tagged.h"
#include "public_names.h"
