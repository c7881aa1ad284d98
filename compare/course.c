/* SPDX-License-Identifier: MIT
 *
 * course.h. Whole lines only: what a program was ended in the middle of is not taken over.
 */
#include "course.h"

#include "arena.h"
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char columns[] = "workload\tparams\tthreads\tallocator\tms\tresident_bytes\tcommitted_bytes\tlive_bytes\n";
enum { NAMES = 4 }; /* the columns that say which cell it is */

static const char *course_path(const char *dir) {
    return arena_format("%s/memory-time.tsv", dir);
}

const char *course_part(const struct store *store) {
    return arena_format("%s.part", course_path(store->dir));
}

static void must(bool written, const char *path) {
    if (written)
        return;
    fprintf(stderr, "compare: %s cannot be written: %s; what is there is kept\n", path, strerror(errno));
    exit(1);
}

static size_t names_length(const char *line) {
    const char *at = line;
    for (int i = 0; i < NAMES && *at != '\0'; i++)
        at += strcspn(at, "\t") + (i + 1 < NAMES && at[strcspn(at, "\t")] != '\0');
    return (size_t)(at - line);
}

/* Does STORE say that the cell with these NAMES has been measured? */
static bool is_complete(const struct store *store, const char *names, size_t length) {
    const char *const metric = record_info[pass_completes[PASS_MEMORY_TIME]].name;
    char row[1024];
    for (size_t i = 0; i < store->rows; i++) {
        const struct round_row *const r = &store->row[i];
        if (r->round != 0 || strcmp(r->metric, metric) != 0)
            continue;
        snprintf(row, sizeof row, "%s\t%s\t%u\t%s", r->workload, r->params, r->threads, r->allocator);
        if (strlen(row) == length && strncmp(row, names, length) == 0)
            return true;
    }
    return false;
}

/* Rows of one cell stand together, so that STORE is asked once for each. */
static void keep_complete(const struct store *store, FILE *old, FILE *file) {
    char *line = NULL, names[1024] = "";
    size_t size = 0;
    bool keeps = false;
    for (ssize_t length; (length = getline(&line, &size, old)) > 0 && line[length - 1] == '\n';) {
        const size_t n = names_length(line);
        if (line[0] == '#' || strcmp(line, columns) == 0 || n >= sizeof names)
            continue;
        if (strlen(names) != n || strncmp(names, line, n) != 0) {
            snprintf(names, sizeof names, "%.*s", (int)n, line);
            keeps = is_complete(store, names, n);
        }
        if (keeps)
            fputs(line, file);
    }
    free(line);
}

void course_open(const struct store *store) {
    const char *const path = course_path(store->dir), *const fresh = arena_format("%s.new", path);
    FILE *const old = fopen(path, "re"), *const file = fopen(fresh, "we");
    must(file != NULL, fresh);
    store_write_head(store, file);
    fputs(columns, file);
    if (old != NULL) {
        keep_complete(store, old, file);
        fclose(old);
    }
    const bool written = !ferror(file);
    must(fclose(file) == 0 && written && rename(fresh, path) == 0, path);
}

void course_append(const struct store *store, bool measured) {
    const char *const path = course_path(store->dir), *const part = course_part(store);
    FILE *const from = measured ? fopen(part, "re") : NULL;
    if (from != NULL) {
        FILE *const file = fopen(path, "ae");
        char *line = NULL;
        size_t size = 0;
        must(file != NULL, path);
        while (getline(&line, &size, from) > 0)
            if (strcmp(line, columns) != 0)
                fputs(line, file);
        free(line);
        fclose(from);
        const bool written = !ferror(file);
        must(fclose(file) == 0 && written, path);
    }
    unlink(part);
}

bool course_copy(const char *from, const char *dir, char *why, size_t why_size) {
    size_t size;
    const char *const text = arena_file(course_path(from), &size);
    if (text == NULL)
        return true;
    FILE *const file = fopen(course_path(dir), "we");
    const bool written = file != NULL && fwrite(text, 1, size, file) == size;
    if (file != NULL && fclose(file) == 0 && written)
        return true;
    snprintf(why, why_size, "%s cannot be written: %s", course_path(dir), strerror(errno));
    return false;
}
