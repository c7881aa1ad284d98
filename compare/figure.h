/* SPDX-License-Identifier: MIT
 *
 * What a campaign answers, in a sentence, and its pictures.
 */
#ifndef COMPARE_FIGURE_H
#define COMPARE_FIGURE_H

#include "summary.h"

/* Of the contention figure: SUBJECT against BASELINE on one thread, under contention, and at which private
 * work the slowdown passes 4 and 3. True in all cases: what was not measured or not separated is said. */
void figure_answer(const struct summary_row *rows, size_t n, const char *subject, const char *baseline,
                   char *text, size_t size);

/* Of any campaign: who was fastest over all cells by the geometric mean of its ratios, and by how much. */
void figure_fastest(const struct summary_row *rows, size_t n, const char *baseline, char *text, size_t size);

/* A picture of the plots, and the file in a directory of results that it is of. */
struct figure_picture {
    const char *name, *data;
    bool optional; /* a report does not say that it is missing */
};
extern const struct figure_picture figure_pictures[]; /* NULL ends them; without safety */

/* Draws PICTURE (one of those, or "safety") of the file DATA to OUT.svg alone. NULL; or why there is none, "" where the
 * data have nothing for it. */
const char *figure_draw_svg(const char *plots, const char *picture, const char *data, const char *out);

/* Has the scaling law fitted to DIR/summary.tsv, by which DIR/scaling.tsv is written; its text, or "" where it could
 * not be. */
const char *figure_fit_scaling(const char *plots, const char *dir);

/* Draws every picture of PLOTS for which DIR/summary.tsv, scaling.tsv and memory-time.tsv have data; prints where each is to standard output,
 * and to standard error what could not be drawn. */
void figure_draw(const char *plots, const char *dir);

/* The same of the safety matrix in DIR/safety.tsv. */
void figure_draw_safety(const char *plots, const char *dir);

#endif
