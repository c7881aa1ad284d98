/* SPDX-License-Identifier: MIT
 *
 * probe: one cell of the safety matrix, or one point of it again. `compare safety` runs it for each cell.
 *
 * It executes itself again first, so that every run is the same: no address randomisation, and an environment of its own.
 */
#include "cell.h"

#include <argp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

struct options {
    const char *allocator, *use;
    struct cell cell;
    bool has_column;
};

static const char *const column_names[COLUMNS] = {"signal", "nested", "progress", "fork", "loss", "misuse"};
static const char *const path_names[PATHS] = {"pair", "refill", "large", "xfree", "cold", "thread"};
static const char *const outcome_names[] = {"-", "-", "crash", "hang", "doubled", "corrupt", "lost"};

enum { KEY_COLUMN = 256, KEY_PATH, KEY_DEPTH, KEY_K, KEY_FORK, KEY_USE, KEY_POINT, KEY_PRELUDE, KEY_VERSION };

static const struct argp_option option_list[] = {
    {"allocator", 'a', "NAME", 0, "one, as bench takes it: a name, so:PATH[:PREFIX]", 0},
    {"column", KEY_COLUMN, "C", 0, "signal, nested, progress, fork, loss or misuse", 0},
    {"path", KEY_PATH, "P", 0, "pair (default), refill, large, xfree, cold or thread", 0},
    {"depth", KEY_DEPTH, "N", 0, "nested: how many handlers interrupt each other, 2 or 3", 0},
    {"k", KEY_K, "N", 0, "progress: how many threads are stopped, 1 to 3", 0},
    {"fork", KEY_FORK, "F", 0, "fork: fork (default) or _Fork", 0},
    {"use", KEY_USE, "U", 0, "misuse: which; `help` lists them", 0},
    {"point", KEY_POINT, "I[:J[:K]]", 0, "only this point, as a failure names it", 0},
    {"prelude", KEY_PRELUDE, NULL, 0, "print what is done before each path", 0},
    {"version", KEY_VERSION, NULL, 0, "print the version", 0},
    {0},
};

static unsigned one_of(const char *word, const char *const *names, unsigned n, const char *what,
                       struct argp_state *state) {
    for (unsigned i = 0; i < n; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    argp_error(state, "--%s=%s: there is no such %s", what, word, what);
    return 0;
}

static unsigned level_or_usage(const char *text, unsigned least, const char *what, struct argp_state *state) {
    const unsigned long n = strtoul(text, NULL, 10);
    if (n < least || n > LEVELS)
        argp_error(state, "--%s=%s: from %u to %d", what, text, least, LEVELS);
    return (unsigned)n;
}

static void parse_point(char *text, struct cell *cell, struct argp_state *state) {
    char *at = text;
    cell->replay = true;
    for (unsigned i = 0; i < LEVELS; i++) {
        char *end;
        cell->only[i] = strtoul(at, &end, 10);
        if (end == at || (*end != ':' && *end != '\0'))
            argp_error(state, "--point=%s: numbers with colons between", text);
        if (*end == '\0')
            return;
        at = end + 1;
    }
}

static error_t parse_option(int key, char *argument, struct argp_state *state) {
    struct options *const o = state->input;
    struct cell *const c = &o->cell;
    static const char *const forks[] = {"fork", "_Fork"};
    switch (key) {
    case 'a':
        o->allocator = argument;
        return 0;
    case KEY_COLUMN:
        c->column = (enum column)one_of(argument, column_names, COLUMNS, "column", state);
        o->has_column = true;
        return 0;
    case KEY_PATH:
        c->path = (enum path)one_of(argument, path_names, PATHS, "path", state);
        return 0;
    case KEY_DEPTH:
        c->levels = level_or_usage(argument, 2, "depth", state);
        return 0;
    case KEY_K:
        c->levels = level_or_usage(argument, 1, "k", state);
        return 0;
    case KEY_FORK:
        c->from_handler = one_of(argument, forks, 2, "fork", state) == 1;
        return 0;
    case KEY_USE:
        o->use = argument;
        return 0;
    case KEY_POINT:
        parse_point(argument, c, state);
        return 0;
    case KEY_PRELUDE:
        puts(walk_prelude);
        exit(0);
    case KEY_VERSION:
        puts("probe " PROJECT_VERSION);
        exit(0);
    case ARGP_KEY_ARG:
        argp_error(state, "%s: no such argument", argument);
        return 0;
    case ARGP_KEY_END:
        if (o->allocator == NULL || !o->has_column)
            argp_error(state, "--allocator and --column are wanted");
        if (c->levels == 0)
            c->levels = c->column == COLUMN_NESTED ? 2 : 1;
        if (c->levels > 1 && c->column != COLUMN_NESTED && c->column != COLUMN_PROGRESS)
            argp_error(state, "--depth is nested's, --k is progress'");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the same each time ---- */

static bool addresses_stay;

/* Returns only in a process that is as it must be, or cannot be made so. */
static void settle(char **argv, const char *spec) {
    static const char again[] = "PROBE_AGAIN";
    addresses_stay = (personality(0xffffffff) & ADDR_NO_RANDOMIZE) != 0;
    if (getenv(again) != NULL)
        return;
    const int personal = personality(0xffffffff);
    if (personal == -1 || personality((unsigned long)personal | ADDR_NO_RANDOMIZE) == -1)
        fprintf(stderr, "probe: addresses stay random here, so that two runs may differ\n");
    char tunables[512], path[4200], cpu[32];
    const char *const needed = allocator_environment(spec), *const libraries = getenv("LD_LIBRARY_PATH"),
               *const wanted_cpu = getenv("PROBE_CPU");
    snprintf(tunables, sizeof tunables, "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536%s%s",
             needed == NULL ? "" : ":", needed == NULL ? "" : needed);
    snprintf(path, sizeof path, "LD_LIBRARY_PATH=%s", libraries == NULL ? "" : libraries);
    snprintf(cpu, sizeof cpu, "PROBE_CPU=%.4s", wanted_cpu == NULL ? "0" : wanted_cpu);
    char *const environment[] = {"PROBE_AGAIN=1", "LD_BIND_NOW=1", tunables, cpu, libraries == NULL ? NULL : path, NULL};
    execve("/proc/self/exe", argv, environment);
    perror("probe: cannot execute itself again");
    exit(1);
}

/* One CPU for all that comes: what depends on the CPU's number is then the same each time. Only now, for allocators count
 * the CPUs when they are loaded. Of those that are allowed, the one whose place PROBE_CPU says. */
static void stay_on_one_cpu(void) {
    cpu_set_t allowed, one;
    const char *const wanted = getenv("PROBE_CPU");
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    unsigned long place = (wanted == NULL ? 0 : strtoul(wanted, NULL, 10)) % (unsigned long)CPU_COUNT(&allowed);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && place-- == 0)
            CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* ---- what is said ---- */

static void print_row(const struct options *o, const char *params, const struct cell_result *r, const char *verdict,
                      const char *kind) {
    char bytes[32] = "-", note[256] = "", *at = note;
    char *const end = note + sizeof note;
    if (r->bytes >= 0)
        snprintf(bytes, sizeof bytes, "%ld", r->bytes);
    if (r->incomplete != NULL)
        at += snprintf(at, (size_t)(end - at), "%s; ", r->incomplete);
    if (r->sampled_from != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "sampled from %zu; ", r->sampled_from);
    if (r->deep != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "%zu in later passages left out; ", r->deep);
    if (r->not_reached != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "%zu not reached; ", r->not_reached);
    if (r->not_on_path != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "%zu in sequences jumped over; ", r->not_on_path);
    if (r->masked != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "%zu with signals blocked; ", r->masked);
    if (r->in_sequences != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "%zu in restartable sequences, each aborted once; ", r->in_sequences);
    if (r->waited != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "fork waited at %zu; ", r->waited);
    if (r->refill != 0 && at < end)
        at += snprintf(at, (size_t)(end - at), "malloc %zu; ", r->refill + 1);
    if (!addresses_stay && at < end)
        at += snprintf(at, (size_t)(end - at), "addresses are random here; ");
    if (at > note && at < end)
        at[-2] = '\0';
    puts("allocator\tcolumn\tparams\tinstructions\tpoints\tfailed\tbytes\tverdict\tkind\tfirst_failure\tpoint\tnote");
    printf("%s\t%s\t%s\t%zu\t%zu\t%zu\t%s\t%s\t%s\t%s\t%s\t%s\n", o->cell.subject->name, column_names[o->cell.column], params,
           r->instructions, r->points, r->failed, bytes, verdict, kind, *r->first == '\0' ? "-" : r->first,
           *r->replay == '\0' ? "-" : r->replay, *note == '\0' ? "-" : note);
}

static const char *verdict_of(const struct cell *cell, const struct cell_result *r) {
    if (!trap_available())
        return "not-measured";
    if (r->incomplete != NULL)
        return "not-measured";
    if (r->points == 0 || (r->failed == 0 && r->not_reached != 0 && cell->levels == 1))
        return "not-reached"; /* what was recorded is not what is walked */
    if (cell->column == COLUMN_LOSS && cell->subject->loss.most == 0)
        return "not-measured";
    return r->failed == 0 ? "holds" : "fails";
}

static int try_misuse(const struct options *o) {
    for (int i = 0; misuses[i] != NULL; i++) {
        if (o->use != NULL && strcmp(o->use, "help") == 0)
            puts(misuses[i]);
        else if (o->use != NULL && strcmp(o->use, misuses[i]) == 0) {
            char params[64];
            int signal;
            struct cell_result none = {.points = 1, .bytes = -1};
            const char *const verdict = misuse_try(o->cell.subject, misuses[i], &signal);
            snprintf(params, sizeof params, "use=%s", o->use);
            print_row(o, params, &none, verdict, "-");
            return 0;
        }
    }
    if (o->use != NULL && strcmp(o->use, "help") == 0)
        return 0;
    fprintf(stderr, "probe: --use=%s: `--use help` lists them\n", o->use == NULL ? "" : o->use);
    return 2;
}

int main(int argc, char **argv) {
    struct options o = {0};
    const struct argp argp = {option_list, parse_option, NULL,
                              "One cell of the safety matrix: a fault at every instruction of a path.", NULL, NULL, NULL};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    settle(argv, o.allocator);
    char why[512];
    const enum allocator_status status = allocator_open(o.allocator, &o.cell.subject, why, sizeof why);
    if (status != ALLOCATOR_OK) {
        fprintf(stderr, "probe: %s: %s\n", o.allocator, why);
        return status == ALLOCATOR_BAD_SPEC ? 2 : 1;
    }
    stay_on_one_cpu();
    if (o.cell.column == COLUMN_MISUSE)
        return try_misuse(&o);
    static struct cell_result result;
    if (trap_available())
        cell_run(&o.cell, &result);
    char params[64];
    int used = snprintf(params, sizeof params, "path=%s", path_names[o.cell.path]);
    if (o.cell.column == COLUMN_NESTED)
        snprintf(params + used, sizeof params - (size_t)used, ",depth=%u", o.cell.levels);
    else if (o.cell.column == COLUMN_PROGRESS)
        snprintf(params + used, sizeof params - (size_t)used, ",k=%u", o.cell.levels);
    else if (o.cell.column == COLUMN_FORK)
        snprintf(params + used, sizeof params - (size_t)used, ",fork=%s", o.cell.from_handler ? "_Fork" : "fork");
    print_row(&o, params, &result, verdict_of(&o.cell, &result),
              result.failed == 0 ? "-" : outcome_names[result.kind]);
    return 0;
}
