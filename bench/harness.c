/* SPDX-License-Identifier: MIT
 *
 * One run of one cell:
 *
 *   main     prepare, start threads   | faults | wait            | faults, peak | join  | finish
 *                                     | memory |                 | memory       |       |
 *   workers            enter, warm up | wait   | read, run, read | wait         | leave |
 *   barriers                       entered    started           ended        measured
 *
 * Workers are never the main thread, so that one thread and two differ by nothing but their number. Their
 * stacks, and those of threads that they make, are harness memory, resident from the start; a recursion a
 * thousand deep faults no page in. What a worker reads before and after run() lies inside no clock: the clock
 * is the last thing read before, and the first after.
 *
 * Time is from the first start to the last end: with more threads than cores the slowest is what a user
 * feels.
 *
 * concurrency = CPU time / min(CPU time + time ready but not running, wall x cores). Two threads that took
 * turns on one core show 0.5; a thread that waits of its own accord (a lock, a back-off) lowers nothing, for
 * that is part of what is measured. A new thread waits for a core, and who joined it for one to wake up on: so a
 * workload that makes threads is below 1 wherever it runs (thread-churn, two workers on two cores and nothing else
 * running: 0.63 to 0.89; with one of the cores taken: 0.25 to 0.31).
 */
#include "harness.h"
#include "measure/latency.h"
#include "measure/lines.h"
#include "measure/memory_after.h"
#include "measure/process.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEAST_GAP_NS = 500 }; /* between two calls: a malloc and a free a microsecond */
enum { STACK_BYTES = 1 << 20, LINE_PASS_OPERATIONS = 10000, WARM_UP_ONE_IN = 4 };

/* A worker, and what the harness notes of it, on lines of its own. */
struct seat {
    _Alignas(128) struct worker worker;
    struct crew *crew;
    enum work_result result;
    struct thread_times start, end;
    struct counters counters;
    double counted[COUNTERS];
    void *stack;
    pthread_t thread;

    /* Of the threads that it makes, one at a time; NULL: it makes none. */
    void *second_stack;
    void (*body)(struct worker *worker);
    struct thread_times made; /* all of them, since run() began; CPU time is the process' to know */
};

struct crew {
    struct cell *cell;
    struct seat *seat;
    struct lines *lines;     /* NULL: no pass that counts shared lines */
    struct latency *latency; /* NULL: no pass that times calls */
    struct memory_time *memory_time; /* NULL: no pass that reads memory over time */
    bool counts_syscalls;
    atomic_bool syscalls_refused;
    pthread_barrier_t entered, started, ended, measured;
};

double harness_least_concurrency(const struct workload *workload) {
    return workload->makes_threads ? 0.5 : 0.9;
}

static uint64_t baseline_resident, baseline_committed;

void harness_take_baseline(void) {
    baseline_resident = process_resident();
    baseline_committed = process_committed();
}

/* What of READING is neither the baseline nor the harness' own; NaN: the system did not tell. */
static double above(uint64_t reading, uint64_t baseline) {
    return reading == 0 ? NAN : fmax(0, (double)reading - (double)(baseline + memory_mapped()));
}

/* The same of what workers have noted, whose harness memory is taken off already. */
static double noted_above(uint64_t baseline) {
    const uint64_t noted = memory_noted();
    return noted == 0 ? NAN : fmax(0, (double)noted - (double)baseline);
}

/* Each seed is mixed on its own, so that neighbouring workers share nothing. */
static uint64_t worker_seed(uint64_t seed, unsigned index) {
    uint64_t state = seed + UINT64_C(0x632be59bd9b4e019) * (index + 1);
    return random_next(&state);
}

static bool start_thread(pthread_t *thread, void *stack, void *(*body)(void *), struct seat *seat) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK_BYTES);
    const bool started = pthread_create(thread, &attributes, body, seat) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

/* Ends the program where a thread could not be started, for others wait at a barrier that never fills. */
static _Noreturn void no_thread(const struct cell *cell) {
    fprintf(stderr, "bench: cannot start %u threads of 1 MiB stack: lower --threads or raise `ulimit -u`\n",
            cell->threads);
    exit(1);
}

/* Reading its times takes some 3 us of a made thread's life: nobody else can tell how long it was kept from
 * running. Of its CPU time that would miss all that its end takes. */
static void *work_as_made(void *argument) {
    struct seat *const seat = argument;
    const struct allocator *const a = seat->worker.cell->allocator;
    if (seat->crew->latency != NULL)
        latency_begin(seat->crew->latency, seat->worker.index);
    seat->body(&seat->worker);
    if (a->thread_exit != NULL)
        a->thread_exit();
    struct thread_times life;
    thread_times_read(&life);
    seat->made.delay_ns += life.delay_ns;
    seat->made.involuntary += life.involuntary;
    return NULL;
}

static void on_new_thread(struct worker *w, void (*body)(struct worker *)) {
    struct seat *const seat = (struct seat *)w; /* whose first member it is */
    pthread_t thread;
    seat->body = body;
    if (!start_thread(&thread, seat->second_stack, work_as_made, seat))
        no_thread(w->cell);
    pthread_join(thread, NULL);
}

static void on_this_thread(struct worker *w, void (*body)(struct worker *)) {
    body(w);
}

/* A part of the run beforehand, so that what is timed is neither first touches of memory nor an allocator
 * that has yet to learn its load: the first 30 000 operations of list-reversal take every allocator twice as
 * long as later ones. */
static enum work_result warm_up(struct seat *seat) {
    struct worker *const w = &seat->worker;
    const enum work_result result = w->cell->workload->run(w, w->cell->operations / WARM_UP_ONE_IN);
    if (result == WORK_DONE)
        w->done = 0;
    return result;
}

/* A worker that could not enter still meets the others at every barrier. */
static void *work(void *argument) {
    struct seat *const seat = argument;
    struct crew *const crew = seat->crew;
    const struct workload *const workload = crew->cell->workload;
    if (crew->lines != NULL)
        lines_enter(crew->lines, seat->worker.index);
    seat->result = workload->enter == NULL ? WORK_DONE : workload->enter(&seat->worker);
    if (crew->lines != NULL) {
        lines_leave(crew->lines); /* who waits at a barrier must not be passed the token */
        pthread_barrier_wait(&crew->entered);
        lines_enter(crew->lines, seat->worker.index);
    } else {
        if (workload->warms_up && seat->result == WORK_DONE)
            seat->result = warm_up(seat);
        char why[8];
        if (crew->counts_syscalls && !syscalls_enter(why, sizeof why))
            crew->syscalls_refused = true;
        pthread_barrier_wait(&crew->entered);
    }
    counters_open(&seat->counters);
    pthread_barrier_wait(&crew->started);
    if (crew->lines != NULL)
        lines_await_turn(crew->lines); /* what it does before its first operation is in turn as well */
    seat->made = (struct thread_times){0};
    if (crew->latency != NULL)
        latency_begin(crew->latency, seat->worker.index);
    counters_start(&seat->counters); /* reading the times counts too, some thousand instructions: these are outside the clock */
    thread_times_read(&seat->start);
    if (seat->result == WORK_DONE)
        seat->result = workload->run(&seat->worker, crew->cell->operations);
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    counters_stop(&seat->counters);
    thread_times_read(&seat->end);
    seat->end.wall_ns = (uint64_t)end.tv_sec * 1000000000 + (uint64_t)end.tv_nsec;
    latency_end();
    seat->end.delay_ns += seat->made.delay_ns;
    seat->end.involuntary += seat->made.involuntary;
    counters_close(&seat->counters, seat->counted);
    if (crew->lines != NULL)
        lines_leave(crew->lines);
    pthread_barrier_wait(&crew->ended);
    pthread_barrier_wait(&crew->measured);
    if (workload->leave != NULL)
        workload->leave(&seat->worker);
    return NULL;
}

static bool start_worker(struct crew *crew, unsigned index) {
    struct seat *const seat = &crew->seat[index];
    const struct allocator *const a = crew->cell->allocator;
    *seat = (struct seat){
        .worker = {.cell = crew->cell,
                   .malloc = a->malloc,
                   .free = a->free,
                   .on_new_thread = on_new_thread,
                   .index = index},
        .crew = crew,
        .stack = memory_map(STACK_BYTES),
    };
    if (crew->lines != NULL) {
        seat->worker.wait = lines_pass;
        seat->worker.on_new_thread = on_this_thread;
    }
    seat->worker.seed = worker_seed(crew->cell->seed, index);
    if (crew->cell->workload->makes_threads && (seat->second_stack = memory_map(STACK_BYTES)) == NULL)
        return false;
    return seat->stack != NULL && start_thread(&seat->thread, seat->stack, work, seat);
}

/* What the whole process has used so far: of its threads only the workers and what they make do anything
 * between the first start and the last end. */
struct usage {
    uint64_t faults, steal_ns, cpu_ns;
};

static struct usage read_usage(void) {
    return (struct usage){process_page_faults(), process_steal_ns(), process_cpu_ns()};
}

static void add_up(const struct crew *crew, const struct usage *before, const struct usage *after,
                   struct figures *f) {
    const unsigned threads = crew->cell->threads;
    uint64_t first = UINT64_MAX, last = 0, done = 0, cpu = 0, switches = 0;
    uint64_t delay = after->steal_ns - before->steal_ns;
    uint64_t live_bytes = 0, live_blocks = 0;
    uint64_t user = 0, system = 0, voluntary = 0;
    double slowest = 0, fastest = INFINITY, counted[COUNTERS] = {0};
    f->operations = UINT64_MAX;
    for (unsigned i = 0; i < threads; i++) {
        const struct seat *const s = &crew->seat[i];
        const double own = (double)(s->end.wall_ns - s->start.wall_ns);
        first = s->start.wall_ns < first ? s->start.wall_ns : first;
        last = s->end.wall_ns > last ? s->end.wall_ns : last;
        slowest = fmax(slowest, own);
        fastest = fmin(fastest, own);
        done += s->worker.done;
        cpu += s->end.cpu_ns - s->start.cpu_ns;
        delay += s->end.delay_ns - s->start.delay_ns;
        switches += s->end.involuntary - s->start.involuntary;
        voluntary += s->end.voluntary - s->start.voluntary;
        user += s->end.user_ns - s->start.user_ns;
        system += s->end.system_ns - s->start.system_ns;
        for (int c = 0; c < COUNTERS; c++)
            counted[c] += s->counted[c];
        live_bytes += s->worker.peak_live_bytes;
        live_blocks += s->worker.peak_live_blocks;
        f->operations = s->worker.done < f->operations ? s->worker.done : f->operations;
    }
    if (crew->cell->workload->makes_threads)
        cpu = after->cpu_ns - before->cpu_ns;
    const double wall_ns = (double)(last - first);
    const double could_run = fmin((double)(cpu + delay), wall_ns * process_cores());
    f->seconds = wall_ns * 1e-9;
    f->cpu_seconds = (double)cpu * 1e-9;
    f->ops_per_second = (double)done / f->seconds;
    f->thread_spread = slowest / fastest;
    f->page_faults = (double)(after->faults - before->faults);
    f->concurrency = could_run > 0 ? fmin(1, (double)cpu / could_run) : NAN;
    f->involuntary_switches = (double)switches;
    f->voluntary_switches = (double)voluntary;
    f->user_ns = done == 0 ? NAN : (double)user / (double)done;
    f->system_ns = done == 0 ? NAN : (double)system / (double)done;
    for (int c = 0; c < COUNTERS; c++)
        f->counted[c] = done == 0 ? NAN : counted[c] / (double)done;
    f->peak_live_bytes = live_blocks > 0 ? (double)live_bytes : NAN;
    f->peak_live_blocks = live_blocks > 0 ? (double)live_blocks : NAN;
}

static bool all_done(const struct crew *crew, char *why, size_t why_size) {
    for (unsigned i = 0; i < crew->cell->threads; i++) {
        const struct seat *const s = &crew->seat[i];
        if (s->result == WORK_DONE)
            continue;
        if (s->result == WORK_WRONG)
            snprintf(why, why_size, "wrong: thread %u: %s", i,
                     s->worker.why == NULL ? "damaged data" : s->worker.why);
        else if (crew->cell->workload->whole_scripts)
            snprintf(why, why_size, "out-of-memory: thread %u got NULL after %llu operations of its script",
                     i, (unsigned long long)s->worker.done);
        else
            snprintf(why, why_size, "out-of-memory: thread %u got NULL after %llu of %llu operations", i,
                     (unsigned long long)s->worker.done, (unsigned long long)crew->cell->operations);
        return false;
    }
    return true;
}

/* The threads' part of a run. */
static bool run_crew(struct crew *crew, struct figures *figures, char *why, size_t why_size) {
    const unsigned threads = crew->cell->threads;
    const size_t seats_bytes = threads * sizeof *crew->seat;
    crew->seat = memory_map(seats_bytes);
    if (crew->seat == NULL) {
        snprintf(why, why_size, "out-of-memory: no room for %u workers", threads);
        return false;
    }
    pthread_barrier_t *const barrier[] = {&crew->entered, &crew->started, &crew->ended, &crew->measured};
    for (size_t i = 0; i < sizeof barrier / sizeof *barrier; i++)
        pthread_barrier_init(barrier[i], NULL, threads + 1);
    process_reset_peak();
    memory_noted(); /* what was noted before is of another run */
    for (unsigned i = 0; i < threads; i++)
        if (!start_worker(crew, i))
            no_thread(crew->cell);
    pthread_barrier_wait(&crew->entered);
    const double committed = above(process_committed(), baseline_committed);
    if (crew->memory_time != NULL)
        memory_time_begin(crew->memory_time);
    if (crew->counts_syscalls)
        syscalls_begin();
    const struct usage before = read_usage();
    pthread_barrier_wait(&crew->started);
    pthread_barrier_wait(&crew->ended);
    const struct usage after = read_usage();
    if (crew->memory_time != NULL)
        memory_time_end(crew->memory_time);
    if (crew->counts_syscalls)
        syscalls_end(figures->syscalls);
    figures->peak_resident_bytes = above(process_peak_resident(), baseline_resident);
    figures->peak_committed_bytes = fmax(fmax(committed, noted_above(baseline_committed)),
                                         above(process_committed(), baseline_committed));
    pthread_barrier_wait(&crew->measured);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(crew->seat[i].thread, NULL);
    add_up(crew, &before, &after, figures);
    bool done = all_done(crew, why, why_size);
    if (done && crew->syscalls_refused) {
        snprintf(why, why_size, "unavailable: the kernel lets no more threads' system calls be counted");
        done = false;
    }
    for (unsigned i = 0; i < threads; i++) {
        memory_unmap(crew->seat[i].stack, STACK_BYTES);
        memory_unmap(crew->seat[i].second_stack, STACK_BYTES);
    }
    memory_unmap(crew->seat, seats_bytes);
    for (size_t i = 0; i < sizeof barrier / sizeof *barrier; i++)
        pthread_barrier_destroy(barrier[i]);
    return done;
}

/* CREW: what pass it is. */
static bool run(struct crew crew, uint64_t operations, struct figures *figures, char *why, size_t why_size) {
    struct cell *const cell = crew.cell;
    const struct workload *const workload = cell->workload;
    *figures = (struct figures){.line_sharing = NAN,
                                .work_ns = NAN,
                                .resident_after_free_bytes = NAN,
                                .resident_after_free_later_bytes = NAN};
    cell->operations = operations;
    cell->work_ns = -1;
    cell->state = NULL;
    bool done = workload->prepare == NULL || workload->prepare(cell, why, why_size);
    done = done && run_crew(&crew, figures, why, why_size);
    if (workload->finish != NULL)
        workload->finish(cell);
    if (cell->work_ns >= 0)
        figures->work_ns = cell->work_ns;
    return done;
}

bool harness_run(struct cell *cell, uint64_t operations, struct figures *figures, char *why,
                 size_t why_size) {
    return run((struct crew){.cell = cell}, operations, figures, why, why_size);
}

bool harness_line_sharing(struct cell *cell, uint64_t operations, struct figures *figures, char *why,
                          size_t why_size) {
    if (operations == 0)
        operations = 1 + (LINE_PASS_OPERATIONS - 1) / cell->threads;
    const struct allocator *const own = cell->allocator;
    struct lines *const lines = lines_start(own, cell->threads, cell->seed);
    if (lines == NULL) {
        snprintf(why, why_size, "out-of-memory: no room for the table of cache lines");
        return false;
    }
    cell->allocator = lines_allocator(lines);
    const bool done = run((struct crew){.cell = cell, .lines = lines}, operations, figures, why, why_size);
    cell->allocator = own;
    uint64_t seen;
    const struct lines_footprint footprint = lines_footprint(lines);
    figures->lines_per_live_kib = footprint.lines / (footprint.bytes / 1024);
    figures->pages_per_live_mib = footprint.pages / (footprint.bytes / (1 << 20));
    figures->line_sharing = lines_stop(lines, &seen);
    return done;
}

bool harness_after_free(struct cell *cell, uint64_t operations, double seconds, struct figures *figures,
                        char *why, size_t why_size) {
    if (operations == 0)
        operations = cell->workload->operations;
    if (!run((struct crew){.cell = cell}, operations, figures, why, why_size))
        return false;
    figures->resident_after_free_bytes = above(process_resident(), baseline_resident);
    if (!memory_after_calls(cell->allocator, seconds)) {
        snprintf(why, why_size, "out-of-memory: NULL, or no thread, after all had been freed");
        return false;
    }
    figures->resident_after_free_later_bytes = above(process_resident(), baseline_resident);
    return true;
}

bool harness_memory_time(struct cell *cell, uint64_t operations, struct figures *figures, struct memory_course *course, char *why,
                         size_t why_size) {
    const struct allocator *const own = cell->allocator;
    struct memory_time *const memory = memory_time_start(own, baseline_resident, baseline_committed);
    struct memory_time_figures over_time;
    if (memory == NULL) {
        snprintf(why, why_size, "out-of-memory: no room for the table of sizes");
        return false;
    }
    if (operations == 0)
        operations = cell->workload->operations;
    cell->allocator = memory_time_allocator(memory);
    const bool done = run((struct crew){.cell = cell, .memory_time = memory}, operations, figures, why, why_size);
    cell->allocator = own;
    memory_time_stop(memory, course, &over_time);
    figures->memory_time = over_time;
    return done;
}

bool harness_syscalls(struct cell *cell, uint64_t operations, struct figures *figures, char *why, size_t why_size) {
    char lack[128];
    if (!syscalls_can_be_counted(lack, sizeof lack)) {
        snprintf(why, why_size, "unavailable: %s", lack);
        return false;
    }
    if (operations == 0)
        operations = cell->workload->operations;
    return run((struct crew){.cell = cell, .counts_syscalls = true}, operations, figures, why, why_size);
}

/* In one of the two loops; GAP_NS: between two calls of a thread. */
static bool run_latency(struct cell *cell, uint64_t operations, double gap_ns, struct figures *figures,
                        struct latency_figures *latencies, char *why, size_t why_size) {
    const struct allocator *const own = cell->allocator;
    struct latency *const latency = latency_start(own, gap_ns, cell->seed);
    if (latency == NULL) {
        snprintf(why, why_size, "out-of-memory: no room for the histograms of latencies");
        return false;
    }
    cell->allocator = latency_allocator(latency);
    const bool done = run((struct crew){.cell = cell, .latency = latency}, operations, figures, why, why_size);
    cell->allocator = own;
    latency_stop(latency, latencies);
    return done;
}

bool harness_latency(struct cell *cell, uint64_t operations, double gap_ns, struct figures *figures, char *why,
                     size_t why_size) {
    struct figures closed;
    struct latency_figures open_latency, closed_latency;
    if (operations == 0)
        operations = cell->workload->operations;
    if (!run_latency(cell, operations, 0, &closed, &closed_latency, why, why_size))
        return false;
    const double calls = (double)closed_latency.calls[LATENCY_ALL] / ((double)closed.operations * cell->threads);
    const double gap = calls > 0 ? fmax(gap_ns / calls, LEAST_GAP_NS) : gap_ns;
    if (!run_latency(cell, operations, gap, figures, &open_latency, why, why_size))
        return false;
    figures->latency = open_latency;
    figures->closed_latency = closed_latency;
    figures->clock_ns = latency_clock_ns();
    return true;
}
