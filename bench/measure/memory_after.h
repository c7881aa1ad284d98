/* SPDX-License-Identifier: MIT
 *
 * A program that has freed all it had and calls its allocator only now and then: what most allocators need
 * before they give memory back, for they have no thread of their own to do it.
 */
#ifndef BENCH_MEASURE_MEMORY_AFTER_H
#define BENCH_MEASURE_MEMORY_AFTER_H

#include "allocator.h"

/* For SECONDS, on a thread of its own: every 10 ms one malloc of 64 bytes, written, and its free; returns when
 * that thread has ended. False: malloc returned NULL, or there was no thread. */
bool memory_after_calls(const struct allocator *allocator, double seconds);

#endif
