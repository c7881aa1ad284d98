/* SPDX-License-Identifier: MIT
 *
 * rseq.h for x86-64 and glibc. Offsets in struct rseq: cpu_id 4, rseq_cs 8. cpu_id is negative where the
 * thread is not registered, and one unsigned comparison with SLAB_CPUS covers that and CPUs without a slab.
 */
#ifndef OS_RSEQ_H
#    error "include os/rseq.h"
#endif

#include <sys/rseq.h>

/* The descriptor of the sequence 1..2 that is aborted at 4: struct rseq_cs {version, flags, start, length,
 * abort}; its address goes into rseq_cs as the last thing before 1. SCRATCH then holds the CPU's slab; where
 * there is none: to 5. */
#define RSEQ_ENTER(scratch)                                                                                  \
    ".pushsection __rseq_cs, \"aw\"\n\t"                                                                     \
    ".balign 32\n"                                                                                           \
    "9:\t.long 0, 0\n\t"                                                                                     \
    ".quad 1f, 2f - 1f, 4f\n\t"                                                                              \
    ".popsection\n\t"                                                                                        \
    "leaq 9b(%%rip), %" scratch "\n\t"                                                                       \
    "movq %" scratch ", %%fs:8(%[rseq])\n"                                                                   \
    "1:\tmovl %%fs:4(%[rseq]), %k" scratch "\n\t"                                                            \
    "cmpl %[cpus], %k" scratch "\n\t"                                                                        \
    "jae 5f\n\t"                                                                                             \
    "shlq %[log], %" scratch "\n\t"                                                                          \
    "addq %[slabs], %" scratch "\n\t"

/* After the commit: the abort, with RSEQ_SIG (as ud1's operand) before it; FAILED is what it does. */
#define RSEQ_LEAVE(failed)                                                                                   \
    "2:\tjmp 6f\n\t"                                                                                         \
    ".byte 0x0f, 0xb9, 0x3d\n\t"                                                                             \
    ".long 0x53053053\n"                                                                                     \
    "4:\n"                                                                                                   \
    "5:\t" failed "\n"                                                                                       \
    "6:\n"

/* After an asm goto with outputs: gcc before 12.4 and 13.3 may otherwise take them from before it (its bug 113921). */
#define RSEQ_SUCCEEDED __asm__ volatile("")

#define RSEQ_INPUTS                                                                                          \
    [rseq] "r"(__rseq_offset), [slabs] "r"(slabs), [cpus] "i"(SLAB_CPUS), [log] "i"(LOG_SLAB),               \
        [headers] "i"(SLAB_HEADERS), [tops] "i"(SLAB_TOPS), [array] "r"(array)

/* The CPU this thread is on, for a hint of where to go; -1 where rseq is not registered. */
static inline int os_slab_cpu(void) {
    int cpu;
    __asm__ volatile("movl %%fs:4(%[rseq]), %[cpu]" : [cpu] "=r"(cpu) : [rseq] "r"(__rseq_offset));
    return cpu < 0 ? -1 : cpu;
}

/* The word on top, taken off. What is returned is the guess where it is right: the comparison is predicted, and nothing
 * waits for cur and the word. A conditional move would wait for both. */
static inline void *os_slab_pop(char *slabs, size_t array) {
    void *item, *guess;
    uint64_t slab, cur;
    __asm__ volatile goto(
        RSEQ_ENTER("[slab]") "movl %c[headers](%[slab],%[array],8), %k[cur]\n\t"
                             "movq (%[slab],%[cur]), %[item]\n\t"
                             "testq %[item], %[item]\n\t"
                             "jz %l[failed]\n\t"
                             "movq %c[tops](%[slab],%[array],8), %[guess]\n\t"
                             "cmpq %[guess], %[item]\n\t"
                             "je 7f\n\t"
                             "movq %[item], %[guess]\n"
                             "7:\tmovq -8(%[slab],%[cur]), %[item]\n\t"
                             "movq %[item], %c[tops](%[slab],%[array],8)\n\t"
                             "subl $8, %k[cur]\n\t"
                             "movl %k[cur], %c[headers](%[slab],%[array],8)\n" RSEQ_LEAVE("jmp %l[failed]")
        : [guess] "=&a"(guess), [item] "=&r"(item), [slab] "=&r"(slab), [cur] "=&r"(cur)
        : RSEQ_INPUTS
        : "memory", "cc"
        : failed);
    RSEQ_SUCCEEDED;
    if (guess == NULL)
        __builtin_unreachable();
    return guess;
failed:
    return NULL;
}

/* ITEM on top. Its stores are dead until the commit, for a guess may be wrong. */
static inline bool os_slab_push(char *slabs, size_t array, void *item) {
    uint64_t slab, cur;
    __asm__ volatile goto(
        RSEQ_ENTER("[slab]") "movl %c[headers](%[slab],%[array],8), %k[cur]\n\t"
                             "cmpl 4+%c[headers](%[slab],%[array],8), %k[cur]\n\t"
                             "jae %l[failed]\n\t"
                             "movq %[item], 8(%[slab],%[cur])\n\t"
                             "movq %[item], %c[tops](%[slab],%[array],8)\n\t"
                             "addl $8, %k[cur]\n\t"
                             "movl %k[cur], %c[headers](%[slab],%[array],8)\n" RSEQ_LEAVE("jmp %l[failed]")
        : [slab] "=&r"(slab), [cur] "=&r"(cur)
        : RSEQ_INPUTS, [item] "r"(item)
        : "memory", "cc"
        : failed);
    RSEQ_SUCCEEDED;
    return true;
failed:
    return false;
}

/* N >= 1 items, the last on top. A header that is still 0 becomes EMPTY, {cur, end} in one word, first. The
 * commit writes both halves. */
static inline bool os_slab_push_many(char *slabs, size_t array, uint64_t empty, void *const *item, size_t n) {
    uint64_t slab, old, new, word, i;
    __asm__ volatile(
        RSEQ_ENTER("[slab]") "cmpb $0, %c[closed](%[slab])\n\t"
                             "jne 5f\n\t"
                             "movq %c[headers](%[slab],%[array],8), %[old]\n\t"
                             "testq %[old], %[old]\n\t"
                             "cmovzq %[empty], %[old]\n\t"
                             "leaq (%[old],%[n],8), %[new]\n\t"
                             "movq %[old], %[word]\n\t"
                             "shrq $32, %[word]\n\t"
                             "cmpl %k[word], %k[new]\n\t"
                             "ja 5f\n\t"
                             "movl %k[old], %k[old]\n\t"
                             "addq %[slab], %[old]\n\t"
                             "xorl %k[i], %k[i]\n"
                             "7:\tmovq (%[item],%[i],8), %[word]\n\t"
                             "movq %[word], 8(%[old],%[i],8)\n\t"
                             "incq %[i]\n\t"
                             "cmpq %[n], %[i]\n\t"
                             "jb 7b\n\t"
                             "movq %[new], %c[headers](%[slab],%[array],8)\n" RSEQ_LEAVE("xorl %k[i], %k[i]")
        : [slab] "=&r"(slab), [old] "=&r"(old), [new] "=&r"(new), [word] "=&r"(word), [i] "=&r"(i)
        : RSEQ_INPUTS, [empty] "r"(empty), [item] "r"(item), [n] "r"(n), [closed] "i"(SLAB_CLOSED)
        : "memory", "cc");
    return i != 0;
}

/* Up to MOST >= 1 items, the top one first; FLOOR is the offset of the 0 under the lowest. How many. */
static inline size_t os_slab_pop_many(char *slabs, size_t array, size_t floor, void **item, size_t most) {
    uint64_t slab, cur, top, word, i, count;
    __asm__ volatile(RSEQ_ENTER("[slab]") "movl %c[headers](%[slab],%[array],8), %k[cur]\n\t"
                                          "movl %k[cur], %k[count]\n\t"
                                          "subl %k[floor], %k[count]\n\t"
                                          "jbe 5f\n\t"
                                          "shrl $3, %k[count]\n\t"
                                          "cmpl %k[most], %k[count]\n\t"
                                          "cmoval %k[most], %k[count]\n\t"
                                          "leaq (%[slab],%[cur]), %[top]\n\t"
                                          "xorl %k[i], %k[i]\n"
                                          "7:\tmovq (%[top]), %[word]\n\t"
                                          "movq %[word], (%[item],%[i],8)\n\t"
                                          "subq $8, %[top]\n\t"
                                          "incq %[i]\n\t"
                                          "cmpq %[count], %[i]\n\t"
                                          "jb 7b\n\t"
                                          "subl %k[slab], %k[top]\n\t"
                                          "movl %k[top], %c[headers](%[slab],%[array],8)\n" RSEQ_LEAVE(
                                              "xorl %k[count], %k[count]")
                     : [slab] "=&r"(slab), [cur] "=&r"(cur), [top] "=&r"(top), [word] "=&r"(word),
                       [i] "=&r"(i), [count] "=&r"(count)
                     : RSEQ_INPUTS, [floor] "r"(floor), [item] "r"(item), [most] "r"(most)
                     : "memory", "cc");
    return count;
}

/* The array's last word becomes END, unless more stand in it or it is not open. */
static inline void os_slab_set_end(char *slabs, size_t array, uint64_t end) {
    uint64_t slab, cur;
    __asm__ volatile(RSEQ_ENTER("[slab]") "movl %c[headers](%[slab],%[array],8), %k[cur]\n\t"
                                          "testl %k[cur], %k[cur]\n\t"
                                          "jz 5f\n\t"
                                          "cmpl %k[end], %k[cur]\n\t"
                                          "ja 5f\n\t"
                                          "orq %[high], %[cur]\n\t"
                                          "movq %[cur], %c[headers](%[slab],%[array],8)\n" RSEQ_LEAVE("")
                     : [slab] "=&r"(slab), [cur] "=&r"(cur)
                     : RSEQ_INPUTS, [end] "r"(end), [high] "r"(end << 32)
                     : "memory", "cc");
}
