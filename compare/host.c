/* SPDX-License-Identifier: MIT
 *
 * host.h: /proc and /sys, a ping-pong of one cache line, and two programs of the distribution for a library's
 * hash and version.
 */
#include "host.h"

#include <ctype.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

void host_add_fact(struct host *host, const char *key, const char *format, ...) {
    if (host->facts == sizeof host->fact / sizeof *host->fact)
        return;
    struct host_fact *const fact = &host->fact[host->facts++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fact->value, sizeof fact->value, format, arguments);
    va_end(arguments);
    snprintf(fact->key, sizeof fact->key, "%s", key);
    for (char *at = fact->value; *at != '\0'; at++)
        if (*at == '\n' || *at == '\t')
            *at = ' ';
}

void host_add_warning(struct host *host, const char *format, ...) {
    if (host->warnings == sizeof host->warning / sizeof *host->warning)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(host->warning[host->warnings++], sizeof host->warning[0], format, arguments);
    va_end(arguments);
}

/* The first line of a file, or "unknown". */
static const char *first_line(const char *path, char *line, size_t size) {
    FILE *const file = fopen(path, "re");
    if (file == NULL || fgets(line, (int)size, file) == NULL)
        snprintf(line, size, "unknown");
    if (file != NULL)
        fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

/* What follows KEY and ':' in a file of such lines; "unknown" where there is none. */
static const char *value_in(const char *path, const char *key, char *value, size_t size) {
    char line[4096];
    FILE *const file = fopen(path, "re");
    snprintf(value, size, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *const colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    if (file != NULL)
        fclose(file);
    return value;
}

/* ---- the time a cache line takes ---- */

enum { LINE_BATCH = 2000, LINE_BATCHES = 60, LINE_CORES = 8 };

/* The line, alone on its pages. */
static _Alignas(8192) struct {
    uint32_t turn;
    char rest[8188];
} line;

static void pin_to(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void *pong(void *core) {
    pin_to(*(const unsigned *)core);
    for (uint32_t i = 0; i < LINE_BATCH * LINE_BATCHES; i++) {
        while (__atomic_load_n(&line.turn, __ATOMIC_ACQUIRE) != 2 * i + 1) {
        }
        __atomic_store_n(&line.turn, 2 * i + 2, __ATOMIC_RELEASE);
    }
    return NULL;
}

struct ping {
    unsigned core;
    double best_ns;
};

static void *ping(void *argument) {
    struct ping *const p = argument;
    pin_to(p->core);
    for (uint32_t batch = 0, i = 0; batch < LINE_BATCHES; batch++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (uint32_t stop = i + LINE_BATCH; i < stop; i++) {
            __atomic_store_n(&line.turn, 2 * i + 1, __ATOMIC_RELEASE);
            while (__atomic_load_n(&line.turn, __ATOMIC_ACQUIRE) != 2 * i + 2) {
            }
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        const double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
        if (batch == 0 || ns / LINE_BATCH / 2 < p->best_ns)
            p->best_ns = ns / LINE_BATCH / 2;
    }
    return NULL;
}

/* One way, the best of several batches: what is lost to others' work is not the machine's. NaN: no threads.
 */
static bool line_time(unsigned a, unsigned b, double *ns) {
    struct ping first = {.core = a};
    unsigned second = b;
    pthread_t thread[2];
    __atomic_store_n(&line.turn, 0, __ATOMIC_RELAXED);
    if (pthread_create(&thread[0], NULL, ping, &first) != 0)
        return false;
    if (pthread_create(&thread[1], NULL, pong, &second) != 0) {
        pong(&second); /* from here: the first is already waiting */
    } else {
        pthread_join(thread[1], NULL);
    }
    pthread_join(thread[0], NULL);
    *ns = first.best_ns;
    return true;
}

/* ---- facts ---- */

static void read_cores(struct host *host) {
    cpu_set_t set;
    unsigned core[LINE_CORES], known = 0;
    char text[128], path[128];
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    host->cores = (unsigned)CPU_COUNT(&set);
    host_add_fact(host, "cores", "%u", host->cores);
    bool siblings = false;
    for (unsigned i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &set))
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", i);
        siblings |= strpbrk(first_line(path, text, sizeof text), ",-") != NULL;
        if (known < LINE_CORES)
            core[known++] = i;
    }
    host_add_fact(host, "smt", "%s",
                  siblings ? "siblings among the cores used" : "no siblings among the cores used");
    if (host->cores < 2)
        host_add_fact(host, "cache_line_ns", "one core");
    for (unsigned i = 0; i < known; i++)
        for (unsigned j = i + 1; j < known; j++) {
            double ns;
            snprintf(text, sizeof text, "cache_line_ns %u-%u", core[i], core[j]);
            if (line_time(core[i], core[j], &ns))
                host_add_fact(host, text, "%.0f", ns);
        }
}

static void read_frequency(struct host *host) {
    char text[128];
    const char *const governor =
        first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof text);
    host_add_fact(host, "governor", "%s", governor);
    char boost[16];
    first_line("/sys/devices/system/cpu/cpufreq/boost", boost, sizeof boost);
    if (strcmp(boost, "unknown") == 0) {
        first_line("/sys/devices/system/cpu/intel_pstate/no_turbo", boost, sizeof boost);
        if (strcmp(boost, "unknown") != 0)
            snprintf(boost, sizeof boost, "%d", *boost == '0');
    }
    host_add_fact(host, "turbo", "%s", strcmp(boost, "unknown") == 0 ? boost : *boost == '1' ? "on" : "off");
}

static void read_virtualisation(struct host *host) {
    char flags[4096], vendor[128];
    const bool virtual = strstr(value_in("/proc/cpuinfo", "flags", flags, sizeof flags), " hypervisor") !=
                         NULL;
    first_line("/sys/class/dmi/id/sys_vendor", vendor, sizeof vendor);
    host_add_fact(host, "virtualisation", "%s",
                  !virtual                         ? "none seen"
                  : strcmp(vendor, "unknown") == 0 ? "a virtual machine"
                                                   : vendor);
}

static void read_memory_and_load(struct host *host) {
    char text[256];
    host->available_kib = strtoul(value_in("/proc/meminfo", "MemAvailable", text, sizeof text), NULL, 10);
    host_add_fact(host, "memory_available_kib", "%lu", host->available_kib);
    first_line("/proc/loadavg", text, sizeof text);
    host_add_fact(host, "load", "%s", text);
    first_line("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
    host_add_fact(host, "thp", "%s", text);
    first_line("/proc/sys/kernel/randomize_va_space", text, sizeof text);
    host_add_fact(host, "aslr", "%s", text);
}

/* ---- what they make doubtful ---- */

static void warn_of_fact(struct host *host, const char *key, const char *value) {
    const double number = strtod(value, NULL);
    if (strcmp(key, "virtualisation") == 0 && strcmp(value, "none seen") != 0)
        host_add_warning(
            host,
            "this is a virtual machine: its cores may be shared with others; trust ratios, and look at `concurrency`");
    if (strcmp(key, "governor") == 0 && strcmp(value, "unknown") != 0 && strcmp(value, "performance") != 0)
        host_add_warning(
            host,
            "the frequency governor is %s: clocks change while it measures; `cpupower frequency-set -g performance`",
            value);
    if (strcmp(key, "turbo") == 0 && strcmp(value, "on") == 0)
        host_add_warning(
            host,
            "turbo is on: one busy core is faster than two; trust ratios within one thread count, and see the control");
    if (strcmp(key, "memory_available_kib") == 0 && number > 0 && number < 2.0 * 1024 * 1024)
        host_add_warning(
            host,
            "less than 2 GiB of memory are available: cells with a large live set may end as out-of-memory");
    if (strcmp(key, "load") == 0 && number > 0.5)
        host_add_warning(
            host,
            "the load is %.1f before anything has begun: end what else runs, or the threads will not be concurrent",
            number);
    if (strcmp(key, "smt") == 0 && strncmp(value, "siblings", 8) == 0)
        host_add_warning(
            host,
            "some cores are hardware threads of one core: they share its caches, so contention looks cheaper; use `taskset` to take one of each pair");
    if (strcmp(key, "cores") == 0 && number == 1)
        host_add_warning(
            host, "there is one core: threads take turns, and nothing about contention can be seen here");
}

void host_warn(struct host *host) {
    for (size_t i = 0; i < host->facts; i++)
        warn_of_fact(host, host->fact[i].key, host->fact[i].value);
}

void host_read(struct host *host) {
    char text[256];
    struct utsname name;
    time_t now = time(NULL);
    struct tm local;
    *host = (struct host){0};
    uname(&name);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", localtime_r(&now, &local));
    host_add_fact(host, "date", "%s", text);
    host_add_fact(host, "cpu", "%s", value_in("/proc/cpuinfo", "model name", text, sizeof text));
    host_add_fact(host, "machine", "%s", name.machine);
    host_add_fact(host, "kernel", "%s %s", name.sysname, name.release);
    host_add_fact(host, "libc", "glibc %s", gnu_get_libc_version());
    read_virtualisation(host);
    read_frequency(host);
    read_memory_and_load(host); /* before the ping-pong makes load of its own */
    read_cores(host);
    host_warn(host);
}

void host_identity(const struct host *host, char *text, size_t size) {
    static const char *const keys[] = {"cpu", "machine", "cores", "smt", "kernel", "libc"};
    size_t used = 0;
    *text = '\0';
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (size_t i = 0; i < host->facts && used < size; i++)
            if (strcmp(host->fact[i].key, keys[k]) == 0)
                used += (size_t)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : "; ",
                                         host->fact[i].value);
}

/* ---- libraries ---- */

/* The first line that ARGV prints; "" where it cannot be run or fails. */
static void first_line_of(char *const argv[], char *out, size_t size) {
    int pipes[2];
    pid_t child;
    posix_spawn_file_actions_t actions;
    *out = '\0';
    if (pipe(pipes) != 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipes[0]);
    posix_spawn_file_actions_addclose(&actions, pipes[1]);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    const bool started = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ) == 0;
    close(pipes[1]);
    FILE *const in = fdopen(pipes[0], "r");
    if (started && in != NULL && fgets(out, (int)size, in) == NULL)
        *out = '\0';
    char rest[4096];
    while (started && in != NULL && fgets(rest, sizeof rest, in) != NULL) {
        /* so that the child can end */
    }
    if (in != NULL)
        fclose(in);
    int status = 0;
    if (started && (waitpid(child, &status, 0) < 0 || status != 0))
        *out = '\0';
    posix_spawn_file_actions_destroy(&actions);
    out[strcspn(out, "\n")] = '\0';
}

/* The Debian package that owns PATH; "" where none does. */
static void package_of(const char *path, char *package, size_t size) {
    char *const search[] = {(char[]){"dpkg-query"}, (char[]){"-S"}, (char *)(uintptr_t)path, NULL};
    first_line_of(search, package, size);
    package[strcspn(package, " ")] = '\0'; /* "package:arch: path" */
    const size_t length = strlen(package);
    if (length > 1 && package[length - 1] == ':')
        package[length - 1] = '\0';
}

/* Its name and version; "unpackaged" where it is not installed. */
static void package_version(const char *package, char *version, size_t size) {
    char *const show[] = {(char[]){"dpkg-query"}, (char[]){"-W"}, (char[]){"-f${Package} ${Version}"},
                          (char *)(uintptr_t)package, NULL};
    *version = '\0';
    if (*package != '\0')
        first_line_of(show, version, size);
    if (*version == '\0')
        snprintf(version, size, "unpackaged");
}

void host_add_library(struct host *host, const char *name, const char *path, const char *package) {
    char *const real = realpath(path, NULL);
    const char *const file = real == NULL ? path : real;
    char hash[256], owner[512], version[512], key[128];
    char *const sum[] = {(char[]){"sha256sum"}, (char[]){"--"}, (char *)(uintptr_t)file, NULL};
    first_line_of(sum, hash, sizeof hash);
    hash[strcspn(hash, " ")] = '\0';
    package_of(file, owner, sizeof owner);
    if (*owner == '\0' && strncmp(file, "/usr/", 5) == 0)
        package_of(file + 4, owner, sizeof owner); /* a merged /usr: dpkg knows it by its old name */
    package_version(*owner == '\0' ? package : owner, version, sizeof version);
    snprintf(key, sizeof key, "library %s", name);
    host_add_fact(host, key, "%s %s sha256:%s", file, version, *hash == '\0' ? "unknown" : hash);
    free(real);
}
