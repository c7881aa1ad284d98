/* SPDX-License-Identifier: MIT
 *
 * Size classes of the allocators from the literature: multiples of 16 up to 64 bytes, then four to a doubling
 * (80, 96, 112, 128, 160, ...), each at most 1.25 times the one below. Hoard's paper (section 5) takes powers of 1.2,
 * Michael's says only that there are classes; these are the nearest that keep every block 16-aligned and need no table.
 * A request wastes at most 15 bytes up to 64, and under a fifth of its block above.
 */
#ifndef AO_SIZE_CLASS_H
#define AO_SIZE_CLASS_H

#include <stddef.h>

/* The class of the smallest blocks that hold N bytes; N > 0 and at most 2^62. */
static inline unsigned size_class_of(size_t n) {
    n--;
    if (n < 64)
        return (unsigned)(n >> 4);
    const unsigned log = 63 - (unsigned)__builtin_clzl(n); /* at least 6 */
    return 4 * (log - 6) + (unsigned)(n >> (log - 2));     /* the second term is one of 4 .. 7 */
}

/* Of its blocks, in bytes; a multiple of 16. */
static inline size_t size_class_bytes(unsigned class) {
    return class < 4 ? 16 * (class + 1) : (size_t)(class % 4 + 5) << (class / 4 + 3);
}

#endif
