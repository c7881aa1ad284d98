/* SPDX-License-Identifier: MIT
 *
 * Which cells there are, and probe's words for them.
 */
#include "safety.h"

#include <string.h>

static const struct {
    const char *column, *params;
    bool ours_only;
} matrix[] = {
    {"signal", "path=pair", false},
    {"signal", "path=refill", false},
    {"signal", "path=large", false},
    {"signal", "path=xfree", false},
    {"signal", "path=cold", false},
    {"signal", "path=thread", false},
    {"nested", "path=pair,depth=2", false},
    {"nested", "path=pair,depth=3", true},
    {"progress", "path=pair,k=1", false},
    {"progress", "path=refill,k=1", false},
    {"progress", "path=large,k=1", false},
    {"progress", "path=xfree,k=1", false},
    {"progress", "path=cold,k=1", false},
    {"progress", "path=thread,k=1", false},
    {"progress", "path=pair,k=2", false},
    {"progress", "path=pair,k=3", true},
    {"fork", "path=pair,fork=fork", false},
    {"fork", "path=refill,fork=fork", false},
    {"fork", "path=large,fork=fork", false},
    {"fork", "path=xfree,fork=fork", false},
    {"fork", "path=pair,fork=_Fork", false},
    {"fork", "path=refill,fork=_Fork", false},
    {"fork", "path=large,fork=_Fork", false},
    {"fork", "path=xfree,fork=_Fork", false},
    {"loss", "path=pair", false},
    {"loss", "path=refill", false},
    {"misuse", "use=double-free", false},
    {"misuse", "use=double-free-between", false},
    {"misuse", "use=double-free-large", false},
    {"misuse", "use=free-inside", false},
    {"misuse", "use=free-of-stack", false},
    {"misuse", "use=free-of-mapping", false},
    {"misuse", "use=overflow-1", false},
    {"misuse", "use=overflow-16", false},
    {"misuse", "use=write-after-free", false},
};

void safety_add_cell(struct safety_cells *cells, const struct safety_cell *cell) {
    cells->cell = arena_grow(cells->cell, cells->count, sizeof *cells->cell);
    cells->cell[cells->count++] = *cell;
}

struct safety_cells safety_cells(const struct words *specs, const struct words *ours) {
    struct safety_cells cells = {0};
    for (size_t s = 0; s < specs->count; s++)
        for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
            if (matrix[i].ours_only && ours != NULL && !words_have(ours, specs->word[s]))
                continue;
            const struct safety_cell cell = {specs->word[s], matrix[i].column, matrix[i].params};
            safety_add_cell(&cells, &cell);
        }
    return cells;
}

const char *const *safety_arguments(const char *probe, const struct safety_cell *cell, const char *point) {
    struct words words = {0};
    words_add(&words, probe);
    words_add(&words, "--allocator");
    words_add(&words, cell->spec);
    words_add(&words, "--column");
    words_add(&words, cell->column);
    const struct words params = words_split(cell->params, ","); /* path=pair is --path pair */
    for (size_t i = 0; i < params.count; i++) {
        const char *const equals = strchr(params.word[i], '=');
        if (equals == NULL)
            continue; /* of a file that somebody else has written */
        words_add(&words, arena_format("--%.*s", (int)(equals - params.word[i]), params.word[i]));
        words_add(&words, equals + 1);
    }
    if (point != NULL) {
        words_add(&words, "--point");
        words_add(&words, point);
    }
    words_add(&words, NULL);
    return words.word;
}
