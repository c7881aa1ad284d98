/* SPDX-License-Identifier: MIT
 *
 * size-drift: a live set whose blocks grow larger, slowly, and small again, while its bytes stay the same:
 * memory once split for one class is wanted for another, and in the end for the first. Ours; the worst case
 * of allocators of size classes that never give back.
 *
 * Sizes: as in `mixed-sizes`, half of the blocks log-uniform, half at the peaks 24, 48, 64, 96, 256, but both
 * times a factor that goes from 1 to 2^doublings and back to 1. The log-uniform half begins with 8 bytes to
 * 32 760 / 2^doublings, so that no block ever is above 32 760. The factor follows the bytes allocated:
 * in each doubling ten times the live set.
 *
 * Lifetimes: a block is allocated, and then as many freed as bring the live bytes back to their bound. Of
 * those freed 70 % are among the 16 youngest, the others anywhere; but 5 % of the first blocks stay through
 * all, as the long-lived ones of a program do, and hold the pages that they lie in.
 *
 * How: a script of events is drawn beforehand, from an empty heap to an empty heap. The live blocks stand in an
 * array without gaps: one that is freed is replaced by the last. Scripts are done whole, however few
 * operations are asked for: at 16 MiB and three doublings some 1.2 million on one thread.
 *
 * What to look at: peak_resident_bytes and peak_committed_bytes over peak_live_bytes. Committed memory is
 * noted sixteen times a script, in the timed part, some 30 us each. No warm-up: a heap that has been through a
 * script has split all that it will ever split.
 *
 * Parameters: live, MiB of live blocks, all threads together (small 4, large 256); doublings, of the mean
 * size: 3, or 1 to 8. An operation is an allocation and a free.
 *
 * Not shown: cross-thread frees, jumps between sizes (`phase-change`), reading of the blocks.
 */
#include "workload.h"

#include <math.h>

enum {
    LIVE = 0,
    DOUBLINGS = 1, /* the parameters */
    LEAST = 8,
    MOST = 32760, /* sizes */
    YOUNG = 16,
    YOUNG_PERCENT = 70,
    KEPT_ONE_IN = 20,
    TURNS_A_DOUBLING = 10, /* of the live bytes */
    STRETCHES = 16,        /* of the cycle; at the end of each, committed memory is noted */
};

/* size > 0: a block of that size is added at the array's end. Else that at INDEX is freed, and the last takes
 * its place. */
struct event {
    uint32_t index;
    uint32_t size;
};

struct state {
    uint64_t events, stretch_end[STRETCHES]; /* a stretch begins where the one before ends; the first is from
                                                an empty heap, and after the last comes the emptying */
    uint32_t room;                           /* the most that are live at once */
    uint32_t blocks;                         /* live now */
    void **block;                            /* [room] */
    struct event *event;                     /* [events] */
};

/* The script while it is drawn, and what would be live. */
struct drawing {
    struct state *s; /* whose event[] is NULL while events are counted */
    uint64_t random;
    unsigned doublings;
    double width;   /* of the log-uniform half, at any factor: the logarithm of largest over smallest */
    uint64_t bound; /* of live bytes */
    uint64_t live, allocated, peak_bytes;
    uint32_t *size; /* [blocks] */
    uint32_t blocks, kept, peak_blocks;
};

static uint32_t draw_size(struct drawing *d, double factor) {
    static const uint32_t peak[] = {24, 48, 64, 96, 256};
    const bool at_peak = random_below(&d->random, 2) == 0;
    const double size = at_peak ? peak[random_below(&d->random, sizeof peak / sizeof *peak)]
                                : LEAST * exp(random_unit(&d->random) * d->width);
    const double scaled = size * factor;
    return scaled < MOST ? (uint32_t)scaled : MOST;
}

/* Of the whole cycle. */
static uint64_t cycle_bytes(const struct drawing *d) {
    return 2 * (uint64_t)d->doublings * TURNS_A_DOUBLING * d->bound;
}

/* 1 at both ends of the cycle, 2^doublings in its middle. */
static double factor_now(const struct drawing *d) {
    const double part = fmin(1, (double)d->allocated / (double)cycle_bytes(d));
    return exp2((1 - fabs(2 * part - 1)) * d->doublings);
}

static void put(struct state *s, struct event event) {
    if (s->event != NULL)
        s->event[s->events] = event;
    s->events++;
}

static void add_block(struct drawing *d, uint32_t size) {
    put(d->s, (struct event){.size = size});
    d->size[d->blocks++] = size;
    d->live += size;
    d->peak_bytes = d->live > d->peak_bytes ? d->live : d->peak_bytes;
    d->peak_blocks = d->blocks > d->peak_blocks ? d->blocks : d->peak_blocks;
}

static void drop_block(struct drawing *d, uint32_t index) {
    put(d->s, (struct event){.index = index});
    d->live -= d->size[index];
    d->size[index] = d->size[--d->blocks];
}

/* One of those that are not kept. */
static uint32_t draw_victim(struct drawing *d) {
    const uint32_t others = d->blocks - d->kept;
    const bool young = others > YOUNG && random_below(&d->random, 100) < YOUNG_PERCENT;
    const uint32_t first = young ? d->blocks - YOUNG : d->kept;
    return first + (uint32_t)random_below(&d->random, d->blocks - first);
}

static void draw_script(struct drawing *d) {
    struct state *const s = d->s;
    s->events = 0;
    while (d->live < d->bound)
        add_block(d, draw_size(d, 1));
    d->kept = d->blocks / KEPT_ONE_IN;
    for (unsigned stretch = 0; stretch < STRETCHES; stretch++) {
        while (d->allocated < cycle_bytes(d) / STRETCHES * (stretch + 1)) {
            const uint32_t size = draw_size(d, factor_now(d));
            add_block(d, size);
            d->allocated += size;
            while (d->live > d->bound && d->blocks > d->kept + 1)
                drop_block(d, draw_victim(d));
        }
        s->stretch_end[stretch] = s->events;
    }
    while (d->blocks > 0)
        drop_block(d, d->blocks - 1);
}

/* Twice the same: first to count the events, then to keep them. */
static bool draw(struct worker *w, struct state *s) {
    const unsigned doublings = (unsigned)w->cell->number[DOUBLINGS];
    const struct drawing start = {.s = s,
                                  .random = w->seed,
                                  .doublings = doublings,
                                  .width = log((double)(MOST >> doublings) / LEAST),
                                  .bound = w->cell->number[LIVE] * 1048576 / w->cell->threads};
    struct drawing d = start;
    const size_t sizes_bytes = (start.bound / LEAST + 2) * sizeof *d.size; /* if all were the smallest */
    uint32_t *const sizes = memory_map(sizes_bytes);
    if (sizes == NULL)
        return false;
    d.size = sizes;
    draw_script(&d);
    s->room = d.peak_blocks;
    s->block = memory_map(s->room * sizeof *s->block);
    s->event = memory_map(s->events * sizeof *s->event);
    if (s->event != NULL) {
        d = start;
        d.size = sizes;
        draw_script(&d);
    }
    w->peak_live_bytes = d.peak_bytes;
    w->peak_live_blocks = d.peak_blocks;
    memory_unmap(sizes, sizes_bytes);
    return s->block != NULL && s->event != NULL;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    return s != NULL && draw(w, s) ? WORK_DONE : WORK_OUT_OF_MEMORY;
}

/* False: NULL. */
__attribute__((noinline, aligned(64))) static bool run_events(struct worker *w, uint64_t from, uint64_t to) {
    struct state *const s = w->state;
    void **const blocks = s->block;
    void *(*const allocate)(size_t) = w->malloc;
    void (*const release)(void *) = w->free;
    const struct event *const end = s->event + to;
    uint32_t live = s->blocks;
    uint64_t allocated = 0;
    bool got = true;
    for (const struct event *at = s->event + from; at != end; at++) {
        if (at->size == 0) {
            release(blocks[at->index]);
            blocks[at->index] = blocks[--live];
            continue;
        }
        void *const block = allocate(at->size);
        got = block != NULL;
        if (__builtin_expect(!got, 0))
            break;
        touch_block(block, at->size);
        blocks[live++] = block;
        allocated++;
    }
    s->blocks = live;
    w->done += allocated;
    return got;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    do {
        uint64_t from = 0;
        for (unsigned i = 0; i < STRETCHES; i++) {
            if (!run_events(w, from, s->stretch_end[i]))
                return WORK_OUT_OF_MEMORY; /* leave() gives back */
            from = s->stretch_end[i];
            memory_note_committed();
        }
        run_events(w, from, s->events); /* frees only */
    } while (w->done < operations);
    return WORK_DONE;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    while (s->blocks > 0)
        w->free(s->block[--s->blocks]);
    memory_unmap(s->block, s->room * sizeof *s->block);
    memory_unmap(s->event, s->events * sizeof *s->event);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_size_drift = {
    .name = "size-drift",
    .summary = "a live set whose blocks grow larger and small again: memory wanted for another size, slowly",
    .not_shown = "cross-thread frees, jumps between sizes, reading of the blocks",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .whole_scripts = true,
    .threads = "1,2,4,8",
    .parameters = {{"live", "16", 1, 1024, "MiB of live blocks, all threads together; small 4, large 256"},
                   {"doublings", "3", 1, 8, "of the mean size, on the way there"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 1,
    .enter = enter,
    .run = run,
    .leave = leave,
};
