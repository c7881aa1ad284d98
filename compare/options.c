/* SPDX-License-Identifier: MIT
 *
 * options.h on argp: the first word is the subcommand, the rest is its own.
 */
#include "options.h"

#include "arena.h"
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "compare " PROJECT_VERSION;

enum {
    KEY_ROUNDS = 256,
    KEY_MIN_TIME,
    KEY_BASELINE,
    KEY_DRY_RUN,
    KEY_FROM,
    KEY_EXPORT,
    KEY_FULL,
    KEY_SEED,
    KEY_CAMPAIGN,
    KEY_MAX_REGRESSION,
    KEY_OTHER_MACHINE
};

static const struct argp_option option_list[] = {
    {"allocators", 'a', "A,B,...", 0, "what to compare: names, aliases, [LABEL=]so:PATH[:PREFIX]", 0},
    {"workloads", 'w', "W,...", 0, "workloads; W/key=value,key=value narrows one's grid", 0},
    {"threads", 't', "N,...", 0, "thread counts, instead of each workload's own", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "exactly N rounds, instead of looks at 9, 15 and 25", 0},
    {"min-time", KEY_MIN_TIME, "SECONDS", 0, "how long a cell of the baseline takes", 0},
    {"baseline", KEY_BASELINE, "NAME", 0,
     "whom the ratios are to; best:A,B,C takes the fastest of these in each cell", 0},
    {"out", 'o', "DIR", 0, "where the results go: a new directory, or an unfinished one to go on with", 0},
    {"from", KEY_FROM, "DIR", 0, "compute anew from the rounds in DIR, without measuring", 0},
    {"export", KEY_EXPORT, "FILE", 0, "write the summary to FILE, as its ending says: .json, .csv, .md", 0},
    {"campaign", KEY_CAMPAIGN, "NAME", 0,
     "what to measure: a file of compare/campaigns without its .txt, or a path with a slash in it", 0},
    {"profile", KEY_CAMPAIGN, "quick|default|full", 0, "the campaign of that name", 0},
    {"full", KEY_FULL, NULL, 0, "all allocators and workloads", 0},
    {"seed", KEY_SEED, "N", 0, "of request sequences, orders and layouts (default 1)", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "show what would be measured and how long it will take", 0},
    {0},
};

/* Claims say themselves whom and what they are about. */
static const struct argp_option claims_option_list[] = {
    {"rounds", KEY_ROUNDS, "N", 0, "exactly N rounds, instead of looks at 9, 15 and 25", 0},
    {"min-time", KEY_MIN_TIME, "SECONDS", 0, "how long a cell of the baseline takes", 0},
    {"out", 'o', "DIR", 0, "where the results go: a new directory, or an unfinished one to go on with", 0},
    {"from", KEY_FROM, "DIR", 0, "judge anew by what was measured in DIR", 0},
    {"claims", KEY_CAMPAIGN, "NAME", 0, "a file of compare/claims without its .txt, or a path with a slash in it", 0},
    {"seed", KEY_SEED, "N", 0, "of request sequences, orders and layouts (default 1)", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "show what would be measured and how long it will take", 0},
    {0},
};

static const struct argp_option diff_option_list[] = {
    {"max-regression", KEY_MAX_REGRESSION, "P%", 0, "how much worse a cell may be (default 5%)", 0},
    {"other-machine", KEY_OTHER_MACHINE, NULL, 0, "compare them although another machine or baseline is in their heads", 0},
    {0},
};

static const struct argp_option report_option_list[] = {
    {"out", 'o', "DIR", 0, "where report.html and report.md go; what else is there stays", 0},
    {0},
};

/* What the command line says, before the campaign file is known. */
struct given {
    struct options *options;
    const char *allocators, *workloads, *threads, *baseline, *campaign;
    double min_time;
    unsigned rounds;
    uint64_t seed;
    bool full, seed_given;
};

static double number_or_usage(const char *text, const char *name, double least, double most, bool whole,
                              struct argp_state *state) {
    double number;
    if (!plan_number(text, least, most, whole, &number))
        argp_error(state, "--%s %s: a %snumber from %g to %.17g is wanted", name, text, whole ? "whole " : "",
                   least, most);
    return number;
}

/* SIZE: the room that the plan has. Half of a list would be another selection. */
static const char *text_or_usage(const char *text, const char *name, size_t size, struct argp_state *state) {
    if (strlen(text) >= size)
        argp_error(state, "--%s %.40s...: at most %zu characters are taken", name, text, size - 1);
    return text;
}

/* The same option again adds to what it said before. */
static const char *more_or_usage(const char *before, const char *text, const char *name, size_t size,
                                 struct argp_state *state) {
    return text_or_usage(before == NULL ? text : arena_format("%s,%s", before, text), name, size, state);
}

static error_t parse_option(int key, char *argument, struct argp_state *state) {
    struct given *const g = state->input;
    const struct plan *const plan = &g->options->plan;
    switch (key) {
    case 'a':
        g->allocators = more_or_usage(g->allocators, argument, "allocators", sizeof plan->allocators, state);
        return 0;
    case 'w':
        g->workloads =
            more_or_usage(g->workloads, argument, "workloads", sizeof plan->cells->workload, state);
        return 0;
    case 't':
        g->threads = more_or_usage(g->threads, argument, "threads", sizeof plan->cells->threads, state);
        return 0;
    case 'o':
        g->options->out = argument;
        return 0;
    case KEY_ROUNDS:
        g->rounds = (unsigned)number_or_usage(argument, "rounds", 1, PLAN_MOST_ROUNDS, true, state);
        return 0;
    case KEY_MIN_TIME:
        g->min_time = number_or_usage(argument, "min-time", PLAN_LEAST_TIME, PLAN_MOST_TIME, false, state);
        return 0;
    case KEY_BASELINE:
        g->baseline = text_or_usage(argument, "baseline", sizeof plan->baseline, state);
        if (*argument == '\0')
            argp_error(state, "--baseline: a name is wanted, or best:A,B,C");
        return 0;
    case KEY_SEED:
        g->seed = (uint64_t)number_or_usage(argument, "seed", 0, PLAN_MOST_SEED, true, state);
        g->seed_given = true;
        return 0;
    case KEY_DRY_RUN:
        g->options->dry_run = true;
        return 0;
    case KEY_FROM:
        g->options->from = argument;
        return 0;
    case KEY_EXPORT: {
        const char *const dot = strrchr(argument, '.');
        if (dot == NULL || (strcmp(dot, ".json") != 0 && strcmp(dot, ".csv") != 0 && strcmp(dot, ".md") != 0))
            argp_error(state, "--export %s: the ending says the form, and is .json, .csv or .md", argument);
        g->options->export = argument;
        return 0;
    }
    case KEY_CAMPAIGN:
        g->campaign = argument;
        return 0;
    case KEY_FULL:
        g->full = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is no option", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_report_option(int key, char *argument, struct argp_state *state) {
    struct options *const options = ((struct given *)state->input)->options;
    switch (key) {
    case 'o':
        options->out = argument;
        return 0;
    case ARGP_KEY_ARG:
        words_add(&options->results, argument);
        return 0;
    case ARGP_KEY_END:
        if (options->results.count == 0 || options->out == NULL)
            argp_error(state, "directories of results are wanted, and -o DIR");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The sign is asked for: who writes 0.05 may mean a share. */
static double share_or_usage(const char *text, const char *name, double most, struct argp_state *state) {
    const size_t length = strlen(text), digits = length == 0 ? 0 : length - 1;
    double percent = 0;
    if (text[digits] != '%' || !plan_number(arena_copy(text, digits), 0, most, false, &percent))
        argp_error(state, "--%s %s: a percentage from 0%% to %g%% is wanted, with its sign", name, text, most);
    return percent / 100;
}

static error_t parse_diff(int key, char *argument, struct argp_state *state) {
    struct options_diff *const diff = &((struct given *)state->input)->options->diff;
    switch (key) {
    case KEY_MAX_REGRESSION:
        diff->max_regression = share_or_usage(argument, "max-regression", 1000, state);
        return 0;
    case KEY_OTHER_MACHINE:
        diff->other_machine = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_error(state, "\"%s\": two directories of results are compared, no more", argument);
        *(state->arg_num == 0 ? &diff->before : &diff->after) = argument;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2)
            argp_error(state, "two directories of results are wanted: OLD NEW");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void usage(FILE *out) {
    fputs("Usage: compare list | run | figure | claims | diff | safety | report [OPTION...]\n\n"
          "  list      allocators and workloads, and what is missing\n"
          "  run       compare allocators over workloads\n"
          "  figure    the contention figure: AO_malloc against glibc and its peers, drawn\n"
          "  claims    what a man page and papers say, measured: holds, fails or undecided\n"
          "  diff      the results of two runs: has anything become worse?\n"
          "  safety    a fault at every instruction: may it be called from a signal handler, after fork\n"
          "  report    a page, and Markdown, of what the others have left in their directories\n\n"
          "`compare SUBCOMMAND --help` shows the options of each; `compare --version` the version.\n",
          out);
}

static void overlay(struct options *o, const struct given *g) {
    struct plan *const plan = &o->plan;
    if (g->allocators != NULL)
        snprintf(plan->allocators, sizeof plan->allocators, "%s", g->allocators);
    if (g->baseline != NULL)
        snprintf(plan->baseline, sizeof plan->baseline, "%s", g->baseline);
    if (g->rounds != 0)
        plan->rounds = g->rounds;
    if (g->min_time > 0)
        plan->min_time = g->min_time;
    if (g->seed_given)
        plan->seed = g->seed;
    if (g->workloads != NULL) {
        plan->cell_count = 1;
        plan->cells[0] = (struct plan_cells){0};
        snprintf(plan->cells[0].workload, sizeof plan->cells[0].workload, "%s", g->workloads);
    }
    for (size_t i = 0; i < plan->cell_count && g->threads != NULL; i++)
        snprintf(plan->cells[i].threads, sizeof plan->cells[i].threads, "%s", g->threads);
    for (size_t i = 0; i < plan->cell_count && g->allocators != NULL; i++)
        *plan->cells[i].also = '\0';
    o->baseline_given = g->baseline != NULL;
    o->allocators_given = g->allocators != NULL;
    const struct words names = words_split(plan->allocators, ",");
    const char *const first = names.count == 0 ? "ao" : names.word[0];
    const char *const label = strstr(first, "=so:");
    o->subject = label == NULL ? first : arena_copy(first, (size_t)(label - first));
}

/* The results are called after the campaign that was named, or else after the subcommand. */
static void name_plan(struct plan *plan, const char *campaign) {
    const char *const slash = strrchr(campaign, '/');
    snprintf(plan->name, sizeof plan->name, "%s", slash == NULL ? campaign : slash + 1);
    char *const ending = strrchr(plan->name, '.');
    if (ending != NULL && strcmp(ending, ".txt") == 0)
        *ending = '\0';
}

/* The file that holds what is to be measured. */
static const char *file_of(enum subcommand what, const struct given *g, const char *campaigns, const char *claims) {
    const char *const name = g->campaign != NULL          ? g->campaign
                             : g->full                    ? "full"
                             : what == SUBCOMMAND_FIGURE ? "figure"
                                                         : "default";
    if (strchr(name, '/') != NULL)
        return name;
    return arena_format("%s/%s.txt", what == SUBCOMMAND_CLAIMS ? claims : campaigns, name);
}

static const struct {
    const char *name;
    struct argp argp;
} subcommands[] = {
    [SUBCOMMAND_LIST] = {"list", {.doc = "What bench can measure here, and what is missing."}},
    [SUBCOMMAND_RUN] = {"run", {.options = option_list, .parser = parse_option}},
    [SUBCOMMAND_FIGURE] = {"figure", {.options = option_list, .parser = parse_option}},
    [SUBCOMMAND_CLAIMS] = {"claims",
                           {.options = claims_option_list,
                            .parser = parse_option,
                            .doc = "What a man page and papers say of allocators, measured: holds, fails or undecided."}},
    [SUBCOMMAND_DIFF] = {"diff",
                         {.options = diff_option_list,
                          .parser = parse_diff,
                          .args_doc = "OLD NEW",
                          .doc = "Two directories of results, cell by cell, each over the baseline of its own run. Exit "
                                 "status 1: something is worse by more than --max-regression, and that is no chance."}},
    [SUBCOMMAND_REPORT] = {"report",
                           {.options = report_option_list,
                            .parser = parse_report_option,
                            .args_doc = "RESULTS...",
                            .doc = "One page of one or several directories of results, of run, figure, claims or safety: "
                                   "DIR/report.html, which needs nothing else, and DIR/report.md."}},
};
enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

/* A word as a shell reads it. */
static const char *shell_word(const char *word) {
    static const char harmless[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=/.,:+@%";
    if (*word != '\0' && word[strspn(word, harmless)] == '\0')
        return word;
    struct words parts = {0};
    for (const char *at = word;; at += strcspn(at, "'") + 1) {
        words_add(&parts, arena_copy(at, strcspn(at, "'")));
        if (at[strcspn(at, "'")] == '\0')
            break;
    }
    return arena_format("'%s'", words_join(&parts, "'\\''"));
}

static const char *command_of(int argc, char **argv) {
    struct words words = {0};
    words_add(&words, "./run");
    for (int i = 1; i < argc; i++)
        words_add(&words, shell_word(argv[i]));
    return words_join(&words, " ");
}

static enum subcommand subcommand_or_usage(int argc, char **argv) {
    if (argc >= 2 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
        usage(stdout);
        exit(0);
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts(argp_program_version);
        exit(0);
    }
    for (unsigned what = 0; argc >= 2 && what < SUBCOMMANDS; what++)
        if (strcmp(argv[1], subcommands[what].name) == 0)
            return what;
    if (argc >= 2)
        fprintf(stderr, "compare: no subcommand is called \"%s\"\n", argv[1]);
    usage(stderr);
    exit(2);
}

enum subcommand options_parse(struct options *options, int argc, char **argv, const char *campaigns,
                              const char *claims) {
    struct given given = {.options = options};
    char why[1024];
    *options = (struct options){.diff.max_regression = 0.05};
    argp_err_exit_status = 2;
    const enum subcommand what = subcommand_or_usage(argc, argv);
    options->command = command_of(argc, argv);
    argv[1] = arena_format("compare %s", subcommands[what].name);
    argp_parse(&subcommands[what].argp, argc - 1, argv + 1, 0, NULL, &given);
    if (what == SUBCOMMAND_LIST || what == SUBCOMMAND_DIFF || what == SUBCOMMAND_REPORT)
        return what;
    options->plan = (struct plan){.baseline = "glibc", .min_time = 0.05, .seed = 1};
    options->file = file_of(what, &given, campaigns, claims);
    if (!plan_read(&options->plan, options->file, why, sizeof why)) {
        fprintf(stderr, "compare: %s\n", why);
        exit(2);
    }
    name_plan(&options->plan, given.campaign != NULL ? given.campaign : subcommands[what].name);
    overlay(options, &given);
    if (options->plan.cell_count == 0 && options->from == NULL) {
        fprintf(stderr, "compare: %s: no line of cells, and no --workloads: there is nothing to measure\n",
                options->file);
        exit(2);
    }
    return what;
}
