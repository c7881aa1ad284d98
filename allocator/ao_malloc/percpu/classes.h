/* SPDX-License-Identifier: MIT
 *
 * Size classes of ao-percpu: steps of 16 bytes to 256, then eight to a doubling up to 32 KiB. A request of
 * n bytes wastes at most 15 up to 256, and under 12.5 % of it above. All sizes are multiples of 16, powers of
 * two among them, and blocks lie at multiples of their size from a 64 KiB boundary, or from the span's colour.
 *
 * Colours: blocks of whole pages would all begin in the same set of a cache of 4 KiB a way, where a few of them drive
 * each other out. So their spans leave a page free, and their first block begins up to 4032 bytes behind the
 * span's beginning, in steps of a line from span to span. (100 blocks of 32 KiB, each page of which is written once:
 * 75 ns a block, coloured 7.) Who asks for alignment gets blocks of classes of the same sizes without colour, from
 * CLASS_ALIGNED on: there, as in all other classes, blocks of 2^k bytes are 2^k-aligned.
 *
 * Class 0 is no class: what the page map says of memory that is not ours, and of large blocks. Class
 * CLASS_NODE is not handed out: the nodes in which batches of blocks travel (batches.h).
 *
 * CLASSES is the list, CLASS(number, bytes); everything else follows from it at compile time.
 */
#ifndef AO_MALLOC_PERCPU_CLASSES_H
#define AO_MALLOC_PERCPU_CLASSES_H

#include <stddef.h>
#include <stdint.h>

enum {
    LOG_SPAN = 16,
    SPAN = 1 << LOG_SPAN,
    LARGEST_SMALL = 32768,
    CLASS_ALIGNED = 73, /* the first of LARGEST_SMALL / PAGE */
    CLASS_LAST = 80,
    CLASS_NODE = 81,
    CLASSES_END = 82,
    PAGE = 4096,         /* what colours are for; the system's may be larger */
    COLOURS = PAGE - 64, /* in bytes: a mask */
    NODE_BYTES = 256,
    NODE_POINTERS = 30,
};

/* clang-format off */
#define CLASSES(X) \
    X( 1,    16) X( 2,    32) X( 3,    48) X( 4,    64) X( 5,    80) X( 6,    96) X( 7,   112) X( 8,   128) \
    X( 9,   144) X(10,   160) X(11,   176) X(12,   192) X(13,   208) X(14,   224) X(15,   240) X(16,   256) \
    X(17,   288) X(18,   320) X(19,   352) X(20,   384) X(21,   416) X(22,   448) X(23,   480) X(24,   512) \
    X(25,   576) X(26,   640) X(27,   704) X(28,   768) X(29,   832) X(30,   896) X(31,   960) X(32,  1024) \
    X(33,  1152) X(34,  1280) X(35,  1408) X(36,  1536) X(37,  1664) X(38,  1792) X(39,  1920) X(40,  2048) \
    X(41,  2304) X(42,  2560) X(43,  2816) X(44,  3072) X(45,  3328) X(46,  3584) X(47,  3840) X(48,  4096) \
    X(49,  4608) X(50,  5120) X(51,  5632) X(52,  6144) X(53,  6656) X(54,  7168) X(55,  7680) X(56,  8192) \
    X(57,  9216) X(58, 10240) X(59, 11264) X(60, 12288) X(61, 13312) X(62, 14336) X(63, 15360) X(64, 16384) \
    X(65, 18432) X(66, 20480) X(67, 22528) X(68, 24576) X(69, 26624) X(70, 28672) X(71, 30720) X(72, 32768) \
    X(73,  4096) X(74,  8192) X(75, 12288) X(76, 16384) X(77, 20480) X(78, 24576) X(79, 28672) X(80, 32768) \
    X(81, NODE_BYTES)

#define X2(c)   c, c
#define X4(c)   X2(c), X2(c)
#define X8(c)   X4(c), X4(c)
#define X16(c)  X8(c), X8(c)
#define X32(c)  X16(c), X16(c)
#define X64(c)  X32(c), X32(c)
#define X128(c) X64(c), X64(c)
#define DOUBLING(X, c) X(c), X(c + 1), X(c + 2), X(c + 3), X(c + 4), X(c + 5), X(c + 6), X(c + 7)

/* [(n + 15) / 16]: the class of a request of n bytes. */
static const uint8_t class_of_sixteenths[LARGEST_SMALL / 16 + 1] = {
    1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    DOUBLING(X2, 17), DOUBLING(X4, 25), DOUBLING(X8, 33), DOUBLING(X16, 41), DOUBLING(X32, 49),
    DOUBLING(X64, 57), DOUBLING(X128, 65),
};
/* clang-format on */

#undef X2
#undef X4
#undef X8
#undef X16
#undef X32
#undef X64
#undef X128
#undef DOUBLING

/* A block's index in its span is (offset * reciprocal) >> 32, where offset = index * size + colour: with reciprocal =
 * 2^32 / size + e, e < 1, the product is index * 2^32 + 2^32 * colour / size + offset * e. Of the last two terms the
 * second is at most 4032 / 4096 of 2^32, and the third less than 2^16. */
struct size_class {
    uint32_t size;       /* bytes a block */
    uint32_t reciprocal; /* 2^32 / size, rounded up */
    uint16_t blocks;     /* in a span */
    uint16_t colours;    /* COLOURS or 0 */
};

#define CLASS_IS_COLOURED(c, bytes) ((bytes) % PAGE == 0 && (c) < CLASS_ALIGNED)
#define CLASS_ROW(c, bytes)                                                                                  \
    [c] = {bytes, (uint32_t)(((UINT64_C(1) << 32) + bytes - 1) / bytes),                                     \
           (CLASS_IS_COLOURED(c, bytes) ? SPAN - PAGE : SPAN) / bytes,                                       \
           CLASS_IS_COLOURED(c, bytes) ? COLOURS : 0},
static const struct size_class size_class[CLASSES_END] = {CLASSES(CLASS_ROW)};
#undef CLASS_ROW
#undef CLASS_IS_COLOURED

/* For n <= LARGEST_SMALL. */
static inline unsigned class_of(size_t n) {
    return class_of_sixteenths[(n + 15) >> 4];
}

#endif
