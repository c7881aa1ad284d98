/* SPDX-License-Identifier: MIT
 *
 * catalogue.h: bench is run once for each line of cells, and its tab-separated answer taken apart.
 */
#include "catalogue.h"

#include "arena.h"
#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 12 };

static bool has_word(const char *words, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = words; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, word, length) == 0 && (at[length] == '\0' || at[length] == ' '))
            return true;
    }
    return false;
}

const struct catalogue_allocator *catalogue_allocator_named(const struct catalogue *catalogue,
                                                            const char *name) {
    for (size_t i = 0; i < catalogue->allocators; i++)
        if (strcmp(catalogue->allocator[i].name, name) == 0 ||
            strcmp(catalogue->allocator[i].spec, name) == 0 ||
            has_word(catalogue->allocator[i].aliases, name))
            return &catalogue->allocator[i];
    return NULL;
}

const char *catalogue_name(const struct catalogue *catalogue, const char *word) {
    const struct catalogue_allocator *const a = catalogue_allocator_named(catalogue, word);
    return a == NULL ? word : a->name;
}

void catalogue_resolve_baseline(const struct catalogue *catalogue, struct plan *plan) {
    const bool best = strncmp(plan->baseline, "best:", 5) == 0;
    const struct words typed = words_split(plan->baseline + (best ? 5 : 0), ",");
    struct words names = {0};
    for (size_t i = 0; i < typed.count; i++)
        words_add_new(&names, catalogue_name(catalogue, typed.word[i]));
    snprintf(plan->baseline, sizeof plan->baseline, "%s%s", best ? "best:" : "", words_join(&names, ","));
}

/* Whether one of SPECS is WORD=..., so that WORD says which is meant and is no spec itself. */
static bool is_label(const struct words *specs, const char *word) {
    const size_t length = strlen(word);
    for (size_t i = 0; i < specs->count; i++)
        if (strncmp(specs->word[i], word, length) == 0 && specs->word[i][length] == '=')
            return true;
    return false;
}

/* The specs of one call, in the order in which bench answers. */
static void add_specs(struct words *specs, const char *text) {
    const struct words more = words_split(text, ",");
    for (size_t i = 0; i < more.count; i++)
        if (!is_label(specs, more.word[i]))
            words_add_new(specs, more.word[i]);
}

static void take_allocator(struct catalogue *c, const char *spec, char *const f[]) {
    for (size_t i = 0; i < c->allocators; i++)
        if (strcmp(c->allocator[i].name, f[1]) == 0)
            return;
    c->allocator = arena_grow(c->allocator, c->allocators, sizeof *c->allocator);
    c->allocator[c->allocators++] = (struct catalogue_allocator){.spec = spec,
                                                                 .name = f[1],
                                                                 .aliases = f[2],
                                                                 .status = f[3],
                                                                 .traits = f[4],
                                                                 .environment = f[5],
                                                                 .package = f[6],
                                                                 .path = f[7],
                                                                 .summary = f[8],
                                                                 .why = f[9]};
}

static void take_workload(struct catalogue *c, char *const f[]) {
    for (size_t i = 0; i < c->workloads; i++)
        if (strcmp(c->workload[i].name, f[1]) == 0)
            return;
    c->workload = arena_grow(c->workload, c->workloads, sizeof *c->workload);
    c->workload[c->workloads++] = (struct catalogue_workload){.name = f[1],
                                                              .aliases = f[2],
                                                              .kind = f[3],
                                                              .grid = f[4],
                                                              .threads = f[5],
                                                              .summary = f[6],
                                                              .not_shown = f[7],
                                                              .passes = f[8],
                                                              .least_concurrency = strtod(f[9], NULL)};
}

static void take_measure(struct catalogue *c, char *const f[]) {
    for (size_t i = 0; i < c->measures; i++)
        if (strcmp(c->measure[i].name, f[1]) == 0)
            return;
    c->measure = arena_grow(c->measure, c->measures, sizeof *c->measure);
    c->measure[c->measures++] = (struct catalogue_measure){f[1], f[2], f[3]};
}

static void describe_group(const struct catalogue *c, struct group *g) {
    for (size_t i = 0; i < c->workloads; i++) {
        const struct catalogue_workload *const w = &c->workload[i];
        if (strcmp(w->name, g->workload) != 0)
            continue;
        const struct words passes = words_split(w->passes, ",");
        g->latency = words_have(&passes, "latency");
        g->line_sharing = words_have(&passes, "line-sharing");
        g->memory_time = words_have(&passes, "memory-time");
        g->syscalls = words_have(&passes, "syscalls");
        g->valgrind = words_have(&passes, "valgrind");
        g->after_free = words_have(&passes, "after-free");
        g->least_concurrency = w->least_concurrency;
        return;
    }
}

static void take_cell(struct catalogue *c, char *const f[]) {
    const unsigned threads = (unsigned)strtoul(f[3], NULL, 10);
    struct group *group = NULL;
    for (size_t i = c->groups; i-- > 0 && group == NULL;)
        if (c->group[i].threads == threads && strcmp(c->group[i].workload, f[1]) == 0 &&
            strcmp(c->group[i].params, f[2]) == 0)
            group = &c->group[i];
    if (group == NULL) {
        c->group = arena_grow(c->group, c->groups, sizeof *c->group);
        group = &c->group[c->groups++];
        *group = (struct group){.workload = f[1],
                                .params = f[2],
                                .threads = threads,
                                .scripted = strcmp(f[6], "scripted") == 0,
                                .operations = strtoull(f[7], NULL, 10)};
        describe_group(c, group);
    }
    for (size_t i = 0; i < group->members; i++)
        if (strcmp(group->member[i].name, f[4]) == 0)
            return; /* named twice, once by an alias */
    const struct catalogue_allocator *const a = catalogue_allocator_named(c, f[4]);
    group->member = arena_grow(group->member, group->members, sizeof *group->member);
    group->member[group->members++] =
        (struct member){.name = f[4], .spec = a == NULL ? f[4] : a->spec, .status = f[5], .why = f[8]};
}

/* SEEN counts the allocators of this answer: they come in the order of SPECS, where there are any. */
static void take_line(struct catalogue *c, const struct words *specs, size_t *seen, char *line) {
    static char nothing[] = "-";
    char *field[MOST_FIELDS];
    for (int i = 0; i < MOST_FIELDS; i++)
        field[i] = line == NULL ? nothing : strsep(&line, "\t");
    if (strcmp(field[0], "allocator") == 0) {
        take_allocator(c, *seen < specs->count ? specs->word[*seen] : field[1], field);
        ++*seen;
    } else if (strcmp(field[0], "workload") == 0) {
        take_workload(c, field);
    } else if (strcmp(field[0], "measure") == 0) {
        take_measure(c, field);
    } else if (strcmp(field[0], "cell") == 0) {
        take_cell(c, field);
    }
}

/* bench's answer to one selection; empty words select all. */
static bool ask(struct catalogue *c, const char *bench, const struct words *specs, const char *workloads,
                const char *threads, char *why, size_t why_size) {
    const char *argv[6] = {bench, "--list=tsv"};
    int words = 2;
    if (specs->count != 0)
        argv[words++] = arena_format("--allocators=%s", words_join(specs, ","));
    if (*workloads != '\0')
        argv[words++] = arena_format("--workloads=%s", workloads);
    if (*threads != '\0')
        argv[words++] = arena_format("--threads=%s", threads);
    const struct child_result child = child_run(argv, NULL, (struct child_limits){.seconds = 60});
    if (child.end != CHILD_EXITED || child.code != 0) {
        const char *line = *child.last_line == '\0' ? "bench --list=tsv does not run" : child.last_line;
        if (strncmp(line, "bench: ", 7) == 0)
            line += 7; /* its words about the selection; compare puts its own name in front */
        const bool started = child.end == CHILD_EXITED && child.code != 127;
        snprintf(why, why_size, "%s%s", line, started ? "" : "; COMPARE_BENCH names the bench program");
        return false;
    }
    size_t seen = 0;
    for (char *rest = arena_copy(child.out, strlen(child.out)), *line; (line = strsep(&rest, "\n")) != NULL;)
        take_line(c, specs, &seen, line);
    return true;
}

bool catalogue_read(struct catalogue *catalogue, const char *bench, const struct plan *plan, char *why,
                    size_t why_size) {
    *catalogue = (struct catalogue){0};
    if (plan == NULL) {
        const struct words all = {0};
        return ask(catalogue, bench, &all, "", "", why, why_size);
    }
    for (size_t i = 0; i < plan->cell_count; i++) {
        struct words specs = {0};
        add_specs(&specs, plan->allocators);
        if (specs.count != 0) {
            add_specs(&specs, strncmp(plan->baseline, "best:", 5) == 0 ? plan->baseline + 5 : plan->baseline);
            add_specs(&specs, plan->cells[i].also);
        }
        if (!ask(catalogue, bench, &specs, plan->cells[i].workload, plan->cells[i].threads, why, why_size))
            return false;
    }
    return true;
}
