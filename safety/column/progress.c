/* SPDX-License-Identifier: MIT
 *
 * The column progress: with threads stopped, others go on. A loop of malloc and free would stay in its thread's cache
 * and prove nothing, so the survivors meet the stopped threads wherever they can: a thousand blocks at once of the same
 * size, other sizes, the stopped threads' blocks; twenty threads that made calls before, which wherever heaps are shared
 * out among threads share one with them; and threads that are born now.
 */
#include "cell.h"

#include "raw.h"

enum { ATTACHED = 20, BORN = 4, BURST = 1000, BURSTS = 5, STACK = 1 << 18 };

static struct survivor {
    struct oracle oracle;
    int ready, go, done;
} attached[ATTACHED], born[BORN];

static void *survive(void *argument) {
    struct survivor *const s = argument;
    s->oracle.subject = current->subject;
    s->oracle.fault = &attempt->fault;
    if (current->path != PATH_COLD)
        oracle_exercise(&s->oracle, 8, WALK_SIZE);
    raw_set(&s->ready, 1);
    raw_await(&s->go, 1);
    oracle_exercise(&s->oracle, 200, WALK_SIZE);
    raw_set(&s->done, 1);
    return NULL;
}

static void start(struct survivor *s) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    if (pthread_create(&thread, &attributes, survive, s) != 0)
        raw_exit(TRAP_LOST);
}

void column_attaches(void) {
    for (int i = 0; i < ATTACHED; i++) {
        start(&attached[i]);
        raw_await(&attached[i].ready, 1);
    }
}

static void burst(size_t size, int n) {
    static void *block[BURST];
    for (int i = 0; i < n; i++) {
        block[i] = current->subject->malloc(size);
        if (block[i] == NULL) {
            raw_set(&attempt->fault, FAULT_LOST);
            raw_exit(EXIT_FAULT);
        }
    }
    while (n > 0)
        current->subject->free(block[--n]);
}

void column_survives(void) {
    static const size_t others[] = {16, 200, 1000, 4000, 20000};
    static struct oracle own;
    own.subject = current->subject;
    own.fault = &attempt->fault;
    for (int i = 0; i < BURSTS; i++)
        burst(WALK_SIZE, BURST);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        burst(others[i], 100);
    burst(WALK_LARGE, 3);
    for (unsigned i = 0; i < attempt->levels; i++)
        oracle_drain(&stopped[i].oracle); /* it touches no more of them: it has stopped */
    oracle_exercise(&own, 1000, walk_size(current->path));
    for (int i = 0; i < ATTACHED; i++)
        raw_set(&attached[i].go, 1);
    for (int i = 0; i < BORN; i++) {
        born[i].go = 1;
        start(&born[i]);
    }
    for (int i = 0; i < ATTACHED; i++)
        raw_await(&attached[i].done, 1);
    for (int i = 0; i < BORN; i++)
        raw_await(&born[i].done, 1);
}
