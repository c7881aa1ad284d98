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

/* The least and the greatest of the ratios of some cells, and whether all of them are separated. */
struct range {
    size_t count;
    double low, high;
    bool separated;
};

static struct range range_of(const struct summary_row *rows, size_t n, const char *subject, bool one_thread) {
    struct range range = {.low = INFINITY, .separated = true};
    for (size_t i = 0; i < n; i++) {
        if (!is_of(&rows[i], "list-reversal", subject, "time_ns") || (rows[i].threads == 1) != one_thread ||
            !has_ratio(&rows[i]))
            continue;
        range.count++;
        range.low = fmin(range.low, rows[i].ratio);
        range.high = fmax(range.high, rows[i].ratio);
        range.separated &= strcmp(rows[i].verdict, "not-separated") != 0;
    }
    return range;
}

static const char *words_of(struct range range) {
    if (range.count == 0)
        return "not measured";
    const char *const doubt = range.separated ? "" : " (not all separated)";
    if (range.high - range.low < 0.005)
        return arena_format("%.2f times%s", range.low, doubt);
    return arena_format("%.2f to %.2f times%s", range.low, range.high, doubt);
}

/* ---- the intensity curve ---- */

struct curve_point {
    double work_ns, ratio;
};
enum { MOST_POINTS = 64 };

static double work_of(const struct summary_row *rows, size_t n, const struct summary_row *time) {
    for (size_t i = 0; i < n; i++)
        if (is_of(&rows[i], "intensity", time->allocator, "work_ns") && rows[i].threads == time->threads &&
            strcmp(rows[i].params, time->params) == 0)
            return rows[i].value;
    return NAN;
}

static size_t curve_of(const struct summary_row *rows, size_t n, const char *subject,
                       struct curve_point *point) {
    size_t count = 0;
    for (size_t i = 0; i < n && count < MOST_POINTS; i++) {
        if (!is_of(&rows[i], "intensity", subject, "time_ns") || rows[i].threads != 2 || !has_ratio(&rows[i]))
            continue;
        const struct curve_point p = {work_of(rows, n, &rows[i]), rows[i].ratio};
        size_t at = count;
        if (!isfinite(p.work_ns))
            continue;
        for (; at > 0 && point[at - 1].work_ns > p.work_ns; at--)
            point[at] = point[at - 1];
        point[at] = p;
        count++;
    }
    return count;
}

/* The private work at which the curve falls through LEVEL for the last time, by a line between the points on
 * logarithmic axes; NaN: it does not. */
static double falls_through(const struct curve_point *point, size_t n, double level) {
    double at = NAN;
    for (size_t i = 0; i + 1 < n; i++)
        if (point[i].ratio > level && point[i + 1].ratio <= level) {
            const double share = log(point[i].ratio / level) / log(point[i].ratio / point[i + 1].ratio);
            const double from = fmax(point[i].work_ns, 1), to = fmax(point[i + 1].work_ns, 1);
            at = exp(log(from) + share * (log(to) - log(from)));
        }
    return at;
}

static const char *words_of_curve(const struct curve_point *point, size_t n) {
    if (n == 0)
        return "how it depends on the rate of allocation was not measured";
    double most = 0, least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, point[i].ratio);
        least = fmin(least, point[i].ratio);
    }
    const double enters = falls_through(point, n, band_high), leaves = falls_through(point, n, band_low);
    if (isfinite(enters) && isfinite(leaves))
        return arena_format(
            "pairs of 64 bytes on two threads are %.1f times slower without work between them, and the slowdown falls through 4 at %.0f ns and through 3 at %.0f ns of private work a pair",
            most, enters, leaves);
    if (isfinite(leaves))
        return arena_format(
            "pairs of 64 bytes on two threads are at most %.1f times slower, and the slowdown falls through 3 at %.0f ns of private work a pair",
            most, leaves);
    return arena_format(
        "pairs of 64 bytes on two threads are %.2f to %.2f times as slow over the rates of allocation measured, which does not cross the page's 3 to 4",
        least, most);
}

void figure_answer(const struct summary_row *rows, size_t n, const char *subject, const char *baseline,
                   char *text, size_t size) {
    struct curve_point point[MOST_POINTS];
    const size_t points = curve_of(rows, n, subject, point);
    const struct range one = range_of(rows, n, subject, true), more = range_of(rows, n, subject, false);
    if (one.count == 0 && more.count == 0 && points == 0)
        snprintf(text, size, "%s against %s: nothing that answers was measured.", subject, baseline);
    else
        snprintf(
            text, size,
            "%s against %s on this machine, list reversal: %s %s's time on one thread, %s under contention; %s.",
            strcmp(subject, "ao") == 0 ? "AO_malloc" : subject, baseline, words_of(one), baseline,
            words_of(more), words_of_curve(point, points));
}

/* ---- any campaign ---- */

void figure_fastest(const struct summary_row *rows, size_t n, const char *baseline, char *text, size_t size) {
    const char *fastest = NULL;
    double lowest = INFINITY, cells_of_fastest = 0;
    bool separated = false;
    for (size_t i = 0; i < n; i++) {
        double sum = 0, better = 0, cells = 0;
        if (strcmp(rows[i].metric, "time_ns") != 0 || strcmp(rows[i].verdict, "control") == 0 ||
            !has_ratio(&rows[i]))
            continue;
        for (size_t j = 0; j < n; j++)
            if (strcmp(rows[j].metric, "time_ns") == 0 && strcmp(rows[j].allocator, rows[i].allocator) == 0 &&
                has_ratio(&rows[j])) {
                sum += log(rows[j].ratio);
                better += strcmp(rows[j].verdict, "better") == 0;
                cells++;
            }
        if (sum / cells < lowest) {
            lowest = sum / cells;
            fastest = rows[i].allocator;
            cells_of_fastest = cells;
            separated = 2 * better > cells;
        }
    }
    if (fastest == NULL)
        snprintf(text, size, "No cell was measured that could be compared with %s.", baseline);
    else if (!separated)
        snprintf(
            text, size,
            "No allocator was separated from %s in most of its cells; the lowest geometric mean is %s's, %.2f times over %.0f cells.",
            baseline, fastest, exp(lowest), cells_of_fastest);
    else
        snprintf(text, size,
                 "Fastest over its %.0f cells was %s: %.2f times %s's time by the geometric mean.",
                 cells_of_fastest, fastest, exp(lowest), baseline);
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

void figure_draw(const char *plots, const char *dir) {
    static const char *const pictures[] = {"slowdown-threads", "slowdown-intensity", "throughput-threads"};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        const char *const script = arena_format("%s/%s.gp", plots, pictures[i]), *const out = arena_format(
                                                                                     "%s/%s", dir,
                                                                                     pictures[i]);
        const char *const summary = arena_format("%s/summary.tsv", dir);
        if (access(script, R_OK) != 0) {
            fprintf(stderr,
                    "compare: no picture: %s is not there; COMPARE_PLOTS names the directory of the plots\n",
                    script);
            return;
        }
        const char *const argv[] = {
            "gnuplot", "-e", arena_format("summary=%s; out=%s", quoted(summary), quoted(out)), script, NULL};
        const struct child_result drawn = child_run(argv, NULL, (struct child_limits){.seconds = 120});
        if (drawn.end == CHILD_EXITED && drawn.code == 0)
            printf("%s.svg\n%s.png\n", out, out);
        else if (drawn.end == CHILD_EXITED && drawn.code == 127) {
            fputs(
                "compare: no pictures: gnuplot is not here (Debian package gnuplot-nox); the figures are in summary.tsv\n",
                stderr);
            return;
        } else
            fprintf(stderr, "compare: %s was not drawn: %s\n", pictures[i], drawn.last_line);
    }
}
