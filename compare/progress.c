/* SPDX-License-Identifier: MIT
 *
 * progress.h. Time left: the mean cell so far, times the cells to come.
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    bool terminal;
    struct timespec start;
    const char *pass;
    size_t expected, done, pass_cells, pass_done;
    unsigned rounds;
    double seconds; /* in cells that are done */
} progress;

void progress_start(bool terminal) {
    progress.terminal = terminal;
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
}

void progress_expect(size_t cells, unsigned rounds) {
    progress.expected = progress.done + cells;
    progress.rounds = rounds;
}

double progress_elapsed(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - progress.start.tv_sec) +
           (double)(now.tv_nsec - progress.start.tv_nsec) * 1e-9;
}

void progress_cell(const char *workload, const char *params, unsigned threads, const char *allocator,
                   unsigned round) {
    if (!progress.terminal)
        return;
    const double mean = progress.done == 0 ? 0 : progress.seconds / (double)progress.done;
    const double left =
        progress.expected > progress.done ? mean * (double)(progress.expected - progress.done) : 0;
    fprintf(stderr, "\r\033[K");
    if (round == 0)
        fprintf(stderr, "%s %zu/%zu  ", progress.pass, ++progress.pass_done, progress.pass_cells);
    else if (progress.done == 0)
        fprintf(stderr, "round %u/%u  ", round, progress.rounds);
    else
        fprintf(stderr, "round %u/%u  %d:%02d left  ", round, progress.rounds, (int)left / 60,
                (int)left % 60);
    fprintf(stderr, "%s%s%s  threads %u  %s", workload, strcmp(params, "-") == 0 ? "" : " ",
            strcmp(params, "-") == 0 ? "" : params, threads, allocator);
    fflush(stderr);
}

void progress_done(double seconds) {
    progress.done++;
    progress.seconds += seconds;
}

void progress_round(unsigned round, unsigned rounds) {
    if (!progress.terminal)
        fprintf(stderr, "round %u of %u, %.0f s\n", round, rounds, progress_elapsed());
}

void progress_pass(const char *pass, size_t cells) {
    progress.pass = pass;
    progress.pass_cells = cells;
    progress.pass_done = 0;
    if (!progress.terminal && cells != 0)
        fprintf(stderr, "%s: %zu cells, %.0f s\n", pass, cells, progress_elapsed());
}

void progress_end(void) {
    if (progress.terminal)
        fputs("\r\033[K", stderr);
}
