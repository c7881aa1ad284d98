/* SPDX-License-Identifier: MIT
 *
 * The columns in which threads are stopped for good, each at a point of its path, the next one's with the earlier ones
 * stopped: progress, fork, loss. What must be possible then is in the column's own file.
 */
#include "cell.h"

#include "raw.h"

struct walker stopped[LEVELS];
static unsigned level; /* who walks */

static void stop(void) {
    attempt->aborts += trap_aborts();
    raw_set(&stopped[level].state, WALKER_STOPPED);
    raw_await(&attempt->release, 1); /* fork alone lets it go, where it waits for it */
}

static void begin(struct walker *w) {
    if (level < attempt->levels && !attempt->outside)
        trap_aim(w->record, &attempt->target[level], stop);
    else if (level < attempt->levels)
        stop();
    else
        walk_record(w);
}

void column_stops(void) {
    const unsigned walkers = attempt->levels + attempt->recording;
    trap_begin();
    if (current->column == COLUMN_PROGRESS) /* while the path is recorded too: they change what the walker finds */
        column_attaches();
    for (unsigned i = 0; i < walkers; i++) {
        stopped[i].path = current->path;
        stopped[i].refill = attempt->recording && i == attempt->levels ? 0 : attempt->refill[i];
        stopped[i].record = &attempt->record[i];
        stopped[i].begin = begin;
        walker_start(&stopped[i], current->subject, &attempt->fault);
    }
    for (level = 0; level < walkers; level++) {
        walker_walk(&stopped[level]);
        if (level < attempt->levels && stopped[level].state != WALKER_STOPPED)
            return; /* not reached */
    }
    if (attempt->recording) {
        attempt->refill[attempt->levels] = stopped[attempt->levels].refill;
        attempt->no_refill = stopped[attempt->levels].no_refill;
        attempt->reached = true;
        return;
    }
    attempt->reached = true;
    if (current->column == COLUMN_PROGRESS)
        column_survives();
    else if (current->column == COLUMN_FORK)
        column_forks();
    else
        column_loses();
}
