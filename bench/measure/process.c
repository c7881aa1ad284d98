/* SPDX-License-Identifier: MIT
 *
 * process.h for Linux: /proc/self/status, /proc/thread-self/schedstat, /proc/stat, getrusage.
 */
#include "process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static bool read_file(const char *path, char *text, size_t size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* The number that follows at AT, after blanks. */
static uint64_t number_at(const char *at) {
    uint64_t n = 0;
    at += strspn(at, " \t");
    for (; *at >= '0' && *at <= '9'; at++)
        n = n * 10 + (uint64_t)(*at - '0');
    return n;
}

static uint64_t bytes_of(const char *text, const char *key) {
    const char *const line = strstr(text, key);
    return line == NULL ? 0 : number_at(line + strlen(key)) * 1024;
}

static uint64_t status_bytes(const char *key) {
    char text[4096];
    return read_file("/proc/self/status", text, sizeof text) ? bytes_of(text, key) : 0;
}

uint64_t process_resident(void) {
    return status_bytes("\nVmRSS:");
}

uint64_t process_peak_resident(void) {
    return status_bytes("\nVmHWM:");
}

uint64_t process_committed(void) {
    return status_bytes("\nVmData:");
}

void process_memory(uint64_t *resident, uint64_t *committed) {
    char text[4096];
    const bool told = read_file("/proc/self/status", text, sizeof text);
    *resident = told ? bytes_of(text, "\nVmRSS:") : 0;
    *committed = told ? bytes_of(text, "\nVmData:") : 0;
}

void process_reset_peak(void) {
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "5", 1) < 0) {
        /* The peak then counts from the process' beginning, as the header says. */
    }
    close(fd);
}

uint64_t process_page_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

uint64_t process_steal_ns(void) {
    char text[256];
    if (!read_file("/proc/stat", text, sizeof text) || strncmp(text, "cpu ", 4) != 0)
        return 0;
    const char *at = text + 4;
    for (int field = 0; field < 7; field++) { /* user nice system idle iowait irq softirq, then steal */
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    return number_at(at) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

unsigned process_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t process_cpu_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static uint64_t timeval_ns(struct timeval t) {
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

void thread_times_read(struct thread_times *times) {
    char text[128];
    struct rusage usage;
    times->delay_ns = 0;
    if (read_file("/proc/thread-self/schedstat", text, sizeof text))
        times->delay_ns = number_at(text + strcspn(text, " "));
    clock_ns(CLOCK_THREAD_CPUTIME_ID); /* the kernel then brings up to date what getrusage shares out; else it is as of the last tick */
    getrusage(RUSAGE_THREAD, &usage);
    times->user_ns = timeval_ns(usage.ru_utime);
    times->system_ns = timeval_ns(usage.ru_stime);
    times->voluntary = (uint64_t)usage.ru_nvcsw;
    times->involuntary = (uint64_t)usage.ru_nivcsw;
    times->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    times->wall_ns = clock_ns(CLOCK_MONOTONIC);
}
