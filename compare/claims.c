/* SPDX-License-Identifier: MIT
 *
 * claims.h.
 */
#include "claims.h"

#include "child.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- limits ---- */

static const char limits[] = "limits"; /* the workload that their rows name: of no thread, in no round */
enum { LIMITS_SECONDS = 120 };

static bool has_limits(const struct store *store, const char *allocator) {
    for (size_t i = 0; i < store->rows; i++)
        if (strcmp(store->row[i].workload, limits) == 0 && strcmp(store->row[i].allocator, allocator) == 0)
            return true;
    return false;
}

static struct round_row limits_row(const char *allocator, const char *metric, double value,
                                   const char *status, const char *note) {
    return (struct round_row){limits, "-", 1, allocator, 0, metric, value, status, note};
}

/* bench prints a line a figure: allocator, metric, value. */
static void add_limits(struct store *store, const char *allocator, const struct child_result *child) {
    struct round_row rows[8];
    size_t n = 0;
    const struct words lines = words_split(child->out, "\n");
    for (size_t i = 0; i < lines.count && n < sizeof rows / sizeof *rows; i++) {
        const struct words field = words_split(lines.word[i], "\t");
        if (field.count == 3)
            rows[n++] = limits_row(allocator, field.word[1], strtod(field.word[2], NULL), "ok", NULL);
    }
    if (child->end != CHILD_EXITED || child->code != 0 || n == 0)
        rows[n++] = limits_row(allocator, "largest_block_bytes", NAN, "crashed", child->last_line);
    store_add_rows(store, rows, n);
}

/* False: interrupted. */
static bool measure_limits(const struct claims *claims, const struct catalogue *catalogue, const char *bench,
                           struct store *store) {
    const struct words names = claims_limits(claims);
    for (size_t i = 0; i < names.count; i++) {
        const struct catalogue_allocator *const known = catalogue_allocator_named(catalogue, names.word[i]);
        if (has_limits(store, names.word[i]) || (known != NULL && strcmp(known->status, "ok") != 0))
            continue;
        const char *const argv[] = {bench, "--limits", arena_format("--allocators=%s", names.word[i]), NULL};
        const struct child_result child =
            child_run(argv, NULL, (struct child_limits){.seconds = LIMITS_SECONDS});
        if (child.end == CHILD_INTERRUPTED)
            return false;
        add_limits(store, names.word[i], &child);
    }
    return true;
}

/* ---- all ---- */

/* Those whose allocator is here. */
static struct safety_cells possible(const struct safety_cells *cells, const struct catalogue *catalogue) {
    struct safety_cells kept = {0};
    for (size_t i = 0; i < cells->count; i++) {
        const struct catalogue_allocator *const known =
            catalogue_allocator_named(catalogue, cells->cell[i].spec);
        if (known == NULL || strcmp(known->status, "ok") == 0)
            safety_add_cell(&kept, &cells->cell[i]);
    }
    return kept;
}

int claims_measure(const struct claims *claims, const struct catalogue *catalogue, const char *bench,
                   const char *probe, struct store *store, struct safety_rows *safety) {
    *safety = (struct safety_rows){0};
    if (!measure_limits(claims, catalogue, bench, store))
        return 128 + child_interrupted();
    const struct safety_cells wanted = claims_safety_cells(claims), cells = possible(&wanted, catalogue);
    if (cells.count != 0 && access(probe, X_OK) != 0) {
        fprintf(stderr, "compare: claims of safety stay undecided: %s\n", safety_no_probe);
        return 0;
    }
    return cells.count == 0 ? 0 : safety_measure(&cells, probe, store->dir, safety);
}

bool claims_conclude(const struct claims *claims, const struct store *store, const struct safety_rows *safety,
                     const char *dir, char *why, size_t why_size) {
    const struct claim_rows rows = claims_judge(claims, store->row, store->rows, safety);
    if (!claims_write(&rows, dir, why, why_size))
        return false;
    claims_print(stdout, &rows, isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
    printf("%s/claims.tsv\n%s/claims.md\n", dir, dir);
    return true;
}
