/* SPDX-License-Identifier: MIT
 *
 * plan.h: a reader of lines of words. No clock, no processes.
 */
#include "plan.h"

#include <errno.h>
#include <math.h>
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

/* False: it does not fit, and a part of it would be something else. */
static bool put(char *to, size_t size, const char *text, char *why, size_t why_size) {
    if (strlen(text) >= size) {
        snprintf(why, why_size, "\"%.40s...\" is longer than %zu characters", text, size - 1);
        return false;
    }
    memcpy(to, text, strlen(text) + 1);
    return true;
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
        bool good = true;
        if (strncmp(word, "threads=", 8) == 0)
            good = put(cells->threads, sizeof cells->threads, word + 8, why, why_size);
        else if (strncmp(word, "also=", 5) == 0)
            good = put(cells->also, sizeof cells->also, word + 5, why, why_size);
        else if (*cells->workload == '\0')
            good = put(cells->workload, sizeof cells->workload, word, why, why_size);
        else {
            snprintf(why, why_size, "\"%s\": cells WORKLOAD [threads=N,...] [also=ALLOCATOR,...]", word);
            good = false;
        }
        if (!good)
            return false;
    }
    return true;
}

bool plan_number(const char *text, double least, double most, bool whole, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= least && *number <= most &&
           (!whole || *number == floor(*number));
}

static bool number_for(double *number, const char *key, const char *value, double least, double most,
                       bool whole, char *why, size_t why_size) {
    if (plan_number(value, least, most, whole, number))
        return true;
    snprintf(why, why_size, "\"%s %s\": a %snumber from %g to %.17g is wanted", key, value,
             whole ? "whole " : "", least, most);
    return false;
}

static bool yes_or_no(bool *yes, const char *key, const char *value, char *why, size_t why_size) {
    *yes = strcmp(value, "yes") == 0;
    if (*yes || strcmp(value, "no") == 0)
        return true;
    snprintf(why, why_size, "\"%s %s\": yes or no is wanted", key, value);
    return false;
}

/* yes, no, or the workloads. */
static bool read_after_free(struct plan *plan, const char *value, char *why, size_t why_size) {
    *plan->after_free_of = '\0';
    plan->after_free = strcmp(value, "no") != 0;
    if (*value == '\0') {
        snprintf(why, why_size, "\"after-free\": yes, no, or workloads with a comma between them");
        return false;
    }
    return !plan->after_free || strcmp(value, "yes") == 0 ||
           put(plan->after_free_of, sizeof plan->after_free_of, value, why, why_size);
}

static bool read_text(struct plan *plan, const char *key, char *value, char *why, size_t why_size) {
    if (strcmp(key, "allocators") == 0) {
        join_words(value, plan->allocators, sizeof plan->allocators);
        return true;
    }
    if (strcmp(key, "cells") == 0)
        return read_cells(plan, value, why, why_size);
    if (strcmp(key, "baseline") == 0) {
        if (*value == '\0' || strpbrk(value, " \t") != NULL) {
            snprintf(why, why_size, "\"%s %s\": one name is wanted, or best:A,B,C", key, value);
            return false;
        }
        return put(plan->baseline, sizeof plan->baseline, value, why, why_size);
    }
    if (strcmp(key, "after-free") == 0)
        return read_after_free(plan, value, why, why_size);
    const struct {
        const char *key;
        bool *yes;
    } passes[] = {{"latency", &plan->latency},
                  {"line-sharing", &plan->line_sharing},
                  {"memory-time", &plan->memory_time},
                  {"syscalls", &plan->syscalls},
                  {"valgrind", &plan->valgrind}};
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        if (strcmp(key, passes[i].key) == 0)
            return yes_or_no(passes[i].yes, key, value, why, why_size);
    snprintf(why, why_size, "no setting is called \"%s\"", key);
    return false;
}

static bool read_setting(struct plan *plan, const char *key, char *value, char *why, size_t why_size) {
    double number;
    if (strcmp(key, "min-time") == 0)
        return number_for(&plan->min_time, key, value, PLAN_LEAST_TIME, PLAN_MOST_TIME, false, why, why_size);
    if (strcmp(key, "budget") == 0)
        return number_for(&plan->budget, key, value, 0, PLAN_MOST_BUDGET, false, why, why_size);
    if (strcmp(key, "rounds") == 0) {
        if (!number_for(&number, key, value, 0, PLAN_MOST_ROUNDS, true, why, why_size))
            return false;
        plan->rounds = (unsigned)number;
        return true;
    }
    if (strcmp(key, "seed") == 0) {
        if (!number_for(&number, key, value, 0, PLAN_MOST_SEED, true, why, why_size))
            return false;
        plan->seed = (uint64_t)number;
        return true;
    }
    return read_text(plan, key, value, why, why_size);
}

static bool read_line(struct plan *plan, char *line, char *why, size_t why_size) {
    line[strcspn(line, "#\r\n")] = '\0';
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
        if (strncmp(line, "claim ", 6) == 0)
            break; /* claims follow (claim.h) */
        const size_t length = strlen(line);
        if (length == sizeof line - 1 && line[length - 1] != '\n') {
            snprintf(wrong, sizeof wrong, "the line is longer than %zu characters", length);
            good = false;
        } else {
            good = read_line(plan, line, wrong, sizeof wrong);
        }
        if (!good)
            snprintf(why, why_size, "%s:%u: %s", path, number, wrong);
    }
    if (good && ferror(file)) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        good = false;
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
        text, size,
        "allocators=%s baseline=%s rounds=%u min-time=%g budget=%g seed=%llu line-sharing=%d after-free=%d%s%s%s%s%s",
        plan->allocators, plan->baseline, plan->rounds, plan->min_time, plan->budget,
        (unsigned long long)plan->seed, plan->line_sharing, plan->after_free, plan->after_free_of, plan->latency ? " latency=1" : "",
        plan->memory_time ? " memory-time=1" : "", plan->syscalls ? " syscalls=1" : "",
        plan->valgrind ? " valgrind=1" : "");
    for (size_t i = 0; i < plan->cell_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " cells=%s;%s;%s", plan->cells[i].workload,
                                 plan->cells[i].threads, plan->cells[i].also);
}
