/* SPDX-License-Identifier: MIT
 *
 * bench: every allocator x workload x thread count as a Google Benchmark.
 *
 * Order of things: Google Benchmark takes its flags, argp ours; the allocators' environment is known from
 * their names, and where this process lacks it, it executes itself again; then the allocators are opened, the
 * resident memory noted, the cells registered, and Google Benchmark runs them.
 */
#include "gbench.h"
#include "harness.h"
#include "measure/block_limits.h"
#include "measure/valgrind.h"
#include "list.h"
#include "select.h"
#include "tunables.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a cell is run for. */
enum pass { PASS_TIME, PASS_LATENCY, PASS_LINE_SHARING, PASS_AFTER_FREE, PASS_MEMORY_TIME, PASS_SYSCALLS, PASS_VALGRIND };

enum { GAP_NS = 1000 }; /* between two operations of a thread in the pass of latencies */
enum { VALGRIND_OPERATIONS = 200000 }; /* of all threads, and twice as many: what else differs between two runs is some 100 000 instructions */
enum { AFTER_FREE_SECONDS = 12 }; /* two more than the longest time after which one of the list gives back */

struct options {
    const char *allocators, *workloads, *threads;
    uint64_t operations, seed;
    enum pass pass;
    double gap_ns; /* of PASS_LATENCY */
    const char *course; /* of PASS_MEMORY_TIME: the file; NULL: none */
    const char *list; /* NULL: run; "": for readers; "tsv": for programs */
    bool limits;
};

enum { KEY_LINE_SHARING = 256, KEY_LATENCY, KEY_AFTER_FREE, KEY_MEMORY, KEY_SYSCALLS, KEY_VALGRIND, KEY_OPS, KEY_SEED, KEY_LIST, KEY_LIMITS, KEY_VERSION };

static const struct argp_option option_list[] = {
    {"allocators", 'a', "A,B,...", 0,
     "allocators to run, as --list names them; also [LABEL=]so:PATH[:PREFIX], checked:NAME, failing:N:NAME",
     0},
    {"workloads", 'w', "W,...", 0, "workloads; W/key=value,key=value narrows one's grid", 0},
    {"threads", 't', "N,...", 0, "thread counts, instead of each workload's own", 0},
    {"ops", KEY_OPS, "N", 0, "exactly N operations a thread, instead of as many as fill --benchmark_min_time",
     0},
    {"seed", KEY_SEED, "N", 0, "of all random sequences (default 1)", 0},
    {"latency", KEY_LATENCY, "NS", OPTION_ARG_OPTIONAL,
     "time single calls instead, with an operation due every NS (default 1000) on the average", 0},
    {"line-sharing", KEY_LINE_SHARING, NULL, 0, "count cache lines shared between threads, instead of timing",
     0},
    {"after-free", KEY_AFTER_FREE, NULL, 0,
     "read what stays resident once all is freed, at once and 12 s later, instead of timing", 0},
    {"memory", KEY_MEMORY, "FILE", OPTION_ARG_OPTIONAL,
     "read memory every few ms through the run, instead of timing; FILE: where the readings go", 0},
    {"syscalls", KEY_SYSCALLS, NULL, 0, "count system calls for memory, instead of timing", 0},
    {"valgrind", KEY_VALGRIND, NULL, 0, "count instructions under valgrind, instead of timing", 0},
    {"list", KEY_LIST, "tsv", OPTION_ARG_OPTIONAL, "show allocators and workloads; =tsv for programs", 0},
    {"limits", KEY_LIMITS, NULL, 0, "the largest block that each allocator gives, and how much in all", 0},
    {"version", KEY_VERSION, NULL, 0, "print the version", 0},
    {0},
};

static uint64_t number_or_usage(const char *text, const char *name, struct argp_state *state) {
    char *end;
    const unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0')
        argp_error(state, "--%s=%s: a whole number is wanted", name, text);
    return n;
}

static error_t parse_option(int key, char *argument, struct argp_state *state) {
    struct options *const o = state->input;
    switch (key) {
    case 'a':
        o->allocators = argument;
        return 0;
    case 'w':
        o->workloads = argument;
        return 0;
    case 't':
        o->threads = argument;
        return 0;
    case KEY_OPS:
        o->operations = number_or_usage(argument, "ops", state);
        if (o->operations == 0)
            argp_error(state, "--ops=0: at least 1");
        return 0;
    case KEY_SEED:
        o->seed = number_or_usage(argument, "seed", state);
        return 0;
    case KEY_LATENCY:
    case KEY_LINE_SHARING:
    case KEY_AFTER_FREE:
    case KEY_MEMORY:
    case KEY_SYSCALLS:
    case KEY_VALGRIND:
        if (o->pass != PASS_TIME)
            argp_error(state,
                       "--latency, --line-sharing, --after-free, --memory, --syscalls and --valgrind are passes: one at a time");
        o->pass = key == KEY_LATENCY        ? PASS_LATENCY
                  : key == KEY_LINE_SHARING ? PASS_LINE_SHARING
                  : key == KEY_AFTER_FREE   ? PASS_AFTER_FREE
                  : key == KEY_MEMORY       ? PASS_MEMORY_TIME
                  : key == KEY_SYSCALLS     ? PASS_SYSCALLS
                                            : PASS_VALGRIND;
        o->course = key == KEY_MEMORY ? argument : NULL;
        o->gap_ns = key != KEY_LATENCY || argument == NULL ? GAP_NS : (double)number_or_usage(argument, "latency", state);
        if (o->gap_ns < 1)
            argp_error(state, "--latency=0: at least 1");
        return 0;
    case KEY_LIST:
        o->list = argument == NULL ? "" : argument;
        if (*o->list != '\0' && strcmp(o->list, "tsv") != 0)
            argp_error(state, "--list=%s: only tsv, or nothing", o->list);
        return 0;
    case KEY_LIMITS:
        o->limits = true;
        return 0;
    case KEY_VERSION:
        puts("bench " PROJECT_VERSION);
        exit(0);
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is no option", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char help[] =
    "bench: allocators under the workloads of the field, as Google Benchmarks named\n"
    "WORKLOAD/ALLOCATOR/PARAMS/threads:N\n\n"
    "  --allocators=A,B,...    as --list names them; also [LABEL=]so:PATH[:PREFIX], checked:NAME, failing:N:NAME\n"
    "  --workloads=W,...       W or W/key=value,key=value\n"
    "  --threads=N,...         instead of each workload's own\n"
    "  --ops=N                 exactly N operations a thread, instead of --benchmark_min_time\n"
    "  --seed=N                of all random sequences (default 1)\n"
    "  --latency[=NS]          time single calls, with an operation due every NS (default 1000) on the average\n"
    "  --line-sharing          count cache lines shared between threads, instead of timing\n"
    "  --after-free            read what stays resident once all is freed, at once and 12 s later\n"
    "  --memory[=FILE]         read memory every few ms through the run; FILE: where the readings go\n"
    "  --syscalls              count the run's calls of mmap, munmap, mremap, madvise, mprotect, brk\n"
    "  --valgrind              count the instructions of an operation under valgrind\n"
    "  --list[=tsv]            show allocators and workloads\n"
    "  --limits                the largest block that each allocator gives, and how much in all\n"
    "  --version\n\nand those of Google Benchmark:\n\n";

static int bad_use(const char *why) {
    fprintf(stderr, "bench: %s\n", why);
    return 2;
}

/* One registered benchmark. */
struct registered {
    struct cell cell;
    uint64_t operations; /* of --ops */
    const char *spec, *params;
    enum pass pass;
    double gap_ns;
    bool ran;
};

/* Where memory over time goes; NULL: nowhere. */
static FILE *course_file;

static bool open_course(const char *path) {
    course_file = fopen(path, "we");
    if (course_file == NULL)
        return false;
    fputs("workload\tparams\tthreads\tallocator\tms\tresident_bytes\tcommitted_bytes\tlive_bytes\n", course_file);
    return fflush(course_file) == 0;
}

static void write_bytes(double bytes) {
    if (isnan(bytes))
        fputs("\t-", course_file);
    else
        fprintf(course_file, "\t%.0f", bytes);
}

static bool write_course(const struct registered *r, const struct memory_course *course) {
    for (unsigned i = 0; i < course->count; i++) {
        const struct memory_sample *const s = &course->sample[i];
        fprintf(course_file, "%s\t%s\t%u\t%s\t%.3f", r->cell.workload->name, *r->params == '\0' ? "-" : r->params,
                r->cell.threads, r->cell.allocator->name, s->ms);
        write_bytes(s->resident);
        write_bytes(s->committed);
        write_bytes(s->live);
        putc('\n', course_file);
    }
    return fflush(course_file) == 0;
}

static void count_latencies(struct gbench_run *run, const struct latency_figures *f, const char *loop) {
    static const char *const kind[LATENCY_KINDS] = {"", "malloc_", "free_"};
    static const char *const quantile[LATENCY_QUANTILES] = {"p50", "p90", "p99", "p99_9", "p99_99", "max"};
    char name[64];
    for (unsigned k = 0; k < LATENCY_KINDS; k++)
        for (unsigned q = 0; q < LATENCY_QUANTILES; q++) {
            snprintf(name, sizeof name, "%s%s%s_ns", loop, kind[k], quantile[q]);
            gbench_counter(run, name, f->quantile[k][q]);
        }
}

/* Of a pass but PASS_TIME. */
static void count_pass(struct gbench_run *run, enum pass pass, const struct figures *f) {
    gbench_done(run, 1, 1e-9, 0); /* its time means nothing */
    switch (pass) {
    case PASS_LATENCY:
        count_latencies(run, &f->latency, "");
        count_latencies(run, &f->closed_latency, "closed_");
        gbench_counter(run, "clock_ns", f->clock_ns);
        gbench_counter(run, "overrun", f->latency.overrun);
        gbench_counter(run, "concurrency", f->concurrency);
        return;
    case PASS_LINE_SHARING:
        gbench_counter(run, "lines_per_live_kib", f->lines_per_live_kib);
        gbench_counter(run, "pages_per_live_mib", f->pages_per_live_mib);
        gbench_counter(run, "line_sharing", f->line_sharing);
        return;
    case PASS_AFTER_FREE:
        gbench_counter(run, "resident_after_free_bytes", f->resident_after_free_bytes);
        gbench_counter(run, "resident_after_free_12s_bytes", f->resident_after_free_later_bytes);
        return;
    case PASS_MEMORY_TIME:
        gbench_counter(run, "mean_resident_bytes", f->memory_time.mean_resident);
        gbench_counter(run, "final_resident_bytes", f->memory_time.final_resident);
        gbench_counter(run, "mean_live_bytes", f->memory_time.mean_live);
        gbench_counter(run, "memory_overhead", f->memory_time.overhead);
        return;
    case PASS_SYSCALLS:
        gbench_counter(run, "mmap_calls", (double)f->syscalls[SYSCALL_MMAP]);
        gbench_counter(run, "munmap_calls", (double)f->syscalls[SYSCALL_MUNMAP]);
        gbench_counter(run, "mremap_calls", (double)f->syscalls[SYSCALL_MREMAP]);
        gbench_counter(run, "madvise_calls", (double)f->syscalls[SYSCALL_MADVISE]);
        gbench_counter(run, "mprotect_calls", (double)f->syscalls[SYSCALL_MPROTECT]);
        gbench_counter(run, "brk_calls", (double)f->syscalls[SYSCALL_BRK]);
        return;
    case PASS_VALGRIND:
        gbench_counter(run, "valgrind_instructions", f->valgrind_instructions);
        return;
    case PASS_TIME:
        return;
    }
}

static bool run_memory_time(struct registered *r, struct figures *f, char *why, size_t why_size) {
    static struct memory_course course;
    if (!harness_memory_time(&r->cell, r->operations, f, &course, why, why_size))
        return false;
    if (course_file == NULL || write_course(r, &course))
        return true;
    snprintf(why, why_size, "the file of --memory cannot be written: %s", strerror(errno));
    return false;
}

/* A run of that cell with OPERATIONS a thread, in a process of its own. */
static bool count_run(const struct registered *r, uint64_t operations, double *instructions, char *why, size_t why_size) {
    char path[4096], allocators[SELECT_TEXT], workloads[SELECT_TEXT], threads[32], seed[32], ops[32];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    snprintf(allocators, sizeof allocators, "--allocators=%s", r->spec);
    snprintf(workloads, sizeof workloads, "--workloads=%s%s%s", r->cell.workload->name, *r->params == '\0' ? "" : "/", r->params);
    snprintf(threads, sizeof threads, "--threads=%u", r->cell.threads);
    snprintf(seed, sizeof seed, "--seed=%llu", (unsigned long long)r->cell.seed);
    snprintf(ops, sizeof ops, "--ops=%llu", (unsigned long long)operations);
    const char *const argv[] = {path, allocators, workloads, threads, seed, ops, NULL};
    return valgrind_count(argv, instructions, why, why_size);
}

/* What a run of twice as many operations has more, over the operations that it does more. Each is warmed up by a quarter. */
static bool run_valgrind(const struct registered *r, struct figures *f, char *why, size_t why_size) {
    const uint64_t operations = r->operations != 0 ? r->operations : VALGRIND_OPERATIONS / r->cell.threads;
    const double more = (double)operations * (r->cell.workload->warms_up ? 1.25 : 1) * r->cell.threads;
    double once, twice;
    if (!count_run(r, operations, &once, why, why_size) || !count_run(r, 2 * operations, &twice, why, why_size))
        return false;
    f->valgrind_instructions = (twice - once) / more;
    return true;
}

static void body(struct gbench_run *run, void *context) {
    struct registered *const r = context;
    struct figures f;
    char why[SELECT_TEXT] = "";
    if (!r->ran)
        harness_take_baseline();
    r->ran = true;
    bool done = false;
    switch (r->pass) {
    case PASS_TIME:
        done = harness_run(&r->cell, gbench_operations(run), &f, why, sizeof why);
        break;
    case PASS_LATENCY:
        done = harness_latency(&r->cell, r->operations, r->gap_ns, &f, why, sizeof why);
        break;
    case PASS_LINE_SHARING:
        done = harness_line_sharing(&r->cell, r->operations, &f, why, sizeof why);
        break;
    case PASS_AFTER_FREE:
        done = harness_after_free(&r->cell, r->operations, AFTER_FREE_SECONDS, &f, why, sizeof why);
        break;
    case PASS_MEMORY_TIME:
        done = run_memory_time(r, &f, why, sizeof why);
        break;
    case PASS_SYSCALLS:
        done = harness_syscalls(&r->cell, r->operations, &f, why, sizeof why);
        break;
    case PASS_VALGRIND:
        done = run_valgrind(r, &f, why, sizeof why);
        break;
    }
    if (!done) {
        gbench_fail(run, why);
        return;
    }
    if (r->pass != PASS_TIME) {
        count_pass(run, r->pass, &f);
        return;
    }
    gbench_done(run, f.operations, f.seconds, f.cpu_seconds / r->cell.threads);
    gbench_counter(run, "ops_per_second", f.ops_per_second);
    gbench_counter(run, "thread_spread", f.thread_spread);
    gbench_counter(run, "peak_resident_bytes", f.peak_resident_bytes);
    gbench_counter(run, "peak_committed_bytes", f.peak_committed_bytes);
    gbench_counter(run, "peak_live_bytes", f.peak_live_bytes);
    gbench_counter(run, "peak_live_blocks", f.peak_live_blocks);
    gbench_counter(run, "page_faults", f.page_faults);
    gbench_counter(run, "concurrency", f.concurrency);
    gbench_counter(run, "involuntary_switches", f.involuntary_switches);
    gbench_counter(run, "voluntary_switches", f.voluntary_switches);
    gbench_counter(run, "user_ns", f.user_ns);
    gbench_counter(run, "system_ns", f.system_ns);
    gbench_counter(run, "instructions", f.counted[COUNTER_INSTRUCTIONS]);
    gbench_counter(run, "cycles", f.counted[COUNTER_CYCLES]);
    gbench_counter(run, "cache_misses", f.counted[COUNTER_CACHE_MISSES]);
    gbench_counter(run, "dtlb_misses", f.counted[COUNTER_DTLB_MISSES]);
    gbench_counter(run, "work_ns", f.work_ns);
}

static void register_cell(const struct options *o, const struct choice *choice, const struct point *p) {
    const struct allocator *const a = choice->allocator;
    struct registered *const r = calloc(1, sizeof *r); /* lives as long as the program */
    if (r == NULL)
        exit(1);
    *r = (struct registered){
        .cell = {.allocator = a, .workload = p->workload, .threads = p->threads, .seed = o->seed},
        .operations = o->operations,
        .spec = choice->spec,
        .params = p->params,
        .pass = o->pass,
        .gap_ns = o->gap_ns,
    };
    for (unsigned i = 0; i < WORKLOAD_PARAMETERS; i++) {
        r->cell.number[i] = p->number[i];
        r->cell.word[i] = p->word[i];
    }
    char name[2 * SELECT_TEXT];
    snprintf(name, sizeof name, "%s/%s%s%s", p->workload->name, a->name, *p->params == '\0' ? "" : "/",
             p->params);
    gbench_register(name, p->threads, o->pass != PASS_TIME ? 1 : o->operations, body, r);
}

/* Why it cannot be run for that; NULL: it can. */
static const char *lacks_pass(const struct workload *w, enum pass pass) {
    if (pass == PASS_AFTER_FREE && !w->keeps_live_set)
        return "it has no live set to free";
    if (pass == PASS_LINE_SHARING && w->whole_scripts)
        return "its script is too long to be done in turns";
    if (pass == PASS_VALGRIND && w->whole_scripts)
        return "it does a whole script, however many operations are asked for, and a difference of two is what is counted";
    return NULL;
}

/* The product, less what cannot be, which is named. */
static void register_all(const struct options *o, const struct choices *choices,
                         const struct points *points) {
    for (size_t i = 0; i < points->count; i++)
        for (size_t c = 0; c < choices->count; c++) {
            const struct choice *const choice = &choices->choice[c];
            char why[SELECT_TEXT];
            if (choice->status != ALLOCATOR_OK)
                continue;
            const char *const why_not = lacks_pass(points->point[i].workload, o->pass);
            if (why_not != NULL) {
                if (o->workloads != NULL && c == 0)
                    fprintf(stderr, "bench: %s is left out: %s\n", points->point[i].workload->name, why_not);
                continue;
            }
            if (select_excluded(choice->allocator, &points->point[i], why, sizeof why)) {
                if (o->allocators != NULL)
                    fprintf(stderr, "bench: %s is left out of %s: %s\n", choice->name,
                            points->point[i].workload->name, why);
                continue;
            }
            register_cell(o, choice, &points->point[i]);
        }
}

/* Without --allocators: those that need no environment of their own. Names the others. */
static void keep_plain_environment(struct choices *choices) {
    size_t kept = 0;
    for (size_t i = 0; i < choices->count; i++) {
        const char *const environment = allocator_environment(choices->choice[i].spec);
        if (environment == NULL)
            choices->choice[kept++] = choices->choice[i];
        else
            fprintf(stderr, "bench: %s wants GLIBC_TUNABLES=%s for itself: name it alone with --allocators\n",
                    choices->choice[i].name, environment);
    }
    choices->count = kept;
}

/* allocator, figure, bytes */
static int say_limits(const struct choices *choices) {
    for (size_t i = 0; i < choices->count; i++) {
        if (choices->choice[i].status != ALLOCATOR_OK)
            continue;
        const struct limits limits = limits_measure(choices->choice[i].allocator);
        printf("%s\tlargest_block_bytes\t%zu\n%s\theap_bytes\t%zu\n", choices->choice[i].name, limits.largest_block,
               choices->choice[i].name, limits.heap);
    }
    return 0;
}

static int run(const struct options *o, struct choices *choices, struct points *points) {
    size_t available = 0;
    char why[SELECT_TEXT];
    for (size_t i = 0; i < choices->count; i++) {
        available += choices->choice[i].status == ALLOCATOR_OK;
        if (choices->choice[i].status != ALLOCATOR_OK)
            fprintf(stderr, "bench: %s is left out: %s\n", choices->choice[i].name, choices->choice[i].why);
    }
    if (available == 0)
        return bad_use("none of the allocators is here");
    if (o->limits)
        return say_limits(choices);
    if (o->course != NULL && !open_course(o->course)) {
        snprintf(why, sizeof why, "%s cannot be written: %s", o->course, strerror(errno));
        return bad_use(why);
    }
    register_all(o, choices, points);
    unsigned failed;
    if (gbench_run_all(&failed) == 0)
        return bad_use(
            "nothing to run: the filter matches no name, or all that was asked for is left out; --benchmark_list_tests shows the names");
    if (o->pass == PASS_TIME && counters_lack(why, sizeof why))
        fprintf(stderr, "bench: not available here: %s\n", why);
    return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    static char **own_argv; /* as it came, for the execution anew */
    own_argv = calloc((size_t)argc + 1, sizeof *own_argv);
    if (own_argv == NULL)
        return 1;
    memcpy(own_argv, argv, (size_t)argc * sizeof *argv);

    struct options o = {.seed = 1};
    static const struct argp argp = {option_list, parse_option, NULL, NULL, NULL, NULL, NULL};
    argp_err_exit_status = 2;
    gbench_initialise(&argc, argv, help);
    argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o);

    struct choices choices;
    struct points points;
    const char *environment = NULL;
    char why[2 * SELECT_TEXT];
    if (!select_allocators(o.allocators, &choices, why, sizeof why))
        return bad_use(why);
    if (o.allocators == NULL && o.list == NULL)
        keep_plain_environment(&choices);
    if (o.list == NULL && !select_environment(&choices, &environment, why, sizeof why))
        return bad_use(why);
    if (tunables_merge(environment)) {
        tunables_execute_again(own_argv);
        return 1;
    }
    if (o.list != NULL) /* shown as they would be found by the process that runs them */
        for (size_t i = 0; i < choices.count; i++)
            tunables_merge(allocator_environment(choices.choice[i].spec));
    if (!select_open(&choices, why, sizeof why) ||
        !select_points(o.workloads, o.threads, &points, why, sizeof why))
        return bad_use(why);
    if (o.list != NULL) {
        (*o.list == '\0' ? list_for_readers : list_for_programs)(&choices, &points);
        return 0;
    }
    return run(&o, &choices, &points);
}
