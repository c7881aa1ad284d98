/* SPDX-License-Identifier: MIT
 *
 * valgrind.h. What both write goes to an anonymous file; cachegrind's last lines have the sum.
 */
#include "valgrind.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 32 };
extern char **environ;

/* "==123== I   refs:      1,234,567", where how many blanks there are is the version's. */
static bool parse(const char *text, double *instructions) {
    const char *at = strstr(text, "refs:");
    if (at == NULL)
        return false;
    at += strlen("refs:") + strspn(at + strlen("refs:"), " ");
    *instructions = 0;
    const char *const start = at;
    for (; (*at >= '0' && *at <= '9') || *at == ','; at++)
        if (*at != ',')
            *instructions = *instructions * 10 + (*at - '0');
    return at != start;
}

static char *contents(int file) {
    const off_t size = lseek(file, 0, SEEK_END);
    char *const text = size < 0 ? NULL : calloc((size_t)size + 1, 1);
    if (text != NULL && pread(file, text, (size_t)size, 0) != size)
        *text = '\0';
    return text;
}

static bool judge(int status, int file, double *instructions, char *why, size_t why_size) {
    char *const text = contents(file);
    bool good = false;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        snprintf(why, why_size, "crashed: under valgrind it ends with %s %d", WIFEXITED(status) ? "status" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    else if (text == NULL || !parse(text, instructions))
        snprintf(why, why_size, "unavailable: valgrind does not say how many instructions there were");
    else
        good = true;
    free(text);
    return good;
}

bool valgrind_count(const char *const *argv, double *instructions, char *why, size_t why_size) {
    const char *words[MOST_WORDS] = {"valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"};
    size_t n = 4;
    for (size_t i = 0; argv[i] != NULL && n + 1 < MOST_WORDS; i++)
        words[n++] = argv[i];
    const int file = memfd_create("valgrind", MFD_CLOEXEC);
    posix_spawn_file_actions_t outputs;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&outputs);
    posix_spawn_file_actions_adddup2(&outputs, file, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&outputs, file, STDERR_FILENO);
    const int error = posix_spawnp(&child, words[0], &outputs, NULL, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&outputs);
    bool good = false;
    if (error != 0)
        snprintf(why, why_size, "unavailable: valgrind is not here (%s)", strerror(error));
    else {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        good = judge(status, file, instructions, why, why_size);
    }
    close(file);
    return good;
}
