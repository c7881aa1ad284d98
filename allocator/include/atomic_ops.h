/* SPDX-License-Identifier: MIT
 *
 * Atomic operations on a word and on the narrower unsigned integers, with the names of the package atomic_ops:
 * AO_, the integer, the operation, its order, as in AO_char_fetch_and_add_acquire. Made of the compiler's
 * __atomic builtins, all inline: there is nothing to link with. Programs written for either generation of the
 * package compile: up to 7.8 links of a stack are AO_t, later ones AO_uintptr_t; here both are the same type.
 *
 *     integer T   (none) AO_t, char_ unsigned char, short_ unsigned short, int_ unsigned int
 *     operation   T    load(const volatile T *at)
 *                 void store(volatile T *at, T value)
 *                 T    fetch_and_add(volatile T *at, T addend)   what was there; wraps, as the next two do
 *                 T    fetch_and_add1(volatile T *at)
 *                 T    fetch_and_sub1(volatile T *at)
 *                 void and, or, xor(volatile T *at, T bits)
 *                 int  compare_and_swap(volatile T *at, T old, T value)         1: was OLD and is VALUE now
 *                 T    fetch_compare_and_swap(volatile T *at, T old, T value)   what was there
 *                 AO_TS_VAL_t test_and_set(volatile AO_TS_t *at)   only this: AO_TS_CLEAR: the caller set it
 *                 void nop(void)                                   on nothing: an order alone
 *     AO_CLEAR(at) undoes test_and_set, with release.
 *
 * AO_HAVE_x is defined where there is a function AO_x, and only there: atomic_ops_have.h.
 *
 * Orders: what each promises, the __atomic order of its access, the fence beside it. Where an operation reads
 * and writes, what follows is after its read, what precedes is before its write; _full means both of both.
 *
 *     (none)            atomic, no more                            relaxed
 *     _acquire          before all that follows                    acquire
 *     _acquire_read     before reads that follow                   acquire: no weaker one does it
 *     _dd_acquire_read  before reads through what it has read      acquire: compilers make that of consume
 *     _read             before reads that follow, and so are       acquire, then an acquire fence: the access
 *                       reads that precede it                      alone says nothing of those before it
 *     _release          after all that precedes                    release
 *     _release_write    after writes that precede                  release: no weaker one does it
 *     _write            after writes that precede, and so are      a release fence, then release: the access
 *                       writes that follow it                      alone says nothing of those after it
 *     _full             before all that follows, after all         a seq_cst fence: before a load, after a
 *                       that precedes                              store, on both sides of all others
 *
 * load has the orders of a read, store those of a write, nop the ones without a second word, all others every
 * one. nop's fence is acquire for _read, release for _write.
 *
 * A seq_cst access alone is not _full: it is in order with other seq_cst accesses, no more. On aarch64 a load
 * that follows may pass what stlr or stlxr writes, and an exchange that fails writes nothing, so that what
 * precedes need not be before it. On x86 what reads and writes is locked, also when it fails, and that is a
 * full barrier: no fence.
 *
 * ThreadSanitizer does not know fences. It sees the accesses' own orders, and nops as accesses to one variable,
 * so that each is in order with all others. It may report what is right: on one side a nop, or what the fence
 * alone of a _read, _write or _full gives, and on the other an access with an order.
 */
#ifndef ATOMIC_OPS_H
#define ATOMIC_OPS_H

#include <stddef.h>
#include <stdint.h>

/* An unsigned integer as wide as a pointer; in the package it is size_t. */
typedef size_t AO_t;
typedef AO_t AO_uintptr_t;

/* Does not compile where size_t is narrower. An array, for C before 2011 has no static assertion. */
typedef char AO__t_holds_a_pointer[sizeof(AO_t) == sizeof(void *) ? 1 : -1];

/* What the machine has without a lock, and the compiler without a call of libatomic, which may take one. */
#if defined(__GCC_ATOMIC_POINTER_LOCK_FREE) && __GCC_ATOMIC_POINTER_LOCK_FREE == 2 &&                        \
    __GCC_ATOMIC_INT_LOCK_FREE == 2
#    define AO__HAS_WORD
#    if __GCC_ATOMIC_CHAR_LOCK_FREE == 2 && __GCC_ATOMIC_SHORT_LOCK_FREE == 2
#        define AO__HAS_NARROW /* riscv64 with an older gcc has none */
#    endif
#    if defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16) && defined(__SIZEOF_INT128__) && __SIZEOF_POINTER__ == 8
#        define AO__HAS_DOUBLE
#    endif
#endif
#include "atomic_ops_have.h"

#ifdef AO__HAS_WORD

/* ---- Fences ---- */

#    if defined(__SANITIZE_THREAD__)
#        define AO__SEEN_BY_TSAN
#    elif defined(__has_feature)
#        if __has_feature(thread_sanitizer)
#            define AO__SEEN_BY_TSAN
#        endif
#    endif

#    ifdef AO__SEEN_BY_TSAN
#        ifdef __cplusplus
extern "C" {
#        endif
void __tsan_atomic_thread_fence(int order); /* what gcc makes of the builtin, but with a warning */
extern __attribute__((__weak__)) AO_t AO__nops_for_tsan; /* one in the whole program */
AO_t AO__nops_for_tsan;
#        ifdef __cplusplus
} /* extern "C" */
#        endif
#        define AO__FENCE(order) __tsan_atomic_thread_fence(order)
#        define AO__NOP(order)                                                                               \
            (AO__FENCE(order), (void)__atomic_fetch_add(&AO__nops_for_tsan, 0, __ATOMIC_ACQ_REL))
#    else
#        define AO__FENCE(order) __atomic_thread_fence(order)
#        define AO__NOP(order)   AO__FENCE(order)
#    endif

/* The last two columns of the orders. */
#    define AO__none()    ((void)0)
#    define AO__acquire() AO__FENCE(__ATOMIC_ACQUIRE)
#    define AO__release() AO__FENCE(__ATOMIC_RELEASE)
#    define AO__full()    AO__FENCE(__ATOMIC_SEQ_CST)
#    if defined(__x86_64__) || defined(__i386__)
#        define AO__unlocked() AO__none() /* no such machine */
#    else
#        define AO__unlocked() AO__full()
#    endif

static __inline__ void AO_nop(void) {
}
static __inline__ void AO_nop_acquire(void) {
    AO__NOP(__ATOMIC_ACQUIRE);
}
static __inline__ void AO_nop_read(void) {
    AO__NOP(__ATOMIC_ACQUIRE);
}
static __inline__ void AO_nop_release(void) {
    AO__NOP(__ATOMIC_RELEASE);
}
static __inline__ void AO_nop_write(void) {
    AO__NOP(__ATOMIC_RELEASE);
}
static __inline__ void AO_nop_full(void) {
    AO__NOP(__ATOMIC_SEQ_CST);
}

/* ---- Orders ---- */

/* clang-format off */
/*  of what      OP(T, name,                   of the access,    fence before, fence after) */
#define AO__READS(OP, T, name) \
                 OP(T, name,                   __ATOMIC_RELAXED, AO__none,     AO__none) \
                 OP(T, name##_acquire,         __ATOMIC_ACQUIRE, AO__none,     AO__none) \
                 OP(T, name##_acquire_read,    __ATOMIC_ACQUIRE, AO__none,     AO__none) \
                 OP(T, name##_dd_acquire_read, __ATOMIC_ACQUIRE, AO__none,     AO__none) \
                 OP(T, name##_read,            __ATOMIC_ACQUIRE, AO__none,     AO__acquire) \
                 OP(T, name##_full,            __ATOMIC_ACQUIRE, AO__full,     AO__none)
#define AO__WRITES(OP, T, name) \
                 OP(T, name,                   __ATOMIC_RELAXED, AO__none,     AO__none) \
                 OP(T, name##_release,         __ATOMIC_RELEASE, AO__none,     AO__none) \
                 OP(T, name##_release_write,   __ATOMIC_RELEASE, AO__none,     AO__none) \
                 OP(T, name##_write,           __ATOMIC_RELEASE, AO__release,  AO__none) \
                 OP(T, name##_full,            __ATOMIC_RELEASE, AO__none,     AO__full)
#define AO__UPDATES(OP, T, name) \
                 OP(T, name,                   __ATOMIC_RELAXED, AO__none,     AO__none) \
                 OP(T, name##_acquire,         __ATOMIC_ACQUIRE, AO__none,     AO__none) \
                 OP(T, name##_acquire_read,    __ATOMIC_ACQUIRE, AO__none,     AO__none) \
                 OP(T, name##_dd_acquire_read, __ATOMIC_ACQUIRE, AO__none,     AO__none) \
                 OP(T, name##_read,            __ATOMIC_ACQUIRE, AO__none,     AO__acquire) \
                 OP(T, name##_release,         __ATOMIC_RELEASE, AO__none,     AO__none) \
                 OP(T, name##_release_write,   __ATOMIC_RELEASE, AO__none,     AO__none) \
                 OP(T, name##_write,           __ATOMIC_RELEASE, AO__release,  AO__none) \
                 OP(T, name##_full,            __ATOMIC_SEQ_CST, AO__unlocked, AO__unlocked)
/* clang-format on */

/* ---- Operations ---- */

/* It takes a star in a macro's argument for a product. */
/* clang-format off */
#    define AO__GIVES(R, name, parameters, before, access, after)                                            \
        static __inline__ R name parameters {                                                                \
            R result;                                                                                        \
            before();                                                                                        \
            result = access;                                                                                 \
            after();                                                                                         \
            return result;                                                                                   \
        }
#    define AO__DOES(name, parameters, before, access, after)                                                \
        static __inline__ void name parameters {                                                             \
            before();                                                                                        \
            (void)access;                                                                                    \
            after();                                                                                         \
        }

#    define AO__LOAD(T, name, order, before, after)                                                          \
        AO__GIVES(T, name, (const volatile T *at), before, __atomic_load_n(at, order), after)
#    define AO__STORE(T, name, order, before, after)                                                         \
        AO__DOES(name, (volatile T *at, T value), before, __atomic_store_n(at, value, order), after)
#    define AO__ADD(T, name, order, before, after)                                                           \
        AO__GIVES(T, name, (volatile T *at, T addend), before, __atomic_fetch_add(at, addend, order), after)
#    define AO__ADD1(T, name, order, before, after)                                                          \
        AO__GIVES(T, name, (volatile T *at), before, __atomic_fetch_add(at, 1, order), after)
#    define AO__SUB1(T, name, order, before, after)                                                          \
        AO__GIVES(T, name, (volatile T *at), before, __atomic_fetch_sub(at, 1, order), after)
#    define AO__AND(T, name, order, before, after)                                                           \
        AO__DOES(name, (volatile T *at, T bits), before, __atomic_fetch_and(at, bits, order), after)
#    define AO__OR(T, name, order, before, after)                                                            \
        AO__DOES(name, (volatile T *at, T bits), before, __atomic_fetch_or(at, bits, order), after)
#    define AO__XOR(T, name, order, before, after)                                                           \
        AO__DOES(name, (volatile T *at, T bits), before, __atomic_fetch_xor(at, bits, order), after)

/* One that fails writes nothing, and leaves in OLD what it found. */
#    define AO__EXCHANGE(order)                                                                              \
        __atomic_compare_exchange_n(at, &old, value, 0, order,                                               \
                                    order == __ATOMIC_RELEASE ? __ATOMIC_RELAXED : order)
#    define AO__CAS(T, name, order, before, after)                                                           \
        AO__GIVES(int, name, (volatile T *at, T old, T value), before, AO__EXCHANGE(order), after)
#    define AO__FETCH_CAS(T, name, order, before, after)                                                     \
        AO__GIVES(T, name, (volatile T *at, T old, T value), before, ((void)AO__EXCHANGE(order), old), after)

#    define AO__INTEGER(T, prefix)                                                                           \
        AO__READS(AO__LOAD, T, prefix##load)                                                                 \
        AO__WRITES(AO__STORE, T, prefix##store)                                                              \
        AO__UPDATES(AO__ADD, T, prefix##fetch_and_add)                                                       \
        AO__UPDATES(AO__ADD1, T, prefix##fetch_and_add1)                                                     \
        AO__UPDATES(AO__SUB1, T, prefix##fetch_and_sub1)                                                     \
        AO__UPDATES(AO__AND, T, prefix##and)                                                                 \
        AO__UPDATES(AO__OR, T, prefix##or)                                                                   \
        AO__UPDATES(AO__XOR, T, prefix##xor)                                                                 \
        AO__UPDATES(AO__CAS, T, prefix##compare_and_swap)                                                    \
        AO__UPDATES(AO__FETCH_CAS, T, prefix##fetch_compare_and_swap)
/* clang-format on */

AO__INTEGER(AO_t, AO_)
AO__INTEGER(unsigned int, AO_int_)
#    ifdef AO__HAS_NARROW
AO__INTEGER(unsigned char, AO_char_)
AO__INTEGER(unsigned short, AO_short_)
#    endif

typedef AO_t AO_TS_t;
typedef int AO_TS_VAL_t;
#    define AO_TS_CLEAR       0
#    define AO_TS_SET         1
#    define AO_TS_INITIALIZER AO_TS_CLEAR

/* clang-format off */
#    define AO__TEST_AND_SET(T, name, order, before, after)                                                  \
        AO__GIVES(AO_TS_VAL_t, name, (volatile T *at), before,                                               \
                  __atomic_exchange_n(at, AO_TS_SET, order) != AO_TS_CLEAR, after)
/* clang-format on */
AO__UPDATES(AO__TEST_AND_SET, AO_TS_t, AO_test_and_set)
#    define AO_CLEAR(at) AO_store_release(at, AO_TS_CLEAR)

/* ---- Two words ----
 *
 *     int         compare_double_and_swap_double(volatile AO_double_t *at, AO_t old1, AO_t old2,
 *                                                AO_t value1, AO_t value2)
 *     int         double_compare_and_swap(volatile AO_double_t *at, AO_double_t old, AO_double_t value)
 *     AO_double_t double_load(const volatile AO_double_t *at)    writes what it read: not read-only memory
 *     void        double_store(volatile AO_double_t *at, AO_double_t value)
 *
 * Where the compiler has them and makes no call of libatomic: on x86-64 with -mcx16, and on aarch64 with gcc.
 * By a __sync builtin, for gcc makes such a call of every __atomic of 16 bytes: the access is seq_cst, whatever
 * its order. There is no compare_and_swap_double, which compares one word of the two. */
#    ifdef AO__HAS_DOUBLE
__extension__ typedef unsigned __int128 AO__two;
typedef union {
    struct {
        AO_t AO__first, AO__second;
    } AO__words;
    AO__two AO__whole;
} AO_double_t;
#        define AO_val1 AO__words.AO__first
#        define AO_val2 AO__words.AO__second

static __inline__ int AO__double_swap(volatile AO_double_t *at, AO_double_t old, AO_double_t value) {
    return __sync_bool_compare_and_swap(&at->AO__whole, old.AO__whole, value.AO__whole);
}
static __inline__ AO_double_t AO__double(AO_t first, AO_t second) {
    AO_double_t both;
    both.AO_val1 = first;
    both.AO_val2 = second;
    return both;
}
/* Perhaps of two moments: only an exchange that succeeds says that it was of one. */
static __inline__ AO_double_t AO__double_guess(const volatile AO_double_t *at) {
    return AO__double(__atomic_load_n(&at->AO_val1, __ATOMIC_RELAXED),
                      __atomic_load_n(&at->AO_val2, __ATOMIC_RELAXED));
}
static __inline__ AO_double_t AO__double_read(const volatile AO_double_t *at) {
    AO_double_t was;
    do
        was = AO__double_guess(at);
    while (!AO__double_swap((volatile AO_double_t *)at, was, was));
    return was;
}
static __inline__ void AO__double_write(volatile AO_double_t *at, AO_double_t value) {
    while (!AO__double_swap(at, AO__double_guess(at), value))
        ;
}

/* clang-format off */
#        define AO__DOUBLE_CAS(T, name, order, before, after)                                                \
            AO__GIVES(int, name, (volatile T *at, T old, T value), before, AO__double_swap(at, old, value),  \
                      after)
#        define AO__CAS_DOUBLE(T, name, order, before, after)                                                \
            AO__GIVES(int, name, (volatile T *at, AO_t old1, AO_t old2, AO_t value1, AO_t value2), before,   \
                      AO__double_swap(at, AO__double(old1, old2), AO__double(value1, value2)), after)
#        define AO__DOUBLE_LOAD(T, name, order, before, after)                                               \
            AO__GIVES(T, name, (const volatile T *at), before, AO__double_read(at), after)
#        define AO__DOUBLE_STORE(T, name, order, before, after)                                              \
            AO__DOES(name, (volatile T *at, T value), before, AO__double_write(at, value), after)
/* clang-format on */
AO__UPDATES(AO__DOUBLE_CAS, AO_double_t, AO_double_compare_and_swap)
AO__UPDATES(AO__CAS_DOUBLE, AO_double_t, AO_compare_double_and_swap_double)
AO__READS(AO__DOUBLE_LOAD, AO_double_t, AO_double_load)
AO__WRITES(AO__DOUBLE_STORE, AO_double_t, AO_double_store)
#    endif

#endif
#endif
