/* SPDX-License-Identifier: MIT
 *
 * Rows of safety.tsv, read and written.
 */
#include "safety.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS = 12 };

bool safety_read_row(const char *line, struct safety_row *row) {
    const char *field[FIELDS];
    char *at = arena_copy(line, strcspn(line, "\n"));
    for (int i = 0; i < FIELDS; i++) {
        if (at == NULL)
            return false;
        field[i] = at;
        at = strchr(at, '\t');
        if (at != NULL)
            *at++ = '\0';
    }
    *row = (struct safety_row){.allocator = field[0],
                               .column = field[1],
                               .params = field[2],
                               .instructions = strtoul(field[3], NULL, 10),
                               .points = strtoul(field[4], NULL, 10),
                               .failed = strtoul(field[5], NULL, 10),
                               .bytes = field[6],
                               .verdict = field[7],
                               .kind = field[8],
                               .first_failure = field[9],
                               .point = field[10],
                               .note = field[11]};
    return at == NULL && strcmp(field[0], "allocator") != 0;
}

struct safety_rows safety_read(const char *file) {
    struct safety_rows rows = {0};
    size_t size;
    const char *at = arena_file(file, &size);
    while (at != NULL && *at != '\0') {
        struct safety_row row;
        const char *const end = strchr(at, '\n');
        if (end == NULL)
            break; /* half a line: whoever wrote it was ended */
        if (*at != '#' && safety_read_row(at, &row)) {
            rows.row = arena_grow(rows.row, rows.count, sizeof *rows.row);
            rows.row[rows.count++] = row;
        }
        at = end + 1;
    }
    return rows;
}

void safety_write_row(FILE *file, const struct safety_row *row) {
    fprintf(file, "%s\t%s\t%s\t%lu\t%lu\t%lu\t%s\t%s\t%s\t%s\t%s\t%s\n", row->allocator, row->column, row->params,
            row->instructions, row->points, row->failed, row->bytes, row->verdict, row->kind, row->first_failure,
            row->point, row->note);
}

bool safety_require(const struct safety_rows *rows, const struct words *required) {
    bool all = true;
    for (size_t w = 0; w < required->count; w++) {
        const char *const word = required->word[w], *const slash = strchr(word, '/');
        const size_t length = slash == NULL ? strlen(word) : (size_t)(slash - word);
        size_t cells = 0;
        for (size_t i = 0; i < rows->count; i++) {
            const struct safety_row *const row = &rows->row[i];
            if (strlen(row->column) != length || strncmp(row->column, word, length) != 0 ||
                (slash != NULL && strstr(row->params, slash + 1) == NULL))
                continue;
            cells++;
            if (strcmp(row->verdict, "holds") == 0)
                continue;
            fprintf(stderr, "compare: required, and not so: %s %s %s: %s\n", row->allocator, row->column, row->params,
                    row->verdict);
            all = false;
        }
        if (cells == 0) {
            fprintf(stderr, "compare: --require %s: there is no such cell\n", word);
            all = false;
        }
    }
    return all;
}
