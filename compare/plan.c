/* SPDX-License-Identifier: MIT
 *
 * plan.h: a reader of lines of words. No clock, no processes.
 */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Joins the words that are left with commas. */
static void join_words(char *words, char *joined, size_t size) {
    size_t used = 0;
    *joined = '\0';
    for (char *word; (word = strsep(&words, " \t")) != NULL;)
        if (*word != '\0')
            used += (size_t)snprintf(joined + used, used < size ? size - used : 0, "%s%s",
                                     used == 0 ? "" : ",", word);
}

static bool read_cells(struct plan *plan, char *words, char *why, size_t why_size) {
    if (plan->cell_count == PLAN_CELLS) {
        snprintf(why, why_size, "more than %d lines of cells", PLAN_CELLS);
        return false;
    }
    struct plan_cells *const cells = &plan->cells[plan->cell_count++];
    *cells = (struct plan_cells){0};
    for (char *word; (word = strsep(&words, " \t")) != NULL;) {
        if (*word == '\0')
            continue;
        if (strncmp(word, "threads=", 8) == 0)
            snprintf(cells->threads, sizeof cells->threads, "%s", word + 8);
        else if (strncmp(word, "also=", 5) == 0)
            snprintf(cells->also, sizeof cells->also, "%s", word + 5);
        else if (*cells->workload == '\0')
            snprintf(cells->workload, sizeof cells->workload, "%s", word);
        else {
            snprintf(why, why_size, "\"%s\": cells WORKLOAD [threads=N,...] [also=ALLOCATOR,...]", word);
            return false;
        }
    }
    return true;
}

static bool read_number(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= 0;
}

static bool read_setting(struct plan *plan, const char *key, char *value, char *why, size_t why_size) {
    double number = 0;
    if (strcmp(key, "allocators") == 0) {
        join_words(value, plan->allocators, sizeof plan->allocators);
    } else if (strcmp(key, "baseline") == 0) {
        snprintf(plan->baseline, sizeof plan->baseline, "%s", value);
    } else if (strcmp(key, "line-sharing") == 0) {
        plan->line_sharing = strcmp(value, "yes") == 0;
    } else if (strcmp(key, "cells") == 0) {
        return read_cells(plan, value, why, why_size);
    } else if (!read_number(value, &number)) {
        snprintf(why, why_size, "\"%s %s\": a number is wanted", key, value);
        return false;
    } else if (strcmp(key, "rounds") == 0) {
        plan->rounds = (unsigned)number;
    } else if (strcmp(key, "min-time") == 0) {
        plan->min_time = number;
    } else if (strcmp(key, "budget") == 0) {
        plan->budget = number;
    } else if (strcmp(key, "seed") == 0) {
        plan->seed = (uint64_t)number;
    } else {
        snprintf(why, why_size, "no setting is called \"%s\"", key);
        return false;
    }
    return true;
}

static bool read_line(struct plan *plan, char *line, char *why, size_t why_size) {
    line[strcspn(line, "#\n")] = '\0';
    line += strspn(line, " \t");
    for (size_t length = strlen(line); length > 0 && strchr(" \t", line[length - 1]) != NULL;)
        line[--length] = '\0';
    if (*line == '\0')
        return true;
    char *const key = strsep(&line, " \t");
    static char nothing[1];
    return read_setting(plan, key, line == NULL ? nothing : line + strspn(line, " \t"), why, why_size);
}

bool plan_read(struct plan *plan, const char *path, char *why, size_t why_size) {
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    char line[PLAN_TEXT], wrong[512];
    bool good = true;
    for (unsigned number = 1; good && fgets(line, sizeof line, file) != NULL; number++) {
        good = read_line(plan, line, wrong, sizeof wrong);
        if (!good)
            snprintf(why, why_size, "%s:%u: %s", path, number, wrong);
    }
    fclose(file);
    return good;
}

void plan_first_baseline(const struct plan *plan, char *name, size_t size) {
    const char *const first = strncmp(plan->baseline, "best:", 5) == 0 ? plan->baseline + 5 : plan->baseline;
    snprintf(name, size, "%.*s", (int)strcspn(first, ","), first);
}

void plan_identity(const struct plan *plan, char *text, size_t size) {
    size_t used = (size_t)snprintf(
        text, size, "allocators=%s baseline=%s rounds=%u min-time=%g budget=%g seed=%llu line-sharing=%d",
        plan->allocators, plan->baseline, plan->rounds, plan->min_time, plan->budget,
        (unsigned long long)plan->seed, plan->line_sharing);
    for (size_t i = 0; i < plan->cell_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " cells=%s;%s;%s", plan->cells[i].workload,
                                 plan->cells[i].threads, plan->cells[i].also);
}
