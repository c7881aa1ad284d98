/* SPDX-License-Identifier: MIT
 *
 * realloc-growth: blocks that grow, several at a time: vectors that double and strings that append. Ours; how
 * std::vector, a line reader or a JSON writer use an allocator. Blocks that live beside each other are in
 * each other's way, so that who grows in place must have foreseen it.
 *
 * Every thread has objects, of three kinds in equal parts:
 *   doubling   16 bytes, then twice as many each time
 *   half       24 bytes, then half as many more each time, rounded up to 8
 *   steps      a constant more each time, of 16, 64, 256 or 1024 bytes; 64 times at most
 * A step picks an object at random and grows it, or, where that would take it beyond the final size that was
 * drawn for it, frees it and begins it anew. Final sizes are log-uniform from 64 bytes to `most`. The part
 * that is new is written: its last byte and one byte a page. The byte before it must be what it was, else the
 * cell is wrong. The steps are drawn beforehand, from no object to no object, and walked round and round.
 *
 * How it grows: by the allocator's realloc where its table has one, else by malloc, memcpy and free, as a
 * program would that has no realloc. The variants of AO_malloc, glibc, jemalloc, mimalloc, tcmalloc, scudo and
 * libraries named by path have one; tbbmalloc (whose own is not used), the packaged AO_malloc, bump,
 * `checked:`, `failing:` and the pass that counts shared lines have none.
 *
 * Parameters: most, bytes (1048576; small 4096, large 67108864); objects a thread, 64. Sizes of 32 761 to 65 528
 * bytes become 65 536, for the packaged AO_malloc never returns from those. An operation is a growth, from
 * nothing too; each twentieth or so has the end of an object with it.
 *
 * Not shown: cross-thread frees, blocks that shrink, the reading of what has grown.
 */
#include "workload.h"

#include <math.h>
#include <string.h>

enum {
    MOST = 0,
    OBJECTS = 1, /* the parameters */
    LEAST_FINAL = 64,
    STEPS_AT_MOST = 64,
    GAP_FIRST = 32761,
    GAP_LAST = 65528, /* sizes that are avoided */
    PAGE = 4096,
    MARK = 1,
    DRAWN_STEPS = 1 << 16, /* and the end of all objects */
};

enum kind { DOUBLING, HALF, CONSTANT, KINDS };

/* size 0: the object ends. */
struct step {
    uint32_t object;
    uint32_t size;
};

struct object {
    unsigned char *block; /* NULL: it has yet to begin */
    size_t size;
};

/* An object while steps are drawn. */
struct growing {
    enum kind kind;
    uint32_t size, final, constant;
};

struct state {
    uint32_t objects, steps;
    uint32_t at;             /* the next step; runs go on where the one before ended */
    uint64_t steps_done;     /* by all runs */
    struct step *step;       /* [DRAWN_STEPS + objects] */
    struct object *object;   /* [objects] */
    struct growing *growing; /* [objects] */
};

static uint32_t step_bytes(const struct state *s) {
    return (uint32_t)((DRAWN_STEPS + s->objects) * sizeof *s->step);
}

static struct growing draw_object(uint64_t *random, uint32_t most) {
    static const uint32_t constants[] = {16, 64, 256, 1024};
    struct growing g = {
        .kind = (enum kind)random_below(random, KINDS),
        .final = (uint32_t)(LEAST_FINAL * pow((double)most / LEAST_FINAL, random_unit(random))),
        .constant = constants[random_below(random, sizeof constants / sizeof *constants)],
    };
    if (g.constant > g.final)
        g.constant = constants[0];
    if (g.kind == CONSTANT && g.final > STEPS_AT_MOST * g.constant)
        g.final = STEPS_AT_MOST * g.constant;
    return g;
}

static uint32_t next_size(const struct growing *g) {
    uint32_t size;
    if (g->kind == DOUBLING)
        size = g->size == 0 ? 16 : 2 * g->size;
    else if (g->kind == HALF)
        size = g->size == 0 ? 24 : (g->size + g->size / 2 + 7) / 8 * 8;
    else
        size = g->size + g->constant;
    return size >= GAP_FIRST && size <= GAP_LAST ? GAP_LAST + 8 : size;
}

static bool draw(struct state *s, const struct worker *w) {
    const uint32_t most = (uint32_t)w->cell->number[MOST];
    s->objects = (uint32_t)w->cell->number[OBJECTS];
    s->step = memory_map(step_bytes(s));
    s->object = memory_map(s->objects * sizeof *s->object);
    s->growing = memory_map(s->objects * sizeof *s->growing);
    if (s->step == NULL || s->object == NULL || s->growing == NULL)
        return false;
    uint64_t random = w->seed;
    for (uint32_t i = 0; i < s->objects; i++)
        s->growing[i] = draw_object(&random, most);
    for (; s->steps < DRAWN_STEPS; s->steps++) {
        const uint32_t object = (uint32_t)random_below(&random, s->objects);
        struct growing *const g = &s->growing[object];
        const uint32_t size = next_size(g);
        const bool ends = size > g->final && g->size != 0;
        s->step[s->steps] = (struct step){.object = object, .size = ends ? 0 : size};
        if (ends)
            *g = draw_object(&random, most);
        else
            g->size = size;
    }
    for (uint32_t i = 0; i < s->objects; i++)
        if (s->growing[i].size != 0)
            s->step[s->steps++] = (struct step){.object = i};
    return true;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    return s != NULL && draw(s, w) ? WORK_DONE : WORK_OUT_OF_MEMORY;
}

/* What realloc does, for who has none; NULL: the block stays. */
static void *move(const struct worker *w, void *block, size_t size, size_t larger) {
    void *const moved = w->malloc(larger);
    if (moved == NULL || block == NULL)
        return moved;
    memcpy(moved, block, size);
    w->free(block);
    return moved;
}

/* From byte SIZE to byte LARGER: the first of each page, and the last. */
static void write_new_part(unsigned char *block, size_t size, size_t larger) {
    volatile unsigned char *const byte = block;
    for (size_t at = (size + PAGE - 1) / PAGE * PAGE; at < larger; at += PAGE)
        byte[at] = MARK;
    byte[larger - 1] = MARK;
}

static enum work_result grow(struct worker *w, struct object *o, size_t larger) {
    void *(*const reallocate)(void *, size_t) = w->cell->allocator->realloc;
    unsigned char *const block = reallocate != NULL && o->block != NULL ? reallocate(o->block, larger)
                                                                        : move(w, o->block, o->size, larger);
    if (__builtin_expect(block == NULL, 0))
        return WORK_OUT_OF_MEMORY;
    const bool kept = o->size == 0 || block[o->size - 1] == MARK;
    o->block = block;
    write_new_part(block, o->size, larger);
    o->size = larger;
    if (!kept)
        w->why = "realloc lost what the block held";
    return kept ? WORK_DONE : WORK_WRONG;
}

static void end_object(const struct worker *w, struct object *o) {
    w->free(o->block);
    *o = (struct object){0};
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    enum work_result result = WORK_DONE;
    for (uint64_t done = 0; done < operations; s->steps_done++) {
        const struct step step = s->step[s->at];
        s->at = s->at + 1 == s->steps ? 0 : s->at + 1;
        struct object *const o = &s->object[step.object];
        if (step.size == 0) {
            end_object(w, o);
            continue;
        }
        if ((result = grow(w, o, step.size)) != WORK_DONE)
            break;
        w->done = ++done;
    }
    return result;
}

/* Does what the runs did; each walk is as the first. While a block moves both may be live, but that is the
 * allocator's affair: what was asked for is the larger. */
static void note_peak(struct worker *w) {
    struct state *const s = w->state;
    uint64_t bytes = 0, blocks = 0;
    for (uint32_t i = 0; i < s->objects; i++)
        s->object[i].size = 0;
    for (uint32_t i = 0; i < s->steps && i < s->steps_done; i++) {
        size_t *const size = &s->object[s->step[i].object].size;
        bytes += s->step[i].size - *size;
        blocks += (s->step[i].size != 0 && *size == 0) - (uint64_t)(s->step[i].size == 0);
        *size = s->step[i].size;
        w->peak_live_bytes = bytes > w->peak_live_bytes ? bytes : w->peak_live_bytes;
        w->peak_live_blocks = blocks > w->peak_live_blocks ? blocks : w->peak_live_blocks;
    }
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    for (uint32_t i = 0; s->object != NULL && i < s->objects; i++)
        if (s->object[i].block != NULL)
            end_object(w, &s->object[i]);
    if (s->object != NULL && s->step != NULL)
        note_peak(w);
    memory_unmap(s->growing, s->objects * sizeof *s->growing);
    memory_unmap(s->object, s->objects * sizeof *s->object);
    memory_unmap(s->step, step_bytes(s));
    memory_unmap(s, sizeof *s);
}

const struct workload workload_realloc_growth = {
    .name = "realloc-growth",
    .summary = "vectors that double and strings that append, several at a time",
    .not_shown = "cross-thread frees, blocks that shrink, the reading of what has grown",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"most", "1048576", 64, 1 << 30,
                    "bytes of the largest object; small 4096, large 67108864"},
                   {"objects", "64", 1, 1 << 16, "that grow at a time, of each thread"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 20000,
    .enter = enter,
    .run = run,
    .leave = leave,
};
