/* SPDX-License-Identifier: MIT
 *
 * The command line of compare.
 */
#ifndef COMPARE_OPTIONS_H
#define COMPARE_OPTIONS_H

#include "arena.h"
#include "plan.h"

enum subcommand { SUBCOMMAND_LIST, SUBCOMMAND_RUN, SUBCOMMAND_FIGURE, SUBCOMMAND_CLAIMS, SUBCOMMAND_DIFF, SUBCOMMAND_REPORT };

struct options {
    struct plan plan;    /* of the campaign file, with the command line over it */
    const char *subject; /* the first allocator: whom the answer is about */
    const char *out;     /* -o; NULL: none */
    const char *from;    /* --from; NULL: measure */
    const char *export;  /* --export; NULL: none */
    const char *file;    /* of the campaign, or of the claims */
    const char *command; /* as it would be typed at the front door */
    struct words results; /* of report: directories */
    bool dry_run;
    bool baseline_given, allocators_given;
    struct options_diff {
        const char *before, *after; /* OLD and NEW */
        double max_regression;      /* a share: 0.05 */
        bool other_machine;
    } diff; /* of the subcommand diff, which has nothing else */
};

/* Reads campaign files from CAMPAIGNS, files of claims from CLAIMS. Ends the program on --help and --version (0) and on
 * bad use (2). */
enum subcommand options_parse(struct options *options, int argc, char **argv, const char *campaigns,
                              const char *claims);

#endif
