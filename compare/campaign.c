/* SPDX-License-Identifier: MIT
 *
 * The order of things:
 *
 *   calibrate each scripted group on the baseline, once      operations such that its cell takes min-time
 *   for each look (9, 15, 25 rounds, or the number asked for)
 *     for each round
 *       for each group of (workload, params, threads) that is still looked at
 *         all its allocators and the control, in a fresh permutation, each in a process of its own
 *     groups whose time intervals are all narrow enough are done
 *   the pass that counts shared cache lines, once a cell
 *
 * Every outcome is rows in the store before the next cell starts.
 */
#include "campaign.h"

#include "arena.h"
#include "cell.h"
#include "progress.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONCURRENCY_TRIES = 3, MOST_MEMBERS = 64 };
static const double least_concurrency = 0.9, width_wanted = 1.10;

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

/* The row that completes a cell; NULL: not measured. METRIC is time_ns, or line_sharing in round 0. */
static const struct round_row *measured(const struct store *s, const struct group *g, const char *name,
                                        unsigned round, const char *metric) {
    for (size_t i = s->rows; i-- > 0;)
        if (s->row[i].round == round && is_row_of(&s->row[i], g, name) &&
            strcmp(s->row[i].metric, metric) == 0)
            return &s->row[i];
    return NULL;
}

static bool is_failure(const char *status) {
    return strcmp(status, "ok") != 0 && strcmp(status, "not-concurrent") != 0;
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
                   const struct cell_result *result, bool line_sharing) {
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
    const enum record last = line_sharing ? RECORD_line_sharing : RECORD_time_ns;
    for (unsigned i = 0; i < RECORDS && !line_sharing; i++)
        if (i != last && !isnan(result->value[i])) {
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
static bool run_cell(const struct cell_request *request, struct cell_result *result) {
    for (int tries = 0; tries < CONCURRENCY_TRIES; tries++) {
        cell_run(request, result);
        if (result->interrupted)
            return false;
        if (strcmp(result->status, "ok") != 0 || !(result->value[RECORD_concurrency] < least_concurrency))
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
    record(c, g, s->name, 1, &absent, false);
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
        const struct cell_request request = request_for(c, g, s.spec, layout_of(c, g, round, order[i]));
        struct cell_result result;
        if (!run_cell(&request, &result))
            return false;
        record(c, g, s.name, round, &result, false);
        c->failed += is_failure(result.status);
        progress_done(result.seconds);
    }
    return true;
}

/* Are all of the group's time intervals narrow enough to stop looking? */
static bool is_narrow(const struct campaign *c, const struct group *g) {
    const char *const baseline = baseline_name(c);
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
        if (n > 0 && stats_too_wide(stats_ratio(ratio, n, stats_alpha(comparisons(g))), width_wanted))
            return false;
    }
    return true;
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The groups that are still looked at. */
struct looking {
    bool *group;
    size_t count;
};

static size_t cells_in(const struct campaign *c, const struct looking *looking) {
    size_t n = 0;
    for (size_t g = 0; g < c->catalogue->groups; g++)
        if (looking->group[g])
            for (size_t m = 0; m < subject_count(&c->catalogue->group[g]); m++)
                n += strcmp(subject(c, &c->catalogue->group[g], m).status, "ok") == 0;
    return n;
}

/* Rounds FROM+1 to TO. False: interrupted. */
static bool run_rounds(struct campaign *c, const struct looking *looking, unsigned from, unsigned to) {
    progress_expect(cells_in(c, looking) * (to - from), to);
    for (unsigned round = from + 1; round <= to; round++) {
        for (size_t g = 0; g < c->catalogue->groups; g++)
            if (looking->group[g] && !run_group(c, &c->catalogue->group[g], round))
                return false;
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

static void drop_narrow(const struct campaign *c, struct looking *looking) {
    for (size_t g = 0; g < c->catalogue->groups; g++)
        if (looking->group[g] && is_narrow(c, &c->catalogue->group[g])) {
            looking->group[g] = false;
            looking->count--;
        }
}

static bool run_looks(struct campaign *c) {
    struct looking looking = {.group = arena_get(c->catalogue->groups), .count = c->catalogue->groups};
    memset(looking.group, 1, c->catalogue->groups);
    const unsigned most = most_comparisons(c->catalogue);
    unsigned rounds = 0;
    for (unsigned look = c->plan->rounds != 0 ? c->plan->rounds : stats_next_look(0, most);
         look != 0 && looking.count != 0;) {
        const double start = seconds_now();
        const size_t cells = cells_in(c, &looking) * (look - rounds);
        if (!run_rounds(c, &looking, rounds, look))
            return false;
        const double a_cell = cells == 0 ? 0 : (seconds_now() - start) / (double)cells;
        rounds = look;
        look = c->plan->rounds != 0 ? 0 : stats_next_look(rounds, most);
        if (look == 0)
            break;
        drop_narrow(c, &looking);
        const double cost = a_cell * (double)(cells_in(c, &looking) * (look - rounds));
        if (c->plan->budget > 0 && looking.count != 0 && progress_elapsed() + cost > c->plan->budget) {
            c->looks_not_taken = cost;
            break;
        }
    }
    return true;
}

/* The pass without a clock, once a cell. */
static bool run_line_sharing(struct campaign *c) {
    for (size_t i = 0; i < c->catalogue->groups && c->plan->line_sharing; i++) {
        const struct group *const g = &c->catalogue->group[i];
        for (size_t m = 0; m < g->members && g->threads > 1; m++) {
            if (strcmp(g->member[m].status, "ok") != 0 ||
                measured(c->store, g, g->member[m].name, 0, "line_sharing") != NULL)
                continue;
            struct cell_request request = request_for(c, g, g->member[m].spec, 0);
            struct cell_result result;
            request.line_sharing = true;
            request.operations = 0;
            progress_cell(g->workload, g->params, g->threads, g->member[m].name, 0);
            cell_run(&request, &result);
            if (result.interrupted)
                return false;
            record(c, g, g->member[m].name, 0, &result, true);
        }
    }
    return true;
}

bool campaign_run(struct campaign *c) {
    progress_start(c->terminal);
    const bool done = run_looks(c) && run_line_sharing(c);
    progress_end();
    return done;
}

void campaign_estimate(const struct campaign *c, size_t *processes, double *seconds) {
    const double start_up = 0.02;
    struct looking all = {.group = arena_get(c->catalogue->groups), .count = c->catalogue->groups};
    memset(all.group, 1, c->catalogue->groups);
    const unsigned rounds =
        c->plan->rounds != 0 ? c->plan->rounds : stats_next_look(0, most_comparisons(c->catalogue));
    *processes = cells_in(c, &all) * rounds;
    /* A steady cell's search for its number of operations takes about as long again; some allocators are
     * slower. */
    *seconds = (double)*processes * (start_up + 1.7 * c->plan->min_time);
}
