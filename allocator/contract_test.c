/* SPDX-License-Identifier: MIT
 *
 * contract_test [K/N | SPEC...]: every allocator of the list, or each N-th from the K-th on, or those named,
 * through the same cases (contract_cases.h). No allocator is named here: what one may do differently, its
 * traits say.
 *
 * Each case opens the allocator anew in a process of its own with a time limit, so that a library that
 * crashes or hangs is one failed case with a message, and each finds a heap that nobody has used. An
 * allocator that needs an environment is tested by this program, executed again with it. Exit status 2 for
 * bad use.
 */
#include "contract_cases.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

enum { SECONDS_A_CASE = SANITIZED ? 60 : 20, MOST_SPECS = 64, BAD_USE = 2 };

static const struct contract_case {
    const char *rule;
    void (*run)(void);
    unsigned only_with; /* these traits; 0: always */
    const char *prefix; /* of the spec */
    unsigned entries;   /* of the table; 0: only those that all have */
} cases[] = {
    {"blocks are aligned", case_alignment, 0, "", 0},
    {"size 0 is NULL or a block that may be freed", case_size_0, 0, "", 0},
    {"free(NULL) does nothing", case_free_of_null, 0, "", 0},
    {"live blocks never overlap", case_no_overlap, 0, "", 0},
    {"contents survive", case_contents, 0, "", 0},
    {"sizes around every boundary are met", case_boundaries, 0, "", 0},
    {"huge sizes fail cleanly", case_huge_sizes, 0, "", 0},
    {"any thread may free", case_free_by_another_thread, 0, "", 0},
    {"blocks outlive the thread that made them", case_blocks_outlive_their_thread, 0, "", 0},
    {"many threads at once", case_many_threads, 0, "", 0},
    {"many threads at once, checked", case_many_threads, 0, "checked:", 0},
    {"exhaustion by 400 bytes is NULL, and ends with free", case_exhaustion_small, 0, "", 0},
    {"exhaustion by 16000 bytes is NULL, and ends with free", case_exhaustion_medium, 0, "", 0},
    {"exhaustion by 1 MiB is NULL, and ends with free", case_exhaustion_large, 0, "", 0},
    {"32761 to 65528 bytes hang, as declared", case_declared_hang, TRAIT_HANGS_32761_65528, "", 0},
    {"exhaustion aborts, as declared", case_declared_abort, TRAIT_ABORTS_WHEN_EXHAUSTED, "", 0},
    {"calloc is zero, whatever was there", case_calloc, 0, "", HAS_CALLOC},
    {"realloc keeps contents", case_realloc, 0, "", HAS_REALLOC},
    {"a realloc that fails keeps the block", case_realloc_fails, 0, "", HAS_REALLOC},
    {"aligned_alloc aligns", case_aligned_alloc, 0, "", HAS_ALIGNED_ALLOC},
    {"usable_size may be used", case_usable_size, 0, "", HAS_USABLE_SIZE},
    {"all entries on many threads at once", case_all_entries, 0, "", HAS_ALL},
    {"stats and trim", case_stats_and_trim, 0, "", HAS_STATS},
    {"after_fork forgets the threads that are gone", case_after_fork, 0, "", HAS_AFTER_FORK},
};
enum { CASES = sizeof cases / sizeof *cases, MOST_TESTS = MOST_SPECS * CASES };

/* A sanitizer's malloc would otherwise end the process where the contract wants NULL. ThreadSanitizer sees
 * the mmap and memcpy of a loaded library, but not the atomics that order them: races within it are not its
 * to find. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "allocator_may_return_null=1:ignore_noninstrumented_modules=1";
}

/* ---- executing again with GLIBC_TUNABLES ---- */

static const char variable[] = "GLIBC_TUNABLES", restarted[] = "CONTRACT_TEST_RESTARTED";
static const char static_tls[] = "glibc.rtld.optional_static_tls=65536"; /* carries all libraries together */

/* Does NEEDED ("name=value:name=value") set what ENTRY sets? */
static bool sets_the_same(const char *needed, const char *entry) {
    const size_t name = strcspn(entry, "=:") + 1;
    for (;; needed++) {
        if (strncmp(needed, entry, name) == 0)
            return true;
        if ((needed = strchr(needed, ':')) == NULL)
            return false;
    }
}

/* Sets NEEDED over the user's settings of the same names, beside all others. */
static void set_tunables(const char *needed) {
    char *merged = NULL;
    size_t size = 0;
    FILE *const out = open_memstream(&merged, &size);
    if (out == NULL)
        exit(1);
    const char *const before = getenv(variable);
    for (const char *entry = before == NULL ? "" : before; *entry != '\0';) {
        const size_t length = strcspn(entry, ":");
        if (length > 0 && !sets_the_same(needed, entry))
            fprintf(out, "%.*s:", (int)length, entry);
        entry += length + (entry[length] == ':');
    }
    fputs(needed, out);
    fclose(out);
    setenv(variable, merged, 1);
    free(merged);
}

static _Noreturn void execute_again(char **arguments) {
    execv("/proc/self/exe", arguments);
    perror("contract_test: cannot execute itself again with GLIBC_TUNABLES");
    _exit(1);
}

/* ---- one process ---- */

static pid_t start(void) {
    fflush(NULL); /* or the child would print again what waits in the buffers */
    const pid_t child = fork();
    assert_true(child >= 0);
    return child;
}

static int wait_for(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* What there is to know of a spec before its cases run. */
struct probe {
    enum allocator_status status;
    unsigned traits;
    unsigned entries;
    char why[512];
};

static unsigned entries_of(const struct allocator *a) {
    return (a->calloc != NULL ? HAS_CALLOC : 0U) | (a->realloc != NULL ? HAS_REALLOC : 0U) |
           (a->aligned_alloc != NULL ? HAS_ALIGNED_ALLOC : 0U) |
           (a->usable_size != NULL ? HAS_USABLE_SIZE : 0U) |
           (a->stats != NULL && a->trim != NULL ? HAS_STATS : 0U) |
           (a->after_fork != NULL ? HAS_AFTER_FORK : 0U);
}

/* False where the process that opened it did not live to tell. */
static bool probe_spec(const char *spec, struct probe *probe) {
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        const struct allocator *opened = NULL;
        alarm(SECONDS_A_CASE);
        probe->status = allocator_open(spec, &opened, probe->why, sizeof probe->why);
        probe->traits = opened == NULL ? 0 : opened->traits;
        probe->entries = opened == NULL ? 0 : entries_of(opened);
        _exit(write(ends[1], probe, sizeof *probe) == sizeof *probe ? 0 : 1);
    }
    close(ends[1]);
    const bool told = read(ends[0], probe, sizeof *probe) == sizeof *probe;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return told;
}

static bool is_process_malloc(const char *spec) {
    const char *const colon = strrchr(spec, ':');
    const struct allocator *const innermost = allocator_named(colon == NULL ? spec : colon + 1);
    return innermost != NULL && innermost->malloc == malloc;
}

static _Noreturn void run_case(const char *spec, const struct contract_case *one) {
    char whole[512], why[512] = "";
    alarm(SECONDS_A_CASE);
    snprintf(whole, sizeof whole, "%s%s", one->prefix, spec);
    if (allocator_open(whole, &subject, why, sizeof why) != ALLOCATOR_OK) {
        fprintf(stderr, "    %s: %s\n", whole, why);
        _exit(CASE_FAILS);
    }
    subject_is_sanitizers = SANITIZED && is_process_malloc(spec);
    one->run();
    if (subject->check != NULL && !subject->check(why, sizeof why))
        violated("afterwards an invariant does not hold: %s", why);
    _exit(CASE_HOLDS);
}

/* ---- what cmocka runs ---- */

static struct test {
    const char *spec;
    const struct contract_case *one; /* NULL: all, in a process with ENVIRONMENT */
    const char *environment;
    char name[200];
} test[MOST_TESTS];
static struct CMUnitTest units[MOST_TESTS];
static size_t tests;

static void run_in_child(void **state) {
    const struct test *const t = *state;
    const pid_t child = start();
    if (child == 0)
        run_case(t->spec, t->one);
    const int status = wait_for(child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        fail_msg("%s: not done after %d seconds", t->spec, SECONDS_A_CASE);
    if (WIFSIGNALED(status))
        fail_msg("%s: ended by signal %d (%s)", t->spec, WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) == CASE_LEFT_OUT)
        skip();
    if (WEXITSTATUS(status) != CASE_HOLDS)
        fail_msg("%s: exit status %d; a line above says why", t->spec, WEXITSTATUS(status));
}

static void run_with_environment(void **state) {
    const struct test *const t = *state;
    const pid_t child = start();
    if (child == 0) {
        char program[] = "contract_test", spec[512];
        snprintf(spec, sizeof spec, "%s", t->spec);
        setenv(restarted, "1", 1);
        set_tunables(t->environment);
        execute_again((char *[]){program, spec, NULL});
    }
    const int status = wait_for(child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: its own process failed, as said above", t->spec);
}

static void add_test(const char *spec, const struct contract_case *one, const char *environment) {
    struct test *const t = &test[tests];
    *t = (struct test){.spec = spec, .one = one, .environment = environment};
    snprintf(t->name, sizeof t->name, "%.80s: %s%s", spec,
             one != NULL ? one->rule : "all of it, in a process with ", one != NULL ? "" : environment);
    units[tests++] = (struct CMUnitTest){
        .name = t->name, .test_func = one != NULL ? run_in_child : run_with_environment, .initial_state = t};
}

/* Exit status 2 where SPEC is none. */
static void add_spec(const char *spec) {
    const char *const environment = allocator_environment(spec);
    if (environment != NULL && getenv(restarted) == NULL) {
        add_test(spec, NULL, environment);
        return;
    }
    struct probe probe = {.status = ALLOCATOR_OK};
    const bool told = probe_spec(spec, &probe);
    if (probe.status == ALLOCATOR_BAD_SPEC) {
        fprintf(stderr, "contract_test: %s\n", probe.why);
        exit(BAD_USE);
    }
    if (probe.status == ALLOCATOR_UNAVAILABLE)
        printf("%s: unavailable: %s\n", spec, probe.why);
    else if ((probe.traits & TRAIT_FLOOR) != 0)
        printf("%s: left out: it hands out memory that is in use, as declared\n", spec);
    else
        for (const struct contract_case *one = cases; one < cases + CASES; one++)
            if (!told || ((one->only_with == 0 || (probe.traits & one->only_with) != 0) &&
                          (probe.entries & one->entries) == one->entries))
                add_test(spec, one, NULL);
}

/* Each N-th of the list, from the K-th. A sanitizer sees nothing of a library that was built without it: those are
 * tested without, too. */
static void add_share(unsigned k, unsigned n) {
    unsigned place = 0;
    for (const struct allocator *const *a = allocator_list(); *a != NULL; a++)
        if ((!SANITIZED || (*a)->library == NULL) && place++ % n == k - 1)
            add_spec((*a)->name);
}

int main(int count, char **arguments) {
    unsigned k = 1, n = 1;
    char end;
    const bool share = count == 1 || (count == 2 && sscanf(arguments[1], "%u/%u%c", &k, &n, &end) == 2);
    if (count > 1 + MOST_SPECS || (count > 1 && arguments[1][0] == '-') || k < 1 || k > n) {
        fprintf(stderr,
                "usage: contract_test [K/N | SPEC...]: each N-th of the list from the K-th on, or at most %d named; "
                "without either: the whole list\n",
                MOST_SPECS);
        return BAD_USE;
    }
    const char *const tunables = getenv(variable);
    if (tunables == NULL || !sets_the_same(tunables, static_tls)) {
        set_tunables(static_tls);
        execute_again(arguments);
    }
    if (share)
        add_share(k, n);
    for (int i = 1; i < count && !share; i++)
        add_spec(arguments[i]);
    if (tests == 0) {
        fprintf(stderr, "contract_test: nothing is left to test\n");
        return BAD_USE;
    }
    /* It returns how many failed, and 2 would say something else. */
    return _cmocka_run_group_tests("contract", units, tests, NULL, NULL) == 0 ? 0 : 1;
}
