/* SPDX-License-Identifier: MIT
 *
 * child.h. Output goes to anonymous files instead of pipes, so that nobody has to read while the child measures:
 * this program wakes 20 times a second, looks, and sleeps again.
 */
#include "child.h"

#include "arena.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 50, MOST_OUTPUT = 16 << 20 };

static volatile sig_atomic_t interrupt_signal;

static void note_interrupt(int signal_number) {
    interrupt_signal = signal_number;
}

void child_catch_interrupts(void) {
    struct sigaction action = {.sa_handler = note_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

int child_interrupted(void) {
    return interrupt_signal;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int anonymous_file(const char *name) {
    const int file = memfd_create(name, MFD_CLOEXEC);
    if (file < 0) {
        fprintf(stderr, "compare: no file for a child's output: %s\n", strerror(errno));
        exit(1);
    }
    return file;
}

/* Between fork and exec; this program has one thread, so everything may be called. */
static void become(const char *const *argv, const char *layout, int out, int err, pid_t parent,
                   const sigset_t *signals) {
    sigprocmask(SIG_SETMASK, signals, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (layout != NULL)
        setenv("BENCH_LAYOUT", layout, 1);
    char *words[64];
    size_t n = 0;
    for (; argv[n] != NULL && n + 1 < sizeof words / sizeof *words; n++)
        words[n] = arena_copy(argv[n], strlen(argv[n]));
    words[n] = NULL;
    execvp(words[0], words);
    dprintf(STDERR_FILENO, "%s cannot be started: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static unsigned long resident_kib(pid_t pid) {
    char path[64];
    unsigned long size, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *const file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * ((unsigned long)sysconf(_SC_PAGESIZE) / 1024);
}

static off_t file_size(int file) {
    struct stat facts;
    return fstat(file, &facts) == 0 ? facts.st_size : 0;
}

/* Is there a reason to end it? */
static bool is_over(pid_t pid, double start, int out, struct child_limits limits,
                    struct child_result *result) {
    const unsigned long resident = resident_kib(pid);
    if (resident > result->peak_kib)
        result->peak_kib = resident;
    if (interrupt_signal != 0)
        result->end = CHILD_INTERRUPTED;
    else if (limits.seconds > 0 && now() - start > limits.seconds)
        result->end = CHILD_TIMEOUT;
    else if (limits.resident_kib > 0 && resident > limits.resident_kib)
        result->end = CHILD_MEMORY;
    else if (file_size(out) > MOST_OUTPUT)
        result->end = CHILD_TALKATIVE;
    return result->end != CHILD_EXITED;
}

/* Looks until it has ended; a time limit or a signal ends it. SIGCHLD is blocked, so that waiting for it loses
 * none. The zombie keeps its number until it is waited for: the group that is killed is its own. */
static void watch(pid_t pid, int out, struct child_limits limits, struct child_result *result) {
    const double start = now();
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    siginfo_t ended = {0};
    while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0) {
        if (is_over(pid, start, out, limits, result))
            break;
        sigtimedwait(&child_signal, NULL, &look);
    }
    result->seconds = now() - start;
    kill(-pid, SIGKILL); /* whatever of its group is left, itself included */
}

/* The last line of TEXT that is not empty. */
static const char *last_line_of(const char *text) {
    size_t end = strlen(text);
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == ' '))
        end--;
    size_t begin = end;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    char *const line = arena_copy(text + begin, end - begin < 300 ? end - begin : 300);
    for (char *at = line; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    return line;
}

static const char *content(int file) {
    const off_t size = file_size(file) < MOST_OUTPUT ? file_size(file) : MOST_OUTPUT;
    char *const text = arena_get((size_t)size + 1);
    const ssize_t got = pread(file, text, (size_t)size, 0);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

struct child_result child_run(const char *const *argv, const char *layout, struct child_limits limits) {
    struct child_result result = {.end = CHILD_EXITED};
    const int out = anonymous_file("out"), err = anonymous_file("err");
    sigset_t child_signal, before;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, &before);
    const pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        fprintf(stderr, "compare: no further process: %s; raise `ulimit -u`\n", strerror(errno));
        exit(1);
    }
    if (pid == 0)
        become(argv, layout, out, err, parent, &before);
    setpgid(pid, pid); /* both do it: whoever comes first */
    watch(pid, out, limits, &result);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (result.end == CHILD_EXITED && WIFSIGNALED(status))
        result.end = CHILD_SIGNALLED;
    result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    result.out = content(out);
    result.last_line = last_line_of(content(err));
    close(out);
    close(err);
    return result;
}
