/* SPDX-License-Identifier: MIT
 *
 * For tests: two or three activations of lock-free code, of which one runs at a time, switched before any access
 * to shared memory (steps.h), a few times a schedule; all schedules are run. What is switched away from is, to
 * the others, a thread that is stopped or a caller that a signal interrupts.
 *
 * The schedules are sequentially consistent: they show the algorithm, not what a weaker memory makes of it.
 *
 * The test defines prepare_schedule(), which puts everything back to the start, and check_schedule(), which
 * fails where what must hold does not hold, with the text that it is given. Included after cmocka.h.
 */
#ifndef AO_SCHEDULES_H
#define AO_SCHEDULES_H

#include "ao/steps.h"
#include "os/sanitizers.h"

#include <stdbool.h>
#include <stdio.h>
#include <ucontext.h>

enum { ACTIVATIONS = 3, SWITCHES = 3, STACK_BYTES = 1 << 16, MOST_STEPS = 10000 };

static void prepare_schedule(void);
static void check_schedule(const char *schedule);

typedef void body(unsigned self);

static struct activation {
    body *body;
    bool done;
    ucontext_t context;
    _Alignas(16) unsigned char stack[STACK_BYTES];
} activation[ACTIVATIONS];
static unsigned activations, running;
static ucontext_t after_all;

/* At the access AT (from 1, counted over all activations) TO goes on instead. */
static struct { unsigned at, to; } switches[SWITCHES];
static unsigned switches_made, switches_planned, switches_at_most, steps;
static unsigned char runner[SWITCHES + 1][MOST_STEPS + 1]; /* [switches planned][access]: whose it was */
static bool scheduled; /* false: the test itself calls, and nothing is switched */

static void go_on_with(unsigned next) {
    const unsigned before = running;
    if (next == before || activation[next].done)
        return;
    running = next;
    swapcontext(&activation[before].context, &activation[next].context);
}

static unsigned other_than(unsigned one) {
    for (unsigned i = 1; i < activations; i++)
        if (!activation[(one + i) % activations].done)
            return (one + i) % activations;
    return one;
}

static void describe_schedule(char *text, size_t size) {
    size_t length = 0;
    *text = '\0';
    for (unsigned i = 0; i < switches_planned; i++)
        length += (size_t)snprintf(text + length, size - length, " at access %u to activation %u;",
                                   switches[i].at, switches[i].to);
}

static void step(void) {
    if (!scheduled)
        return;
    if (++steps > MOST_STEPS) {
        char schedule[256];
        describe_schedule(schedule, sizeof schedule);
        fail_msg("nobody makes progress: switched%s", schedule);
    }
    runner[switches_planned][steps] = (unsigned char)running;
    if (switches_made < switches_planned && switches[switches_made].at == steps)
        go_on_with(switches[switches_made++].to);
}

static void activation_main(void) {
    struct activation *const a = &activation[running];
    a->body(running);
    a->done = true;
    const unsigned next = other_than(running);
    if (next == running)
        setcontext(&after_all);
    running = next;
    setcontext(&activation[next].context);
}

static void prepare_activation(struct activation *a) {
    a->done = false;
    getcontext(&a->context);
    a->context.uc_stack.ss_sp = a->stack;
    a->context.uc_stack.ss_size = STACK_BYTES;
    a->context.uc_link = NULL;
    makecontext(&a->context, activation_main, 0);
}

static void run_schedule(void) {
    char schedule[256];
    prepare_schedule();
    steps = switches_made = running = 0;
    for (unsigned i = 0; i < activations; i++)
        prepare_activation(&activation[i]);
    scheduled = true;
    swapcontext(&after_all, &activation[0].context);
    scheduled = false;
    describe_schedule(schedule, sizeof schedule);
    check_schedule(schedule);
}

/* All different schedules that begin with the switches planned so far. */
static unsigned explore(void) {
    run_schedule();
    unsigned schedules = 1;
    if (switches_planned == switches_at_most)
        return schedules;
    const unsigned last = steps, planned = switches_planned,
                   first = planned == 0 ? 1 : switches[planned - 1].at + 1;
    for (unsigned at = first; at <= last; at++)
        for (unsigned to = 0; to < activations; to++) {
            if (to == runner[planned][at])
                continue;
            switches[planned].at = at;
            switches[planned].to = to;
            switches_planned = planned + 1;
            schedules += explore();
            switches_planned = planned;
        }
    return schedules;
}

/* How many schedules there were. */
static unsigned explore_all(unsigned at_most, body *first, body *second, body *third) {
#if UNDER_TSAN
    (void)at_most, (void)first, (void)second, (void)third;
    (void)explore;
    skip(); /* it does not know of contexts, and one thread has no races */
    return 0;
#else
    body *const of[ACTIVATIONS] = {first, second, third};
    activations = third == NULL ? 2 : 3;
    for (unsigned i = 0; i < activations; i++)
        activation[i].body = of[i];
    switches_planned = 0;
    switches_at_most = at_most;
    const unsigned schedules = explore();
    assert_true(schedules > 10);
    return schedules;
#endif
}

#endif
