/* SPDX-License-Identifier: MIT
 *
 * What an instruction of this process does (capstone), and what it is called (libdw). Both call malloc: use them in a
 * child of their own (aside.h) where the subject may be libc's.
 */
#ifndef SAFETY_DISASSEMBLY_H
#define SAFETY_DISASSEMBLY_H

#include "trap.h"

/* What the instruction at AT does to memory that is not its stack: bits of enum trap_after, an atomic operation or a
 * system call being both. An instruction that is not understood does all. LENGTH: its bytes, 0 where it is none. */
unsigned disassembly_effect(uintptr_t at, size_t *length);

/* The ends of S: behind it, its abort, and where its jumps lead out of it. */
void disassembly_find_exits(struct trap_sequence *s);

/* "library!function+0x1f (file+0x2f40) mov rax, [rdi]"; a function without a name is fn_ and its place in the file. */
void disassembly_name(uintptr_t at, char *text, size_t size);

#endif
