/* SPDX-License-Identifier: MIT
 *
 * From a spec to an allocator that is ready to be called (allocator.h says what specs there are). What was
 * opened is kept for the life of the program, under one spelling of its spec and a name that is its own.
 */
#include "allocator.h"
#include "system/announce.h"
#include "system/library.h"
#include "wrap/wrap.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALLOCATOR(symbol, file) extern const struct allocator allocator_##symbol;
#include "allocators.def"
#undef ALLOCATOR

static const struct allocator *const list[] = {
#define ALLOCATOR(symbol, file) &allocator_##symbol,
#include "allocators.def"
#undef ALLOCATOR
    NULL,
};

/* A spec that has been opened, and everything that its table points to. */
struct opened {
    struct allocator table;
    const struct allocator *inner; /* of a wrapper, else NULL */
    void *(*code)(size_t);         /* its malloc itself, whatever stands before it in the table */
    char *spec;                    /* as spelled by canonical() */
    char *text;                    /* the spec again, cut into the parts below */
    char *path;                    /* in full, where such a file is there; else NULL: the loader searches */
    char names[3][128];            /* of malloc, free and realloc */
    const char *files[2];
    struct allocator_library library;
    char name[128];
    struct opened *next;
};
static struct opened *opened_list;

const struct allocator *const *allocator_list(void) {
    return list;
}

static bool has_word(const char *words, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = words; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, word, length) == 0 && (at[length] == '\0' || at[length] == ' '))
            return true;
    }
    return false;
}

const struct allocator *allocator_named(const char *name) {
    for (size_t i = 0; list[i] != NULL; i++)
        if (strcmp(list[i]->name, name) == 0 || has_word(list[i]->aliases, name))
            return list[i];
    return NULL;
}

/* What stands behind one prefix, or NULL where SPEC has none. NTH receives failing's number. */
static const char *behind_prefix(const char *spec, unsigned long *nth) {
    static const char checked[] = "checked:", failing[] = "failing:";
    if (strncmp(spec, checked, sizeof checked - 1) == 0)
        return spec + sizeof checked - 1;
    if (strncmp(spec, failing, sizeof failing - 1) != 0)
        return NULL;
    const char *const number = spec + sizeof failing - 1;
    char *end;
    *nth = strtoul(number, &end, 10);
    return isdigit((unsigned char)*number) && *end == ':' && *nth > 0 ? end + 1 : NULL;
}

/* The one spelling of all specs that mean the same: names for aliases, numbers without leading zeros. The
 * caller's to free; NULL when memory is out. */
static char *canonical(const char *spec) {
    unsigned long nth = 0;
    const char *const inner = behind_prefix(spec, &nth);
    if (inner == NULL) {
        const struct allocator *const declared = allocator_named(spec);
        return strdup(declared == NULL ? spec : declared->name);
    }
    char *const rest = canonical(inner), *whole = NULL;
    if (rest == NULL ||
        (nth == 0 ? asprintf(&whole, "checked:%s", rest) : asprintf(&whole, "failing:%lu:%s", nth, rest)) < 0)
        whole = NULL;
    free(rest);
    return whole;
}

const char *allocator_environment(const char *spec) {
    unsigned long nth;
    for (const char *inner; (inner = behind_prefix(spec, &nth)) != NULL;)
        spec = inner;
    const struct allocator *const declared = allocator_named(spec);
    return declared == NULL ? NULL : declared->environment;
}

/* ---- [LABEL=]so:PATH[:PREFIX] ---- */

static const char name_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* The file's name up to ".so", with what may not stand in a benchmark's name replaced. */
static void name_of_file(const char *path, char *name, size_t size) {
    const char *const slash = strrchr(path, '/');
    snprintf(name, size, "%s", slash == NULL ? path : slash + 1);
    char *const ending = strstr(name, ".so");
    if (ending != NULL && ending != name)
        *ending = '\0';
    for (char *at = name; *at != '\0'; at++)
        if (strchr(name_characters, *at) == NULL)
            *at = '-';
}

/* The "so:" of a spec: at its beginning or behind a label. NULL: none. */
static char *so_part(char *spec) {
    if (strncmp(spec, "so:", 3) == 0)
        return spec;
    char *const so = strstr(spec, "=so:");
    return so == NULL ? NULL : so + 1;
}

/* Cuts O's text into a name, a path and the names of its functions. Returns the path. */
static const char *cut_so(struct opened *o) {
    char *const so = so_part(o->text), *const path = so + 3;
    char *const colon = access(path, F_OK) == 0 ? NULL : strrchr(path, ':'); /* a path may hold one, too */
    if (colon != NULL)
        *colon = '\0';
    const char *const prefix = colon == NULL ? "" : colon + 1;
    snprintf(o->names[0], sizeof o->names[0], "%smalloc", prefix);
    snprintf(o->names[1], sizeof o->names[1], "%sfree", prefix);
    snprintf(o->names[2], sizeof o->names[2], "%srealloc", prefix);
    if (so != o->text) {
        so[-1] = '\0';
        snprintf(o->name, sizeof o->name, "%s", o->text);
    } else {
        name_of_file(path, o->name, sizeof o->name);
    }
    o->path = realpath(path, NULL);
    return o->path == NULL ? path : o->path;
}

static bool name_is_free(const char *name, char *why, size_t why_size) {
    if (name[0] == '\0' || name[strspn(name, name_characters)] != '\0') {
        snprintf(why, why_size,
                 "\"%s\" cannot be a label (letters, digits, '.', '_' and '-'): give one, LABEL=so:PATH",
                 name);
        return false;
    }
    bool taken = allocator_named(name) != NULL;
    for (const struct opened *other = opened_list; other != NULL; other = other->next)
        taken |= strcmp(other->name, name) == 0;
    if (taken)
        snprintf(why, why_size,
                 "another allocator is called \"%s\": give this one a label of its own, LABEL=so:PATH", name);
    return !taken;
}

static enum allocator_status open_so(struct opened *o, char *why, size_t why_size) {
    const char *const path = cut_so(o);
    if (*path == '\0') {
        snprintf(why, why_size, "\"%s\" lacks its path: [LABEL=]so:PATH[:PREFIX]", o->spec);
        return ALLOCATOR_BAD_SPEC;
    }
    if (!name_is_free(o->name, why, why_size))
        return ALLOCATOR_BAD_SPEC;
    o->files[0] = path;
    o->library = (struct allocator_library){
        .files = o->files, .malloc_name = o->names[0], .free_name = o->names[1], .realloc_name = o->names[2]};
    o->table = (struct allocator){.summary = path, .origin = path, .library = &o->library};
    const enum allocator_status status = library_open(&o->library, &o->table, why, why_size);
    return status == ALLOCATOR_UNAVAILABLE ? ALLOCATOR_BAD_SPEC : status; /* a path given is a promise */
}

/* ---- names and prefixes ---- */

static enum allocator_status no_such_name(const char *spec, char *why, size_t why_size) {
    if (strncmp(spec, "failing:", 8) == 0)
        snprintf(why, why_size, "\"%s\" lacks its number: failing:N:NAME, N from 1", spec);
    else
        snprintf(why, why_size,
                 "no allocator is called \"%s\"; `--list` shows them, and so:PATH takes any library", spec);
    return ALLOCATOR_BAD_SPEC;
}

/* The loader takes a library that is loaded for any other of its soname. A so:PATH opened before could so
 * pass for the packaged one. */
static bool is_the_packaged_one(const struct opened *o, char *why, size_t why_size) {
    for (const struct opened *other = opened_list; other != NULL; other = other->next)
        if (other->code == o->table.malloc) {
            snprintf(why, why_size, "the loader takes \"%s\", opened before it, for %s: name %s first",
                     other->spec, o->name, o->name);
            return false;
        }
    return true;
}

static enum allocator_status open_named(struct opened *o, char *why, size_t why_size) {
    const struct allocator *const declared = allocator_named(o->spec);
    if (declared == NULL)
        return no_such_name(o->spec, why, why_size);
    o->table = *declared;
    snprintf(o->name, sizeof o->name, "%s", declared->name);
    if (declared->library != NULL) {
        /* One of the list that is there but does not work is no fault of who named it. */
        if (library_open(declared->library, &o->table, why, why_size) != ALLOCATOR_OK)
            return ALLOCATOR_UNAVAILABLE;
        if (!is_the_packaged_one(o, why, why_size))
            return ALLOCATOR_BAD_SPEC;
    }
    return o->table.init == NULL || o->table.init(why, why_size) ? ALLOCATOR_OK : ALLOCATOR_UNAVAILABLE;
}

static enum allocator_status open_wrapped(struct opened *o, const char *inner_spec, unsigned long nth,
                                          char *why, size_t why_size) {
    const enum allocator_status status = allocator_open(inner_spec, &o->inner, why, why_size);
    if (status != ALLOCATOR_OK)
        return status;
    const int prefix = (int)(inner_spec - o->spec);
    snprintf(o->name, sizeof o->name, "%.*s%s", prefix, o->spec, o->inner->name);
    const bool wrapped = o->spec[0] == 'c' ? checked_wrap(o->inner, &o->table, why, why_size)
                                           : failing_wrap(o->inner, nth, &o->table, why, why_size);
    return wrapped ? ALLOCATOR_OK : ALLOCATOR_UNAVAILABLE;
}

static enum allocator_status open_spec(struct opened *o, char *why, size_t why_size) {
    unsigned long nth = 0;
    const char *const inner = behind_prefix(o->spec, &nth);
    if (inner != NULL)
        return open_wrapped(o, inner, nth, why, why_size);
    return so_part(o->text) != NULL ? open_so(o, why, why_size) : open_named(o, why, why_size);
}

static void discard(struct opened *o) {
    free(o->spec);
    free(o->text);
    free(o->path);
    free(o);
}

enum allocator_status allocator_open(const char *spec, const struct allocator **out, char *why,
                                     size_t why_size) {
    struct opened *const o = calloc(1, sizeof *o);
    if (o == NULL || (o->spec = canonical(spec)) == NULL || (o->text = strdup(o->spec)) == NULL) {
        snprintf(why, why_size, "out of memory");
        if (o != NULL)
            discard(o);
        return ALLOCATOR_UNAVAILABLE;
    }
    for (const struct opened *other = opened_list; other != NULL; other = other->next)
        if (strcmp(other->spec, o->spec) == 0) {
            *out = &other->table;
            discard(o);
            return ALLOCATOR_OK;
        }
    const enum allocator_status status = open_spec(o, why, why_size);
    if (status != ALLOCATOR_OK) {
        discard(o);
        return status;
    }
    o->table.name = o->name;
    o->code = o->table.malloc;
    if (o->table.library != NULL && o->inner == NULL)
        announce_orders(&o->table);
    o->next = opened_list;
    opened_list = o;
    *out = &o->table;
    return ALLOCATOR_OK;
}

const char *allocator_path(const struct allocator *allocator) {
    void *(*code)(size_t) = allocator->malloc;
    for (const struct opened *o = opened_list; o != NULL; o = o->next)
        if (&o->table == allocator) {
            if (o->inner != NULL)
                return allocator_path(o->inner);
            code = o->code;
        }
    Dl_info home;
    void *address;
    memcpy(&address, &code, sizeof address);
    return dladdr(address, &home) == 0 || home.dli_fname == NULL ? "unknown" : home.dli_fname;
}
