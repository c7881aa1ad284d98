/* SPDX-License-Identifier: MIT
 *
 * compare: runs campaigns of bench's cells, each in a process of its own, and turns them into tables,
 * verdicts and pictures. `compare SUBCOMMAND --help` shows what each takes; docs/programs.md and
 * docs/design.md what it writes.
 */
#include "arena.h"
#include "campaign.h"
#include "child.h"
#include "claims.h"
#include "course.h"
#include "diff.h"
#include "figure.h"
#include "options.h"
#include "rank.h"
#include "report.h"
#include "safety.h"
#include "scaling.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int bad_use(const char *why) {
    fprintf(stderr, "compare: %s\n", why);
    return 2;
}

/* ---- where things are ---- */

/* PROGRAM beside this one in the build tree, unless VARIABLE says otherwise. */
static const char *program_path(const char *program, const char *variable) {
    const char *const named = getenv(variable);
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (named != NULL && *named != '\0')
        return named;
    self[length > 0 ? length : 0] = '\0';
    char *const slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = '\0';
    return arena_format("%s/../%s", self, program);
}

static const char *bench_path(void) {
    return program_path("bench/bench", "COMPARE_BENCH");
}

static const char *plots_path(void) {
    const char *const named = getenv("COMPARE_PLOTS");
    return named != NULL && *named != '\0' ? named : SOURCE_DIR "/plots";
}

static const char *campaigns_path(void) {
    const char *const named = getenv("COMPARE_CAMPAIGNS");
    return named != NULL && *named != '\0' ? named : SOURCE_DIR "/compare/campaigns";
}

static const char *claims_path(void) {
    const char *const named = getenv("COMPARE_CLAIMS");
    return named != NULL && *named != '\0' ? named : SOURCE_DIR "/compare/claims";
}

static const char *report_path(void) {
    const char *const named = getenv("COMPARE_REPORT");
    return named != NULL && *named != '\0' ? named : SOURCE_DIR "/compare/report";
}

static const char *probe_path(void) {
    return program_path("safety/probe", "COMPARE_PROBE");
}

/* A limit that tests lower. */
static double limit_from(const char *variable, double otherwise) {
    const char *const text = getenv(variable);
    return text == NULL ? otherwise : strtod(text, NULL);
}

/* ---- compare list ---- */

static void list_lacking(const struct catalogue *c) {
    for (size_t i = 0; i < c->measures; i++)
        if (strcmp(c->measure[i].status, "ok") != 0)
            printf("\nnot available here: %s (%s)\n", c->measure[i].name, c->measure[i].why);
}

static int list(void) {
    struct catalogue catalogue;
    char why[1024];
    if (!catalogue_read(&catalogue, bench_path(), NULL, why, sizeof why))
        return bad_use(why);
    puts("allocators");
    for (size_t i = 0; i < catalogue.allocators; i++) {
        const struct catalogue_allocator *const a = &catalogue.allocator[i];
        struct host version = {0};
        printf("  %-16s %s\n", a->name, a->summary);
        if (strcmp(a->status, "ok") != 0)
            printf("  %-16s not here: %s\n", "", a->why);
        else if (strcmp(a->package, "-") != 0) {
            host_add_library(&version, a->name, a->path, a->package);
            char *const hash = strstr(version.fact[0].value, " sha256:");
            if (hash != NULL)
                *hash = '\0';
            printf("  %-16s %s\n", "", version.fact[0].value);
        }
    }
    puts(
        "\n  These are the distribution's packages, which may be years old. To measure a newer build:\n"
        "  --allocators NAME=so:/path/to/lib.so (so:PATH:PREFIX where its functions have a prefix).\n\nworkloads");
    for (size_t i = 0; i < catalogue.workloads; i++) {
        const struct catalogue_workload *const w = &catalogue.workload[i];
        printf("  %-22s %s (%s; threads %s)\n", w->name, w->summary, w->kind, w->threads);
        if (strcmp(w->grid, "-") != 0)
            printf("  %-22s %s\n", "", w->grid);
        printf("  %-22s not shown: %s\n", "", w->not_shown);
    }
    list_lacking(&catalogue);
    return 0;
}

/* ---- a campaign ---- */

/* Opens or makes the directory of results. */
static bool open_store(struct store *store, const struct options *o, const struct host *head, char *why,
                       size_t why_size) {
    char dir[4096] = "";
    if (o->out != NULL) {
        if (store_is_new(o->out))
            return store_create(store, o->out, head, why, why_size);
        if (!store_read(store, o->out, why, why_size))
            return false;
        if (store->finished) {
            snprintf(
                why, why_size,
                "%s is finished, and finished results are never written; choose another -o, or --from %s",
                o->out, o->out);
            return false;
        }
        snprintf(dir, sizeof dir, "%s", o->out);
    } else {
        store_newest_unfinished(o->plan.name, dir, sizeof dir);
        if (*dir != '\0' &&
            (!store_read(store, dir, why, why_size) || !store_agrees(store, head, why, why_size)))
            *dir = '\0'; /* of another plan, program or machine: it stays as it is */
        if (*dir == '\0') {
            store_default_dir(o->plan.name, dir, sizeof dir);
            return store_create(store, dir, head, why, why_size);
        }
    }
    if (!store_agrees(store, head, why, why_size))
        return false;
    fprintf(stderr, "compare: going on with %s, which has %zu rows\n", dir, store->rows);
    return store_resume(store, why, why_size);
}

/* Those that are no allocators, comma-separated; "-" where there are none. */
static const char *floors_of(const struct catalogue *catalogue) {
    struct words floors = {0};
    for (size_t i = 0; i < catalogue->allocators; i++) {
        const struct words traits = words_split(catalogue->allocator[i].traits, ",");
        if (words_have(&traits, "floor"))
            words_add(&floors, catalogue->allocator[i].name);
    }
    return floors.count == 0 ? "-" : words_join(&floors, ",");
}

/* The head of the results: the machine, what is measured, and by what. */
static void describe(struct host *head, const struct options *o, const struct catalogue *catalogue,
                     const char *bench) {
    static char text[PLAN_IDENTITY];
    host_identity(head, text, sizeof text);
    host_add_fact(head, "host", "%s", text);
    host_add_fact(head, "name", "%s", o->plan.name);
    host_add_fact(head, "baseline", "%s", o->plan.baseline);
    host_add_fact(head, "order", "%s", campaign_order(catalogue));
    host_add_fact(head, "floor", "%s", floors_of(catalogue));
    plan_identity(&o->plan, text, sizeof text);
    uint64_t hash = 14695981039346656037U;
    for (const char *at = text; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211U;
    if (strlen(o->command) < sizeof head->fact->value)
        host_add_fact(head, "command", "%s", o->command);
    host_add_fact(head, "plan", "%016llx %.350s", (unsigned long long)hash, text);
    host_add_library(head, "bench", bench, "-");
    struct host_fact *const self = &head->fact[head->facts - 1];
    snprintf(self->key, sizeof self->key, "bench");
    for (size_t i = 0; i < catalogue->allocators; i++)
        if (strcmp(catalogue->allocator[i].status, "ok") == 0 &&
            strcmp(catalogue->allocator[i].path, "-") != 0)
            host_add_library(head, catalogue->allocator[i].name, catalogue->allocator[i].path,
                             catalogue->allocator[i].package);
}

static void warn_of_absent(struct host *head, const struct catalogue *catalogue) {
    for (size_t i = 0; i < catalogue->allocators; i++)
        if (strcmp(catalogue->allocator[i].status, "ok") != 0)
            host_add_warning(head, "%s was left out: %s", catalogue->allocator[i].name,
                             catalogue->allocator[i].why);
}

static void warn_of_results(struct host *head, const struct summary_row *rows, size_t n,
                            const struct campaign *campaign) {
    size_t control = 0, turns = 0, failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].metric, "time_ns") != 0)
            continue;
        control += strcmp(rows[i].verdict, "control") == 0 && (rows[i].low > 1 || rows[i].high < 1);
        turns += strcmp(rows[i].status, "not-concurrent") == 0;
        failed += strcmp(rows[i].status, "ok") != 0 && strcmp(rows[i].status, "not-concurrent") != 0 &&
                  strcmp(rows[i].status, "excluded") != 0 && strcmp(rows[i].status, "unavailable") != 0 &&
                  !campaign_foretold(campaign->catalogue, rows[i].allocator, rows[i].status);
    }
    if (control != 0)
        host_add_warning(
            head,
            "the baseline is separated from itself in %zu cells: the machine was not quiet; end what else runs and measure again",
            control);
    if (turns != 0)
        host_add_warning(
            head,
            "in %zu cells the threads took turns, and no verdict rests on them: end what else runs, or use fewer threads",
            turns);
    if (failed != 0)
        host_add_warning(head, "%zu cells failed: their status says how, the note in rounds.tsv why", failed);
    if (campaign->groups_left_out != 0)
        host_add_warning(
            head,
            "%u blocks have wide intervals still, and more rounds would have taken %.0f s more than this campaign promises: --rounds 25 takes them",
            campaign->groups_left_out, campaign->left_out_cost);
}

/* Who was fastest, among what are allocators. */
static void answer_fastest(const struct store *store, const struct summary_row *rows, size_t n,
                           const char *baseline, char *answer, size_t size) {
    const struct words floors = words_split(store_head(store, "floor"), ",");
    struct summary_row *const allocators = arena_get((n + 1) * sizeof *allocators);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!words_have(&floors, rows[i].allocator))
            allocators[kept++] = rows[i];
    figure_fastest(allocators, kept, baseline, answer, size);
}

static void say_warnings(const struct host *head) {
    for (size_t i = 0; i < head->warnings; i++)
        printf("warning: %s\n", head->warning[i]);
    if (head->warnings != 0)
        putchar('\n');
}

/* Results in DIR, and what is said of them. */
struct conclusion {
    const struct options *options;
    const struct store *store;
    const char *dir, *baseline;
    struct host *head;
    const struct campaign *campaign; /* NULL: nothing was measured */
    const struct claims *claims;     /* NULL: it is no campaign of claims */
    const struct safety_rows *safety;
};

static void say_files(const struct conclusion *c) {
    static const char *const files[] = {"rounds", "summary", "scaling", "memory-time"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *const path = arena_format("%s/%s.tsv", c->dir, files[i]);
        if (access(path, R_OK) == 0)
            puts(path);
    }
}

static bool say_claims(const struct conclusion *c, char *why, size_t why_size) {
    if (!claims_conclude(c->claims, c->store, c->safety, c->dir, why, why_size))
        return false;
    say_warnings(c->head);
    say_files(c);
    return true;
}

static void say_ranking(const struct conclusion *c, const struct summary_row *rows, size_t n) {
    struct ranking ranking[RANKINGS];
    rank_all(ranking, rows, n, c->store);
    for (size_t i = 0; i < RANKINGS; i++)
        rank_print(stdout, &ranking[i], c->baseline);
}

static bool say_comparison(const struct conclusion *c, const struct summary_row *rows, size_t n, bool figure, char *why,
                           size_t why_size) {
    char answer[1024];
    const struct options *const o = c->options;
    table_print(stdout, rows, n, "time_ns", isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
    putchar('\n');
    if (!figure)
        say_ranking(c, rows, n);
    const char *const scaling = figure_fit_scaling(plots_path(), c->dir);
    scaling_print(stdout, scaling);
    say_warnings(c->head);
    say_files(c);
    fflush(stdout);
    figure_draw(plots_path(), c->dir);
    if (o->export != NULL && !table_export(o->export, rows, n, why, why_size))
        return false;
    if (o->export != NULL)
        puts(o->export);
    if (figure)
        figure_answer(rows, n, o->subject, c->baseline, answer, sizeof answer);
    else
        answer_fastest(c->store, rows, n, c->baseline, answer, sizeof answer);
    printf("\n%s\n", answer);
    return true;
}

/* All that is said of results: files, table, warnings, pictures, and the answer last. The exit status. */
static int conclude(const struct conclusion *c, enum subcommand what) {
    size_t n;
    char why[1024];
    const struct summary_options options = {.baseline = c->baseline, .order = store_head(c->store, "order")};
    struct summary_row *const rows =
        summary_make(c->store->row, c->store->rows, &options, &n, why, sizeof why);
    bool good = rows != NULL && store_write_summary(c->store, c->dir, c->baseline, rows, n, why, sizeof why);
    if (good && c->campaign != NULL)
        warn_of_results(c->head, rows, n, c->campaign);
    if (good)
        good = what == SUBCOMMAND_CLAIMS ? say_claims(c, why, sizeof why)
                                         : say_comparison(c, rows, n, what == SUBCOMMAND_FIGURE, why, sizeof why);
    free(rows);
    if (!good)
        return bad_use(why);
    return c->campaign != NULL && c->campaign->failed != 0 ? 1 : 0;
}

static int interrupted(const struct options *o, const struct store *store) {
    const int signal_number = child_interrupted();
    char why[512];
    size_t n = 0;
    const struct summary_options options = {.baseline = o->plan.baseline,
                                            .order = store_head(store, "order")};
    struct summary_row *const rows = summary_make(store->row, store->rows, &options, &n, why, sizeof why);
    if (rows != NULL)
        store_write_summary(store, store->dir, o->plan.baseline, rows, n, why, sizeof why);
    fprintf(stderr,
            "compare: interrupted; %s has %zu rows. The same command with -o %s goes on from there.\n",
            store->dir, store->rows, store->dir);
    free(rows);
    return 128 + signal_number;
}

static int dry_run(const struct campaign *campaign) {
    size_t processes;
    double seconds;
    campaign_estimate(campaign, &processes, &seconds);
    for (size_t i = 0; i < campaign->catalogue->groups; i++) {
        const struct group *const g = &campaign->catalogue->group[i];
        printf("%s%s%s threads:%u ", g->workload, strcmp(g->params, "-") == 0 ? "" : " ",
               strcmp(g->params, "-") == 0 ? "" : g->params, g->threads);
        for (size_t m = 0; m < g->members; m++)
            printf(" %s%s%s%s", g->member[m].name, strcmp(g->member[m].status, "ok") == 0 ? "" : "(",
                   strcmp(g->member[m].status, "ok") == 0 ? "" : g->member[m].status,
                   strcmp(g->member[m].status, "ok") == 0 ? "" : ")");
        putchar('\n');
    }
    printf("%zu groups, %zu processes, about %.0f s until the first look\n", campaign->catalogue->groups,
           processes, seconds);
    if (campaign_after_free_seconds(campaign) > 0)
        printf("and %.0f s for what stays resident after all is freed\n",
               campaign_after_free_seconds(campaign));
    return 0;
}

/* Is there anything at all that can be measured? */
static bool anything_left(const struct catalogue *catalogue) {
    for (size_t g = 0; g < catalogue->groups; g++)
        for (size_t m = 0; m < catalogue->group[g].members; m++)
            if (strcmp(catalogue->group[g].member[m].status, "ok") == 0)
                return true;
    return false;
}

static int measure(struct options *o, enum subcommand what) {
    static struct host head;
    struct catalogue catalogue;
    struct store store;
    struct claims claims = {0};
    struct safety_rows safety = {0};
    char why[1024];
    if (what == SUBCOMMAND_CLAIMS && !claims_read(&claims, o->file, why, sizeof why))
        return bad_use(why);
    const char *const bench = bench_path();
    if (!catalogue_read(&catalogue, bench, &o->plan, why, sizeof why))
        return bad_use(why);
    catalogue_resolve_baseline(&catalogue, &o->plan);
    o->subject = catalogue_name(&catalogue, o->subject);
    if (!anything_left(&catalogue))
        return bad_use(
            "nothing is left to measure: every allocator is unavailable or excluded; `compare list` says why");
    struct campaign campaign = {.plan = &o->plan,
                                .catalogue = &catalogue,
                                .bench = bench,
                                .store = &store,
                                .least_time_limit = limit_from("COMPARE_LEAST_LIMIT", 20),
                                .terminal = isatty(STDERR_FILENO)};
    if (o->dry_run)
        return dry_run(&campaign);
    host_read(&head);
    campaign.memory_limit_kib =
        (unsigned long)limit_from("COMPARE_MEMORY_LIMIT_KIB", (double)head.available_kib / 2);
    describe(&head, o, &catalogue, bench);
    if (!open_store(&store, o, &head, why, sizeof why))
        return bad_use(why);
    warn_of_absent(&head, &catalogue);
    child_catch_interrupts();
    if (!campaign_run(&campaign))
        return interrupted(o, &store);
    if (what == SUBCOMMAND_CLAIMS) {
        const int status = claims_measure(&claims, &catalogue, bench, probe_path(), &store, &safety);
        if (status != 0)
            return status == 2 ? 2 : interrupted(o, &store);
    }
    store_finish(&store);
    const struct conclusion conclusion = {o, &store, store.dir, o->plan.baseline, &head, &campaign, &claims, &safety};
    return conclude(&conclusion, what);
}

/* --from: computes anew without measuring. */
static int recompute(struct options *o, enum subcommand what) {
    static struct host nothing;
    struct store store;
    struct claims claims = {0};
    char why[1024], dir[4096];
    if (what == SUBCOMMAND_CLAIMS && !claims_read(&claims, o->file, why, sizeof why))
        return bad_use(why);
    if (!store_read(&store, o->from, why, sizeof why))
        return bad_use(why);
    const char *const baseline =
        o->baseline_given ? o->plan.baseline : arena_format("%s", store_head(&store, "baseline"));
    const struct words order = words_split(store_head(&store, "order"), ",");
    if (!o->allocators_given && order.count != 0)
        o->subject = order.word[0]; /* of what was measured there, not of the campaign file of today */
    if (o->out != NULL)
        snprintf(dir, sizeof dir, "%s", o->out);
    else
        store_default_dir(o->plan.name, dir, sizeof dir);
    if (!store_is_new(dir))
        return bad_use(arena_format("%s is not empty; choose another -o", dir));
    if (!store_copy_rounds(&store, dir, why, sizeof why) || !course_copy(o->from, dir, why, sizeof why))
        return bad_use(why);
    const struct safety_rows safety = safety_read(arena_format("%s/safety.tsv", o->from));
    const struct conclusion conclusion = {o, &store, dir, baseline, &nothing, NULL, &claims, &safety};
    return conclude(&conclusion, what);
}

int main(int argc, char **argv) {
    struct options o;
    if (argc > 1 && strcmp(argv[1], "safety") == 0)
        return safety_main(argc - 1, argv + 1, probe_path(), bench_path(), plots_path());
    const enum subcommand what = options_parse(&o, argc, argv, campaigns_path(), claims_path());
    if (what == SUBCOMMAND_LIST)
        return list();
    if (what == SUBCOMMAND_DIFF)
        return diff_main(&o.diff);
    if (what == SUBCOMMAND_REPORT)
        return report_main(&o.results, o.out, plots_path(), report_path(), SOURCE_DIR);
    return (o.from != NULL ? recompute : measure)(&o, what);
}
