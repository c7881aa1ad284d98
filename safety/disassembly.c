/* SPDX-License-Identifier: MIT
 *
 * disassembly.h on capstone and elfutils' libdw. Names: the symbol that contains the address, of .symtab, .dynsym or
 * separate debug information; where none does (stripped libraries), the start of the function as .eh_frame has it.
 */
#include "disassembly.h"

#include <capstone/capstone.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static csh handle;
static cs_insn *instruction;

static bool ready(void) {
    if (instruction != NULL)
        return true;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
        return false;
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    instruction = cs_malloc(handle);
    return instruction != NULL;
}

static bool decode(uintptr_t at) {
    const uint8_t *code = (const uint8_t *)at;
    size_t left = 15;
    uint64_t address = at;
    return ready() && cs_disasm_iter(handle, &code, &left, &address, instruction);
}

static bool in_group(uint8_t group) {
    return cs_insn_group(handle, instruction, group);
}

unsigned disassembly_effect(uintptr_t at, size_t *length) {
    *length = 0;
    if (!decode(at))
        return TRAP_AFTER_ACCESS | TRAP_AFTER_STORE;
    *length = instruction->size;
    const cs_x86 *const x86 = &instruction->detail->x86;
    if (instruction->id == X86_INS_LEA || instruction->id == X86_INS_NOP)
        return 0;
    if (instruction->id == X86_INS_SYSCALL || x86->prefix[0] == X86_PREFIX_LOCK)
        return TRAP_AFTER_ACCESS | TRAP_AFTER_STORE;
    unsigned effect = 0;
    for (int i = 0; i < x86->op_count; i++) {
        const cs_x86_op *const op = &x86->operands[i];
        if (op->type != X86_OP_MEM || op->mem.base == X86_REG_RSP)
            continue;
        effect |= TRAP_AFTER_ACCESS;
        /* xchg with memory is atomic without a prefix, and capstone 4 takes some stores for reads */
        if ((op->access & CS_AC_WRITE) != 0 || instruction->id == X86_INS_XCHG)
            effect |= TRAP_AFTER_STORE;
    }
    return effect;
}

void disassembly_find_exits(struct trap_sequence *s) {
    s->exit[0] = s->end;
    s->exit[1] = s->abort;
    s->exits = 2;
    size_t length;
    for (uintptr_t at = s->start; at < s->end; at += length) {
        disassembly_effect(at, &length);
        if (length == 0)
            return;
        if (!in_group(CS_GRP_JUMP) || instruction->detail->x86.op_count != 1 ||
            instruction->detail->x86.operands[0].type != X86_OP_IMM)
            continue;
        const uintptr_t target = (uintptr_t)instruction->detail->x86.operands[0].imm;
        bool known = target >= s->start && target < s->end;
        for (unsigned i = 0; i < s->exits; i++)
            known |= s->exit[i] == target;
        if (!known && s->exits < TRAP_EXITS)
            s->exit[s->exits++] = target;
    }
}

/* ---- names ---- */

static Dwfl *modules(void) {
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                             .find_debuginfo = dwfl_standard_find_debuginfo};
    static Dwfl *dwfl;
    if (dwfl == NULL && (dwfl = dwfl_begin(&callbacks)) != NULL) {
        dwfl_linux_proc_report(dwfl, getpid());
        dwfl_report_end(dwfl, NULL, NULL);
    }
    return dwfl;
}

/* Where the function of AT begins, as the unwinder knows it; 0: it does not. */
static uintptr_t function_start(Dwfl_Module *module, uintptr_t at) {
    Dwarf_Addr bias, start = 0, end;
    Dwarf_CFI *const cfi = dwfl_module_eh_cfi(module, &bias);
    Dwarf_Frame *frame;
    if (cfi == NULL || dwarf_cfi_addrframe(cfi, at - bias, &frame) != 0)
        return 0;
    dwarf_frame_info(frame, &start, &end, NULL);
    return (uintptr_t)(start + bias);
}

void disassembly_name(uintptr_t at, char *text, size_t size) {
    Dwfl *const dwfl = modules();
    Dwfl_Module *const module = dwfl == NULL ? NULL : dwfl_addrmodule(dwfl, at);
    char code[200] = "(unknown instruction)";
    if (decode(at))
        snprintf(code, sizeof code, "%s%s%s", instruction->mnemonic, *instruction->op_str == '\0' ? "" : " ",
                 instruction->op_str);
    if (module == NULL) {
        snprintf(text, size, "%#lx %s", (unsigned long)at, code);
        return;
    }
    Dwarf_Addr start, bias;
    GElf_Sym symbol;
    GElf_Off offset;
    const char *const path = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    const char *const slash = strrchr(path, '/');
    const char *const name =
        dwfl_module_addrinfo(module, at, &offset, &symbol, NULL, NULL, &bias);
    char function[128];
    if (name != NULL && offset < symbol.st_size)
        snprintf(function, sizeof function, "%s+%#lx", name, (unsigned long)offset);
    else {
        const uintptr_t begins = function_start(module, at);
        snprintf(function, sizeof function, "fn_%lx+%#lx", (unsigned long)(begins == 0 ? 0 : begins - start),
                 (unsigned long)(begins == 0 ? at - start : at - begins));
    }
    snprintf(text, size, "%s!%s (file+%#lx) %s", slash == NULL ? path : slash + 1, function,
             (unsigned long)(at - start), code);
}
