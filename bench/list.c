/* SPDX-License-Identifier: MIT
 *
 * list.h: two printers over the same selection. The one for programs is an interface (docs/programs.md):
 * fields are only ever added at a line's end.
 */
#include "list.h"

#include "harness.h"
#include "measure/counters.h"
#include "measure/syscalls.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned trait;
    const char *word;
} trait_words[] = {
    {TRAIT_LOCK_FREE, "lock-free"},
    {TRAIT_ALMOST_LOCK_FREE, "almost-lock-free"},
    {TRAIT_SIGNAL_SAFE, "signal-safe"},
    {TRAIT_RANDOMISED, "randomised"},
    {TRAIT_ALIGN_8, "align-8"},
    {TRAIT_BOUNDED, "bounded"},
    {TRAIT_NEVER_FREES, "never-frees"},
    {TRAIT_FLOOR, "floor"},
    {TRAIT_HANGS_32761_65528, "hangs-32761-65528"},
    {TRAIT_CHECKED, "checked"},
    {TRAIT_ABORTS_WHEN_EXHAUSTED, "aborts-when-exhausted"},
};

static void print_traits(unsigned traits) {
    const char *separator = "";
    for (size_t i = 0; i < sizeof trait_words / sizeof *trait_words; i++)
        if ((traits & trait_words[i].trait) != 0) {
            printf("%s%s", separator, trait_words[i].word);
            separator = ",";
        }
    if (*separator == '\0')
        putchar('-');
}

static const char *or_dash(const char *text) {
    return text == NULL || *text == '\0' ? "-" : text;
}

/* The declaration where nothing could be opened. */
static const struct allocator *known(const struct choice *c) {
    return c->allocator != NULL ? c->allocator : c->declared;
}

static void print_grid(const struct workload *w) {
    for (unsigned i = 0; i < WORKLOAD_PARAMETERS && w->parameters[i].key != NULL; i++) {
        printf("%s%s=", i == 0 ? "" : " ", w->parameters[i].key);
        for (const char *at = w->parameters[i].values; *at != '\0' && *at != ';'; at++)
            putchar(*at == ',' ? '|' : *at);
    }
    if (w->parameters[0].key == NULL)
        putchar('-');
}

static const char *kind_name(const struct workload *w) {
    return w->kind == WORKLOAD_STEADY ? "steady" : "scripted";
}

/* Is it the first point of its workload? */
static bool is_first(const struct points *points, size_t i) {
    for (size_t before = 0; before < i; before++)
        if (points->point[before].workload == points->point[i].workload)
            return false;
    return true;
}

static void print_cell(const struct point *p, const struct choice *c) {
    char why[SELECT_TEXT] = "";
    const char *status = "ok";
    if (c->status != ALLOCATOR_OK) {
        status = "unavailable";
        snprintf(why, sizeof why, "%s", c->why);
    } else if (select_excluded(c->allocator, p, why, sizeof why)) {
        status = "excluded";
    }
    printf("cell\t%s\t%s\t%u\t%s\t%s\t%s\t%llu\t%s\n", p->workload->name, or_dash(p->params), p->threads,
           c->name, status, kind_name(p->workload),
           (unsigned long long)(p->workload->kind == WORKLOAD_STEADY ? 0 : p->workload->operations),
           or_dash(why));
}

static const char *passes_of(const struct workload *w) {
    if (w->whole_scripts)
        return w->keeps_live_set ? "memory-time,syscalls,after-free" : "memory-time,syscalls";
    return w->keeps_live_set ? "latency,memory-time,syscalls,valgrind,line-sharing,after-free"
                             : "latency,syscalls,valgrind,line-sharing"; /* there is no memory to speak of */
}

static void print_measures(void) {
    char why[SELECT_TEXT];
    const bool lacks = counters_lack(why, sizeof why);
    printf("measure\tcounters\t%s\t%s\n", lacks ? "unavailable" : "ok", lacks ? why : "-");
    const bool counted = syscalls_can_be_counted(why, sizeof why);
    printf("measure\tsyscalls\t%s\t%s\n", counted ? "ok" : "unavailable", counted ? "-" : why);
}

void list_for_programs(const struct choices *choices, const struct points *points) {
    print_measures();
    for (size_t i = 0; i < choices->count; i++) {
        const struct choice *const c = &choices->choice[i];
        const struct allocator *const a = known(c);
        printf("allocator\t%s\t%s\t%s\t", c->name, or_dash(a == NULL ? NULL : a->aliases),
               c->status == ALLOCATOR_OK ? "ok" : "unavailable");
        print_traits(a == NULL ? 0 : a->traits);
        printf("\t%s\t%s\t%s\t%s\t%s\n", or_dash(allocator_environment(c->spec)),
               or_dash(a == NULL || a->library == NULL ? NULL : a->library->package),
               or_dash(c->allocator == NULL ? NULL : allocator_path(c->allocator)),
               or_dash(a == NULL ? NULL : a->summary), or_dash(c->why));
    }
    for (size_t i = 0; i < points->count; i++) {
        const struct workload *const w = points->point[i].workload;
        if (!is_first(points, i))
            continue;
        printf("workload\t%s\t%s\t%s\t", w->name, or_dash(w->aliases), kind_name(w));
        print_grid(w);
        printf("\t%s\t%s\t%s\t%s\t%g\n", w->threads, w->summary, w->not_shown, passes_of(w),
               harness_least_concurrency(w));
    }
    for (size_t i = 0; i < points->count; i++)
        for (size_t c = 0; c < choices->count; c++)
            print_cell(&points->point[i], &choices->choice[c]);
}

static void print_parameter(const struct workload_parameter *p) {
    const int grid = (int)strcspn(p->values, ";");
    printf("  %-22s %s=%.*s", "", p->key, grid, p->values);
    if (p->values[grid] == ';')
        printf(" or %s", p->values + grid + 1);
    printf("   %s\n", p->help);
}

void list_for_readers(const struct choices *choices, const struct points *points) {
    puts("allocators");
    for (size_t i = 0; i < choices->count; i++) {
        const struct choice *const c = &choices->choice[i];
        const struct allocator *const a = known(c);
        printf("  %-22s %s\n", c->name, a == NULL ? c->spec : a->summary);
        if (a != NULL && a->aliases != NULL)
            printf("  %-22s also called %s\n", "", a->aliases);
        if (c->status != ALLOCATOR_OK)
            printf("  %-22s not here: %s\n", "", c->why);
    }
    puts(
        "  [LABEL=]so:PATH        any shared library with malloc and free; so:PATH:PREFIX where they have one\n"
        "  checked:NAME           verifies every block;  failing:N:NAME  returns NULL at the N-th malloc\n");
    puts("workloads");
    for (size_t i = 0; i < points->count; i++) {
        const struct workload *const w = points->point[i].workload;
        if (!is_first(points, i))
            continue;
        printf("  %-22s %s (%s; threads %s)\n", w->name, w->summary, kind_name(w), w->threads);
        if (w->aliases != NULL)
            printf("  %-22s also called %s\n", "", w->aliases);
        for (unsigned p = 0; p < WORKLOAD_PARAMETERS && w->parameters[p].key != NULL; p++)
            print_parameter(&w->parameters[p]);
        printf("  %-22s not shown: %s\n", "", w->not_shown);
    }
}
