/* SPDX-License-Identifier: MIT
 *
 * figure.h. The band of 3 to 4 is the man page's: "a factor of 3 to 4 slowdown ... with contention".
 */
#include "figure.h"

#include "arena.h"
#include "child.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double band_low = 3, band_high = 4;

static bool is_of(const struct summary_row *r, const char *workload, const char *allocator,
                  const char *metric) {
    return strcmp(r->workload, workload) == 0 && strcmp(r->allocator, allocator) == 0 &&
           strcmp(r->metric, metric) == 0;
}

static bool has_ratio(const struct summary_row *r) {
    return strcmp(r->status, "ok") == 0 && isfinite(r->ratio);
}

static bool is_separated(const struct summary_row *r) {
    return strcmp(r->verdict, "not-separated") != 0;
}

/* Of some cells: how many there are, how many of them have a ratio, how many of these are separated, and the
 * least and the greatest of the ratios. */
struct range {
    size_t cells, count, separated;
    double low, high;
};

static void range_add(struct range *range, const struct summary_row *r) {
    range->cells++;
    if (!has_ratio(r))
        return;
    range->count++;
    range->separated += is_separated(r);
    range->low = fmin(range->low, r->ratio);
    range->high = fmax(range->high, r->ratio);
}

static struct range range_of(const struct summary_row *rows, size_t n, const char *subject, bool one_thread) {
    struct range range = {.low = INFINITY};
    for (size_t i = 0; i < n; i++)
        if (is_of(&rows[i], "list-reversal", subject, "time_ns") && (rows[i].threads == 1) == one_thread)
            range_add(&range, &rows[i]);
    return range;
}

/* What the reader must know of cells besides their ratios; "" where all have one and all are separated. */
static const char *words_of_doubt(struct range range) {
    const char *const doubt = range.separated == range.count ? ""
                              : range.separated == 0         ? "not separated"
                                                             : "not all separated";
    const size_t lost = range.cells - range.count;
    const char *const missing =
        lost == 0 ? "" : arena_format("%zu of %zu cells without a verdict", lost, range.cells);
    if (*doubt == '\0' && *missing == '\0')
        return "";
    return arena_format(" (%s%s%s)", doubt, *doubt != '\0' && *missing != '\0' ? "; " : "", missing);
}

/* WHOSE: "X's time " where it has not been said yet. */
static const char *words_of(struct range range, const char *whose, const char *where) {
    if (range.count == 0)
        return arena_format("%s %s", range.cells == 0 ? "not measured" : "no verdict", where);
    const char *const doubt = words_of_doubt(range);
    if (range.high - range.low < 0.005)
        return arena_format("%.2f times %s%s%s", range.low, whose, where, doubt);
    return arena_format("%.2f to %.2f times %s%s%s", range.low, range.high, whose, where, doubt);
}

/* ---- the intensity curve ---- */

struct curve_point {
    double work_ns, ratio;
    bool no_work;
};
enum { MOST_POINTS = 64 };

struct curve {
    struct curve_point point[MOST_POINTS]; /* by work */
    size_t points;
    struct range range; /* of all its cells */
    size_t unsure;      /* points above the band's foot that are not separated */
};

static double work_of(const struct summary_row *rows, size_t n, const struct summary_row *time) {
    for (size_t i = 0; i < n; i++)
        if (is_of(&rows[i], "intensity", time->allocator, "work_ns") && rows[i].threads == time->threads &&
            strcmp(rows[i].params, time->params) == 0)
            return rows[i].value;
    return NAN;
}

static void curve_read(struct curve *curve, const struct summary_row *rows, size_t n, const char *subject) {
    *curve = (struct curve){.range = {.low = INFINITY}};
    for (size_t i = 0; i < n && curve->points < MOST_POINTS; i++) {
        if (!is_of(&rows[i], "intensity", subject, "time_ns") || rows[i].threads != 2)
            continue;
        const struct curve_point p = {work_of(rows, n, &rows[i]), rows[i].ratio,
                                      strcmp(rows[i].params, "work=0") == 0};
        if (!has_ratio(&rows[i]) || !isfinite(p.work_ns)) {
            curve->range.cells++;
            continue;
        }
        range_add(&curve->range, &rows[i]);
        curve->unsure += p.ratio > band_low && !is_separated(&rows[i]);
        size_t at = curve->points++;
        for (; at > 0 && curve->point[at - 1].work_ns > p.work_ns; at--)
            curve->point[at] = curve->point[at - 1];
        curve->point[at] = p;
    }
}

/* The private work at which the curve falls through LEVEL for good; NaN: it does not. */
static double falls_through(const struct curve *curve, double level) {
    double work[MOST_POINTS], ratio[MOST_POINTS];
    for (size_t i = 0; i < curve->points; i++)
        work[i] = curve->point[i].work_ns, ratio[i] = curve->point[i].ratio;
    return stats_falls_through(work, ratio, curve->points, level);
}

/* A curve that does not leave the band downwards. */
static const char *words_of_rest(const struct curve *curve, double enters, bool page) {
    const double least = curve->range.low, most = curve->range.high;
    const struct curve_point *const last = &curve->point[curve->points - 1];
    if (curve->points == 1)
        return arena_format(
            "%.2f times as slow at the one rate of allocation measured, %.0f ns of private work a pair", most,
            last->work_ns);
    const char *const over =
        arena_format("%.2f to %.2f times as slow over the rates of allocation measured", least, most);
    if (isfinite(enters))
        return arena_format(
            "%s: the slowdown falls through 4 at %.0f ns of private work a pair and is still %.2f at %.0f ns, the most measured",
            over, enters, last->ratio, last->work_ns);
    if (last->ratio > band_low)
        return arena_format("%s, and still %.2f times at %.0f ns of private work a pair, the most measured",
                            over, last->ratio, last->work_ns);
    return arena_format("%s, which does not reach %s3 to 4", over, page ? "the page's " : "");
}

/* PAGE: the baseline is the page's, glibc. */
static const char *words_of_curve(const struct curve *curve, bool page) {
    static const char pairs[] = "pairs of 64 bytes on two threads";
    if (curve->points == 0)
        return curve->range.cells == 0 ? "how it depends on the rate of allocation was not measured"
                                       : "no verdict on how it depends on the rate of allocation";
    const double most = curve->range.high;
    const double enters = falls_through(curve, band_high), leaves = falls_through(curve, band_low);
    if (!isfinite(leaves))
        return arena_format("%s are %s%s", pairs, words_of_rest(curve, enters, page),
                            words_of_doubt(curve->range));
    /* What has come down to 1 is not separated, and should not be: only slowdowns that are named are in doubt. */
    struct range named = curve->range;
    named.separated = named.count - curve->unsure;
    const char *const doubt = words_of_doubt(named);
    const char *const slower = curve->point[0].no_work && curve->point[0].ratio >= most
                                   ? arena_format("%.1f times slower without work between them", most)
                                   : arena_format("at most %.1f times slower", most);
    if (isfinite(enters))
        return arena_format(
            "%s are %s, and the slowdown falls through 4 at %.0f ns and through 3 at %.0f ns of private work a pair%s",
            pairs, slower, enters, leaves, doubt);
    return arena_format("%s are %s, and the slowdown falls through 3 at %.0f ns of private work a pair%s",
                        pairs, slower, leaves, doubt);
}

void figure_answer(const struct summary_row *rows, size_t n, const char *subject, const char *baseline,
                   char *text, size_t size) {
    struct curve curve;
    curve_read(&curve, rows, n, subject);
    const struct range one = range_of(rows, n, subject, true), more = range_of(rows, n, subject, false);
    const bool best = strncmp(baseline, "best:", 5) == 0;
    const char *const name = strcmp(subject, "ao") == 0 ? "AO_malloc" : subject,
                      *const against = best ? arena_format("the fastest of %s", baseline + 5) : baseline,
                      *const whose = arena_format("%s's time ", best ? "the fastest" : baseline);
    if (strcmp(subject, baseline) == 0)
        snprintf(text, size, "%s is the baseline: nothing was measured that it could be held against.", name);
    else if (one.cells + more.cells + curve.range.cells == 0)
        snprintf(text, size, "%s against %s: nothing that answers was measured.", name, against);
    else if (one.count + more.count + curve.range.count == 0)
        snprintf(text, size, "%s against %s: no cell that would answer has a verdict.", name, against);
    else
        snprintf(text, size, "%s against %s on this machine, list reversal: %s, %s; %s.", name, against,
                 words_of(one, whose, "on one thread"),
                 words_of(more, one.count == 0 ? whose : "", "under contention"),
                 words_of_curve(&curve, strcmp(baseline, "glibc") == 0));
}

/* ---- any campaign ---- */

/* The cells of one allocator in which it can be compared. */
struct score {
    const char *allocator;
    double log_sum;
    size_t cells, better, baseline; /* baseline: where it is held against itself */
};

static struct score score_of(const struct summary_row *rows, size_t n, const char *allocator) {
    struct score score = {.allocator = allocator};
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].metric, "time_ns") == 0 && strcmp(rows[i].allocator, allocator) == 0 &&
            has_ratio(&rows[i])) {
            score.log_sum += log(rows[i].ratio);
            score.better += strcmp(rows[i].verdict, "better") == 0;
            score.baseline += strcmp(rows[i].verdict, "baseline") == 0;
            score.cells++;
        }
    return score;
}

void figure_fastest(const struct summary_row *rows, size_t n, const char *baseline, char *text, size_t size) {
    struct score best = {.log_sum = INFINITY, .cells = 1};
    bool compared = false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].metric, "time_ns") != 0 || strcmp(rows[i].verdict, "control") == 0 ||
            !has_ratio(&rows[i]))
            continue;
        const struct score score = score_of(rows, n, rows[i].allocator);
        compared |= score.baseline < score.cells;
        if (score.log_sum / (double)score.cells < best.log_sum / (double)best.cells)
            best = score;
    }
    const double mean = exp(best.log_sum / (double)best.cells);
    if (!compared)
        snprintf(text, size, "No cell was measured that could be compared with %s.", baseline);
    else if (best.baseline == best.cells)
        snprintf(text, size, "None was faster than %s by the geometric mean of its ratios.", baseline);
    else if (2 * best.better > best.cells)
        snprintf(text, size, "Fastest over its %zu cells was %s: %.2f times %s's time by the geometric mean.",
                 best.cells, best.allocator, mean, baseline);
    else
        snprintf(
            text, size,
            "None stands out: the lowest geometric mean is %s's, %.2f times %s's time, but it is separated as faster in only %zu of its %zu cells.",
            best.allocator, mean, baseline, best.better, best.cells);
}

/* ---- pictures ---- */

static const char *quoted(const char *text) {
    /* gnuplot's single quotes: a quote inside is doubled. */
    char *const out = arena_get(2 * strlen(text) + 3);
    char *at = out;
    *at++ = '\'';
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            *at++ = '\'';
        *at++ = *text;
    }
    *at = '\'';
    return out;
}

/* What a script of the plots ends with besides 0 and 1: the data have nothing for it. */
enum { NOTHING_TO_DRAW = 3 };

static const char *script_path(const char *plots, const char *name) {
    return arena_format("%s/%s.gp", plots, name);
}

/* gnuplot on a script, with the names of what it reads and of what it writes, the latter without its ending. SETTINGS: of
 * gnuplot's too, each with a semicolon behind it. */
static struct child_result run_script(const char *script, const char *settings, const char *data, const char *out) {
    const char *const argv[] = {
        "gnuplot", "-e", arena_format("%ssummary=%s; out=%s", settings, quoted(data), quoted(out)), script, NULL};
    return child_run(argv, NULL, (struct child_limits){.seconds = 120});
}

const char *figure_draw_svg(const char *plots, const char *picture, const char *data, const char *out) {
    const char *const script = script_path(plots, picture);
    if (access(script, R_OK) != 0)
        return arena_format("%s is not there; COMPARE_PLOTS names the directory of the plots", script);
    const struct child_result drawn = run_script(script, "kinds='svg'; ", data, out);
    if (drawn.end == CHILD_EXITED && drawn.code == 127)
        return "gnuplot is not here (Debian package gnuplot-nox)";
    if (drawn.end == CHILD_EXITED && drawn.code == NOTHING_TO_DRAW)
        return "";
    if (drawn.end == CHILD_EXITED && drawn.code == 0)
        return NULL;
    return *drawn.last_line == '\0' ? "gnuplot failed" : drawn.last_line;
}

enum drawing { DRAWN, NOT_DRAWN, NO_USE_IN_ANOTHER };

/* One picture of DATA. Says why it was not drawn, unless the data have nothing for it. */
static enum drawing draw(const char *plots, const char *dir, const char *picture, const char *data) {
    const char *const script = script_path(plots, picture), *const out = arena_format("%s/%s", dir, picture);
    if (access(script, R_OK) != 0) {
        fprintf(stderr, "compare: no picture: %s is not there; COMPARE_PLOTS names the directory of the plots\n",
                script);
        return NO_USE_IN_ANOTHER;
    }
    const struct child_result drawn = run_script(script, "", data, out);
    if (drawn.end == CHILD_EXITED && drawn.code == 0) {
        printf("%s.svg\n%s.png\n", out, out);
        return DRAWN;
    }
    if (drawn.end == CHILD_EXITED && drawn.code == 127) {
        fprintf(stderr, "compare: no pictures: gnuplot is not here (Debian package gnuplot-nox); the figures are in %s\n",
                strrchr(data, '/') + 1);
        return NO_USE_IN_ANOTHER;
    }
    if (drawn.end != CHILD_EXITED || drawn.code != NOTHING_TO_DRAW)
        fprintf(stderr, "compare: %s was not drawn: %s\n", picture, drawn.last_line);
    return NOT_DRAWN;
}

const struct figure_picture figure_pictures[] = {
    {"slowdown-threads", "summary.tsv", false},
    {"slowdown-intensity", "summary.tsv", false},
    {"throughput-threads", "summary.tsv", false},
    {"speed-memory", "summary.tsv", true},
    {"latency", "summary.tsv", true},
    {"line-sharing", "summary.tsv", true},
    {"scaling", "scaling.tsv", true},
    {"memory-time", "memory-time.tsv", true},
    {NULL, NULL, false},
};

void figure_draw(const char *plots, const char *dir) {
    unsigned drawn = 0;
    for (size_t i = 0; figure_pictures[i].name != NULL; i++) {
        const char *const data = arena_format("%s/%s", dir, figure_pictures[i].data);
        if (figure_pictures[i].optional && access(data, R_OK) != 0)
            continue;
        const enum drawing drawing = draw(plots, dir, figure_pictures[i].name, data);
        if (drawing == NO_USE_IN_ANOTHER)
            return;
        drawn += drawing == DRAWN;
    }
    if (drawn == 0)
        fputs("compare: no pictures: list-reversal, several thread counts, peak memory or latencies have one each\n", stderr);
}

const char *figure_fit_scaling(const char *plots, const char *dir) {
    const char *const script = script_path(plots, "scaling-fit"), *const out = arena_format("%s/scaling", dir);
    if (access(script, R_OK) != 0)
        return ""; /* figure_draw says so */
    const struct child_result fitted = run_script(script, "", arena_format("%s/summary.tsv", dir), out);
    if (fitted.end != CHILD_EXITED || (fitted.code != 0 && fitted.code != 127))
        fprintf(stderr, "compare: no fit of scaling: %s\n", fitted.last_line);
    size_t size;
    const char *const text = arena_file(arena_format("%s.tsv", out), &size);
    return text == NULL ? "" : text;
}

void figure_draw_safety(const char *plots, const char *dir) {
    draw(plots, dir, "safety", arena_format("%s/safety.tsv", dir));
}
