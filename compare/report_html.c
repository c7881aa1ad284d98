/* SPDX-License-Identifier: MIT
 *
 * report.html: one file that asks nobody for anything. Fixed words are written by fprintf; whatever comes from results
 * goes through text(), which leaves nothing that HTML would read as its own. Without its script the page is whole, but
 * does not sort.
 */
#include "report.h"

#include "record.h"
#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void text(FILE *f, const char *words) {
    for (; *words != '\0'; words++)
        switch (*words) {
        case '&':
            fputs("&amp;", f);
            break;
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        case '\'':
            fputs("&#39;", f);
            break;
        default:
            fputc(*words, f);
        }
}

/* BEFORE WORDS AFTER, of which only WORDS is not HTML. */
static void put(FILE *f, const char *before, const char *words, const char *after) {
    fputs(before, f);
    text(f, words);
    fputs(after, f);
}

static const char *heading_of(const struct report *report, const struct report_set *set, const char *words) {
    return report->sets == 1 ? words : arena_format("%s: %s", words, set->title);
}

static void section(FILE *f, const struct report *report, size_t s, const char *id, const char *words) {
    fprintf(f, "<section id=\"%s%zu\">\n", id, s + 1);
    put(f, "<h2>", heading_of(report, &report->set[s], words), "</h2>\n");
}

static void link_to(FILE *f, const struct report *report, const char *page, const char *words) {
    put(f, "<a href=\"", arena_format("%s/%s", report->tree, page), "\">");
    put(f, "", words, "</a>");
}

/* ---- top ---- */

static void head(FILE *f, const struct report *report) {
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
          "<title>Allocators compared</title>\n<style>\n",
          f);
    fputs(report->css, f);
    for (int dark = 0; dark < 2; dark++) {
        fputs(dark ? "@media (prefers-color-scheme: dark) { :root {" : ":root {", f);
        for (size_t i = 0; i < report->colours.count; i++) {
            const unsigned rgb = (unsigned)strtoul(report->colours.word[i], NULL, 16);
            fprintf(f, " --p%06x: #%06x;", rgb, dark ? report_dark(rgb) : rgb);
        }
        fputs(dark ? " } }\n" : " }\n", f);
    }
    fputs("</style>\n</head>\n<body>\n", f);
}

static void title(FILE *f, const struct report *report) {
    const struct store *const store = &report->set[0].store;
    put(f, "<header>\n<h1>Allocators compared</h1>\n<p class=\"machine\">", store_head(store, "cpu"), "");
    put(f, ", ", store_head(store, "cores"), " cores; ");
    put(f, "", store_head(store, "kernel"), "; ");
    put(f, "", store_head(store, "libc"), "; ");
    put(f, "measured ", arena_copy(store_head(store, "date"), strcspn(store_head(store, "date"), " ")),
        "</p>\n");
}

static void links(FILE *f, const struct report *report) {
    fputs("<nav>", f);
    for (size_t s = 0; s < report->sets; s++) {
        const struct report_set *const set = &report->set[s];
        const struct {
            bool is;
            const char *id, *words;
        } parts[] = {{set->rows != 0, "ranking", "Ranking"},
                     {set->rows != 0 && set->pictures != 0, "pictures", "Pictures"},
                     {set->rows != 0, "tables", "Workloads"},
                     {set->safety.count != 0, "safety", "Safety"},
                     {set->claims != 0, "claims", "Claims"}};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            if (parts[i].is) {
                fprintf(f, "<a href=\"#%s%zu\">", parts[i].id, s + 1);
                put(f, "", heading_of(report, set, parts[i].words), "</a>");
            }
    }
    fputs(
        "<a href=\"#machine\">Machine</a><a href=\"#how\">How</a><a href=\"#again\">Again</a></nav>\n</header>\n",
        f);
}

static void safety_answer(FILE *f, const struct report_set *set) {
    size_t holds = 0, fails = 0;
    for (size_t i = 0; i < set->safety.count; i++) {
        holds += strcmp(set->safety.row[i].verdict, "holds") == 0;
        fails += strcmp(set->safety.row[i].verdict, "fails") == 0;
    }
    if (holds + fails != 0)
        fprintf(f, "<li>A fault at every instruction: %zu cells hold, %zu fail.</li>\n", holds, fails);
}

static void claims_answer(FILE *f, const struct report_set *set) {
    size_t holds = 0, fails = 0, undecided = 0;
    for (size_t i = 0; i < set->claims; i++) {
        if (strcmp(set->claim[i].cell, "-") != 0)
            continue;
        holds += strcmp(set->claim[i].verdict, "holds") == 0;
        fails += strcmp(set->claim[i].verdict, "fails") == 0;
        undecided += strcmp(set->claim[i].verdict, "undecided") == 0;
    }
    if (set->claims != 0)
        fprintf(f, "<li>Claims, each allocator's counted once: %zu hold, %zu fail, %zu are undecided.</li>\n",
                holds, fails, undecided);
}

static void answers(FILE *f, const struct report *report) {
    fputs("<section id=\"answer\" class=\"answer\">\n<h2>In short</h2>\n", f);
    for (size_t s = 0; s < report->sets; s++) {
        const struct report_set *const set = &report->set[s];
        if (report->sets > 1)
            put(f, "<h3>", set->title, "</h3>\n");
        fputs("<ul>\n", f);
        if (set->answer != NULL)
            put(f, "<li>", set->answer, "</li>\n");
        for (size_t i = 0; i < 3; i++)
            if (set->ranking[i].rows != 0)
                put(f, "<li>", report_rank_words(&set->ranking[i], set->baseline), "</li>\n");
        safety_answer(f, set);
        claims_answer(f, set);
        fputs("</ul>\n", f);
    }
    fputs("</section>\n", f);
}

/* WORDS, where what stands between two backticks is code. */
static void prose(FILE *f, const char *words) {
    bool code = false;
    for (const char *at = words;; at++) {
        const size_t length = strcspn(at, "`");
        text(f, arena_copy(at, length));
        at += length;
        if (*at == '\0' || (!code && strchr(at + 1, '`') == NULL))
            break;
        code = !code;
        fputs(code ? "<code>" : "</code>", f);
    }
}

static void list(FILE *f, const char *before, const struct words *words, const char *after) {
    if (words->count == 0)
        return;
    fprintf(f, "%s<ul>\n", before);
    for (size_t i = 0; i < words->count; i++) {
        fputs("<li>", f);
        prose(f, words->word[i]);
        fputs("</li>\n", f);
    }
    fprintf(f, "</ul>%s\n", after);
}

static void warnings(FILE *f, const struct report *report) {
    size_t any = 0;
    for (size_t s = 0; s < report->sets; s++)
        any += report->set[s].warnings.count;
    if (any == 0)
        return;
    fputs("<section id=\"warnings\" class=\"warnings\">\n<h2>Before you believe it</h2>\n", f);
    for (size_t s = 0; s < report->sets; s++) {
        const struct report_set *const set = &report->set[s];
        if (report->sets > 1 && set->warnings.count != 0)
            put(f, "<h3>", set->title, "</h3>\n");
        list(f, "", &set->warnings, "");
        list(f, "<details><summary>Cells that failed</summary>", &set->failures, "</details>");
    }
    fputs("</section>\n", f);
}

/* ---- ranking ---- */

/* Where RATIO lies on an axis of logarithms from LOW to HIGH, in percent. */
static double place(double ratio, double low, double high) {
    return 100 * (log(ratio) - log(low)) / (log(high) - log(low));
}

static void axis(const struct ranking *r, double *low, double *high) {
    *low = *high = 1;
    for (size_t i = 0; i < r->rows; i++) {
        *low = fmin(*low, r->row[i].mean.low);
        *high = fmax(*high, r->row[i].mean.high);
    }
    *low /= 1.1;
    *high *= 1.1;
}

static void bar(FILE *f, const struct stats_interval *mean, double low, double high, const char *verdict) {
    const double from = place(mean->low, low, high), to = place(mean->high, low, high);
    fprintf(f,
            "<td class=\"bar\"><span class=\"axis %s\"><i style=\"left:%.1f%%\"></i>"
            "<b style=\"left:%.1f%%;width:%.1f%%\"></b><u style=\"left:%.1f%%\"></u></span></td>",
            verdict, place(1, low, high), from, to - from, place(mean->median, low, high));
}

static void rank_line(FILE *f, const struct ranking *r, size_t i, double low, double high) {
    const struct rank_row *const row = &r->row[i];
    const bool base = row->verdict == VERDICT_BASELINE;
    const char *const verdict = stats_verdict_name[row->verdict];
    fprintf(f, "<tr class=\"%s\"><td data-v=\"%zu\">%zu</td>", verdict, i + 1, i + 1);
    put(f, "<th scope=\"row\">", row->allocator, "</th>");
    fprintf(f, "<td class=\"figure\" data-v=\"%.6g\">%s%s<small>%s</small></td>", row->mean.median,
            report_ratio(row->mean.median),
            row->verdict == VERDICT_NOT_SEPARATED
                ? " <abbr title=\"not separated from the baseline\">~</abbr>"
                : "",
            base ? "baseline" : report_interval(row->mean.low, row->mean.high));
    bar(f, &row->mean, low, high, verdict);
    if (base)
        fputs("<td></td>", f);
    else
        fprintf(f, "<td data-v=\"%zu\">%zu / %zu / %zu</td>", row->better, row->better, row->together,
                row->worse);
    if (row->like_before)
        put(f, "<td>not separated from ", r->row[i - 1].allocator, "</td></tr>\n");
    else
        fprintf(f, "<td>%s</td></tr>\n", i == 0 ? "" : "separated");
}

static void ranking(FILE *f, const struct ranking *r, const char *baseline) {
    double low, high;
    if (r->rows == 0)
        return;
    axis(r, &low, &high);
    put(f, "<div class=\"card\">\n<h3>", rank_title(r),
        "</h3>\n<p class=\"note\">Geometric mean of the ratios to ");
    put(f, "", report_baseline_words(baseline), ", less is better; ");
    put(f, "", report_cells_words(r),
        ".</p>\n<div class=\"scroll\"><table class=\"ranking sortable\">\n<thead><tr>");
    static const char *const names[] = {"#", "allocator",          "mean",
                                        "",  "better / ~ / worse", "and the one above"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fprintf(f,
                i == 3 ? "<th scope=\"col\" class=\"bar\">mean and interval</th>"
                       : "<th scope=\"col\"><button type=\"button\">%s</button></th>",
                names[i]);
    fputs("</tr></thead>\n<tbody>\n", f);
    for (size_t i = 0; i < r->rows; i++)
        rank_line(f, r, i, low, high);
    fputs("</tbody></table></div>\n</div>\n", f);
}

static void rankings(FILE *f, const struct report *report, size_t s) {
    const struct report_set *const set = &report->set[s];
    section(f, report, s, "ranking", "Ranking");
    for (size_t i = 0; i < 3; i++)
        ranking(f, &set->ranking[i], set->baseline);
    if (set->ranking[0].rows == 0)
        put(f, "<p>", report_rank_words(&set->ranking[0], set->baseline), "</p>\n");
    if (set->ranking[1].rows == 0)
        fputs(
            "<p class=\"note\">Single calls (p99.9) were not timed: <code>latency yes</code> in a campaign.</p>\n",
            f);
    if (set->ranking[2].rows == 0)
        fputs("<p class=\"note\">Nobody is ranked by memory: no cell's baseline takes 1 MiB.</p>\n", f);
    fputs("</section>\n", f);
}

/* ---- pictures ---- */

static void pictures(FILE *f, const struct report *report, size_t s) {
    const struct report_set *const set = &report->set[s];
    bool measured = false;
    for (size_t i = 0; i < set->pictures; i++)
        measured |= strcmp(set->picture[i].name, "safety") != 0;
    if (!measured)
        return;
    section(f, report, s, "pictures", "Pictures");
    for (size_t i = 0; i < set->pictures; i++) {
        const struct report_picture *const p = &set->picture[i];
        if (strcmp(p->name, "safety") == 0)
            continue;
        if (p->svg == NULL) {
            put(f, "<p class=\"note\">No ", p->name, ": ");
            put(f, "", p->why, "</p>\n");
        } else {
            put(f, "<figure class=\"scroll\" id=\"", arena_format("%s%zu", p->name, s + 1), "\">");
            fprintf(f, "%s</figure>\n", p->svg);
        }
    }
    fputs("</section>\n", f);
}

/* ---- tables ---- */

static const char *readable(const char *metric, double value) {
    char figure[64];
    table_readable(metric, value, figure, sizeof figure);
    return arena_format("%s", figure);
}

static void cell(FILE *f, const struct summary_row *r) {
    if (r == NULL || (!isfinite(r->value) && strcmp(r->status, "ok") == 0)) {
        fputs("<td></td>", f);
        return;
    }
    if (!isfinite(r->value)) {
        put(f, "<td class=\"status\">", r->status, "</td>");
        return;
    }
    const char *const value = readable(r->metric, r->value);
    if (!isfinite(r->ratio)) {
        const bool turns = strcmp(r->status, "not-concurrent") == 0;
        fprintf(f, "<td class=\"%s\" data-v=\"%.6g\">", turns ? "turns" : "figure", r->value);
        put(f, "", value,
            turns ? " <abbr title=\"the threads took turns: no verdict\">?</abbr></td>" : "</td>");
        return;
    }
    const bool base = strcmp(r->verdict, "baseline") == 0;
    put(f, "<td class=\"figure ", r->verdict, "\" ");
    fprintf(f, "data-v=\"%.6g\" title=\"%u rounds\">%s%s<small>", r->ratio, r->rounds, report_ratio(r->ratio),
            strcmp(r->verdict, "not-separated") == 0 ? " <abbr title=\"not separated\">~</abbr>" : "");
    put(f, "", base ? "baseline" : report_interval(r->low, r->high), "</small><small>");
    put(f, "", value, "</small></td>");
}

static void table_lines(FILE *f, const struct report_table *t, const struct report_set *set) {
    for (size_t a = 0; a < t->allocators.count; a++) {
        const char *const name = t->allocators.word[a];
        put(f, "<tr><th scope=\"row\">", name,
            report_is_floor(set, name) ? " <small>no allocator</small></th>" : "</th>");
        for (size_t c = 0; c < t->columns; c++)
            cell(f, t->cell[a * t->columns + c]);
        fputs("</tr>\n", f);
    }
}

static void table(FILE *f, const struct report_table *t, const struct report_set *set) {
    const bool time = strcmp(t->metric, "time_ns") == 0;
    put(f, time ? "<h4>" : "<details><summary>", t->metric, time ? "</h4>\n" : "</summary>\n");
    put(f, "<p class=\"note\">", report_metric_words(t->metric), ".");
    if (t->one_params && strcmp(t->column[0].params, "-") != 0)
        put(f, " <code>", t->column[0].params, "</code>");
    fputs("</p>\n<div class=\"scroll\"><table class=\"sortable\">\n<thead><tr><th scope=\"col\"><button "
          "type=\"button\">allocator</button></th>",
          f);
    for (size_t c = 0; c < t->columns; c++) {
        fputs("<th scope=\"col\"><button type=\"button\">", f);
        if (!t->one_params)
            put(f, "", t->column[c].params, "<br>");
        fprintf(f, "%u thread%s</button></th>", t->column[c].threads, t->column[c].threads == 1 ? "" : "s");
    }
    fputs("</tr></thead>\n<tbody>\n", f);
    table_lines(f, t, set);
    fprintf(f, "</tbody></table></div>\n%s", time ? "" : "</details>\n");
}

enum { MOST_NARROW = 4 /* columns of a table that has half of the page */ };

static void tables(FILE *f, const struct report *report, size_t s) {
    const struct report_set *const set = &report->set[s];
    section(f, report, s, "tables", "Workloads");
    put(f, "<p class=\"note\">Each figure over ", report_baseline_words(set->baseline),
        "'s, less is better, with the interval that holds the median at 95 %, and the figure itself. <b>~</b>: not "
        "separated from the baseline. <b>?</b>: the threads took turns, no verdict. <span class=\"key better\">better</span> "
        "<span class=\"key worse\">worse</span> Click a column to sort by it.</p>\n<div class=\"cards\">\n");
    for (size_t i = 0; i < set->tables.count; i++) {
        const struct report_table *const t = &set->tables.table[i];
        const bool first = i == 0 || strcmp(t->workload, t[-1].workload) != 0,
                   last = i + 1 == set->tables.count || strcmp(t->workload, t[1].workload) != 0;
        if (first)
            put(f,
                t->columns > MOST_NARROW ? "<div class=\"card wide\">\n<h3>" : "<div class=\"card\">\n<h3>",
                t->workload, "</h3>\n");
        table(f, t, set);
        if (last)
            fputs("</div>\n", f);
    }
    fputs("</div>\n</section>\n", f);
}

/* ---- safety ---- */

static void safety_cell(FILE *f, const struct safety_row *row) {
    if (row == NULL) {
        fputs("<td></td>", f);
        return;
    }
    const bool holds = strcmp(row->verdict, "holds") == 0, fails = strcmp(row->verdict, "fails") == 0;
    fprintf(f, "<td class=\"%s\" title=\"", holds ? "better" : fails ? "worse" : "");
    put(f, "", strcmp(row->note, "-") == 0 ? "" : row->note, "\">");
    put(f, holds ? "&#10003; " : fails ? "&#10007; " : "", safety_entry(row), "</td>");
}

static void safety_table(FILE *f, const struct report_set *set, const struct safety_column *column) {
    struct words names = {0}, params = {0};
    for (size_t i = 0; i < set->safety.count; i++)
        if (strcmp(set->safety.row[i].column, column->column) == 0) {
            words_add_new(&names, set->safety.row[i].allocator);
            words_add_new(&params, set->safety.row[i].params);
        }
    if (names.count == 0)
        return;
    put(f, "<div class=\"card\">\n<h3>", column->column, "</h3>\n");
    put(f, "<p class=\"note\">", column->what,
        "</p>\n<div class=\"scroll\"><table class=\"safety sortable\">\n<thead><tr>"
        "<th scope=\"col\"><button type=\"button\">allocator</button></th>");
    for (size_t p = 0; p < params.count; p++)
        put(f, "<th scope=\"col\"><button type=\"button\">", safety_heading(params.word[p]),
            "</button></th>");
    fputs("</tr></thead>\n<tbody>\n", f);
    for (size_t n = 0; n < names.count; n++) {
        put(f, "<tr><th scope=\"row\">", names.word[n], "</th>");
        for (size_t p = 0; p < params.count; p++)
            safety_cell(f, safety_find(&set->safety, names.word[n], column->column, params.word[p]));
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n</div>\n", f);
}

static const char *again(const struct safety_row *row) {
    const struct safety_cell cell = {row->allocator, row->column, row->params};
    const char *const *const argument = safety_arguments("./run probe", &cell, row->point);
    struct words words = {0};
    for (size_t i = 0; argument[i] != NULL; i++)
        words_add(&words, argument[i]);
    return words_join(&words, " ");
}

static void first_failures(FILE *f, const struct report_set *set) {
    bool any = false;
    for (size_t i = 0; i < set->safety.count; i++) {
        const struct safety_row *const row = &set->safety.row[i];
        if (strcmp(row->verdict, "fails") != 0)
            continue;
        if (!any)
            fputs(
                "<details><summary>First failures, and the commands that try them again</summary>\n<ul class=\"long\">\n",
                f);
        any = true;
        put(f, "<li><b>", row->allocator, "</b> ");
        put(f, "", row->column, " ");
        put(f, "", row->params, ": ");
        put(f, "", row->kind, " at <code>");
        put(f, "", row->first_failure, "</code>");
        put(f, "<pre>", again(row), "</pre></li>\n");
    }
    if (any)
        fputs("</ul></details>\n", f);
}

static void safety(FILE *f, const struct report *report, size_t s) {
    const struct report_set *const set = &report->set[s];
    section(f, report, s, "safety", "Safety");
    fputs(
        "<p class=\"note\">&#10003; holds at all the points that were tried, which are counted; &#10007; fails at so many of "
        "them. What each column asks, and how: ",
        f);
    link_to(f, report, "docs/safety.md", "docs/safety.md");
    fputs(".</p>\n", f);
    for (size_t i = 0; i < set->pictures; i++)
        if (strcmp(set->picture[i].name, "safety") == 0) {
            if (set->picture[i].svg != NULL)
                fprintf(f, "<figure class=\"scroll\" id=\"safety-picture%zu\">%s</figure>\n", s + 1,
                        set->picture[i].svg);
            else
                put(f, "<p class=\"note\">No picture: ", set->picture[i].why, "</p>\n");
        }
    for (const struct safety_column *c = safety_columns; c->column != NULL; c++)
        safety_table(f, set, c);
    first_failures(f, set);
    fputs("</section>\n", f);
}

/* ---- claims ---- */

/* As claims_print shows them: an interval without a width is not shown. */
static const char *figures_of(const struct report_claim *c) {
    const bool value = strcmp(c->value, "-") != 0, interval = strcmp(c->low, c->high) != 0;
    const char *const between = interval ? arena_format("[%s, %s]", c->low, c->high) : "";
    return !value ? between : interval ? arena_format("%s %s", c->value, between) : c->value;
}

/* "1.23456789" is more than any clock knows. */
static const char *short_number(const char *text) {
    char *end;
    const double number = strtod(text, &end);
    return *end != '\0' || end == text ? text : arena_format(fabs(number) >= 1000 ? "%.0f" : "%.4g", number);
}

static void claim_line(FILE *f, const struct report_claim *claim) {
    struct report_claim c = *claim;
    const bool sum = strcmp(c.cell, "-") == 0;
    c.value = short_number(c.value), c.low = short_number(c.low), c.high = short_number(c.high);
    fprintf(f, "<tr%s>", sum ? " class=\"sum\"" : "");
    put(f, "<td class=\"verdict ", c.verdict, "\">");
    put(f, "", c.verdict, "</td>");
    put(f, "<th scope=\"row\">", c.allocator, "</th>");
    put(f, "<td>", strcmp(c.peer, "-") == 0 ? "" : c.peer, "</td>");
    put(f, "<td class=\"nowrap\">", figures_of(&c), "</td>");
    put(f, "<td class=\"nowrap\">", c.bound, "</td>");
    put(f, "<td>", sum ? "in all" : c.cell, "</td>");
    put(f, "<td>", strcmp(c.note, "-") == 0 ? "" : c.note, "</td></tr>\n");
}

static void claims(FILE *f, const struct report *report, size_t s) {
    const struct report_set *const set = &report->set[s];
    static const char *const names[] = {"verdict", "allocator", "against", "value", "bound", "cell", "note"};
    section(f, report, s, "claims", "Claims");
    fputs(
        "<p class=\"note\">A sentence, what was measured for it, and whether the interval at 95 % lies within the bound "
        "(<i>holds</i>), outside it (<i>fails</i>) or contains it (<i>undecided</i>).</p>\n",
        f);
    for (size_t i = 0; i < set->claims; i++) {
        const struct report_claim *const c = &set->claim[i];
        const bool first = i == 0 || strcmp(c->claim, c[-1].claim) != 0,
                   last = i + 1 == set->claims || strcmp(c->claim, c[1].claim) != 0;
        if (first) {
            put(f, "<div class=\"card\">\n<h3>", c->claim, "</h3>\n");
            if (*report_says(set->claims_text, c->claim) != '\0')
                put(f, "<blockquote>", report_says(set->claims_text, c->claim), "</blockquote>\n");
            put(f, "<p class=\"note\">", c->where,
                "</p>\n<div class=\"scroll\"><table class=\"claims sortable\">\n<thead><tr>");
            for (size_t n = 0; n < sizeof names / sizeof *names; n++)
                fprintf(f, "<th scope=\"col\"><button type=\"button\">%s</button></th>", names[n]);
            fputs("</tr></thead>\n<tbody>\n", f);
        }
        claim_line(f, c);
        if (last)
            fputs("</tbody></table></div>\n</div>\n", f);
    }
    fputs("</section>\n", f);
}

/* ---- machine, method, commands ---- */

static void fact_lines(FILE *f, const struct report_set *set) {
    fputs("<div class=\"scroll\"><table class=\"facts\"><tbody>\n", f);
    for (size_t i = 0; i < set->store.heads; i++) {
        const struct host_fact *const fact = &set->store.head[i];
        if (!report_is_machine(fact->key))
            continue;
        put(f, "<tr><th scope=\"row\">", fact->key, "</th>");
        put(f, "<td>", fact->value, "</td></tr>\n");
    }
    fputs("</tbody></table></div>\n", f);
}

static void libraries(FILE *f, const struct report_set *set) {
    bool any = false;
    for (size_t i = 0; i < set->store.heads; i++) {
        const struct host_fact *const fact = &set->store.head[i];
        if (strncmp(fact->key, "library ", 8) != 0 && strcmp(fact->key, "bench") != 0)
            continue;
        if (!any)
            fputs(
                "<details><summary>What was measured: files, versions, hashes</summary>\n<div class=\"scroll\"><table "
                "class=\"facts\"><tbody>\n",
                f);
        any = true;
        put(f, "<tr><th scope=\"row\">", strncmp(fact->key, "library ", 8) == 0 ? fact->key + 8 : fact->key,
            "</th>");
        put(f, "<td>", fact->value, "</td></tr>\n");
    }
    if (any)
        fputs("</tbody></table></div></details>\n", f);
}

static void machines(FILE *f, const struct report *report) {
    fputs("<section id=\"machine\">\n<h2>Machine</h2>\n", f);
    for (size_t s = 0; s < report->sets; s++) {
        if (report->sets > 1)
            put(f, "<h3>", report->set[s].title, "</h3>\n");
        fact_lines(f, &report->set[s]);
        libraries(f, &report->set[s]);
    }
    fputs("</section>\n", f);
}

static bool occurs(const struct report *report, const char *metric) {
    for (size_t s = 0; s < report->sets; s++)
        for (size_t i = 0; i < report->set[s].rows; i++)
            if (strcmp(report->set[s].row[i].metric, metric) == 0)
                return true;
    return false;
}

static void metrics(FILE *f, const struct report *report) {
    fputs(
        "<details><summary>Every figure that summary.tsv has</summary>\n<div class=\"scroll\"><table class=\"facts "
        "words\"><tbody>\n",
        f);
    for (size_t m = 0; m < RECORDS; m++) {
        const struct record_info *const info = &record_info[m];
        if (!occurs(report, info->name))
            continue;
        fputs("<tr><th scope=\"row\">", f);
        link_to(f, report, report_metric_page(info->name), info->name);
        put(f, "</th><td>", info->what, *info->unit == '\0' ? "" : " (");
        put(f, "", info->unit, *info->unit == '\0' ? "</td></tr>\n" : ")</td></tr>\n");
    }
    fputs("</tbody></table></div></details>\n", f);
}

static void how(FILE *f, const struct report *report) {
    static const struct {
        const char *what, *page, *words;
    } lines[] = {
        {"A cell is allocator x workload x parameters x threads, a process of its own, measured on worker threads. Time is "
         "what one thread sees for one operation.",
         "docs/method.md#a-cell", "A cell"},
        {"Where threads took turns a cell has no verdict.",
         "docs/method.md#were-the-threads-really-concurrent", "Were the threads really concurrent?"},
        {"In each round all allocators run one after another, in random order; each gives one ratio to the baseline beside "
         "it. Shown is the median of the ratios, with the sign test's interval at 95 %, corrected for the number of "
         "allocators. Better or worse: the interval lies on one side of 1.",
         "docs/method.md#from-rounds-to-an-interval", "From rounds to an interval"},
        {"The ranking's mean is taken round by round, over the cells that all allocators ranked have, so that it has an "
         "interval too. Two allocators are separated where the interval of their own ratio lies on one side of 1. By "
         "memory only cells count whose baseline takes 1 MiB or more.",
         "docs/programs.md#compare-report", "compare report"},
        {"Memory is the whole process's, less what it held after init and less the harness's own.",
         "docs/method.md#memory", "Memory"},
        {"What no figure here says.", "docs/method.md#what-the-numbers-cannot-say",
         "What the numbers cannot say"},
        {"The allocators.", "docs/allocators.md", "docs/allocators.md"},
    };
    fputs("<section id=\"how\">\n<h2>How each number was made</h2>\n<ul>\n", f);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        put(f, "<li>", lines[i].what, " ");
        link_to(f, report, lines[i].page, lines[i].words);
        fputs("</li>\n", f);
    }
    fputs("</ul>\n", f);
    metrics(f, report);
    fputs("</section>\n", f);
}

static void command(FILE *f, const char *words, const char *line) {
    put(f, "<p>", words, "</p>\n");
    put(f, "<pre>", line, "</pre>\n");
}

static void commands_of(FILE *f, const struct report_set *set) {
    const char *const line = store_head(&set->store, "command"), *const plan =
                                                                     store_head(&set->store, "plan");
    if (*line != '\0')
        command(f, "Measure the same again, into another directory:", line);
    if (*plan != '\0')
        command(f,
                *line != '\0'
                    ? "The plan, with its seed (of request sequences, orders and layouts):"
                    : "The command was not written down; the plan, with its seed (of request sequences, "
                      "orders and layouts), was:",
                plan + strcspn(plan, " ") + (strchr(plan, ' ') != NULL));
    if (set->rows != 0) {
        const struct summary_row *const r = set->row;
        command(f, "Compute anew against another baseline, without measuring:",
                arena_format("./run run --from %s --baseline NAME -o NEW", set->dir));
        const char *const seed = strstr(plan, " seed=");
        const bool params = strcmp(r->params, "-") != 0;
        command(f, "One cell alone:",
                arena_format("./run bench --allocators %s --workloads %s%s%s --threads %u%s%.*s",
                             r->allocator, r->workload, params ? "/" : "", params ? r->params : "",
                             r->threads, seed == NULL ? "" : " --seed ",
                             seed == NULL ? 0 : (int)strcspn(seed + 6, " "), seed == NULL ? "" : seed + 6));
    } else if (set->safety.count != 0)
        command(f, "The safety matrix:", "./run safety");
}

static void reproduce(FILE *f, const struct report *report) {
    fputs("<section id=\"again\">\n<h2>Again</h2>\n", f);
    for (size_t s = 0; s < report->sets; s++) {
        if (report->sets > 1)
            put(f, "<h3>", report->set[s].title, "</h3>\n");
        commands_of(f, &report->set[s]);
    }
    struct words dirs = {0};
    for (size_t s = 0; s < report->sets; s++)
        words_add(&dirs, report->set[s].dir);
    command(f, "This page:", arena_format("./run report %s -o DIR", words_join(&dirs, " ")));
    fputs("</section>\n", f);
}

void report_html(FILE *f, const struct report *report) {
    head(f, report);
    title(f, report);
    links(f, report);
    fputs("<main>\n", f);
    answers(f, report);
    warnings(f, report);
    for (size_t s = 0; s < report->sets; s++)
        if (report->set[s].rows != 0) {
            rankings(f, report, s);
            pictures(f, report, s);
            tables(f, report, s);
        }
    for (size_t s = 0; s < report->sets; s++)
        if (report->set[s].safety.count != 0)
            safety(f, report, s);
    for (size_t s = 0; s < report->sets; s++)
        if (report->set[s].claims != 0)
            claims(f, report, s);
    machines(f, report);
    how(f, report);
    reproduce(f, report);
    fprintf(f, "</main>\n<footer>compare %s</footer>\n<script>\n%s</script>\n</body>\n</html>\n",
            PROJECT_VERSION, report->js);
}
