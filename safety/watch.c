/* SPDX-License-Identifier: MIT
 *
 * watch.h on /proc/PID/task/TID/syscall: "running", or the number of the system call that a thread sleeps in, its six
 * arguments, the stack pointer and the program counter.
 */
#include "watch.h"

#include "raw.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    POLL_MILLISECONDS = 2,
    DEADLOCK_POLLS = 2,
    SLEEP_POLLS = 8,
};

/* What all threads of a process are doing together. */
enum doing { RUNNING, SLEEPING, WAITING };

struct look {
    enum doing doing;
    uint64_t places; /* a hash of thread numbers and stack pointers */
};

static uint64_t mix(uint64_t hash, uint64_t value) {
    return (hash ^ value) * 0x9e3779b97f4a7c15U + 1;
}

/* A futex without a time limit, a wait for a child that is watched itself, pause. */
static enum doing doing_of(const char *line, uint64_t *place) {
    char *end;
    if (*line < '0' || *line > '9')
        return RUNNING;
    const long number = strtol(line, &end, 10);
    uint64_t value[8]; /* six arguments, stack pointer, program counter */
    for (int i = 0; i < 8; i++)
        value[i] = strtoull(end, &end, 16);
    *place = mix(value[6], value[7]);
    switch (number) {
    case SYS_futex:
        return value[3] == 0 ? WAITING : SLEEPING;
    case SYS_wait4:
    case SYS_waitid:
#ifdef SYS_pause
    case SYS_pause:
#endif
    case SYS_rt_sigsuspend:
        return WAITING;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_pselect6:
    case SYS_ppoll:
#ifdef SYS_select
    case SYS_select:
    case SYS_poll:
#endif
    case SYS_sched_yield:
        return SLEEPING;
    default:
        return RUNNING;
    }
}

static size_t read_file(const char *path, char *text, size_t size) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    const ssize_t length = read(file, text, size - 1);
    close(file);
    text[length > 0 ? length : 0] = '\0';
    return length > 0 ? (size_t)length : 0;
}

struct directory_entry { /* of getdents64 */
    uint64_t inode, offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* opendir would call malloc. */
static void look_at(pid_t pid, struct look *look) {
    static char entries[16384] __attribute__((aligned(8)));
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        look->doing = RUNNING;
        return;
    }
    const long bytes = raw_syscall(SYS_getdents64, directory, (long)(uintptr_t)entries, sizeof entries, 0, 0, 0);
    close(directory);
    for (long at = 0; at < bytes;) {
        const struct directory_entry *const e = (const void *)(entries + at);
        at += e->length;
        if (e->name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/syscall", (int)pid, e->name);
        uint64_t place = 0;
        const enum doing doing = read_file(path, text, sizeof text) == 0 ? RUNNING : doing_of(text, &place);
        look->doing = doing < look->doing ? doing : look->doing;
        look->places = mix(mix(look->places, strtoull(e->name, NULL, 10)), place);
    }
}

/* Processor time of the whole process, in ms. */
static int64_t processor_time(pid_t pid) {
    return raw_clock((int)(~(unsigned)pid << 3 | 2)) / 1000000;
}

struct suspicion {
    struct look last;
    int same;         /* polls in a row in which no thread has moved */
    int64_t forgiven; /* ms of processor time that do not count */
};

/* Whether there is something to say of the child now, and what. */
static bool hangs(const struct watch *watch, pid_t child, struct suspicion *s, enum watch_end *how) {
    const pid_t grandchild = watch->grandchild == NULL ? 0 : __atomic_load_n(watch->grandchild, __ATOMIC_RELAXED);
    struct look now = {WAITING, 0};
    look_at(child, &now);
    if (grandchild > 0)
        look_at(grandchild, &now);
    s->same = now.doing != RUNNING && now.places == s->last.places ? s->same + 1 : 0;
    s->last = now;
    const int64_t used = processor_time(child) + (grandchild > 0 ? processor_time(grandchild) : 0);
    if (now.doing == WAITING && s->same >= DEADLOCK_POLLS * watch->patience)
        *how = WATCH_DEADLOCK;
    else if (now.doing == SLEEPING && s->same >= SLEEP_POLLS * watch->patience)
        *how = WATCH_SLEEP;
    else if (used > (int64_t)((double)watch->spin_milliseconds * watch->patience) + s->forgiven)
        *how = WATCH_SPIN;
    else
        return false;
    if (watch->on_hang != NULL && watch->on_hang()) { /* it goes on, as if it began now */
        s->same = 0;
        s->forgiven = used;
        *how = WATCH_EXITED;
        return false;
    }
    return true;
}

struct watch_result watch_run(const struct watch *watch, void (*body)(void)) {
    struct watch_result result = {WATCH_EXITED, 0, 0};
    const pid_t child = _Fork();
    if (child < 0) {
        perror("probe: fork");
        exit(1);
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        raw_exit(0);
    }
    const int handle = (int)raw_syscall(SYS_pidfd_open, child, 0, 0, 0, 0, 0);
    struct pollfd ended = {.fd = handle, .events = POLLIN};
    struct suspicion suspicion = {.last = {RUNNING, 0}};
    const int64_t limit =
        raw_clock(CLOCK_MONOTONIC) + (int64_t)((double)watch->wall_milliseconds * 1e6 * watch->patience);
    if (handle < 0) {
        perror("probe: pidfd_open (Linux 5.3)");
        kill(child, SIGKILL);
        exit(1);
    }
    while (poll(&ended, 1, POLL_MILLISECONDS) < 1) { /* a signal is as good as the time */
        const bool late = raw_clock(CLOCK_MONOTONIC) > limit;
        if (late)
            result.end = WATCH_SPIN;
        if (late || hangs(watch, child, &suspicion, &result.end)) {
            const pid_t grandchild = watch->grandchild == NULL ? 0 : *watch->grandchild;
            if (grandchild > 0)
                kill(grandchild, SIGKILL);
            kill(child, SIGKILL);
            break;
        }
    }
    close(handle);
    int status;
    struct rusage used;
    while (wait4(child, &status, 0, &used) < 0)
        ;
    result.milliseconds = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
                          (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
    if (result.end == WATCH_EXITED) {
        result.end = WIFSIGNALED(status) ? WATCH_SIGNALLED : WATCH_EXITED;
        result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
    return result;
}
