/* SPDX-License-Identifier: MIT
 *
 * The order of things:
 *
 *   calibrate each scripted group on the baseline, once      operations such that its cell takes min-time
 *   for each look (9, 15, 25 rounds, or the number asked for)
 *     for each round
 *       for each group of (workload, params, threads) that is still looked at
 *         all its allocators and the control, in a fresh permutation, each in a process of its own; then, where the
 *         plan asks for it, their latencies likewise
 *     groups whose time intervals are all narrow enough are done; of the others, where a time is promised,
 *     the widest go on as far as it reaches
 *   the passes that the plan asks for, once a cell: shared cache lines; memory over time; system calls;
 *   instructions under valgrind; what stays resident once all is freed
 *
 * Every outcome is rows in the store before the next cell starts.
 */
#include "campaign.h"

#include "arena.h"
#include "cell.h"
#include "course.h"
#include "progress.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONCURRENCY_TRIES = 3, MOST_MEMBERS = 64 };
static const double width_wanted = 1.10;

/* ---- what there is ---- */

/* Member INDEX of a group, the control behind the last. */
struct subject {
    const char *name, *spec, *status, *why;
};

static const struct member *find_member(const struct group *g, const char *name) {
    for (size_t i = 0; i < g->members; i++)
        if (strcmp(g->member[i].name, name) == 0)
            return &g->member[i];
    return NULL;
}

/* The first baseline by its name in the catalogue, which an alias is not. */
static const char *baseline_name(const struct campaign *c) {
    char name[256];
    plan_first_baseline(c->plan, name, sizeof name);
    const struct catalogue_allocator *const a = catalogue_allocator_named(c->catalogue, name);
    return a == NULL ? arena_format("%s", name) : a->name;
}

static size_t subject_count(const struct group *g) {
    return g->members + 1;
}

static struct subject subject(const struct campaign *c, const struct group *g, size_t index) {
    if (index < g->members)
        return (struct subject){g->member[index].name, g->member[index].spec, g->member[index].status,
                                g->member[index].why};
    const char *const name = baseline_name(c);
    const struct member *const m = find_member(g, name);
    if (m == NULL)
        return (struct subject){NULL, NULL, "excluded", "-"};
    return (struct subject){arena_format("%s@control", name), m->spec, m->status, m->why};
}

static unsigned comparisons(const struct group *g) {
    unsigned n = 0;
    for (size_t i = 0; i < g->members; i++)
        n += strcmp(g->member[i].status, "ok") == 0;
    return n > 1 ? n - 1 : 1;
}

const char *campaign_order(const struct catalogue *catalogue) {
    struct words names = {0};
    for (size_t g = 0; g < catalogue->groups; g++)
        for (size_t m = 0; m < catalogue->group[g].members; m++)
            words_add_new(&names, catalogue->group[g].member[m].name);
    return words_join(&names, ",");
}

/* ---- what has been measured ---- */

static bool is_row_of(const struct round_row *r, const struct group *g, const char *name) {
    return r->threads == g->threads && strcmp(r->allocator, name) == 0 && strcmp(r->params, g->params) == 0 &&
           strcmp(r->workload, g->workload) == 0;
}

/* The row that completes a cell; NULL: not measured. METRIC is time_ns, or in round 0 that of another pass. */
static const struct round_row *measured(const struct store *s, const struct group *g, const char *name,
                                        unsigned round, const char *metric) {
    for (size_t i = s->rows; i-- > 0;)
        if (s->row[i].round == round && is_row_of(&s->row[i], g, name) &&
            strcmp(s->row[i].metric, metric) == 0)
            return &s->row[i];
    return NULL;
}

static bool is_failure(const char *status) {
    return strcmp(status, "ok") != 0 && strcmp(status, "not-concurrent") != 0 && strcmp(status, "overrun") != 0;
}

bool campaign_foretold(const struct catalogue *catalogue, const char *allocator, const char *status) {
    const struct catalogue_allocator *const a = catalogue_allocator_named(catalogue, allocator);
    const struct words traits = words_split(a == NULL ? "" : a->traits, ",");
    return strcmp(status, "out-of-memory") == 0 &&
           (words_have(&traits, "bounded") || words_have(&traits, "never-frees"));
}

/* Failed in the two rounds before: it is not tried again. */
static bool given_up(const struct store *s, const struct group *g, const char *name, unsigned round) {
    if (round < 3)
        return false;
    const struct round_row *const last = measured(s, g, name, round - 1, "time_ns"), *const before =
                                                                                         measured(s, g, name,
                                                                                                  round - 2,
                                                                                                  "time_ns");
    return last == NULL ? given_up(s, g, name, round - 1)
                        : before != NULL && is_failure(last->status) && is_failure(before->status);
}

static const struct calibration *calibration_of(const struct store *s, const struct group *g) {
    for (size_t i = 0; i < s->calibrations; i++)
        if (s->calibration[i].threads == g->threads && strcmp(s->calibration[i].params, g->params) == 0 &&
            strcmp(s->calibration[i].workload, g->workload) == 0)
            return &s->calibration[i];
    return NULL;
}

/* ---- one cell ---- */

static void record(struct campaign *c, const struct group *g, const char *name, unsigned round,
                   const struct cell_result *result, enum pass pass) {
    struct round_row rows[RECORDS];
    size_t n = 0;
    const char *const note = *result->note == '\0' ? NULL : arena_copy(result->note, strlen(result->note));
    const struct round_row common = {.workload = g->workload,
                                     .params = g->params,
                                     .threads = g->threads,
                                     .allocator = name,
                                     .round = round,
                                     .value = NAN,
                                     .status = arena_copy(result->status, strlen(result->status)),
                                     .note = note};
    const enum record last = pass_completes[pass];
    for (unsigned i = 0; i < RECORDS; i++)
        if (i != last && i != RECORD_time_ns && !isnan(result->value[i]) &&
            (pass == PASS_TIME || i != RECORD_concurrency)) { /* which is the timed run's */
            rows[n] = common;
            rows[n].metric = record_info[i].name;
            rows[n++].value = result->value[i];
        }
    rows[n] = common;
    rows[n].metric = record_info[last].name;
    rows[n++].value = result->value[last];
    store_add_rows(c->store, rows, n);
}

/* Random, but the same for a seed: rounds of different campaigns differ in nothing but this. */
static unsigned layout_of(const struct campaign *c, const struct group *g, unsigned round, size_t index) {
    uint64_t h = c->plan->seed * UINT64_C(0x9e3779b97f4a7c15) + round * UINT64_C(0xbf58476d1ce4e5b9) +
                 index * UINT64_C(0x94d049bb133111eb) +
                 (uint64_t)(g - c->catalogue->group) * UINT64_C(0xd6e8feb86659fd93);
    h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)((h ^ (h >> 32)) % 4096);
}

static struct cell_request request_for(const struct campaign *c, const struct group *g, const char *spec,
                                       unsigned layout) {
    const struct calibration *const known = calibration_of(c->store, g);
    const double limit = known == NULL ? 0 : 20 * known->seconds;
    return (struct cell_request){
        .bench = c->bench,
        .spec = spec,
        .workload = g->workload,
        .params = g->params,
        .threads = g->threads,
        .operations = known == NULL ? g->operations : known->operations,
        .min_time = c->plan->min_time,
        .seed = c->plan->seed,
        .layout = layout,
        .limits = {.seconds = limit > c->least_time_limit ? limit : c->least_time_limit,
                   .resident_kib = c->memory_limit_kib},
    };
}

/* Runs it again while its threads took turns. False: interrupted. */
static bool run_cell(const struct group *g, const struct cell_request *request, struct cell_result *result) {
    for (int tries = 0; tries < CONCURRENCY_TRIES; tries++) {
        cell_run(request, result);
        if (result->interrupted)
            return false;
        const bool has_figures = strcmp(result->status, "ok") == 0 || strcmp(result->status, "overrun") == 0;
        if (!has_figures || !(result->value[RECORD_concurrency] < g->least_concurrency))
            return true;
    }
    snprintf(result->status, sizeof result->status, "not-concurrent");
    snprintf(result->note, sizeof result->note, "concurrency %.2f: the threads took turns",
             result->value[RECORD_concurrency]);
    return true;
}

/* Two significant digits, so that the number is one to remember. */
static uint64_t round_operations(double operations) {
    if (operations < 1)
        return 1;
    const double scale = pow(10, floor(log10(operations)) - 1);
    return scale <= 1 ? (uint64_t)operations : (uint64_t)(round(operations / scale) * scale);
}

/* For a steady cell: so many that they last for min-time, by the allocator's own rate in the round before.
 * That saves Google Benchmark's search for them, which takes longer than the run; 0 leaves it to search. */
static uint64_t own_operations(const struct campaign *c, const struct group *g, const char *name,
                               unsigned round) {
    const struct round_row *const before =
        round < 2 ? NULL : measured(c->store, g, name, round - 1, "time_ns");
    return before != NULL && before->value > 0 ? round_operations(c->plan->min_time * 1e9 / before->value)
                                               : 0;
}

/* By the baseline, or whoever else is there. Also times a steady cell: its limit hangs on it. */
static bool calibrate(struct campaign *c, const struct group *g) {
    if (calibration_of(c->store, g) != NULL)
        return true;
    const struct member *by = find_member(g, baseline_name(c));
    for (size_t i = 0; (by == NULL || strcmp(by->status, "ok") != 0) && i < g->members; i++)
        by = &g->member[i];
    struct calibration made = {g->workload, g->params, g->threads, g->operations, 0};
    if (by != NULL && strcmp(by->status, "ok") == 0) {
        const struct cell_request request = request_for(c, g, by->spec, 0);
        struct cell_result result;
        cell_run(&request, &result);
        if (result.interrupted)
            return false;
        made.seconds = result.seconds;
        if (g->scripted && strcmp(result.status, "ok") == 0)
            made.operations = round_operations(c->plan->min_time * 1e9 / result.value[RECORD_time_ns]);
    }
    store_add_calibration(c->store, made);
    return true;
}

/* ---- rounds ---- */

static void record_absent(struct campaign *c, const struct group *g, const struct subject *s) {
    struct cell_result absent = {.value[0] = NAN};
    for (int i = 0; i < RECORDS; i++)
        absent.value[i] = NAN;
    snprintf(absent.status, sizeof absent.status, "%s", s->status);
    snprintf(absent.note, sizeof absent.note, "%s", s->why);
    record(c, g, s->name, 1, &absent, PASS_TIME);
}

/* ---- latencies ---- */

static const double least_gap_ns = 1000; /* bench's: no operation is due sooner after another */

static bool has_latencies(const struct campaign *c, const struct group *g) {
    return c->plan->latency && g->latency && g->threads <= (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Between two operations of a thread, for all allocators: twice what the baseline took in the first round, so that it is
 * busy half of the time (bench sees to it that they do not come faster than one a microsecond). 0: it has no time. */
static double gap_of(const struct campaign *c, const struct group *g) {
    const struct round_row *const b = measured(c->store, g, baseline_name(c), 1, "time_ns");
    return b == NULL || !(b->value > 0) ? 0 : fmax(1, 2 * b->value);
}

/* Of one group in one round, for as long as a timed cell takes. False: interrupted. */
static bool run_latencies(struct campaign *c, const struct group *g, const unsigned *order, unsigned n, unsigned round) {
    const double gap_ns = gap_of(c, g);
    for (unsigned i = 0; i < n && gap_ns > 0; i++) {
        const struct subject s = subject(c, g, order[i]);
        if (s.name == NULL || strcmp(s.status, "ok") != 0 || measured(c->store, g, s.name, round, "max_ns") != NULL ||
            given_up(c->store, g, s.name, round + 1))
            continue;
        struct cell_request request = request_for(c, g, s.spec, layout_of(c, g, round, order[i] + MOST_MEMBERS));
        struct cell_result result;
        request.pass = PASS_LATENCY;
        request.gap_ns = gap_ns;
        request.operations = round_operations(c->plan->min_time * 1e9 / fmax(gap_ns, least_gap_ns));
        progress_cell(g->workload, g->params, g->threads, s.name, round);
        if (!run_cell(g, &request, &result))
            return false;
        record(c, g, s.name, round, &result, PASS_LATENCY);
        progress_done(result.seconds);
    }
    return true;
}

/* One group in one round. False: interrupted. */
static bool run_group(struct campaign *c, const struct group *g, unsigned round) {
    unsigned order[MOST_MEMBERS];
    const unsigned n = (unsigned)(subject_count(g) < MOST_MEMBERS ? subject_count(g) : MOST_MEMBERS);
    if (!calibrate(c, g))
        return false;
    stats_permutation(order, n, c->plan->seed + (uint64_t)(g - c->catalogue->group), round);
    for (unsigned i = 0; i < n; i++) {
        const struct subject s = subject(c, g, order[i]);
        if (s.name == NULL || measured(c->store, g, s.name, round, "time_ns") != NULL ||
            given_up(c->store, g, s.name, round))
            continue;
        if (strcmp(s.status, "ok") != 0) {
            if (round == 1 && strstr(s.name, "@control") == NULL)
                record_absent(c, g, &s);
            continue;
        }
        progress_cell(g->workload, g->params, g->threads, s.name, round);
        struct cell_request request = request_for(c, g, s.spec, layout_of(c, g, round, order[i]));
        struct cell_result result;
        if (!g->scripted)
            request.operations = own_operations(c, g, s.name, round);
        if (!run_cell(g, &request, &result))
            return false;
        record(c, g, s.name, round, &result, PASS_TIME);
        c->failed += is_failure(result.status) && !campaign_foretold(c->catalogue, s.name, result.status);
        progress_done(result.seconds);
    }
    return !has_latencies(c, g) || run_latencies(c, g, order, n, round);
}

/* The widest of the group's time intervals, upper end over lower. */
static double group_width(const struct campaign *c, const struct group *g) {
    const char *const baseline = baseline_name(c);
    double widest = 1;
    for (size_t m = 0; m < subject_count(g); m++) {
        const struct subject s = subject(c, g, m);
        double ratio[256];
        size_t n = 0;
        if (s.name == NULL || strcmp(s.status, "ok") != 0 || strcmp(s.name, baseline) == 0)
            continue;
        for (size_t i = 0; i < c->store->rows && n < 256; i++) {
            const struct round_row *const r = &c->store->row[i];
            if (r->round == 0 || strcmp(r->metric, "time_ns") != 0 || strcmp(r->status, "ok") != 0 ||
                !is_row_of(r, g, s.name))
                continue;
            const struct round_row *const b = measured(c->store, g, baseline, r->round, "time_ns");
            if (b != NULL && strcmp(b->status, "ok") == 0)
                ratio[n++] = r->value / b->value;
        }
        if (n > 0)
            widest = fmax(widest, stats_width(stats_ratio(ratio, n, stats_alpha(comparisons(g)))));
    }
    return widest;
}

/* The groups that are still looked at. */
struct looking {
    bool *group;
    double *a_round; /* [group]: the seconds that a round of it took in the last look */
    size_t count;
};

static size_t cells_in(const struct campaign *c, const struct looking *looking) {
    size_t n = 0;
    for (size_t g = 0; g < c->catalogue->groups; g++)
        if (looking->group[g])
            for (size_t m = 0; m < subject_count(&c->catalogue->group[g]); m++)
                n += strcmp(subject(c, &c->catalogue->group[g], m).status, "ok") != 0      ? 0
                     : has_latencies(c, &c->catalogue->group[g]) ? 2
                                                                  : 1;
    return n;
}

/* Rounds FROM+1 to TO. False: interrupted. */
static bool run_rounds(struct campaign *c, const struct looking *looking, unsigned from, unsigned to) {
    progress_expect(cells_in(c, looking) * (to - from), to);
    memset(looking->a_round, 0, c->catalogue->groups * sizeof *looking->a_round);
    for (unsigned round = from + 1; round <= to; round++) {
        for (size_t g = 0; g < c->catalogue->groups; g++) {
            const double start = progress_elapsed();
            if (looking->group[g] && !run_group(c, &c->catalogue->group[g], round))
                return false;
            looking->a_round[g] += (progress_elapsed() - start) / (to - from);
        }
        progress_round(round, to);
    }
    return true;
}

static unsigned most_comparisons(const struct catalogue *catalogue) {
    unsigned most = 1;
    for (size_t g = 0; g < catalogue->groups; g++)
        if (comparisons(&catalogue->group[g]) > most)
            most = comparisons(&catalogue->group[g]);
    return most;
}

/* Who goes on to the next look of ROUNDS more: the groups with wide intervals, the widest first, as far as
 * the budget reaches. By the width alone, never by the verdict. */
static void choose_for_next_look(struct campaign *c, struct looking *looking, unsigned rounds) {
    const size_t groups = c->catalogue->groups;
    double *const width = arena_get(groups * sizeof *width), seconds = progress_elapsed();
    for (size_t g = 0; g < groups; g++)
        width[g] = looking->group[g] ? group_width(c, &c->catalogue->group[g]) : 0;
    memset(looking->group, 0, groups);
    looking->count = 0;
    for (;;) {
        size_t widest = 0;
        for (size_t g = 1; g < groups; g++)
            if (width[g] > width[widest])
                widest = g;
        if (!(width[widest] > width_wanted))
            return;
        width[widest] = 0;
        const double cost = looking->a_round[widest] * rounds;
        if (c->plan->budget > 0 && seconds + cost > c->plan->budget) {
            c->groups_left_out++;
            c->left_out_cost += cost;
            continue;
        }
        seconds += cost;
        looking->group[widest] = true;
        looking->count++;
    }
}

static bool run_looks(struct campaign *c) {
    const size_t groups = c->catalogue->groups;
    struct looking looking = {
        .group = arena_get(groups), .a_round = arena_get(groups * sizeof(double)), .count = groups};
    memset(looking.group, 1, groups);
    const unsigned most = most_comparisons(c->catalogue);
    unsigned rounds = 0;
    for (unsigned look = c->plan->rounds != 0 ? c->plan->rounds : stats_next_look(0, most);
         look != 0 && looking.count != 0;) {
        if (!run_rounds(c, &looking, rounds, look))
            return false;
        rounds = look;
        look = c->plan->rounds != 0 ? 0 : stats_next_look(rounds, most);
        if (look != 0)
            choose_for_next_look(c, &looking, look - rounds);
    }
    return true;
}

/* Of each workload that is named, one cell: what it gives back hangs little on parameters, and is 12 s to wait for. */
static bool is_asked_for(const struct campaign *c, const struct group *g) {
    const struct words named = words_split(c->plan->after_free_of, ",");
    if (named.count == 0)
        return true;
    for (const struct group *before = c->catalogue->group; before < g; before++)
        if (strcmp(before->workload, g->workload) == 0)
            return false;
    return words_have(&named, g->workload);
}

/* Does the plan ask for that pass, and has the group it? */
static bool wants_pass(const struct campaign *c, const struct group *g, enum pass pass) {
    switch (pass) {
    case PASS_LINE_SHARING:
        return c->plan->line_sharing && g->line_sharing && g->threads > 1;
    case PASS_MEMORY_TIME:
        return c->plan->memory_time && g->memory_time;
    case PASS_SYSCALLS:
        return c->plan->syscalls && g->syscalls;
    case PASS_VALGRIND:
        return c->plan->valgrind && g->valgrind;
    case PASS_AFTER_FREE:
        return c->plan->after_free && g->after_free && is_asked_for(c, g);
    default:
        return false;
    }
}

static const double after_free_seconds = 12, valgrind_seconds = 120;

static bool is_due(const struct campaign *c, const struct group *g, const struct member *m, enum pass pass) {
    return wants_pass(c, g, pass) && strcmp(m->status, "ok") == 0 &&
           measured(c->store, g, m->name, 0, record_info[pass_completes[pass]].name) == NULL;
}

static bool run_pass_of(struct campaign *c, const struct group *g, const struct member *m, enum pass pass) {
    struct cell_request request = request_for(c, g, m->spec, 0);
    struct cell_result result;
    request.pass = pass;
    request.operations = 0;
    if (pass == PASS_MEMORY_TIME)
        request.course = course_part(c->store);
    if (pass == PASS_AFTER_FREE)
        request.limits.seconds += after_free_seconds;
    if (pass == PASS_VALGRIND)
        request.limits.seconds += valgrind_seconds;
    progress_cell(g->workload, g->params, g->threads, m->name, 0);
    cell_run(&request, &result);
    if (result.interrupted)
        return false;
    if (pass == PASS_MEMORY_TIME)
        course_append(c->store, strcmp(result.status, "ok") == 0);
    record(c, g, m->name, 0, &result, pass);
    return true;
}

/* A pass without a clock, once a cell, with the workload's own number of operations: its figures are the same
 * in every campaign. */
static bool run_pass(struct campaign *c, enum pass pass, const char *words) {
    const struct group *const first = c->catalogue->group, *const end = first + c->catalogue->groups;
    size_t cells = 0;
    for (const struct group *g = first; g < end; g++)
        for (size_t m = 0; m < g->members; m++)
            cells += is_due(c, g, &g->member[m], pass);
    progress_pass(words, cells);
    for (const struct group *g = first; g < end; g++)
        for (size_t m = 0; m < g->members; m++)
            if (is_due(c, g, &g->member[m], pass) && !run_pass_of(c, g, &g->member[m], pass))
                return false;
    return true;
}

static bool run_passes(struct campaign *c) {
    if (c->plan->memory_time)
        course_open(c->store);
    return run_pass(c, PASS_LINE_SHARING, "line sharing") &&
           run_pass(c, PASS_MEMORY_TIME, "memory over time") && run_pass(c, PASS_SYSCALLS, "system calls") &&
           run_pass(c, PASS_VALGRIND, "instructions") &&
           run_pass(c, PASS_AFTER_FREE, "what is given back, 12 s a cell");
}

bool campaign_run(struct campaign *c) {
    progress_start(c->terminal);
    const bool done = run_looks(c) && run_passes(c);
    progress_end();
    return done;
}

void campaign_estimate(const struct campaign *c, size_t *processes, double *seconds) {
    const double start_up = 0.025;
    struct looking all = {.group = arena_get(c->catalogue->groups), .count = c->catalogue->groups};
    memset(all.group, 1, c->catalogue->groups);
    const unsigned rounds =
        c->plan->rounds != 0 ? c->plan->rounds : stats_next_look(0, most_comparisons(c->catalogue));
    *processes = cells_in(c, &all) * rounds;
    /* The warm-up takes a quarter more; some allocators are slower than the baseline. */
    *seconds = (double)*processes * (start_up + 1.7 * c->plan->min_time);
}

double campaign_after_free_seconds(const struct campaign *c) {
    double seconds = 0;
    for (size_t g = 0; g < c->catalogue->groups; g++)
        for (size_t m = 0; m < c->catalogue->group[g].members; m++)
            if (wants_pass(c, &c->catalogue->group[g], PASS_AFTER_FREE) &&
                strcmp(c->catalogue->group[g].member[m].status, "ok") == 0)
                seconds += after_free_seconds;
    return seconds;
}
