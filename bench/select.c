/* SPDX-License-Identifier: MIT
 *
 * From words to allocators and points. All memory here lives as long as the program.
 */
#include "select.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKLOAD(symbol, file) extern const struct workload workload_##symbol;
#include "workloads.def"
#undef WORKLOAD

const struct workload *const workload_list[] = {
#define WORKLOAD(symbol, file) &workload_##symbol,
#include "workloads.def"
#undef WORKLOAD
    NULL,
};

static void *grow(void *array, size_t count, size_t element) {
    /* Doubling at powers of two. */
    if ((count & (count - 1)) != 0)
        return array;
    void *const larger = realloc(array, (count == 0 ? 1 : 2 * count) * element);
    if (larger == NULL) {
        fputs("bench: out of memory\n", stderr);
        exit(1);
    }
    return larger;
}

/* Is WORD one of the words of LIST, between which stands one of SEPARATORS? */
static bool is_one_of(const char *word, const char *list, const char *separators) {
    for (const char *at = list;; at++) {
        const size_t length = strcspn(at, separators);
        if (strncmp(at, word, length) == 0 && word[length] == '\0')
            return true;
        at += length;
        if (*at == '\0')
            return false;
    }
}

const struct workload *workload_named(const char *name) {
    for (const struct workload *const *w = workload_list; *w != NULL; w++)
        if (strcmp((*w)->name, name) == 0 || ((*w)->aliases != NULL && is_one_of(name, (*w)->aliases, " ")))
            return *w;
    return NULL;
}

/* The spec without its prefixes, which is what the list may know. */
static const char *innermost(const char *spec) {
    for (;;) {
        if (strncmp(spec, "checked:", 8) == 0)
            spec += 8;
        else if (strncmp(spec, "failing:", 8) == 0 && strchr(spec + 8, ':') != NULL)
            spec = strchr(spec + 8, ':') + 1;
        else
            return spec;
    }
}

static void add_choice(struct choices *choices, const char *spec) {
    choices->choice = grow(choices->choice, choices->count, sizeof *choices->choice);
    struct choice *const c = &choices->choice[choices->count++];
    *c = (struct choice){.spec = spec, .name = spec, .declared = allocator_named(innermost(spec))};
    if (c->declared != NULL && innermost(spec) == spec)
        c->name = c->declared->name;
}

bool select_allocators(const char *text, struct choices *choices, char *why, size_t why_size) {
    *choices = (struct choices){0};
    if (text == NULL)
        for (const struct allocator *const *a = allocator_list(); *a != NULL; a++)
            add_choice(choices, (*a)->name);
    else
        for (char *rest = strdup(text), *spec; (spec = strsep(&rest, ",")) != NULL;) {
            if (*spec == '\0')
                continue;
            bool again = false;
            for (size_t i = 0; i < choices->count; i++)
                again |= strcmp(choices->choice[i].spec, spec) == 0;
            if (!again)
                add_choice(choices, spec);
        }
    if (choices->count == 0)
        snprintf(why, why_size, "no allocator is named; `--list` shows them");
    return choices->count > 0;
}

bool select_environment(const struct choices *choices, const char **environment, char *why, size_t why_size) {
    const struct choice *const first = &choices->choice[0];
    *environment = allocator_environment(first->spec);
    for (size_t i = 1; i < choices->count; i++) {
        const char *const other = allocator_environment(choices->choice[i].spec);
        if (strcmp(other == NULL ? "" : other, *environment == NULL ? "" : *environment) == 0)
            continue;
        snprintf(
            why, why_size,
            "%s and %s need different environments, and cannot share a process: run them one by one, or with compare",
            first->spec, choices->choice[i].spec);
        return false;
    }
    return true;
}

bool select_open(struct choices *choices, char *why, size_t why_size) {
    for (size_t i = 0; i < choices->count; i++) {
        struct choice *const c = &choices->choice[i];
        c->status = allocator_open(c->spec, &c->allocator, c->why, sizeof c->why);
        if (c->status == ALLOCATOR_BAD_SPEC) {
            snprintf(why, why_size, "%s", c->why);
            return false;
        }
        if (c->status == ALLOCATOR_OK)
            c->name = c->allocator->name;
    }
    return true;
}

/* ---- points ---- */

/* What was asked of one workload: for each parameter its value, or NULL: the default grid. */
struct request {
    const struct workload *workload;
    const char *values[WORKLOAD_PARAMETERS];
};

static unsigned parameter_count(const struct workload *w) {
    unsigned n = 0;
    while (n < WORKLOAD_PARAMETERS && w->parameters[n].key != NULL)
        n++;
    return n;
}

static bool parse_number(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

enum { LONGEST_PATH = 160 }; /* with other parameters it must fit into a cell's name */

static bool value_is_allowed(const struct workload_parameter *p, const char *value) {
    uint64_t number;
    if (strchr(value, '/') != NULL)
        return is_one_of("PATH", p->values, ",;") && strlen(value) <= LONGEST_PATH;
    return (is_one_of(value, p->values, ",;") && strcmp(value, "PATH") != 0) ||
           (p->min < p->max && parse_number(value, &number) && number >= p->min && number <= p->max);
}

static bool request_value(struct request *r, char *assignment, char *why, size_t why_size) {
    char *const value = strchr(assignment, '=');
    *value = '\0';
    for (unsigned i = 0; i < parameter_count(r->workload); i++) {
        const struct workload_parameter *const p = &r->workload->parameters[i];
        if (strcmp(p->key, assignment) != 0)
            continue;
        if (!value_is_allowed(p, value + 1)) {
            const size_t grid = strcspn(p->values, ";");
            const bool more = p->values[grid] == ';';
            int used =
                snprintf(why, why_size, "%s: %s=%s: it takes %.*s%s%s", r->workload->name, p->key, value + 1,
                         (int)grid, p->values, more ? "," : "", more ? p->values + grid + 1 : "");
            if (p->min < p->max && used > 0 && (size_t)used < why_size)
                snprintf(why + used, why_size - (size_t)used, ", or any number from %llu to %llu",
                         (unsigned long long)p->min, (unsigned long long)p->max);
            return false;
        }
        r->values[i] = value + 1;
        return true;
    }
    snprintf(why, why_size, "workload %s has no parameter \"%s\"; `--list` shows what it has",
             r->workload->name, assignment);
    return false;
}

static bool start_request(struct request *r, char *item, char *why, size_t why_size) {
    char *const slash = strchr(item, '/');
    if (slash != NULL)
        *slash = '\0';
    *r = (struct request){.workload = workload_named(item)};
    if (r->workload == NULL) {
        snprintf(why, why_size, "no workload is called \"%s\"; `--list` shows them", item);
        return false;
    }
    if (slash == NULL || slash[1] == '\0')
        return true;
    if (strchr(slash + 1, '=') == NULL) {
        snprintf(why, why_size, "%s/%s: parameters are key=value, joined by commas", item, slash + 1);
        return false;
    }
    return request_value(r, slash + 1, why, why_size);
}

static bool parse_threads(const char *text, unsigned *threads, size_t most, size_t *count, char *why,
                          size_t why_size) {
    *count = 0;
    for (char *rest = strdup(text), *word; (word = strsep(&rest, ",")) != NULL;) {
        uint64_t n;
        if (!parse_number(word, &n) || n < 1 || n > 1024 || *count == most) {
            snprintf(why, why_size, "--threads %s: up to %zu numbers from 1 to 1024, joined by commas", text,
                     most);
            return false;
        }
        threads[(*count)++] = (unsigned)n;
    }
    return true;
}

static void add_point(struct points *points, const struct point *point) {
    points->point = grow(points->point, points->count, sizeof *points->point);
    points->point[points->count++] = *point;
}

/* Every combination of the values from parameter I on; threads innermost. */
static void expand(struct points *points, const struct request *r, struct point *point, unsigned i,
                   const unsigned *threads, size_t thread_counts) {
    const struct workload_parameter *const p = &r->workload->parameters[i];
    if (i == parameter_count(r->workload)) {
        for (size_t t = 0; t < thread_counts; t++) {
            point->threads = threads[t];
            add_point(points, point);
        }
        return;
    }
    const size_t length = strlen(point->params);
    const char *const wanted = r->values[i] == NULL ? p->values : r->values[i];
    char *const values = strndup(wanted, strcspn(wanted, ";"));
    for (char *rest = values, *value; (value = strsep(&rest, ",")) != NULL;) {
        point->word[i] = value;
        if (!parse_number(value, &point->number[i]))
            point->number[i] = 0;
        snprintf(point->params + length, sizeof point->params - length, "%s%s=%s", length == 0 ? "" : ",",
                 p->key, value);
        expand(points, r, point, i + 1, threads, thread_counts);
        point->params[length] = '\0';
    }
}

/* Why W does not run that many threads; NULL: it does. */
static const char *misfit(const struct workload *w, unsigned threads) {
    if (strcmp(w->threads, "1") == 0 && threads != 1)
        return "runs one thread";
    if (threads < w->least_threads)
        return "runs two threads or more";
    if (w->in_pairs && threads % 2 != 0)
        return "runs threads in pairs";
    return NULL;
}

enum { MOST_THREAD_COUNTS = 64 };

static bool expand_request(struct points *points, const struct request *r, const char *threads, char *why,
                           size_t why_size) {
    unsigned count[MOST_THREAD_COUNTS];
    size_t counts;
    if (!parse_threads(threads == NULL ? r->workload->threads : threads, count, MOST_THREAD_COUNTS, &counts,
                       why, why_size))
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < counts; i++) {
        const char *const why_not = misfit(r->workload, count[i]);
        if (why_not == NULL)
            count[kept++] = count[i];
        else
            fprintf(stderr, "bench: %s %s; threads:%u is left out\n", r->workload->name, why_not, count[i]);
    }
    struct point point = {.workload = r->workload};
    expand(points, r, &point, 0, count, kept);
    return true;
}

static bool expand_list(struct points *points, char *list, const char *threads, char *why, size_t why_size) {
    struct request request = {0};
    for (char *item; (item = strsep(&list, ",")) != NULL;) {
        if (*item == '\0')
            continue;
        if (item[strcspn(item, "=/")] == '=') { /* the value may be a path */
            if (request.workload == NULL) {
                snprintf(
                    why, why_size,
                    "--workloads begins with \"%s\": a parameter stands after its workload, NAME/key=value",
                    item);
                return false;
            }
            if (!request_value(&request, item, why, why_size))
                return false;
            continue;
        }
        if (request.workload != NULL && !expand_request(points, &request, threads, why, why_size))
            return false;
        if (!start_request(&request, item, why, why_size))
            return false;
    }
    if (request.workload == NULL) {
        snprintf(why, why_size, "no workload is named; `--list` shows them");
        return false;
    }
    return expand_request(points, &request, threads, why, why_size);
}

bool select_points(const char *workloads, const char *threads, struct points *points, char *why,
                   size_t why_size) {
    *points = (struct points){0};
    if (workloads != NULL)
        return expand_list(points, strdup(workloads), threads, why, why_size);
    for (const struct workload *const *w = workload_list; *w != NULL; w++) {
        const struct request request = {.workload = *w};
        if (!expand_request(points, &request, threads, why, why_size))
            return false;
    }
    return true;
}

bool select_excluded(const struct allocator *allocator, const struct point *point, char *why,
                     size_t why_size) {
    const unsigned traits = allocator->traits & point->workload->excluded_traits;
    const char *reason = NULL;
    if ((traits & TRAIT_FLOOR) != 0)
        reason = "it hands out memory that is in use, and this workload keeps or reads its blocks";
    else if ((traits & TRAIT_NEVER_FREES) != 0)
        reason = "it never frees, and this workload runs for a time";
    else if ((traits & TRAIT_BOUNDED) != 0)
        reason = "its heap is of a fixed size";
    else if (traits != 0)
        reason = "its traits say that it cannot run this workload";
    for (unsigned i = 0; i < parameter_count(point->workload); i++)
        if (strcmp(point->workload->parameters[i].key, "size") == 0 &&
            (allocator->traits & TRAIT_HANGS_32761_65528) != 0 && point->number[i] > 32760 &&
            point->number[i] <= 65528)
            reason = "requests of 32761 to 65528 bytes never return";
    if (reason != NULL)
        snprintf(why, why_size, "%s", reason);
    return reason != NULL;
}
