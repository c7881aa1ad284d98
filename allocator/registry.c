/* SPDX-License-Identifier: MIT
 *
 * From a spec to an allocator that is ready to be called (allocator.h says what specs there are). What was
 * opened is kept for the life of the program, under the spec and under a name that is its own.
 */
#include "allocator.h"
#include "system/library.h"
#include "wrap/wrap.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    char *spec;
    char *text; /* the spec again, cut into the parts below */
    char *path;
    char names[2][128]; /* of malloc and free */
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
    char *end;
    *nth = strtoul(spec + sizeof failing - 1, &end, 10);
    return *end == ':' && *nth > 0 ? end + 1 : NULL;
}

const char *allocator_environment(const char *spec) {
    unsigned long nth;
    for (const char *inner; (inner = behind_prefix(spec, &nth)) != NULL;)
        spec = inner;
    const struct allocator *const declared = allocator_named(spec);
    return declared == NULL ? NULL : declared->environment;
}

/* ---- [LABEL=]so:PATH[:PREFIX] ---- */

/* The file's name up to ".so", with what may not stand in a benchmark's name replaced. */
static void name_of_file(const char *path, char *name, size_t size) {
    const char *const slash = strrchr(path, '/');
    snprintf(name, size, "%s", slash == NULL ? path : slash + 1);
    char *const ending = strstr(name, ".so");
    if (ending != NULL && ending != name)
        *ending = '\0';
    for (char *at = name; *at != '\0'; at++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *at) == NULL)
            *at = '-';
}

/* The "so:" of a spec: at its beginning or behind a label. NULL: none. */
static char *so_part(char *spec) {
    if (strncmp(spec, "so:", 3) == 0)
        return spec;
    char *const so = strstr(spec, "=so:");
    return so == NULL || so == spec ? NULL : so + 1;
}

static enum allocator_status open_so(struct opened *o, char *why, size_t why_size) {
    char *const so = so_part(o->text);
    o->path = so + 3;
    char *const colon = strrchr(o->path, ':');
    if (colon != NULL)
        *colon = '\0';
    const char *const prefix = colon == NULL ? "" : colon + 1;
    snprintf(o->names[0], sizeof o->names[0], "%smalloc", prefix);
    snprintf(o->names[1], sizeof o->names[1], "%sfree", prefix);
    if (so != o->text) {
        so[-1] = '\0';
        snprintf(o->name, sizeof o->name, "%s", o->text);
    } else {
        name_of_file(o->path, o->name, sizeof o->name);
    }
    if (o->name[0] == '\0' || strpbrk(o->name, "/:, \t") != NULL) {
        snprintf(why, why_size, "\"%s\" cannot be a label: letters, digits, '.', '_' and '-'", o->name);
        return ALLOCATOR_BAD_SPEC;
    }
    o->files[0] = o->path;
    o->library =
        (struct allocator_library){.files = o->files, .malloc_name = o->names[0], .free_name = o->names[1]};
    o->table =
        (struct allocator){.name = o->name, .summary = o->path, .origin = o->path, .library = &o->library};
    const enum allocator_status status = library_open(&o->library, &o->table, why, why_size);
    return status == ALLOCATOR_UNAVAILABLE ? ALLOCATOR_BAD_SPEC : status; /* a path given is a promise */
}

/* ---- names and prefixes ---- */

static enum allocator_status open_named(struct opened *o, char *why, size_t why_size) {
    const struct allocator *const declared = allocator_named(o->spec);
    if (declared == NULL) {
        snprintf(why, why_size,
                 "no allocator is called \"%s\"; `--list` shows them, and so:PATH takes any library",
                 o->spec);
        return ALLOCATOR_BAD_SPEC;
    }
    o->table = *declared;
    snprintf(o->name, sizeof o->name, "%s", declared->name);
    if (declared->library == NULL)
        return ALLOCATOR_OK;
    /* One of the list that is there but does not work is no fault of who named it. */
    return library_open(declared->library, &o->table, why, why_size) == ALLOCATOR_OK ? ALLOCATOR_OK
                                                                                     : ALLOCATOR_UNAVAILABLE;
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
    free(o);
}

enum allocator_status allocator_open(const char *spec, const struct allocator **out, char *why,
                                     size_t why_size) {
    for (const struct opened *o = opened_list; o != NULL; o = o->next)
        if (strcmp(o->spec, spec) == 0) {
            *out = &o->table;
            return ALLOCATOR_OK;
        }
    struct opened *const o = calloc(1, sizeof *o);
    if (o == NULL || (o->spec = strdup(spec)) == NULL || (o->text = strdup(spec)) == NULL) {
        snprintf(why, why_size, "out of memory");
        return ALLOCATOR_UNAVAILABLE;
    }
    enum allocator_status status = open_spec(o, why, why_size);
    o->table.name = o->name;
    for (const struct opened *other = opened_list; status == ALLOCATOR_OK && other != NULL;
         other = other->next)
        if (strcmp(other->name, o->name) == 0) {
            if (other->table.malloc == o->table.malloc) { /* an alias of what is open */
                *out = &other->table;
                discard(o);
                return ALLOCATOR_OK;
            }
            snprintf(why, why_size, "two allocators are called \"%s\": give one a label, LABEL=so:PATH",
                     o->name);
            status = ALLOCATOR_BAD_SPEC;
        }
    if (status == ALLOCATOR_OK && o->table.init != NULL && !o->table.init(why, why_size))
        status = ALLOCATOR_UNAVAILABLE;
    if (status != ALLOCATOR_OK) {
        discard(o);
        return status;
    }
    o->next = opened_list;
    opened_list = o;
    *out = &o->table;
    return ALLOCATOR_OK;
}

const char *allocator_path(const struct allocator *allocator) {
    for (const struct opened *o = opened_list; o != NULL; o = o->next)
        if (&o->table == allocator && o->inner != NULL)
            return allocator_path(o->inner);
    Dl_info home;
    void *address;
    memcpy(&address, &allocator->malloc, sizeof address);
    return dladdr(address, &home) == 0 || home.dli_fname == NULL ? "unknown" : home.dli_fname;
}
