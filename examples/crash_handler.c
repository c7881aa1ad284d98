/* SPDX-License-Identifier: MIT
 *
 * A crash handler that allocates: on SIGSEGV or SIGABRT it writes a backtrace to standard error, and the program
 * then ends by that signal. It works where malloc itself has crashed and its lock is held for ever.
 *
 *     cc crash_handler.c -latomic_ops_gpl -pthread          or any other library of AO_malloc(3)
 *     ./crash_handler malloc|AO_malloc|abort                where to crash
 *
 * 1. At the start backtrace() is called once, for the first call loads the unwinder, with malloc; and AO_malloc may
 *    use mmap from then on, so that there is memory for the handler whatever else it was used for.
 * 2. Each thread gets an alternate stack, so that one whose own has overflowed can report it too.
 * 3. The handler takes what it works with from AO_malloc: it does not fit on such a stack, and is not static, for
 *    several threads may crash at once. No signal interrupts it.
 * 4. It lets go of the signal and raises it again. That one is delivered when the handler returns: the status is the
 *    signal's, and a core shows the place of the crash.
 *
 * What may be called there (signal-safety(7)): write, readlink, sigaction, raise; AO_malloc and AO_free. And beyond
 * POSIX, on glibc:
 *     backtrace          after 1. With gcc before 12 or glibc before 2.35 its unwinder takes the loader's lock, and
 *                        waits where another thread is stopped inside dlopen.
 *     _dl_find_object    (2.35) takes no lock. It says which file an address is in; what `addr2line -e FILE OFFSET`
 *                        makes of that is a name.
 * What may not: dladdr and backtrace_symbols_fd, which take the loader's lock; backtrace_symbols and printf, which may
 * call malloc; and free.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include <atomic_ops_malloc.h>

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_FRAMES = 64, TEXT = 24 << 10, STACK = 32 << 10 };

static const int crashes[] = {SIGSEGV, SIGABRT};

struct report {
    void *frame[MOST_FRAMES];
    char program[256]; /* its file */
    size_t length;
    char text[TEXT];
};

/* ---- text, of which the end is cut off where it does not fit ---- */

static void add(struct report *report, const char *string) {
    while (*string != '\0' && report->length < sizeof report->text)
        report->text[report->length++] = *string++;
}

static void add_number(struct report *report, uintptr_t number, unsigned base) {
    char digits[24], *at = digits + sizeof digits;
    *--at = '\0';
    do
        *--at = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    add(report, base == 16 ? "0x" : "");
    add(report, at);
}

/* FILE+OFFSET, if it can be known. */
static void add_place(struct report *report, void *address) {
#ifdef DLFO_STRUCT_HAS_EH_DBASE /* there is a _dl_find_object */
    struct dl_find_object found;
    if (_dl_find_object(address, &found) != 0)
        return;
    const char *const file = found.dlfo_link_map->l_name;
    add(report, " ");
    add(report, *file != '\0' ? file : report->program);
    add(report, "+");
    add_number(report, (uintptr_t)address - found.dlfo_link_map->l_addr, 16);
#else
    (void)report, (void)address;
#endif
}

static void write_all(const char *text, size_t length) {
    for (ssize_t written; length > 0 && (written = write(STDERR_FILENO, text, length)) > 0;)
        text += written, length -= (size_t)written;
}

/* ---- the handler ---- */

static void write_report(int number, const siginfo_t *info) {
    struct report *const report = AO_malloc(sizeof *report);
    if (report == NULL) {
        static const char sorry[] = "crash_handler: no memory for a backtrace\n";
        write_all(sorry, sizeof sorry - 1);
        return;
    }
    const ssize_t name = readlink("/proc/self/exe", report->program, sizeof report->program - 1);
    report->program[name > 0 ? name : 0] = '\0';
    report->length = 0;
    add(report, "crash_handler: signal ");
    add_number(report, (uintptr_t)number, 10);
    if (number == SIGSEGV && info->si_code > 0) { /* of the processor, not sent by somebody */
        add(report, " at ");
        add_number(report, (uintptr_t)info->si_addr, 16);
    }
    add(report, "\n");
    const int frames = backtrace(report->frame, MOST_FRAMES);
    for (int i = 0; i < frames; i++) {
        add(report, "#");
        add_number(report, (uintptr_t)i, 10);
        add(report, " ");
        add_number(report, (uintptr_t)report->frame[i], 16);
        add_place(report, report->frame[i]);
        add(report, "\n");
    }
    write_all(report->text, report->length);
    AO_free(report);
}

static void on_crash(int number, siginfo_t *info, void *context) {
    (void)context;
    write_report(number, info);
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigaction(number, &by_default, NULL);
    raise(number);
}

/* For each thread, at its start; until its end, for it may crash as late as that. */
static void *take_stack(void) {
    const stack_t stack = {.ss_sp = AO_malloc(STACK), .ss_size = STACK};
    if (stack.ss_sp != NULL)
        sigaltstack(&stack, NULL);
    return stack.ss_sp;
}

static void give_stack(void *memory) {
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (sigaltstack(&none, NULL) == 0)
        AO_free(memory);
}

/* Once, before there are other threads. */
static void install(void) {
    void *frame;
    backtrace(&frame, 1);
    AO_malloc_enable_mmap();
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i], &action, NULL);
}

/* ---- three ways to crash ---- */

/* A block that is written to after it was freed: the next malloc follows its links to nowhere, and holds the lock. */
static void crash_in_malloc(void) {
    void **volatile block = malloc(20000);
    void *volatile behind = malloc(20000); /* keeps it from being joined with what is free there */
    void **const stale = (void **)(uintptr_t)block;
    free(block);
    ((void *volatile *)stale)[1] = (void *)(uintptr_t)8;
    behind = malloc(30000);
    (void)behind;
}

/* Until somebody sends this thread a signal. */
static void crash_in_AO_malloc(void) {
    for (size_t size = 1;; size = size % 5000 + 1)
        AO_free(AO_malloc(size));
}

static void *work(void *where) {
    void *const stack = take_stack();
    if (strcmp(where, "malloc") == 0)
        crash_in_malloc();
    else if (strcmp(where, "AO_malloc") == 0)
        crash_in_AO_malloc();
    else
        abort();
    give_stack(stack);
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t worker;
    const struct timespec moment = {.tv_nsec = 3000000};
    install();
    take_stack();
    if (argc != 2 || pthread_create(&worker, NULL, work, argv[1]) != 0)
        return 2;
    nanosleep(&moment, NULL);
    if (strcmp(argv[1], "AO_malloc") == 0)
        pthread_kill(worker, SIGSEGV);
    pthread_join(worker, NULL);
    return 0;
}
