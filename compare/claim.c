/* SPDX-License-Identifier: MIT
 *
 * claim.h, the first half: from a file to claims.
 */
#include "claim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Where we are, and what is wrong there. */
struct reader {
    struct claims *claims;
    struct claim *claim; /* the one that is being read */
    char *why;
    size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct reader *r, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->why, r->why_size, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- the parts of a claim ---- */

static bool to_number(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0';
}

/* WORKLOAD[/key=value,...][/threads:N], each part at most once; threads:N alone. */
static bool read_cell(struct reader *r, const char *text, struct claim_cell *cell) {
    static const char threads[] = "threads:";
    const struct words parts = words_split(text, "/");
    *cell = (struct claim_cell){"", "", 0};
    for (size_t i = 0; i < parts.count; i++) {
        const char *const part = parts.word[i];
        if (strncmp(part, threads, strlen(threads)) == 0)
            cell->threads = (unsigned)strtoul(part + strlen(threads), NULL, 10);
        else if (strchr(part, '=') != NULL)
            cell->params = part;
        else if (*cell->workload == '\0')
            cell->workload = part;
        else
            return wrong(r, "\"%s\": a cell is WORKLOAD/key=value,.../threads:N", text);
    }
    if (*cell->workload != '\0' && *cell->params == '\0')
        cell->params = "-";
    return true;
}

static bool read_cells(struct reader *r, const char *text) {
    const struct words words = words_split(text, " \t");
    for (size_t i = 0; i < words.count; i++) {
        if (r->claim->cells == CLAIM_PARTS)
            return wrong(r, "more than %d cells", CLAIM_PARTS);
        struct claim_cell *const cell = &r->claim->cell[r->claim->cells++];
        if (!read_cell(r, words.word[i], cell))
            return false;
        if (*cell->workload == '\0' || cell->threads == 0)
            return wrong(r, "\"%s\": workload and threads:N are wanted", words.word[i]);
    }
    return true;
}

/* [ALLOCATOR:]METRIC[@CELL] */
static bool read_factor(struct reader *r, const char *text, struct claim_factor *factor) {
    const struct words halves = words_split(text, "@");
    const char *const name = halves.word[0], *const colon = strchr(name, ':');
    if (halves.count > 2)
        return wrong(r, "\"%s\": one @ at most", text);
    factor->allocator = colon == NULL ? NULL : arena_copy(name, (size_t)(colon - name));
    factor->metric = colon == NULL ? name : colon + 1;
    factor->at = (struct claim_cell){"", "", 0};
    return halves.count < 2 || read_cell(r, halves.word[1], &factor->at);
}

static bool read_value(struct reader *r, const char *text) {
    const struct words words = words_split(text, " \t");
    bool divides = false;
    for (size_t i = 0; i < words.count; i++) {
        const bool is_operator = strcmp(words.word[i], "*") == 0 || strcmp(words.word[i], "/") == 0;
        if (is_operator != (i % 2 == 1) || r->claim->factors == CLAIM_PARTS)
            return wrong(r, "\"%s\": factors with * or / between them", text);
        if (is_operator) {
            divides = *words.word[i] == '/';
            continue;
        }
        struct claim_factor *const factor = &r->claim->factor[r->claim->factors++];
        if (!read_factor(r, words.word[i], factor))
            return false;
        factor->divides = divides;
    }
    return words.count % 2 == 1 || wrong(r, "\"%s\": a factor is missing", text);
}

/* NUMBER or NUMBER*METRIC */
static bool read_term(struct reader *r, const char *text) {
    const struct words parts = words_split(text, "*");
    if (r->claim->terms == CLAIM_PARTS)
        return wrong(r, "more than %d terms", CLAIM_PARTS);
    struct claim_term *const term = &r->claim->term[r->claim->terms++];
    term->metric = parts.count == 2 ? parts.word[1] : NULL;
    if (parts.count == 0 || parts.count > 2 || !to_number(parts.word[0], &term->number))
        return wrong(r, "\"%s\": NUMBER or NUMBER*METRIC is wanted", text);
    return true;
}

static bool read_bound(struct reader *r, const char *text) {
    static const char *const signs[] = {
        [BOUND_AT_MOST] = "<=", [BOUND_AT_LEAST] = ">=", [BOUND_WITHIN] = "within"};
    const struct words words = words_split(text, " \t");
    struct claim *const c = r->claim;
    for (enum claim_bound b = BOUND_AT_MOST; b <= BOUND_WITHIN && words.count != 0; b++)
        if (strcmp(words.word[0], signs[b]) == 0)
            c->bound = b;
    const bool between = c->bound == BOUND_WITHIN;
    if (c->bound == BOUND_NONE || (between && words.count != 3))
        return wrong(r, "\"%s\": <= SUM, >= SUM or within A B is wanted", text);
    for (size_t i = 1; i < words.count; i++) {
        if (!between && i % 2 == 0) {
            if (strcmp(words.word[i], "+") != 0 || i + 1 == words.count)
                return wrong(r, "\"%s\": terms with + between them", text);
        } else if (!read_term(r, words.word[i]))
            return false;
    }
    return c->terms != 0 || wrong(r, "\"%s\": a term is missing", text);
}

static bool read_needs(struct reader *r, const char *text) {
    static const char *const names[] = {[NEEDS_ALL] = "all", [NEEDS_MOST] = "most", [NEEDS_ANY] = "any"};
    for (enum claim_needs n = NEEDS_ALL; n <= NEEDS_ANY; n++)
        if (strcmp(text, names[n]) == 0) {
            r->claim->needs = n;
            return true;
        }
    return wrong(r, "\"%s\": all, most or any is wanted", text);
}

static bool read_safety(struct reader *r, const char *text) {
    const struct words words = words_split(text, " \t");
    if (words.count != 3 || (strcmp(words.word[2], "holds") != 0 && strcmp(words.word[2], "fails") != 0))
        return wrong(r, "\"%s\": COLUMN PARAMS holds, or fails, is wanted", text);
    if (r->claim->safeties == CLAIM_PARTS)
        return wrong(r, "more than %d lines of the matrix", CLAIM_PARTS);
    r->claim->safety[r->claim->safeties++] =
        (struct claim_safety){words.word[0], words.word[1], words.word[2]};
    return true;
}

static bool read_crosses(struct reader *r, const char *text) {
    const struct words words = words_split(text, " \t");
    struct claim *const c = r->claim;
    if (words.count != 2 || !to_number(words.word[0], &c->crosses_low) ||
        !to_number(words.word[1], &c->crosses_high) ||
        !(0 < c->crosses_low && c->crosses_low < c->crosses_high))
        return wrong(r, "\"%s\": two numbers are wanted, the lower first", text);
    return true;
}

/* ---- the file ---- */

/* Is the claim that ends here one that can be judged? */
static bool is_whole(struct reader *r) {
    const struct claim *const c = r->claim;
    if (c == NULL)
        return true;
    const bool by_value = c->factors != 0 && c->bound != BOUND_NONE && c->cells != 0,
               crosses = c->crosses_low > 0 && c->cells != 0 && c->against.count == 1;
    if (c->says == NULL || c->where == NULL || c->measures == NULL || c->of.count == 0)
        return wrong(r, "claim %s: says, where, measures and of are wanted", c->id);
    const bool unmeasurable = c->cells == 0 && c->factors == 0 && c->safeties == 0 && *c->undecided != '\0';
    if (by_value + crosses + (c->safeties != 0) + unmeasurable != 1)
        return wrong(r,
                     "claim %s: cells, value and bound are wanted; or safety; or cells, crosses and one peer",
                     c->id);
    for (size_t i = 0; i < c->factors; i++)
        if (c->against.count == 0 && c->factor[i].allocator != NULL &&
            strcmp(c->factor[i].allocator, "peer") == 0)
            return wrong(r, "claim %s: it speaks of a peer, and has no line against", c->id);
    return true;
}

static bool begin(struct reader *r, const char *id) {
    if (!is_whole(r))
        return false;
    if (*id == '\0')
        return wrong(r, "claim: an id is wanted");
    for (size_t i = 0; i < r->claims->count; i++)
        if (strcmp(r->claims->claim[i].id, id) == 0)
            return wrong(r, "claim %s: there is one already", id);
    r->claims->claim = arena_grow(r->claims->claim, r->claims->count, sizeof *r->claims->claim);
    r->claim = &r->claims->claim[r->claims->count++];
    *r->claim = (struct claim){.id = id, .undecided = ""};
    return true;
}

/* TEXT lives as long as the program. */
static bool read_line(struct reader *r, const char *key, const char *text) {
    struct claim *const c = r->claim;
    const struct {
        const char *key;
        const char **text;
        struct words *words;
        bool (*read)(struct reader *, const char *);
    } settings[] = {
        {"says", &c->says, NULL, NULL},
        {"where", &c->where, NULL, NULL},
        {"measures", &c->measures, NULL, NULL},
        {"undecided", &c->undecided, NULL, NULL},
        {"of", NULL, &c->of, NULL},
        {"against", NULL, &c->against, NULL},
        {"cells", NULL, NULL, read_cells},
        {"value", NULL, NULL, read_value},
        {"bound", NULL, NULL, read_bound},
        {"needs", NULL, NULL, read_needs},
        {"safety", NULL, NULL, read_safety},
        {"crosses", NULL, NULL, read_crosses},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(key, settings[i].key) != 0)
            continue;
        if (*text == '\0')
            return wrong(r, "%s: nothing follows", key);
        if (settings[i].text != NULL)
            *settings[i].text = text;
        if (settings[i].words != NULL)
            *settings[i].words = words_split(text, " \t");
        return settings[i].read == NULL || settings[i].read(r, text);
    }
    return wrong(r, "no line of a claim is called \"%s\"", key);
}

bool claims_read(struct claims *claims, const char *file, char *why, size_t why_size) {
    char fault[512];
    struct reader r = {.claims = claims, .why = fault, .why_size = sizeof fault};
    *claims = (struct claims){0};
    size_t size;
    char *const text = arena_file(file, &size);
    if (text == NULL) {
        snprintf(why, why_size, "%s: %s", file, strerror(errno));
        return false;
    }
    unsigned number = 0;
    bool good = true;
    for (char *rest = text, *line; good && (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        line += strspn(line, " \t");
        for (size_t length = strlen(line); length > 0 && strchr(" \t\r", line[length - 1]) != NULL;)
            line[--length] = '\0';
        if (*line == '\0' || *line == '#')
            continue;
        const size_t key = strcspn(line, " \t");
        const char *const word = arena_copy(line, key), *const value = line + key + strspn(line + key, " \t");
        if (strcmp(word, "claim") == 0)
            good = begin(&r, value);
        else if (r.claim != NULL) /* before the first claim stands the campaign */
            good = read_line(&r, word, value);
    }
    good = good && is_whole(&r);
    if (good && claims->count == 0)
        good = wrong(&r, "it has no claim");
    if (!good)
        snprintf(why, why_size, "%s:%u: %s", file, number, fault);
    return good;
}

/* ---- what they need ---- */

struct safety_cells claims_safety_cells(const struct claims *claims) {
    struct safety_cells cells = {0};
    for (size_t i = 0; i < claims->count; i++) {
        const struct claim *const c = &claims->claim[i];
        for (size_t a = 0; a < c->of.count; a++)
            for (size_t s = 0; s < c->safeties; s++) {
                const struct safety_cell cell = {c->of.word[a], c->safety[s].column, c->safety[s].params};
                bool there = false;
                for (size_t k = 0; k < cells.count && !there; k++)
                    there = strcmp(cells.cell[k].spec, cell.spec) == 0 &&
                            strcmp(cells.cell[k].column, cell.column) == 0 &&
                            strcmp(cells.cell[k].params, cell.params) == 0;
                if (!there)
                    safety_add_cell(&cells, &cell);
            }
    }
    return cells;
}

struct words claims_limits(const struct claims *claims) {
    struct words names = {0};
    for (size_t i = 0; i < claims->count; i++) {
        const struct claim *const c = &claims->claim[i];
        for (size_t k = 0; k < c->cells; k++)
            for (size_t a = 0; a < c->of.count && strcmp(c->cell[k].workload, "limits") == 0; a++)
                words_add_new(&names, c->of.word[a]);
    }
    return names;
}
