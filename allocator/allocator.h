/* SPDX-License-Identifier: MIT
 *
 * The vtable: how everything above this layer sees an allocator, and the contract that one signs by
 * standing in allocators.def. Every allocator, ours or not, is called through the same two pointers, so
 * that nobody gains by inlining.
 *
 * The contract (contract_test.c holds every allocator in the list to it, less what its traits declare):
 *  - malloc(n) returns NULL or a block of at least n writable bytes that overlaps no other live block.
 *    Blocks of 16 bytes and more are 16-aligned, smaller ones at least as strictly as the largest power of
 *    two that fits into them. malloc(0) returns NULL or a block that may be freed.
 *  - A size that cannot be had returns NULL, whatever it is (no overflow), and fails cleanly: the next
 *    request that can be met is met.
 *  - free(NULL) does nothing; any thread may free any live block; blocks outlive the thread that made them.
 *  - malloc and free may be called from any number of threads at once, after init has returned.
 *  - Contents of a block are its owner's alone from malloc to free; free happens-before the malloc that
 *    hands the same memory out again.
 */
#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Claims that the contract test and the safety matrix check, and deviations that they allow for. */
enum allocator_trait {
    /* some thread always progresses, however many others are stopped */
    TRAIT_LOCK_FREE = 1 << 0,
    /* the same while at most one thread is stopped inside (1-lock-free) */
    TRAIT_ALMOST_LOCK_FREE = 1 << 1,
    /* malloc and free may be called from a (non-nested) signal handler */
    TRAIT_SIGNAL_SAFE = 1 << 2,
    /* addresses differ from run to run on purpose */
    TRAIT_RANDOMISED = 1 << 3,
    /* deviation: every block is at least 8-aligned, and no more is promised */
    TRAIT_ALIGN_8 = 1 << 4,
    /* deviation: a fixed heap; NULL long before memory is out */
    TRAIT_BOUNDED = 1 << 5,
    /* deviation: free does nothing, so exhaustion is for ever */
    TRAIT_NEVER_FREES = 1 << 6,
    /* no allocator: hands out memory that is in use, to show the harness' cost */
    TRAIT_FLOOR = 1 << 7,
    /* deviation: these sizes hang or burn the heap (libatomic_ops to this day) */
    TRAIT_HANGS_32761_65528 = 1 << 8,
    /* a checking wrapper: its time means nothing */
    TRAIT_CHECKED = 1 << 9,
    /* deviation: where memory is out, some sizes end the process (SIGABRT) instead of being NULL */
    TRAIT_ABORTS_WHEN_EXHAUSTED = 1 << 10,
};

/* Where a library that is opened at run time is to be found. All strings of the list are NULL-terminated. */
struct allocator_library {
    const char *const *files; /* soname, or a path with one '*' in its last directories: the newest match */
    const char *package;      /* the Debian package that has it */
    const char *malloc_name;  /* "malloc" where NULL */
    const char *free_name;    /* "free" where NULL */
    const char *realloc_name; /* NULL: none is used */
};

/* What an allocator has, in bytes; exact while nothing moves. */
struct allocator_stats {
    size_t live;     /* in blocks that are handed out, as large as they are (usable_size) */
    size_t cached;   /* kept for the next request, resident */
    size_t resident; /* all that was touched and not given back to the system, about */
    size_t mapped;   /* address space for blocks */
};

struct allocator {
    const char *name;        /* [a-z0-9-]+, unique */
    const char *aliases;     /* other names people know it by, separated by spaces; or NULL */
    const char *summary;     /* one line, no full stop */
    const char *origin;      /* paper, or package */
    const char *environment; /* GLIBC_TUNABLES entries ("name=value:...") needed at process start; or NULL */
    unsigned traits;         /* of enum allocator_trait */

    /* How many bytes, in blocks of 64, nobody can have again where a thread is stopped inside for good: at most so many,
     * in the refill of a list so many. 0: nothing is declared. The safety matrix measures it. */
    struct {
        size_t most, in_refill;
    } loss;

    /* Opened by the registry before init, which fills malloc, free and realloc in its own copy of the table. */
    const struct allocator_library *library;

    /* Once in a process, before anything else, on one thread. False: cannot work here; one line into why. */
    bool (*init)(char *why, size_t why_size);
    void (*fini)(void);

    void *(*malloc)(size_t size);
    void (*free)(void *block);

    /* Optional: NULL where there is none. As in ISO C and malloc_usable_size(3), and: realloc(NULL, n) is
     * malloc(n), realloc(p, 0) is not asked; where realloc fails the block stays; aligned_alloc takes any
     * power of two and any size; what usable_size tells may be written. */
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    size_t (*usable_size)(void *block);
    bool (*trim)(void);                           /* gives back what is not in use; whether there was any */
    void (*stats)(struct allocator_stats *stats); /* any thread, any time */
    /* In the child of a fork, on its only thread: the others will never come back. INSIDE: the size of the
     * malloc, calloc or realloc that the forking signal handler has interrupted; ALLOCATOR_OUTSIDE: it was
     * in none. */
    void (*after_fork)(size_t inside);
    void (*thread_exit)(void);                 /* the calling thread is done with the allocator */
    bool (*check)(char *why, size_t why_size); /* all threads stopped: does every invariant hold? WHY: what
                                                * does not; if all does, perhaps a line of figures */
};

#define ALLOCATOR_OUTSIDE SIZE_MAX

/* ---- registry.c ---- */

enum allocator_status {
    ALLOCATOR_OK,
    /* known, but its package is not here, or it cannot work here: skip it and say so */
    ALLOCATOR_UNAVAILABLE,
    /* no such name, path or symbol; a library that does not load: exit status 2 */
    ALLOCATOR_BAD_SPEC,
};

/* The list, in the order of allocators.def, as declared (libraries not opened); ends with NULL. */
const struct allocator *const *allocator_list(void);

/* The entry whose name or alias is NAME; NULL where there is none. */
const struct allocator *allocator_named(const char *name);

/* What a spec says of itself before anything is opened: the environment that its innermost allocator needs
 * (NULL: none). Lets a program re-execute itself first. Never fails: an unknown spec needs nothing. */
const char *allocator_environment(const char *spec);

/* Turns SPEC into an allocator that is ready to be called. SPEC is
 *     NAME                    from the list, or one of its aliases
 *     [LABEL=]so:PATH[:PREFIX] any shared library with PREFIXmalloc and PREFIXfree
 *     checked:SPEC            verifies alignment, overlap and canaries; aborts with a message
 *     failing:N:SPEC          returns NULL at the N-th malloc, and only there
 * The same spec gives the same allocator; nothing is ever closed. On anything but ALLOCATOR_OK a line that
 * says what is wrong and what to do stands in WHY. Not thread-safe. */
enum allocator_status allocator_open(const char *spec, const struct allocator **out, char *why,
                                     size_t why_size);

/* Where the code of an opened allocator lives: the path of the loaded file, or of this program. */
const char *allocator_path(const struct allocator *allocator);

#endif
