/* SPDX-License-Identifier: MIT
 *
 * The columns signal and nested: a handler comes at a point of the path, allocates and frees; another comes at a point of
 * that handler's path. Afterwards everything must be as if they had not come.
 */
#include "cell.h"

#include "raw.h"

static struct walker walker;
static unsigned level; /* how many handlers have come */

static void handler(void);

/* What the next one is stopped by, on the path that begins now. */
static void lie_in_wait(void) {
    if (level < attempt->levels)
        trap_aim(&attempt->record[level], &attempt->target[level], handler);
    else if (attempt->recording && level > 0)
        trap_start_record(&attempt->record[level]);
}

static void handler(void) {
    level++;
    attempt->aborts += trap_aborts();
    lie_in_wait();
    walk_handler(&walker, attempt->keeps_first);
    trap_end();
}

static void begin(struct walker *w) {
    lie_in_wait();
    if (attempt->recording && attempt->levels == 0)
        walk_record(w);
}

static void verify(struct walker *w) {
    attempt->reached = level == attempt->levels;
    if (attempt->recording)
        attempt->refill[0] = attempt->levels == 0 ? w->refill : attempt->refill[0], attempt->no_refill = w->no_refill;
    else if (attempt->reached)
        walk_verify(w);
}

void column_interrupts(void) {
    static struct oracle own;
    trap_begin();
    walker.path = current->path;
    walker.refill = attempt->recording && attempt->levels == 0 ? 0 : attempt->refill[0];
    walker.record = &attempt->record[0];
    walker.begin = begin;
    walker.after = verify;
    walker_start(&walker, current->subject, &attempt->fault);
    walker_walk(&walker);
    pthread_join(walker.thread, NULL); /* what is wrong may show when the thread ends */
    if (attempt->recording || !attempt->reached)
        return;
    own.subject = current->subject; /* another thread finds it in order too */
    own.fault = &attempt->fault;
    oracle_exercise(&own, 500, walk_size(current->path));
}
