/* SPDX-License-Identifier: MIT
 *
 * trap.h for x86-64 Linux: the trap flag (TF), and int3 in text that is mapped privately and made writable where it goes.
 * (/proc/self/mem would do without that, but a third of the time of a child was its entry in /proc going away.)
 *
 * Nothing here calls libc once trap_begin is done, and the file is compiled so that the compiler does not either
 * (CMakeLists.txt: no builtins, no loops made into memcpy). raw_exit(TRAP_LOST) where the harness itself is at fault.
 */
#include "trap.h"

#ifdef __x86_64__

#    include "raw.h"

#    include <signal.h>
#    include <sys/mman.h>
#    include <sys/uio.h>
#    include <ucontext.h>

enum {
    TRAP_FLAG = 0x100,
    INT3 = 0xcc,
    RSEQ_SIGNATURE = 0x53053053, /* what glibc registers on x86 */
    STACK_BYTES = 1 << 18,
    STACKS = 40,
    PLANTS = TRAP_MASK_SITES + TRAP_EXITS + 1,
    PAGES = 8,
    PAGE = 4096,
};

struct plant {
    uintptr_t at; /* 0: free */
    unsigned char byte;
};

enum mode { IDLE, RECORD, AIM };

/* One thread at a time uses it; the others at most wait in a deed, after which nothing here is touched. */
static struct {
    enum mode mode;
    uintptr_t writable[PAGES]; /* pages, the last ones that were made so */
    unsigned pages;
    struct trap_record *record;
    uintptr_t last;     /* the boundary before, 0: none */
    greg_t registers[NGREG]; /* there */
    unsigned ahead;     /* RECORD: in this sequence, from 1, and the exits are planted; 0: in none */
    struct plant plant[PLANTS];
    /* AIM */
    const struct trap_record *map; /* for the mask sites and sequences */
    struct trap_entry target;
    uint32_t passages;
    struct plant *over; /* taken out for one instruction; NULL: none */
    bool reached;
    unsigned aborts;
    void (*deed)(void);
} trap;

/* ---- the call ---- */

/* trap_stepping: whether the call is to be made with the trap flag on. The flag takes effect after the instruction that
 * follows popfq; boundaries between the labels are our own and are not recorded. */
static int stepping __asm__("trap_stepping") __attribute__((used));
extern const char trap_call_begin[], trap_call_end[];
__asm__(".text\n"
        ".globl trap_call\n"
        ".type trap_call, @function\n"
        "trap_call_begin:\n"
        "trap_call:\n\t"
        "pushq %rbx\n\t"
        "movq %rdi, %rbx\n\t"
        "movq %rsi, %rdi\n\t"
        "cmpl $0, trap_stepping(%rip)\n\t"
        "je 1f\n\t"
        "pushfq\n\t"
        "orq $0x100, (%rsp)\n\t"
        "popfq\n"
        "1:\tcall *%rbx\n\t"
        "pushfq\n\t"
        "andq $~0x100, (%rsp)\n\t"
        "popfq\n\t"
        "popq %rbx\n\t"
        "ret\n"
        "trap_call_end:\n\t"
        ".size trap_call, .-trap_call\n");

/* ---- breakpoints ---- */

static void write_byte(uintptr_t at, unsigned char byte) {
    const uintptr_t page = at & ~(uintptr_t)(PAGE - 1);
    bool is_writable = false;
    for (unsigned i = 0; i < PAGES; i++)
        is_writable |= trap.writable[i] == page;
    if (!is_writable) {
        if (raw_syscall(SYS_mprotect, (long)page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0, 0) != 0)
            raw_exit(TRAP_LOST);
        trap.writable[trap.pages++ % PAGES] = page;
    }
    *(volatile unsigned char *)at = byte;
}

static struct plant *plant_at(uintptr_t at) {
    for (int i = 0; i < PLANTS; i++)
        if (trap.plant[i].at == at)
            return &trap.plant[i];
    return NULL;
}

static void plant(uintptr_t at) {
    struct plant *const p = plant_at(at) != NULL ? NULL : plant_at(0);
    if (p == NULL)
        return;
    p->byte = *(const unsigned char *)at;
    p->at = at;
    write_byte(at, INT3);
}

static void remove_plants(void) {
    for (int i = 0; i < PLANTS; i++)
        if (trap.plant[i].at != 0) {
            write_byte(trap.plant[i].at, trap.plant[i].byte);
            trap.plant[i].at = 0;
        }
}

/* ---- what the kernel would have done ---- */

static bool at_syscall(uintptr_t at) {
    return ((const unsigned char *)at)[0] == 0x0f && ((const unsigned char *)at)[1] == 0x05;
}

/* rt_sigprocmask(how, set, old, 8), about to be executed with the registers of U; SIGTRAP stays open. */
static void emulate_sigprocmask(ucontext_t *u) {
    greg_t *const r = u->uc_mcontext.gregs;
    uint64_t *const mask = (uint64_t *)(void *)&u->uc_sigmask; /* the kernel's is the first word of libc's */
    const uint64_t *const set = (const uint64_t *)r[REG_RSI];
    uint64_t *const old = (uint64_t *)r[REG_RDX];
    const uint64_t before = *mask, wanted = set == NULL ? 0 : *set;
    if (set != NULL)
        *mask = r[REG_RDI] == SIG_BLOCK ? before | wanted : r[REG_RDI] == SIG_UNBLOCK ? before & ~wanted : wanted;
    *mask &= ~(1ULL << (SIGTRAP - 1));
    if (old != NULL)
        *old = before;
    r[REG_RAX] = 0;
    r[REG_RCX] = r[REG_RIP] += 2;
}

/* ---- record ---- */

static void note(uintptr_t at, const ucontext_t *u) {
    struct trap_record *const record = trap.record;
    if (record->count == TRAP_ENTRIES) {
        record->overflow = true;
        return;
    }
    struct trap_entry *const e = &record->entry[record->count++];
    e->at = at;
    e->nth = 0;
    e->masked = (*(const uint64_t *)(const void *)&u->uc_sigmask >> (SIGUSR1 - 1)) & 1;
    e->sequence = 0;
}

/* The registers before the arming store hold the descriptor's address: struct rseq_cs whose start comes straight after
 * that store. Read by a system call, for most registers are no addresses. */
static void learn_sequence(uintptr_t arming, uintptr_t abort) {
    struct trap_record *const record = trap.record;
    for (unsigned i = 0; i < record->sequences; i++)
        if (record->sequence[i].arming == arming)
            return; /* learnt a moment ago, or aborted by chance */
    if (record->sequences == TRAP_SEQUENCES) {
        record->overflow = true;
        return;
    }
    for (int i = 0; i < NGREG; i++) {
        struct {
            uint32_t version, flags;
            uint64_t start, length, abort;
        } cs;
        const struct iovec to = {&cs, sizeof cs}, from = {(void *)trap.registers[i], sizeof cs};
        const long got = raw_syscall(SYS_process_vm_readv, raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0), (long)&to, 1,
                                     (long)&from, 1, 0);
        if (got == sizeof cs && cs.abort == abort && cs.start > arming && cs.start - arming <= 15) {
            struct trap_sequence *const s = &record->sequence[record->sequences++];
            s->arming = arming;
            s->start = cs.start;
            s->end = cs.start + cs.length;
            s->abort = abort;
            s->exits = 0; /* the parent finds them: it can disassemble */
            record->stale = true;
            return;
        }
    }
}

static void note_mask_site(uintptr_t at) {
    struct trap_record *const record = trap.record;
    for (unsigned i = 0; i < record->mask_sites; i++)
        if (record->mask_site[i] == at)
            return;
    if (record->mask_sites < TRAP_MASK_SITES)
        record->mask_site[record->mask_sites++] = at;
    else
        record->overflow = true;
}

/* U is at a boundary, the trap flag on. */
static void boundary(ucontext_t *u) {
    greg_t *const r = u->uc_mcontext.gregs;
    uintptr_t at = (uintptr_t)r[REG_RIP];
    if (at >= (uintptr_t)trap_call_begin && at < (uintptr_t)trap_call_end) {
        trap.last = 0;
        return;
    }
    if (trap.last != 0 && at_syscall(trap.last) && at != trap.last + 2)
        note(trap.last + 2, u);
    if (trap.last != 0 && *(const uint32_t *)(at - 4) == RSEQ_SIGNATURE)
        learn_sequence(trap.last, at);
    note(at, u);
    for (unsigned i = 0; i < trap.record->sequences; i++)
        if (trap.record->sequence[i].arming == at && trap.record->sequence[i].exits != 0) {
            trap.ahead = i + 1;
            for (unsigned j = 0; j < trap.record->sequence[i].exits; j++)
                plant(trap.record->sequence[i].exit[j]);
            r[REG_EFL] &= ~TRAP_FLAG;
            return;
        }
    if (at_syscall(at) && r[REG_RAX] == SYS_rt_sigprocmask) {
        note_mask_site(at);
        emulate_sigprocmask(u);
        at = (uintptr_t)r[REG_RIP];
        note(at, u);
    }
    trap.last = at;
    for (int i = 0; i < NGREG; i++)
        trap.registers[i] = r[i];
}

/* A sequence that was left alone has ended: its inside is entered as one, which the parent takes apart. */
static void leave_sequence(ucontext_t *u, uintptr_t at) {
    const struct trap_sequence *const s = &trap.record->sequence[trap.ahead - 1];
    remove_plants();
    u->uc_mcontext.gregs[REG_RIP] = (greg_t)at;
    u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
    note(s->start, u);
    trap.record->entry[trap.record->count - 1].sequence = (uint8_t)trap.ahead;
    trap.ahead = 0;
    trap.last = 0;
    boundary(u);
}

/* ---- aim ---- */

static void reach(void) {
    remove_plants();
    trap.reached = true;
    trap.mode = IDLE;
    trap.deed();
}

/* The instruction at P runs without its breakpoint, and P is put back at the next trap. */
static void step_over(struct plant *p, ucontext_t *u) {
    write_byte(p->at, p->byte);
    trap.over = p;
    u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void meet(ucontext_t *u) {
    greg_t *const r = u->uc_mcontext.gregs;
    if (trap.over != NULL) {
        write_byte(trap.over->at, INT3);
        trap.over = NULL;
        r[REG_EFL] &= ~TRAP_FLAG;
        return;
    }
    if (trap.target.sequence != 0 &&
        (uintptr_t)r[REG_RIP] == trap.map->sequence[trap.target.sequence - 1].abort) {
        trap.aborts++; /* the kernel has taken the thread out of the sequence to deliver this signal */
        reach();
        return;
    }
    struct plant *const p = plant_at((uintptr_t)--r[REG_RIP]);
    if (p == NULL)
        raw_exit(TRAP_LOST);
    if (p->at == trap.target.at) {
        if (++trap.passages == trap.target.nth) {
            reach();
            return;
        }
    }
    /* a breakpoint lies on the first byte of the instruction */
    if (p->byte == 0x0f && ((const unsigned char *)p->at)[1] == 0x05 && r[REG_RAX] == SYS_rt_sigprocmask)
        emulate_sigprocmask(u);
    else
        step_over(p, u);
}

static void on_trap(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    ucontext_t *const u = context;
    if (trap.mode == AIM)
        meet(u);
    else if (trap.mode == RECORD && trap.ahead == 0)
        boundary(u);
    else if (trap.mode == RECORD)
        leave_sequence(u, (uintptr_t)u->uc_mcontext.gregs[REG_RIP] - 1);
    else
        u->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG; /* the last one of a record that was ended */
}

/* ---- the interface ---- */

bool trap_available(void) {
    return true;
}

void trap_begin(void) {
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGTRAP, &action, NULL);
}

void trap_thread(void) {
    static unsigned char stack[STACKS][STACK_BYTES];
    static unsigned threads;
    const unsigned mine = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);
    if (mine >= STACKS)
        raw_exit(TRAP_LOST);
    const stack_t own = {.ss_sp = stack[mine], .ss_size = STACK_BYTES};
    sigaltstack(&own, NULL);
}

void trap_start_record(struct trap_record *record) {
    trap.record = record;
    trap.mode = RECORD;
    trap.last = 0;
    trap.ahead = 0;
    stepping = 1;
}

void trap_aim(const struct trap_record *record, const struct trap_entry *entry, void (*deed)(void)) {
    trap.map = record;
    trap.target = *entry;
    trap.passages = 0;
    trap.over = NULL;
    trap.reached = false;
    trap.aborts = 0;
    trap.deed = deed;
    stepping = 0;
    trap.mode = AIM;
    for (unsigned i = 0; i < record->mask_sites; i++)
        plant(record->mask_site[i]);
    plant(entry->at);
}

bool trap_end(void) {
    stepping = 0;
    if (trap.mode == RECORD && trap.ahead != 0)
        trap.record->overflow = true; /* a sequence was left by a way that is not known */
    trap.mode = IDLE;
    remove_plants();
    return trap.reached;
}

unsigned trap_aborts(void) {
    return trap.aborts;
}

#else

bool trap_available(void) {
    return false;
}

void trap_begin(void) {
}

void trap_thread(void) {
}

void trap_start_record(struct trap_record *record) {
    (void)record;
}

void trap_aim(const struct trap_record *record, const struct trap_entry *entry, void (*deed)(void)) {
    (void)record, (void)entry, (void)deed;
}

bool trap_end(void) {
    return false;
}

unsigned trap_aborts(void) {
    return 0;
}

uintptr_t trap_call(void (*function)(void), uintptr_t argument) {
    return ((uintptr_t(*)(uintptr_t))function)(argument);
}

#endif
