/* SPDX-License-Identifier: MIT
 *
 * unload_program LIBRARY: loads one of the shared libraries, uses it, unloads it, and works on for as long as it takes to
 * be preempted. A thread's last restartable sequence is looked up by the kernel then: had it gone with the library, the
 * program would end here. Exit status 0, or a signal.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int count, char **arguments) {
    void *const library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;
    if (library == NULL) {
        fprintf(stderr, "unload_program: %s\n", count == 2 ? dlerror() : "usage: unload_program LIBRARY");
        return 2;
    }
    void *(*allocate)(size_t);
    void (*release)(void *);
    *(void **)&allocate = dlsym(library, "AO_malloc");
    *(void **)&release = dlsym(library, "AO_free");
    for (int i = 0; i < 1000; i++)
        release(allocate(100));
    dlclose(library);
    for (const long end = milliseconds() + 200; milliseconds() < end;)
        nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    return 0;
}
