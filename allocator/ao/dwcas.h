/* SPDX-License-Identifier: MIT
 *
 * Compare-and-swap on two adjacent words, for stack_tagged.h. As inline assembly, because compilers make it a
 * call of libatomic, which may take a lock, unless the whole program is compiled for machines that have it.
 * Every x86-64 has cmpxchg16b but the first of 2003 to 2005, every aarch64 the exclusive pair.
 */
#ifndef AO_DWCAS_H
#define AO_DWCAS_H

#include "atomic_ops.h"

#include <stdbool.h>

/* Aligned as the instructions want it. May alias: it also is the first half of an AO_stack_t. */
struct __attribute__((aligned(2 * sizeof(AO_uintptr_t)), may_alias)) pair {
    AO_uintptr_t first, second;
};

_Static_assert(sizeof(struct pair) == 16, "two words of 8 bytes");

#if defined(__SANITIZE_THREAD__)
#    define DWCAS_SEEN_BY_TSAN
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define DWCAS_SEEN_BY_TSAN
#    endif
#endif

/* If *AT is *EXPECTED, DESIRED takes its place, in one step, and the result is true. Otherwise *EXPECTED
 * becomes what *AT was at one moment, both words of it. A full barrier either way: what comes before in the
 * program is before it for all threads, what comes after, after. */
#if defined(DWCAS_SEEN_BY_TSAN)

/* TSan cannot see into assembly. This is what compilers make of their 16-byte builtin under it (clang only
 * with -mcx16). Its runtime may take a lock for 16 bytes: no other instruction may change one word of the
 * pair. */
__extension__ typedef unsigned __int128 dwcas_word;
_Bool __tsan_atomic128_compare_exchange_strong(volatile void *, void *, dwcas_word, int, int);

static inline bool dwcas(struct pair *at, struct pair *expected, struct pair desired) {
    const dwcas_word wanted = (dwcas_word)desired.second << 64 | desired.first;
    return __tsan_atomic128_compare_exchange_strong(at, expected, wanted, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#elif defined(__x86_64__)

static inline bool dwcas(struct pair *at, struct pair *expected, struct pair desired) {
    bool equal;
    __asm__ __volatile__("lock cmpxchg16b %[at]"
                         : "=@ccz"(equal), [at] "+m"(*at), "+a"(expected->first), "+d"(expected->second)
                         : "b"(desired.first), "c"(desired.second)
                         : "memory");
    return equal;
}

#elif defined(__aarch64__)

/* A load of the exclusive pair is of one moment only if the store that follows succeeds: so what is not as
 * expected is stored as it was. The last barrier keeps later accesses from passing the store. */
static inline bool dwcas(struct pair *at, struct pair *expected, struct pair desired) {
    AO_uintptr_t first, second;
    unsigned equal, failed;
    do {
        AO_uintptr_t store_first, store_second;
        __asm__ __volatile__(
            "ldaxp %[first], %[second], %[at]\n\t"
            "cmp %[first], %[expected_first]\n\t"
            "ccmp %[second], %[expected_second], #0, eq\n\t"
            "cset %w[equal], eq\n\t"
            "csel %[store_first], %[desired_first], %[first], eq\n\t"
            "csel %[store_second], %[desired_second], %[second], eq\n\t"
            "stlxp %w[failed], %[store_first], %[store_second], %[at]"
            : [at] "+Q"(*at), [first] "=&r"(first), [second] "=&r"(second), [equal] "=&r"(equal),
              [failed] "=&r"(failed), [store_first] "=&r"(store_first), [store_second] "=&r"(store_second)
            : [expected_first] "r"(expected->first), [expected_second] "r"(expected->second),
              [desired_first] "r"(desired.first), [desired_second] "r"(desired.second)
            : "cc", "memory");
    } while (failed != 0);
    __asm__ __volatile__("dmb ish" ::: "memory");
    expected->first = first;
    expected->second = second;
    return equal != 0;
}

#else
#    error                                                                                                   \
        "dwcas.h has no double-width compare-and-swap for this machine: write one here (riscv64 with Zacas: \
amocas.q.aqrl; s390x: cdsg; ppc64: lqarx/stqcx.), or leave out what is built over stack_tagged.h"
#endif

#endif
