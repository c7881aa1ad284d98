/* SPDX-License-Identifier: MIT
 *
 * How every instruction of a call is reached, on x86-64 Linux.
 *
 * RECORD: the trap flag is on during trap_call, and a SIGTRAP before each instruction notes where it is. That costs 13 us
 * an instruction on a virtual machine, so a path is recorded once.
 * AIM: at one point of the record a breakpoint is planted, and reached at its n-th passage: a few traps a child. At the
 * point a deed is done, in the signal handler, as a signal would have done it there.
 *
 * What neither does as it stands, and what is done about it:
 *  - After a `syscall` the trap flag skips a boundary: it is noted nevertheless.
 *  - A thread that blocks all signals would be killed by its next trap: rt_sigprocmask is carried out here, and what it
 *    wants is done but for SIGTRAP. Where a handler could not have come is noted with the point.
 *  - A signal aborts a restartable sequence (rseq(2)), so that stepping sees only its first boundary and what is done
 *    after an abort. A record that meets an abort learns the sequence, and is made again; then the sequence is left
 *    alone, and the trap flag waits behind its ends. Its inner boundaries are points all the same: the kernel is seen to
 *    abort it when the breakpoint is met (trap_aborts).
 *
 * One thread records or aims at a time. All that runs in traps makes no call into libc, whose bytes may have a
 * breakpoint in them, until the breakpoints are gone.
 */
#ifndef SAFETY_TRAP_H
#define SAFETY_TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRAP_SEQUENCES = 32, TRAP_EXITS = 8, TRAP_MASK_SITES = 16, TRAP_ENTRIES = 1 << 18 };

enum { TRAP_LOST = 99 }; /* exit status: the harness has met a trap that it did not set */

/* A boundary: the instruction at AT is about to be executed, for the NTH time (from 1). */
struct trap_entry {
    uintptr_t at;
    uint32_t nth;
    uint8_t masked;   /* signals are blocked: no handler can come here */
    uint8_t sequence; /* inside of the restartable sequence of this number, from 1; 0: of none */
    uint8_t after;    /* of enum trap_after; set by points_finish */
};

/* What the instruction before has done to memory other than the stack: where nothing, the boundary is to others as the
 * one before it. */
enum trap_after { TRAP_AFTER_ACCESS = 1, TRAP_AFTER_STORE = 2 };

struct trap_sequence {
    uintptr_t arming; /* the instruction that stores the descriptor's address */
    uintptr_t start, end, abort;
    uintptr_t exit[TRAP_EXITS]; /* end, abort, and where its jumps lead outside */
    unsigned exits;
};

/* In memory that parent and child share. */
struct trap_record {
    size_t count;
    bool overflow;  /* longer than TRAP_ENTRIES, or more of something than there is room for: no whole path */
    bool stale;     /* a sequence was learnt: record again */
    unsigned sequences, mask_sites;
    struct trap_sequence sequence[TRAP_SEQUENCES];
    uintptr_t mask_site[TRAP_MASK_SITES];
    struct trap_entry entry[TRAP_ENTRIES];
};

/* Whether this machine can be stepped through. */
bool trap_available(void);

/* In the child, before all else: takes SIGTRAP. */
void trap_begin(void);

/* On every thread that will call trap_call: a stack for the handler. */
void trap_thread(void);

/* From now on each trap_call adds to RECORD. */
void trap_start_record(struct trap_record *record);

/* Plants a breakpoint: the NTH passage of ENTRY does DEED in the handler, on this thread or another one. */
void trap_aim(const struct trap_record *record, const struct trap_entry *entry, void (*deed)(void));

/* No more recording, no breakpoints. Whether what was aimed at has been reached. */
bool trap_end(void);

/* How many restartable sequences were aborted by a breakpoint since trap_aim. */
unsigned trap_aborts(void);

/* FUNCTION(ARGUMENT), the only code that is recorded. */
uintptr_t trap_call(void (*function)(void), uintptr_t argument);

static inline void *trap_malloc(void *(*function)(size_t), size_t size) {
    return (void *)trap_call((void (*)(void))function, size);
}

static inline void trap_free(void (*function)(void *), void *block) {
    trap_call((void (*)(void))function, (uintptr_t)block);
}

#endif
