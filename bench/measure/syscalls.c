/* SPDX-License-Identifier: MIT
 *
 * syscalls.h for Linux 5.5 and later, x86-64 and aarch64.
 *
 * Each thread that enters gets a filter with a listener of its own. One thread, which never enters and lives as long as the program,
 * waits for all listeners: it must not end while anybody is filtered, for a call that nobody answers never returns, and one whose
 * listener is closed fails. A listener that reports that none of its threads are left is closed.
 */
#include "syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { ARCHITECTURE = (int)AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { ARCHITECTURE = (int)AUDIT_ARCH_AARCH64 };
#else
enum { ARCHITECTURE = 0 }; /* no program's: nothing is stopped */
#endif

enum { MOST_LISTENERS = 2048 };

static const int number_of[SYSCALL_KINDS] = {
    [SYSCALL_MMAP] = SYS_mmap,       [SYSCALL_MUNMAP] = SYS_munmap,     [SYSCALL_MREMAP] = SYS_mremap,
    [SYSCALL_MADVISE] = SYS_madvise, [SYSCALL_MPROTECT] = SYS_mprotect, [SYSCALL_BRK] = SYS_brk,
};

static struct {
    pthread_mutex_t lock; /* of what follows; the supervisor takes it only when it is told of something new */
    bool runs;
    int wake; /* eventfd: there are new listeners */
    int fresh[MOST_LISTENERS];
    size_t fresh_count, listeners; /* of all that are open, at most MOST_LISTENERS */
} supervisor = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_bool counting;
static _Atomic uint64_t counted[SYSCALL_KINDS];

/* ---- the supervisor ---- */

static void count(int number) {
    for (int i = 0; i < SYSCALL_KINDS; i++)
        if (number_of[i] == number && atomic_load(&counting))
            atomic_fetch_add(&counted[i], 1);
}

/* Counted before it goes on: whoever sees its effect finds it counted. */
static void answer(int listener) {
    struct seccomp_notif call;
    memset(&call, 0, sizeof call); /* as the kernel insists */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
        return; /* a signal took its caller out of it */
    count(call.data.nr);
    struct seccomp_notif_resp go_on = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &go_on);
}

static size_t take_fresh(struct pollfd *watched, size_t n) {
    uint64_t times;
    if (read(supervisor.wake, &times, sizeof times) != sizeof times)
        return n;
    pthread_mutex_lock(&supervisor.lock);
    while (supervisor.fresh_count > 0)
        watched[n++] = (struct pollfd){.fd = supervisor.fresh[--supervisor.fresh_count], .events = POLLIN};
    pthread_mutex_unlock(&supervisor.lock);
    return n;
}

static void close_listener(int listener) {
    close(listener);
    pthread_mutex_lock(&supervisor.lock);
    supervisor.listeners--;
    pthread_mutex_unlock(&supervisor.lock);
}

static void *supervise(void *nothing) {
    static struct pollfd watched[1 + MOST_LISTENERS];
    size_t n = 1;
    watched[0] = (struct pollfd){.fd = supervisor.wake, .events = POLLIN};
    for (;;) {
        if (poll(watched, n, -1) < 0)
            continue;
        for (size_t i = n; i-- > 1;) {
            if (watched[i].revents & POLLIN)
                answer(watched[i].fd);
            else if (watched[i].revents != 0) { /* all of its threads have ended */
                close_listener(watched[i].fd);
                watched[i] = watched[--n];
            }
        }
        if (watched[0].revents != 0)
            n = take_fresh(watched, n);
    }
    return nothing;
}

/* Under the lock. It must not run handlers of the program's signals, whose calls nobody would answer. */
static bool start_supervisor(void) {
    pthread_t thread;
    sigset_t all, before;
    supervisor.wake = eventfd(0, EFD_CLOEXEC);
    if (supervisor.wake < 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&thread, NULL, supervise, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    else
        close(supervisor.wake);
    return started;
}

/* ---- who is counted ---- */

/* A program of 5 + SYSCALL_KINDS instructions: another architecture's numbers mean something else and are let pass. */
static int install_filter(void) {
    struct sock_filter code[5 + SYSCALL_KINDS];
    size_t n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)ARCHITECTURE, 0, SYSCALL_KINDS + 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < SYSCALL_KINDS; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number_of[i], (uint8_t)(SYSCALL_KINDS - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

bool syscalls_enter(char *why, size_t size) {
    if (ARCHITECTURE == 0) {
        snprintf(why, size, "system calls are counted on x86-64 and aarch64 only");
        return false;
    }
    pthread_mutex_lock(&supervisor.lock);
    supervisor.runs = supervisor.runs || start_supervisor();
    const bool has_room = supervisor.runs && supervisor.listeners < MOST_LISTENERS;
    const int listener = has_room ? install_filter() : -1;
    const int error = errno;
    if (listener >= 0) { /* until the lock is given back no filtered call may be made: these make none */
        supervisor.fresh[supervisor.fresh_count++] = listener;
        supervisor.listeners++;
    }
    pthread_mutex_unlock(&supervisor.lock);
    const uint64_t once = 1;
    if (listener >= 0 && write(supervisor.wake, &once, sizeof once) == sizeof once)
        return true;
    snprintf(why, size, "the kernel does not let system calls be counted (seccomp: %s)", strerror(error));
    return false;
}

void syscalls_begin(void) {
    for (int i = 0; i < SYSCALL_KINDS; i++)
        atomic_store(&counted[i], 0);
    atomic_store(&counting, true);
}

void syscalls_end(uint64_t count[SYSCALL_KINDS]) {
    atomic_store(&counting, false);
    for (int i = 0; i < SYSCALL_KINDS; i++)
        count[i] = atomic_load(&counted[i]);
}

struct question {
    char *why;
    size_t size;
    bool can;
};

static void *ask(void *argument) {
    struct question *const q = argument;
    q->can = syscalls_enter(q->why, q->size);
    return NULL;
}

bool syscalls_can_be_counted(char *why, size_t size) {
    struct question q = {why, size, false};
    pthread_t thread;
    snprintf(why, size, "there is no thread to ask on");
    if (pthread_create(&thread, NULL, ask, &q) == 0)
        pthread_join(thread, NULL);
    return q.can;
}
