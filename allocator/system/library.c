/* SPDX-License-Identifier: MIT
 *
 * library.h on dlopen. Where the loader puts a library is worth 30 % of some figures, so random pages are
 * mapped before each (the length of BENCH_LAYOUT says how many), and rounds of a campaign average over
 * layouts.
 */
#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_PADDING_PAGES = 64 };

#ifdef __SANITIZE_ADDRESS__
/* What tcmalloc keeps of libc's memory it points to from its own, where LeakSanitizer does not look. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libtcmalloc\n";
}
#endif

static void pad_layout(void) {
    const char *const layout = getenv("BENCH_LAYOUT");
    const size_t pages = layout == NULL ? 0 : strlen(layout) % MOST_PADDING_PAGES;
    if (pages > 0)
        mmap(NULL, pages * (size_t)sysconf(_SC_PAGESIZE), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* FILE itself, or the last by version of what its '*' matches; false where nothing does. */
static bool resolve(const char *file, char *path, size_t size) {
    if (strchr(file, '*') == NULL)
        return (size_t)snprintf(path, size, "%s", file) < size;
    glob_t found;
    if (glob(file, GLOB_NOSORT, NULL, &found) != 0)
        return false;
    const char *newest = found.gl_pathv[0];
    for (size_t i = 1; i < found.gl_pathc; i++)
        if (strverscmp(found.gl_pathv[i], newest) > 0)
            newest = found.gl_pathv[i];
    const bool fits = (size_t)snprintf(path, size, "%s", newest) < size;
    globfree(&found);
    return fits;
}

/* A symbol, if it is of that library itself and not of one that it depends on, such as libc. */
static void *own_symbol(void *handle, const char *name) {
    Dl_info symbol;
    struct link_map *asked = NULL, *home = NULL;
    void *const address = dlsym(handle, name);
    if (address == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &asked) != 0 ||
        dladdr1(address, &symbol, (void **)&home, RTLD_DL_LINKMAP) == 0)
        return NULL;
    return home == asked ? address : NULL;
}

/* Is it FILE itself that is not there, and not one that it depends on? */
static bool is_missing(const char *file, const char *error) {
    const size_t length = strlen(file);
    return strncmp(error, file, length) == 0 && error[length] == ':' &&
           strstr(error + length, strerror(ENOENT)) != NULL;
}

static const char *or_default(const char *name, const char *standard) {
    return name == NULL ? standard : name;
}

static enum allocator_status bind(void *handle, const char *path, const struct allocator_library *library,
                                  struct allocator *table, char *why, size_t why_size) {
    const char *const malloc_name = or_default(library->malloc_name, "malloc");
    const char *const free_name = or_default(library->free_name, "free");
    void *const malloc_address = own_symbol(handle, malloc_name);
    void *const free_address = own_symbol(handle, free_name);
    if (malloc_address == NULL || free_address == NULL) {
        snprintf(why, why_size,
                 "%s has no %s of its own; where its names have a prefix, write so:PATH:PREFIX", path,
                 malloc_address == NULL ? malloc_name : free_name);
        return ALLOCATOR_BAD_SPEC;
    }
    /* POSIX's way from an object pointer to a function pointer. */
    memcpy(&table->malloc, &malloc_address, sizeof malloc_address);
    memcpy(&table->free, &free_address, sizeof free_address);
    if (library->realloc_name != NULL) {
        void *const realloc_address = own_symbol(handle, library->realloc_name);
        memcpy(&table->realloc, &realloc_address, sizeof realloc_address);
    }
    return ALLOCATOR_OK;
}

enum allocator_status library_open(const struct allocator_library *library, struct allocator *table,
                                   char *why, size_t why_size) {
    for (const char *const *file = library->files; *file != NULL; file++) {
        char path[4096];
        if (!resolve(*file, path, sizeof path))
            continue;
        pad_layout();
        void *const handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (handle != NULL)
            return bind(handle, path, library, table, why, why_size);
        const char *const error = dlerror();
        if (is_missing(path, error))
            continue;
        if (strstr(error, "static TLS") != NULL)
            snprintf(why, why_size, "%s: set GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536", error);
        else
            snprintf(why, why_size, "%s does not load: %s", path, error);
        return ALLOCATOR_BAD_SPEC;
    }
    if (library->package != NULL)
        snprintf(why, why_size, "not installed: apt-get install %s%s", library->package,
                 library->files[0][0] == '$' ? ", then build again" : "");
    else
        snprintf(why, why_size, "%s: no such file", library->files[0]);
    return ALLOCATOR_UNAVAILABLE;
}
