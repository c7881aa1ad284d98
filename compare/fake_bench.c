/* SPDX-License-Identifier: MIT
 *
 * A bench for tests of compare: speaks the language of docs/programs.md and measures nothing. What a cell does is
 * its allocator's name:
 *
 *   ns20       takes 20 ns, always        wide        takes 10 and 40 ns in turn
 *   turns      its threads took turns     turns-once  only the first time
 *   crash      a segmentation fault       hang        never ends
 *   rubbish    no JSON                    cut         JSON that ends in the middle
 *   mute       exits with 3 and nothing   full        out of memory, as bench says it
 *   eats       grows until it is ended    bounded     as full, and its traits foretell it
 *   absent     is not here                excluded    cannot run it, by its traits
 *   kills      SIGKILL for its parent the first time, then as ns20
 *   interrupts the same with SIGINT       slow        sleeps 0.3 s, then as wide
 *   late       as ns20, but its calls are overrun
 *
 * With --limits its blocks are as large as the package's. Workloads: `steady` (size=8,16) and `scripted`, which has
 * the passes line-sharing, memory-time, syscalls, valgrind and after-free; steady has latency. Every cell is a line in the file FAKE_BENCH_LOG: allocator,
 * workload, threads, --ops, the length of BENCH_LAYOUT, and the pass.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *allocators = "ns10,ns20,absent", *workloads = "steady,scripted", *threads = "1,2",
                  *ops = "-";
static const char *pass = "time"; /* or lines, after, memory, calls, valgrind, latency:NS */
static const char *course;        /* of the pass memory: the file */

static const char *arrivals(const char *gap) {
    static char text[64];
    snprintf(text, sizeof text, "latency:%s", gap);
    return text;
}

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static const char *value_of(const char *argument, const char *flag) {
    const size_t length = strlen(flag);
    return strncmp(argument, flag, length) == 0 ? argument + length : NULL;
}

static void read_arguments(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value;
        if ((value = value_of(argv[i], "--allocators=")) != NULL)
            allocators = value;
        else if ((value = value_of(argv[i], "--workloads=")) != NULL)
            workloads = value;
        else if ((value = value_of(argv[i], "--threads=")) != NULL)
            threads = value;
        else if ((value = value_of(argv[i], "--ops=")) != NULL)
            ops = value;
        else if (is(argv[i], "--line-sharing"))
            pass = "lines";
        else if (is(argv[i], "--after-free"))
            pass = "after";
        else if (is(argv[i], "--syscalls"))
            pass = "calls";
        else if (is(argv[i], "--valgrind"))
            pass = "valgrind";
        else if ((value = value_of(argv[i], "--memory=")) != NULL) {
            pass = "memory";
            course = value;
        }
        else if ((value = value_of(argv[i], "--latency=")) != NULL)
            pass = arrivals(value);
    }
}

/* Calls VISIT with each part of the comma-separated LIST. */
static void each(const char *list, void (*visit)(const char *item, void *context), void *context) {
    char *const copy = strdup(list), *rest = copy;
    for (char *item; (item = strsep(&rest, ",")) != NULL;)
        visit(item, context);
    free(copy);
}

/* ---- --list=tsv ---- */

struct line {
    const char *workload, *params, *kind, *thread_count;
};

static void list_allocator(const char *name, void *context) {
    (void)context;
    if (is(name, "unknown")) {
        fputs("bench: no allocator is called \"unknown\"\n", stderr);
        exit(2);
    }
    printf("allocator\t%s\t%s\t%s\t%s\t-\t-\t%s\tas its name says\t%s\n", name,
           is(name, "ns10") ? "ten" : "-", is(name, "absent") ? "unavailable" : "ok",
           is(name, "bounded") ? "bounded" : "-", is(name, "absent") ? "-" : "/bin/sh",
           is(name, "absent") ? "its package is not here" : "-");
}

static void list_member(const char *name, void *context) {
    const struct line *const l = context;
    const char *const status = is(name, "absent") ? "unavailable" : is(name, "excluded") ? "excluded" : "ok";
    printf("cell\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", l->workload, l->params, l->thread_count,
           is(name, "ten") ? "ns10" : name, status, l->kind, is(l->kind, "steady") ? 0 : 1000,
           is(status, "ok") ? "-" : "it is said why");
}

static void list_threads(const char *count, void *context) {
    struct line *const l = context;
    l->thread_count = count;
    each(allocators, list_member, l);
}

static void list_workload(const char *name, void *context) {
    (void)context;
    struct line l = {.workload = name, .params = "-", .kind = "scripted"};
    printf("workload\t%s\t-\t%s\t-\t%s\tfake\tall\t%s\t0.9\n", name, is(name, "steady") ? "steady" : "scripted",
           threads, is(name, "steady") ? "latency" : "line-sharing,memory-time,syscalls,valgrind,after-free");
    if (is(name, "steady")) {
        l.kind = "steady";
        l.params = "size=8";
        each(threads, list_threads, &l);
        l.params = "size=16";
    }
    each(threads, list_threads, &l);
}

/* ---- a cell ---- */

static unsigned calls_before(const char *workload) {
    char line[256];
    unsigned n = 0;
    FILE *const log = fopen(getenv("FAKE_BENCH_LOG"), "r");
    while (log != NULL && fgets(line, sizeof line, log) != NULL) {
        const char *const allocator = strtok(line, " "), *const of = strtok(NULL, " ");
        n += of != NULL && is(allocator, allocators) && is(of, workload);
    }
    if (log != NULL)
        fclose(log);
    return n;
}

static void write_log(const char *workload) {
    const char *const layout = getenv("BENCH_LAYOUT");
    FILE *const log = fopen(getenv("FAKE_BENCH_LOG"), "a");
    if (log == NULL)
        exit(9);
    fprintf(log, "%s %s %s %s %zu %s\n", allocators, workload, threads, ops,
            layout == NULL ? 0 : strlen(layout), pass);
    fclose(log);
}

static void write_course(const char *workload) {
    FILE *const file = fopen(course, "w");
    if (file == NULL)
        exit(9);
    fputs("workload\tparams\tthreads\tallocator\tms\tresident_bytes\tcommitted_bytes\tlive_bytes\n", file);
    for (int ms = 0; ms < 3; ms++)
        fprintf(file, "%s\t-\t%s\t%s\t%d\t3000\t4000\t2000\n", workload, threads, allocators, ms);
    fclose(file);
}

static void print_figures(double ns, double concurrency) {
    if (is(pass, "after"))
        printf("{\"benchmarks\": [{\"real_time\": 1, \"resident_after_free_bytes\": 5000, "
               "\"resident_after_free_12s_bytes\": 4000}]}\n");
    else if (is(pass, "calls"))
        printf("{\"benchmarks\": [{\"real_time\": 1, \"mmap_calls\": 7, \"brk_calls\": 0}]}\n");
    else if (is(pass, "valgrind"))
        printf("{\"benchmarks\": [{\"real_time\": 1, \"valgrind_instructions\": 77}]}\n");
    else if (is(pass, "memory"))
        printf("{\"benchmarks\": [{\"real_time\": 1, \"mean_resident_bytes\": 3000, \"mean_live_bytes\": 2000, "
               "\"memory_overhead\": 1.5}]}\n");
    else if (strncmp(pass, "latency", 7) == 0)
        printf("{\"benchmarks\": [{\"real_time\": 1, \"p50_ns\": %g, \"p99_9_ns\": %g, \"max_ns\": %g, \"overrun\": %d, "
               "\"concurrency\": %g}]}\n",
               ns, 10 * ns, 100 * ns, is(allocators, "late"), concurrency);
    else if (is(pass, "lines"))
        printf("{\"benchmarks\": [{\"real_time\": 1, \"line_sharing\": 0.25}]}\n");
    else
        printf("{\"benchmarks\": [{\"real_time\": %g, \"ops_per_second\": %g, \"concurrency\": %g}]}\n", ns,
               1e9 / ns, concurrency);
}

static void print_failure(const char *why) {
    printf("{\"benchmarks\": [{\"error_occurred\": true, \"error_message\": \"%s\"}]}\n", why);
    exit(1);
}

static void eat(void) {
    for (size_t i = 0; i < 4096; i++) { /* 64 GiB, where nobody ends it */
        char *const more = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more != MAP_FAILED)
            memset(more, 1, 1 << 24);
    }
}

static void misbehave(const char *name, unsigned before) {
    if (is(name, "crash"))
        raise(SIGSEGV);
    if (is(name, "hang"))
        for (;;)
            pause();
    if (is(name, "rubbish")) {
        puts("Segmentation fault? No: a talkative library.");
        exit(0);
    }
    if (is(name, "cut")) {
        fputs("{\"benchmarks\": [{\"real_ti", stdout);
        exit(0);
    }
    if (is(name, "mute"))
        exit(3);
    if (is(name, "full") || is(name, "bounded"))
        print_failure("out-of-memory: thread 0 got NULL after 5 of 1000 operations");
    if (is(name, "eats"))
        eat();
    if (is(name, "slow"))
        usleep(300000);
    if (before == 0 && is(name, "kills"))
        kill(getppid(), SIGKILL);
    if (before == 0 && is(name, "interrupts")) {
        kill(getppid(), SIGINT);
        pause();
    }
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    if (argc > 1 && is(argv[1], "--list=tsv")) {
        each(allocators, list_allocator, NULL);
        each(workloads, list_workload, NULL);
        puts("measure\tcounters\tunavailable\tinstructions: as it is told");
        return 0;
    }
    for (int i = 1; i < argc; i++)
        if (is(argv[i], "--limits")) {
            printf("%s\tlargest_block_bytes\t32760\n%s\theap_bytes\t2176272\n", allocators, allocators);
            return 0;
        }
    char workload[64];
    snprintf(workload, sizeof workload, "%s", workloads);
    workload[strcspn(workload, "/")] = '\0';
    const unsigned before = calls_before(workload);
    write_log(workload);
    if (course != NULL)
        write_course(workload);
    misbehave(allocators, before);
    double ns = 20;
    if (strncmp(allocators, "ns", 2) == 0)
        ns = strtod(allocators + 2, NULL);
    if (is(allocators, "wide") || is(allocators, "slow"))
        ns = before % 2 == 0 ? 10 : 40;
    const bool turns = is(allocators, "turns") || (is(allocators, "turns-once") && before == 0);
    print_figures(ns, turns ? 0.5 : 1);
    return 0;
}
