/* SPDX-License-Identifier: MIT
 *
 * cell.h: records each level, chooses its points, and tries them in children.
 */
#include "cell.h"

#include "aside.h"
#include "disassembly.h"
#include "points.h"
#include "raw.h"
#include "watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct attempt *attempt;
const struct cell *current;

enum {
    WHOLE = 2000,  /* so many instructions of a path are all tried, */
    BEYOND = 100,  /* and so many points of what follows */
    RECORDS = 24,  /* a path is recorded again for each sequence it meets anew */
    SPIN_MS = 50,
    NESTED_SPIN_MS = 150, /* stepping counts as processor time */
    RECORD_SPIN_MS = 20000,
    RECORD_HANDLER_SPIN_MS = 1000,
    WALL_TIMES = 40,           /* as much on the wall as of processor time, until a hang is confirmed; */
    WALL_TIMES_CONFIRMED = 10, /* then a cell has failed, and hundreds of hangs may follow */
    PATIENCE = 10, /* times the limits, to confirm a hang */
    ENOUGH = 5,
    MISSES = 3,
};

/* How many points of each level are tried at most, where there are several levels. */
static const size_t most[LEVELS + 1][LEVELS] = {{0}, {0}, {20, 16}, {8, 6, 6}};

static struct {
    struct cell_result *result;
    double patience;
    bool confirmed; /* a hang, with PATIENCE times the limits */
    size_t held;
    long most_ms; /* of processor time that a point took which held */
    size_t index[LEVELS];
} run;

static void (*body(void))(void) {
    return current->column == COLUMN_SIGNAL || current->column == COLUMN_NESTED ? column_interrupts : column_stops;
}

/* What counts as seen by others: a handler sees what has been read and not yet used; other threads see stores. */
static enum trap_after visible(void) {
    return current->column == COLUMN_SIGNAL || current->column == COLUMN_NESTED ? TRAP_AFTER_ACCESS
                                                                                 : TRAP_AFTER_STORE;
}

/* Where one hangs in fork: what it waits for is let go. */
static bool let_go(void) {
    if (!attempt->forking || attempt->release != 0)
        return false;
    attempt->waited = true;
    raw_set(&attempt->release, 1);
    return true;
}

/* A path of instructions is stepped through at 13 us each; the first level's may be one of hundreds of mallocs. Once a hang
 * is confirmed and there are points that held to go by, five times what the slowest of those took: most of the time of a
 * cell that fails is waiting for hangs to be sure. */
static long spin_limit(void) {
    const long usual = current->levels > 1 ? NESTED_SPIN_MS : SPIN_MS, known = 10 + 5 * run.most_ms;
    if (attempt->recording)
        return attempt->levels == 0 ? RECORD_SPIN_MS : RECORD_HANDLER_SPIN_MS;
    return run.confirmed && run.held >= ENOUGH && known < usual ? known : usual;
}

/* What is the harness's own trouble, or the system's, is no verdict. */
__attribute__((noreturn)) static void give_up(const char *why) {
    fprintf(stderr, "probe: %s, on the way to point %zu\n", why, run.index[0]);
    exit(1);
}

static enum outcome try_once(double patience) {
    attempt->fault = FAULT_NONE;
    attempt->reached = attempt->forking = attempt->waited = false;
    attempt->aborts = 0;
    attempt->release = 0;
    attempt->grandchild = 0;
    const struct watch watch = {
        .patience = patience,
        .spin_milliseconds = spin_limit(),
        .wall_milliseconds = (run.confirmed ? WALL_TIMES_CONFIRMED : WALL_TIMES) * spin_limit(),
        .on_hang = let_go,
        .grandchild = &attempt->grandchild,
    };
    const struct watch_result end = watch_run(&watch, body());
    if (!attempt->recording && attempt->reached && end.end == WATCH_EXITED && end.code == 0) {
        run.held++;
        run.most_ms = end.milliseconds > run.most_ms ? end.milliseconds : run.most_ms;
    }
    if (end.end == WATCH_EXITED && end.code == TRAP_LOST)
        give_up("a trap that nobody set, or no thread or process to be had");
    if (end.end == WATCH_SIGNALLED && end.code == SIGKILL)
        give_up("a child was killed from outside (no memory?)");
    if (end.end == WATCH_SIGNALLED || (end.end == WATCH_EXITED && end.code == EXIT_CRASHED))
        return CRASHES;
    if (end.end != WATCH_EXITED)
        return HANGS;
    switch (attempt->fault) {
    case FAULT_DOUBLED:
        return DOUBLES;
    case FAULT_CORRUPT:
        return CORRUPTS;
    case FAULT_LOST:
        return LOSES;
    default:
        if (end.code != 0)
            return CRASHES; /* it called exit */
        return attempt->reached ? HOLDS : NOT_REACHED;
    }
}

/* The first hang is confirmed with more patience; where it was none, all later points have that patience. A path with
 * sequences may miss its point because one of them was aborted by chance: only what is missed again and again is not on
 * it. */
static enum outcome try_point(void) {
    enum outcome outcome = NOT_REACHED;
    for (int i = 0; outcome == NOT_REACHED && i < (attempt->record[0].sequences != 0 ? MISSES : 1); i++)
        outcome = try_once(run.patience);
    if (outcome == HANGS && !run.confirmed) {
        outcome = try_once(PATIENCE);
        if (outcome == HANGS)
            run.confirmed = true;
        else
            run.patience = PATIENCE;
    }
    return outcome;
}

/* ---- the first failure ---- */

static struct {
    uintptr_t at[LEVELS], before[LEVELS];
    unsigned levels;
    char *text;
    size_t size;
} naming;

static void name_point(void) {
    char at[400], before[400];
    size_t used = 0;
    for (unsigned i = 0; i < naming.levels && used < naming.size; i++) {
        disassembly_name(naming.at[i], at, sizeof at);
        if (naming.before[i] != 0)
            disassembly_name(naming.before[i], before, sizeof before);
        used += (size_t)snprintf(naming.text + used, naming.size - used, "%s%s%s%s", i == 0 ? "" : "; then ", at,
                                 naming.before[i] == 0 ? "" : " after ", naming.before[i] == 0 ? "" : before);
    }
}

static void name_first(struct cell_result *r, enum outcome outcome) {
    static char *shared;
    if (shared == NULL)
        shared = aside_memory(sizeof r->first);
    naming.levels = attempt->levels;
    naming.text = shared;
    naming.size = sizeof r->first;
    size_t used = 0;
    for (unsigned i = 0; i < attempt->levels; i++) {
        const size_t index = run.index[i];
        naming.at[i] = attempt->target[i].at;
        naming.before[i] = index == 0 ? 0 : attempt->record[i].entry[index - 1].at;
        used += (size_t)snprintf(r->replay + used, sizeof r->replay - used, "%s%zu", i == 0 ? "" : ":", index);
    }
    aside(name_point);
    snprintf(r->first, sizeof r->first, "%s", shared);
    r->kind = outcome;
}

/* ---- trying ---- */

static size_t blocks_outside, spacing; /* loss: when the thread is stopped before its path */

static void measure_outside(void) {
    attempt->outside = true;
    attempt->levels = 1;
    const enum outcome outcome = try_once(PATIENCE);
    attempt->outside = false;
    blocks_outside = attempt->blocks;
    spacing = attempt->spacing;
    if (outcome != HOLDS || blocks_outside < 2 || blocks_outside == LOSS_MOST_BLOCKS)
        run.result->incomplete = "its memory cannot be exhausted under a limit";
}

static bool loses_too_much(void) {
    const long bytes = ((long)blocks_outside - (long)attempt->blocks) * (long)spacing;
    const size_t declared =
        current->path == PATH_REFILL ? current->subject->loss.in_refill : current->subject->loss.most;
    if (bytes > run.result->bytes)
        run.result->bytes = bytes;
    return declared != 0 && bytes > (long)declared;
}

/* Both handlers, where there are handlers. True: failed. */
static bool try_here(void) {
    struct cell_result *const r = run.result;
    const bool handlers = visible() == TRAP_AFTER_ACCESS;
    enum outcome outcome = HOLDS;
    bool waited = false;
    for (int i = 0; i <= handlers && outcome == HOLDS; i++) {
        attempt->keeps_first = i == 1;
        const enum outcome this = try_point();
        waited |= attempt->waited;
        if (this != NOT_REACHED || i == 0) /* the second handler of a nested point may take another path */
            outcome = this;
    }
    if (outcome == NOT_REACHED) {
        *(attempt->target[attempt->levels - 1].sequence != 0 ? &r->not_on_path : &r->not_reached) += 1;
        return false;
    }
    r->points++;
    r->waited += waited;
    if (attempt->levels == 1 && attempt->target[0].sequence != 0 && attempt->aborts == 1)
        r->in_sequences++;
    if (current->column == COLUMN_LOSS && outcome == HOLDS && loses_too_much())
        outcome = LOSES;
    if (outcome == HOLDS)
        return false;
    if (r->failed++ == 0 || run.index[0] < strtoul(r->replay, NULL, 10))
        name_first(r, outcome);
    return true;
}

/* HOLDS, or what became of the child that was to record. */
static enum outcome record_level(unsigned level) {
    struct trap_record *const record = &attempt->record[level];
    record->sequences = record->mask_sites = 0;
    enum outcome outcome = HOLDS;
    size_t before = SIZE_MAX; /* how long the last record was; a sequence may have been aborted by chance in one */
    bool same = false;
    for (int i = 0; i < RECORDS && !same; i++) {
        record->count = 0;
        record->overflow = record->stale = false;
        attempt->levels = level;
        attempt->recording = true;
        attempt->keeps_first = false;
        attempt->no_refill = false;
        outcome = try_once(1);
        attempt->recording = false;
        if (outcome != HOLDS)
            return outcome;
        points_finish(record);
        same = !record->stale && (record->sequences == 0 || record->count == before);
        before = record->stale ? SIZE_MAX : record->count;
    }
    if (record->overflow || !same)
        run.result->incomplete = "its path is too long, or changes each time it is recorded";
    else if (attempt->no_refill)
        run.result->incomplete = "no malloc of thousands left the fast path";
    return HOLDS;
}

static void aim_at(unsigned level, uint32_t index) {
    run.index[level] = index;
    attempt->target[level] = attempt->record[level].entry[index];
    attempt->levels = level + 1;
}

static bool skipped(unsigned level, uint32_t index) {
    const struct trap_entry *const e = &attempt->record[level].entry[index];
    return visible() == TRAP_AFTER_ACCESS && e->masked;
}

static void try_level(unsigned level);

/* With the levels before in place the path does not come to its end: those are a failure by themselves. */
static void could_not_record(unsigned level, enum outcome outcome) {
    struct cell_result *const r = run.result;
    if (level == 0) {
        r->incomplete = "its path does not come to its end when it is stepped through";
    } else if (outcome == NOT_REACHED) {
        r->not_reached++;
    } else {
        r->points++;
        attempt->levels = level;
        if (r->failed++ == 0)
            name_first(r, outcome);
    }
}

/* True: it failed. */
static bool descend(unsigned level, uint32_t index) {
    aim_at(level, index);
    if (skipped(level, index)) {
        run.result->masked++;
        return false;
    }
    if (level + 1 == current->levels)
        return try_here();
    try_level(level + 1);
    return false;
}

/* All that were left out between what was tried last and what failed first: which was the first? */
static void try_gap(size_t after, size_t failed) {
    for (size_t rank = after + 1; rank < failed; rank++)
        descend(0, points_of_class(0, rank));
}

static void try_level(unsigned level) {
    const enum outcome outcome = record_level(level);
    if (outcome != HOLDS) {
        could_not_record(level, outcome);
        return;
    }
    const struct trap_record *const record = &attempt->record[level];
    if (level == 0 && current->column == COLUMN_LOSS)
        measure_outside();
    if (level == 0) {
        run.result->instructions = record->count;
        run.result->refill = current->path == PATH_REFILL ? attempt->refill[0] : 0;
    }
    if (current->replay) {
        if (current->only[level] < record->count)
            descend(level, (uint32_t)current->only[level]);
        return;
    }
    const bool one = current->levels == 1;
    const size_t whole = !one ? 0 : current->path == PATH_PAIR ? TRAP_ENTRIES : WHOLE;
    const struct points points =
        points_choose(record, visible(), whole, one ? BEYOND : most[current->levels][level], level);
    if (points.count < points.classes)
        run.result->sampled_from += points.classes;
    run.result->deep += points.deep;
    for (size_t i = 0; i < points.count; i++)
        if (descend(level, points.index[i]) && one && i > 0 && run.result->failed == 1)
            try_gap(points.rank[i - 1], points.rank[i]);
}

void cell_run(const struct cell *cell, struct cell_result *result) {
    if (attempt == NULL)
        attempt = aside_memory(sizeof *attempt);
    memset(result, 0, sizeof *result);
    result->bytes = -1;
    current = cell;
    run.result = result;
    run.patience = 1;
    run.confirmed = false;
    run.held = 0;
    run.most_ms = 0;
    try_level(0);
}
