/* SPDX-License-Identifier: MIT
 *
 * report.md: the same as Markdown, as GitHub reads it. Whatever comes from results goes through text(), which leaves
 * nothing that Markdown or HTML would read as its own.
 */
#include "report.h"

#include "table.h"

#include <math.h>
#include <string.h>

static void text(FILE *f, const char *words) {
    for (; *words != '\0'; words++)
        if (*words == '<')
            fputs("&lt;", f);
        else if (*words == '&')
            fputs("&amp;", f);
        else if (*words == '\n' || *words == '\r')
            fputc(' ', f);
        else
            fprintf(f, strchr("\\`*_[]|>~", *words) != NULL ? "\\%c" : "%c", *words);
}

static void put(FILE *f, const char *before, const char *words, const char *after) {
    fputs(before, f);
    text(f, words);
    fputs(after, f);
}

static void heading(FILE *f, const struct report *report, const struct report_set *set, const char *words) {
    fprintf(f, "\n## %s", words);
    if (report->sets > 1)
        put(f, ": ", set->title, "");
    fputs("\n\n", f);
}

static void list(FILE *f, const struct words *words) {
    for (size_t i = 0; i < words->count; i++)
        put(f, "- ", words->word[i], "\n");
}

/* ---- in short ---- */

static void answers(FILE *f, const struct report *report) {
    for (size_t s = 0; s < report->sets; s++) {
        const struct report_set *const set = &report->set[s];
        if (report->sets > 1 && set->rows != 0)
            put(f, s == 0 ? "" : "\n", set->title, ":\n\n");
        if (set->answer != NULL)
            put(f, "- ", set->answer, "\n");
        for (size_t i = 0; i < 3; i++)
            if (set->ranking[i].rows != 0)
                put(f, "- ", report_rank_words(&set->ranking[i], set->baseline), "\n");
    }
    bool any = false;
    for (size_t s = 0; s < report->sets; s++)
        any |= report->set[s].warnings.count != 0;
    if (any)
        fputs("\n## Before you believe it\n\n", f);
    for (size_t s = 0; s < report->sets; s++) {
        const struct report_set *const set = &report->set[s];
        if (report->sets > 1 && set->warnings.count != 0)
            put(f, "\n", set->title, ":\n\n");
        list(f, &set->warnings);
        list(f, &set->failures);
    }
}

/* ---- a campaign ---- */

static void ranking(FILE *f, const struct ranking *r, const char *baseline) {
    if (r->rows == 0)
        return;
    put(f, "\n### ", rank_title(r), "\n\n");
    put(f, "Geometric mean of the ratios to ", report_baseline_words(baseline), ", less is better; ");
    put(f, "", report_cells_words(r),
        ".\n\n| # | allocator | mean | interval | better / \\~ / worse | and the one above |\n"
        "|--:|---|--:|---|---|---|\n");
    for (size_t i = 0; i < r->rows; i++) {
        const struct rank_row *const row = &r->row[i];
        const bool base = row->verdict == VERDICT_BASELINE;
        put(f, arena_format("| %zu | ", i + 1), row->allocator,
            arena_format(" | %s | ", report_ratio(row->mean.median)));
        put(f, "", base ? "baseline" : report_interval(row->mean.low, row->mean.high),
            row->verdict == VERDICT_NOT_SEPARATED ? " \\~ | " : " | ");
        if (!base)
            fprintf(f, "%zu / %zu / %zu", row->better, row->together, row->worse);
        if (row->like_before)
            put(f, " | not separated from ", r->row[i - 1].allocator, " |\n");
        else
            fprintf(f, " | %s |\n", i == 0 ? "" : "separated");
    }
}

static void cell(FILE *f, const struct summary_row *r) {
    char figure[64];
    if (r == NULL || (!isfinite(r->value) && strcmp(r->status, "ok") == 0)) {
        fputs(" |", f);
        return;
    }
    table_readable(r->metric, r->value, figure, sizeof figure);
    if (!isfinite(r->value))
        put(f, " ", r->status, " |");
    else if (!isfinite(r->ratio) || strcmp(r->verdict, "baseline") == 0)
        put(f, " ", figure, strcmp(r->status, "not-concurrent") == 0 ? " ? |" : " |");
    else
        put(f, arena_format(" %s ", report_ratio(r->ratio)), report_interval(r->low, r->high),
            strcmp(r->verdict, "not-separated") == 0 ? " \\~ |" : " |");
}

static void table(FILE *f, const struct report_table *t) {
    put(f, "\n### ", t->workload, "");
    put(f, ", ", t->metric, "\n\n");
    if (t->one_params && strcmp(t->column[0].params, "-") != 0)
        put(f, "", t->column[0].params, ": ");
    put(f, "", report_metric_words(t->metric), ".\n\n| allocator |");
    for (size_t c = 0; c < t->columns; c++)
        put(f, " ", report_column_words(t, c), " |");
    fputs("\n|---|", f);
    for (size_t c = 0; c < t->columns; c++)
        fputs("---|", f);
    for (size_t a = 0; a < t->allocators.count; a++) {
        put(f, "\n| ", t->allocators.word[a], " |");
        for (size_t c = 0; c < t->columns; c++)
            cell(f, t->cell[a * t->columns + c]);
    }
    fputc('\n', f);
}

static void pictures(FILE *f, const struct report_set *set) {
    for (size_t i = 0; i < set->pictures; i++)
        if (set->picture[i].why == NULL)
            fprintf(f, "![%s](%s)\n\n", set->picture[i].name, set->picture[i].file);
        else {
            put(f, "No ", set->picture[i].name, ": ");
            put(f, "", set->picture[i].why, "\n\n");
        }
}

static void measured(FILE *f, const struct report *report, const struct report_set *set) {
    heading(f, report, set, "Ranking");
    for (size_t i = 0; i < 3; i++)
        ranking(f, &set->ranking[i], set->baseline);
    if (set->ranking[0].rows == 0)
        put(f, "", report_rank_words(&set->ranking[0], set->baseline), "\n");
    heading(f, report, set, "Pictures");
    pictures(f, set);
    heading(f, report, set, "Workloads");
    put(f, "Each figure over ", report_baseline_words(set->baseline),
        "'s, less is better, with the interval that holds the median at 95 %; the baseline's own figure. \\~: not separated "
        "from the baseline. ?: the threads took turns, no verdict.\n");
    for (size_t i = 0; i < set->tables.count; i++)
        table(f, &set->tables.table[i]);
}

/* ---- safety, claims ---- */

static void safety_table(FILE *f, const struct report_set *set, const struct safety_column *column) {
    struct words names = {0}, params = {0};
    for (size_t i = 0; i < set->safety.count; i++)
        if (strcmp(set->safety.row[i].column, column->column) == 0) {
            words_add_new(&names, set->safety.row[i].allocator);
            words_add_new(&params, set->safety.row[i].params);
        }
    if (names.count == 0)
        return;
    put(f, "\n### ", column->column, "\n\n");
    put(f, "", column->what, "\n\n| allocator |");
    for (size_t p = 0; p < params.count; p++)
        put(f, " ", safety_heading(params.word[p]), " |");
    fputs("\n|---|", f);
    for (size_t p = 0; p < params.count; p++)
        fputs("---|", f);
    for (size_t n = 0; n < names.count; n++) {
        put(f, "\n| ", names.word[n], " |");
        for (size_t p = 0; p < params.count; p++) {
            const struct safety_row *const row =
                safety_find(&set->safety, names.word[n], column->column, params.word[p]);
            put(f, " ", row == NULL ? "" : safety_entry(row), " |");
        }
    }
    fputc('\n', f);
}

static void claims(FILE *f, const struct report_set *set) {
    for (size_t i = 0; i < set->claims; i++) {
        const struct report_claim *const c = &set->claim[i];
        if (i == 0 || strcmp(c->claim, c[-1].claim) != 0) {
            put(f, "\n### ", c->claim, "\n\n");
            if (*report_says(set->claims_text, c->claim) != '\0')
                put(f, "> ", report_says(set->claims_text, c->claim), "\n\n");
            put(f, "", c->where,
                ".\n\n| verdict | allocator | against | value | low | high | bound | cell | note |\n"
                "|---|---|---|---|---|---|---|---|---|\n");
        }
        const char *const field[] = {
            c->verdict, c->allocator, c->peer,  c->value,
            c->low,     c->high,      c->bound, strcmp(c->cell, "-") == 0 ? "in all" : c->cell,
            c->note};
        fputc('|', f);
        for (size_t k = 0; k < sizeof field / sizeof *field; k++)
            put(f, " ", strcmp(field[k], "-") == 0 ? "" : field[k], " |");
        fputc('\n', f);
    }
}

/* ---- all ---- */

static void machine(FILE *f, const struct report_set *set) {
    fputs("| | |\n|---|---|\n", f);
    for (size_t i = 0; i < set->store.heads; i++) {
        const struct host_fact *const fact = &set->store.head[i];
        if (!report_is_machine(fact->key) && strncmp(fact->key, "library ", 8) != 0 &&
            strcmp(fact->key, "bench") != 0)
            continue;
        put(f, "| ", fact->key, " | ");
        put(f, "", fact->value, " |\n");
    }
}

static void again(FILE *f, const struct report_set *set) {
    const char *const line = store_head(&set->store, "command"), *const plan =
                                                                     store_head(&set->store, "plan");
    if (*line != '\0')
        fprintf(f, "    %s\n\n", line);
    if (*plan != '\0')
        put(f, "The plan, with its seed: ", plan, "\n\n");
    if (set->rows != 0)
        fprintf(
            f,
            "Against another baseline, without measuring:\n\n    ./run run --from %s --baseline NAME -o NEW\n\n",
            set->dir);
}

void report_markdown(FILE *f, const struct report *report) {
    fputs("# Allocators compared\n\n", f);
    answers(f, report);
    for (size_t s = 0; s < report->sets; s++)
        if (report->set[s].rows != 0)
            measured(f, report, &report->set[s]);
    for (size_t s = 0; s < report->sets; s++) {
        const struct report_set *const set = &report->set[s];
        if (set->safety.count == 0)
            continue;
        heading(f, report, set, "Safety");
        if (set->rows == 0)
            pictures(f, set);
        for (const struct safety_column *c = safety_columns; c->column != NULL; c++)
            safety_table(f, set, c);
    }
    for (size_t s = 0; s < report->sets; s++)
        if (report->set[s].claims != 0) {
            heading(f, report, &report->set[s], "Claims");
            claims(f, &report->set[s]);
        }
    for (size_t s = 0; s < report->sets; s++) {
        heading(f, report, &report->set[s], "Machine");
        machine(f, &report->set[s]);
        heading(f, report, &report->set[s], "Again");
        again(f, &report->set[s]);
    }
    fprintf(
        f,
        "How each number was made: [docs/method.md](<%s/docs/method.md>), [docs/design.md](<%s/docs/design.md>).\n",
        report->tree, report->tree);
}
