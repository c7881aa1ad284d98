/* SPDX-License-Identifier: MIT
 *
 * shbench: after MicroQuill's SmartHeap benchmarks of the 1990s, sh6bench, and sh8bench, in which threads free
 * each other's blocks too. Their source is not free; this is written from descriptions, and its times are not
 * to be held against published ones, only its rankings.
 *
 * A worker owns slots, all full, a third of which is a turn: it frees that many blocks, then fills their slots
 * anew. Turns are of three kinds, one after another:
 *
 *     LIFO     the youngest third, the youngest first
 *     FIFO     the oldest third, the oldest first
 *     random   any third, in random order
 *
 * Sizes are from 8 to 100 bytes, small ones more often: 8 + 93 u^2 for a uniform u; half are below 32. The
 * turns are a table of steps drawn beforehand, 64 Ki or more, walked round and round.
 *
 * Parameters: blocks, slots of each thread; small 300, default 3000, large 300000. cross, of 100 blocks how
 * many another thread frees: 0 (sh6bench, default) or say 25 (sh8bench). These a worker does not free but
 * gives to the next worker, and the last to the first, a letter a turn; who gets it frees its blocks four
 * turns later, so that nobody waits for one that is a little behind, and each one's order of requests is
 * still the same every time:
 *
 *     | given (the giver's line) | taken (the taker's line) | letter 0 ... 7 |
 *
 * An operation is a block, one allocation and one free; turns are done whole. On NULL a worker says so to the
 * others, and all go home.
 *
 * Not shown: large blocks, reading of the blocks; with cross, threads that are more than a few turns apart.
 */
#include "workload.h"

#include <stdio.h>
#include <string.h>

enum {
    BLOCKS = 0,
    CROSS = 1, /* the parameters */
    LEAST_SIZE = 8,
    MOST_SIZE = 100,
    KINDS = 3, /* of turns; a turn is of the slots' third */
    LEAST_STEPS = 1 << 16,
    LEAST_TURNS = 12, /* of the table */
    LAG = 4,          /* turns that a letter waits to be read */
    LETTERS = 8,      /* that there is room for: more than LAG */
};

struct step {
    uint32_t slot;
    uint8_t size;
    bool is_given; /* the block that was there is for another to free */
};

struct letter {
    uint32_t blocks;
    void **block; /* [third of the slots] */
};

/* From one worker to the next. taken <= given <= taken + LETTERS; letter number n is letter[n % LETTERS] from
 * before `given` passes n until `taken` does. */
struct mail {
    _Alignas(128) _Atomic uint64_t given; /* by the giver alone */
    _Alignas(128) _Atomic uint64_t taken; /* by the taker alone */
    _Alignas(128) struct letter letter[LETTERS];
    void **room; /* of all letters */
};

struct shared {
    _Alignas(128)
        atomic_bool ended; /* somebody had no memory. News, nothing is handed over: relaxed accesses do */
    _Alignas(128) struct mail mail[]; /* [worker]: what it gives */
};

struct state {
    uint32_t slots, third, turns, steps; /* turns: of the table */
    void **block;                        /* [slots] */
    uint8_t *initial;                    /* [slots]: the size that a slot begins with */
    struct step *step;                   /* [steps] */
    uint64_t turn;                       /* turns so far */
    struct mail *out, *in;               /* NULL: all blocks are freed where they were allocated */
};

/* ---- before ---- */

static uint32_t slots_of(const struct cell *cell) {
    return (uint32_t)cell->number[BLOCKS] / KINDS * KINDS;
}

static size_t shared_bytes(const struct cell *cell) {
    return sizeof(struct shared) + cell->threads * sizeof(struct mail);
}

static size_t room_bytes(const struct cell *cell) {
    return LETTERS * (size_t)(slots_of(cell) / KINDS) * sizeof(void *);
}

static bool map_mail(struct cell *cell) {
    struct shared *const shared = cell->state = memory_map(shared_bytes(cell));
    const uint32_t third = slots_of(cell) / KINDS;
    for (unsigned i = 0; shared != NULL && cell->number[CROSS] > 0 && i < cell->threads; i++) {
        struct mail *const mail = &shared->mail[i];
        if ((mail->room = memory_map(room_bytes(cell))) == NULL)
            return false;
        for (uint32_t l = 0; l < LETTERS; l++)
            mail->letter[l].block = mail->room + l * third;
    }
    return shared != NULL;
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    if (map_mail(cell))
        return true;
    snprintf(why, why_size, "out-of-memory: no room for the mail of %u threads", cell->threads);
    return false;
}

static void finish(struct cell *cell) {
    struct shared *const shared = cell->state;
    for (unsigned i = 0; shared != NULL && i < cell->threads; i++)
        memory_unmap(shared->mail[i].room, room_bytes(cell));
    memory_unmap(shared, shared_bytes(cell));
}

static uint8_t draw_size(uint64_t *random) {
    const double u = random_unit(random);
    return (uint8_t)(LEAST_SIZE + (MOST_SIZE + 1 - LEAST_SIZE) * u * u);
}

/* Any third of AGE, in random order, to TURN; the others move up. */
static void draw_any(const struct state *s, uint32_t *age, struct step *turn, uint64_t *random) {
    uint32_t drawn = 0, kept = 0;
    for (uint32_t i = 0; i < s->slots; i++) {
        if (random_below(random, s->slots - i) < s->third - drawn) {
            const uint32_t j = (uint32_t)random_below(random, drawn + 1);
            turn[drawn++].slot = turn[j].slot;
            turn[j].slot = age[i];
        } else {
            age[kept++] = age[i];
        }
    }
}

/* AGE has the slots from the oldest block to the youngest. What TURN frees it also fills, in the same order:
 * that is the youngest third then. */
static void draw_turn(const struct state *s, unsigned kind, uint32_t *age, struct step *turn,
                      uint64_t *random) {
    const uint32_t third = s->third, rest = s->slots - third;
    if (kind == 2)
        draw_any(s, age, turn, random);
    else
        for (uint32_t i = 0; i < third; i++)
            turn[i].slot = age[kind == 0 ? s->slots - 1 - i : i];
    if (kind == 1)
        memmove(age, age + third, rest * sizeof *age);
    for (uint32_t i = 0; i < third; i++)
        age[rest + i] = turn[i].slot;
}

static bool draw(struct state *s, uint64_t seed, uint64_t cross) {
    uint64_t random = seed;
    uint32_t *const age = memory_map(s->slots * sizeof *age);
    if (age == NULL)
        return false;
    for (uint32_t i = 0; i < s->slots; i++) {
        age[i] = i;
        s->initial[i] = draw_size(&random);
    }
    for (uint32_t i = 0; i < s->steps; i++) {
        s->step[i].size = draw_size(&random);
        s->step[i].is_given = random_below(&random, 100) < cross;
    }
    for (uint32_t t = 0; t < s->turns; t++)
        draw_turn(s, t % KINDS, age, s->step + (size_t)t * s->third, &random);
    memory_unmap(age, s->slots * sizeof *age);
    return true;
}

static bool map_state(struct state *s, uint32_t slots) {
    s->slots = slots;
    s->third = slots / KINDS;
    const uint32_t turns = (LEAST_STEPS + s->third - 1) / s->third;
    s->turns = turns < LEAST_TURNS ? LEAST_TURNS : (turns + KINDS - 1) / KINDS * KINDS;
    s->steps = s->turns * s->third;
    s->block = memory_map(s->slots * sizeof *s->block);
    s->initial = memory_map(s->slots * sizeof *s->initial);
    s->step = memory_map(s->steps * sizeof *s->step);
    return s->block != NULL && s->initial != NULL && s->step != NULL;
}

/* What the harness sees as NULL; the others must not wait. */
static enum work_result end_all(const struct worker *w) {
    atomic_store_explicit(&((struct shared *)w->cell->state)->ended, true, memory_order_relaxed);
    return WORK_OUT_OF_MEMORY;
}

static enum work_result enter(struct worker *w) {
    const struct cell *const cell = w->cell;
    struct shared *const shared = cell->state;
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL)
        return end_all(w);
    if (cell->number[CROSS] > 0) {
        s->out = &shared->mail[w->index];
        s->in = &shared->mail[(w->index + cell->threads - 1) % cell->threads];
    }
    if (!map_state(s, slots_of(cell)) || !draw(s, w->seed, cell->number[CROSS]))
        return end_all(w);
    for (uint32_t i = 0; i < s->slots; i++) {
        if ((s->block[i] = w->malloc(s->initial[i])) == NULL)
            return end_all(w);
        touch_block(s->block[i], s->initial[i]);
    }
    return WORK_DONE;
}

/* ---- the timed part ---- */

/* Until COUNT is LEAST; acquires what was done before it was. False: it will not come to that. */
static bool await(const struct worker *w, _Atomic uint64_t *count, uint64_t least) {
    const struct shared *const shared = w->cell->state;
    for (unsigned looks = 0; atomic_load_explicit(count, memory_order_acquire) < least; looks++) {
        if (atomic_load_explicit(&shared->ended, memory_order_relaxed))
            return false;
        worker_wait(w, looks);
    }
    return true;
}

__attribute__((noinline, aligned(64))) static void free_third(const struct worker *w, const struct state *s,
                                                              const struct step *turn) {
    void (*const release)(void *) = w->free;
    for (uint32_t i = 0; i < s->third; i++)
        release(s->block[turn[i].slot]);
}

/* The same, but for what goes into LETTER. */
__attribute__((noinline, aligned(64))) static void
free_or_give(const struct worker *w, const struct state *s, const struct step *turn, struct letter *letter) {
    void (*const release)(void *) = w->free;
    uint32_t given = 0;
    for (uint32_t i = 0; i < s->third; i++) {
        void *const block = s->block[turn[i].slot];
        if (turn[i].is_given)
            letter->block[given++] = block;
        else
            release(block);
    }
    letter->blocks = given;
}

/* The oldest letter of MAIL, which must have been given. */
__attribute__((noinline, aligned(64))) static void take(const struct worker *w, struct mail *mail) {
    void (*const release)(void *) = w->free;
    const uint64_t number = atomic_load_explicit(&mail->taken, memory_order_relaxed);
    const struct letter *const letter = &mail->letter[number % LETTERS];
    for (uint32_t i = 0; i < letter->blocks; i++)
        release(letter->block[i]);
    /* Pairs with exchange's await(taken): the letter has been read where its room is used again. */
    atomic_store_explicit(&mail->taken, number + 1, memory_order_release);
}

/* What a turn frees, and what it frees for another. False: the others have ended; FREED: has what is in the
 * slots been freed? */
static bool exchange(const struct worker *w, struct state *s, const struct step *turn, bool *freed) {
    const uint64_t number = s->turn;
    *freed = number < LETTERS || await(w, &s->out->taken, number - LETTERS + 1);
    if (!*freed)
        return false;
    free_or_give(w, s, turn, &s->out->letter[number % LETTERS]);
    /* Pairs with the await below, in the taker: the letter and its blocks are as the giver has left them. */
    atomic_store_explicit(&s->out->given, number + 1, memory_order_release);
    if (number < LAG)
        return true;
    if (!await(w, &s->in->given, number - LAG + 1))
        return false;
    take(w, s->in);
    return true;
}

/* Returns how many it got. */
__attribute__((noinline, aligned(64))) static uint32_t
fill_third(const struct worker *w, const struct state *s, const struct step *turn) {
    void *(*const allocate)(size_t) = w->malloc;
    for (uint32_t i = 0; i < s->third; i++) {
        void *const block = s->block[turn[i].slot] = allocate(turn[i].size);
        if (__builtin_expect(block == NULL, 0))
            return i;
        touch_block(block, turn[i].size);
    }
    return s->third;
}

/* The slots of TURN from step FROM on hold what is freed or given. */
static void forget(const struct state *s, const struct step *turn, uint32_t from) {
    for (uint32_t i = from; i < s->third; i++)
        s->block[turn[i].slot] = NULL;
}

/* A worker that stops for another's sake is done: that one tells. */
static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    const struct shared *const shared = w->cell->state;
    if (atomic_load_explicit(&shared->ended, memory_order_relaxed))
        return WORK_DONE; /* in the warm-up: its last letter is on its way, and its slots are empty */
    while (w->done < operations) {
        const struct step *const turn = s->step + s->turn % s->turns * s->third;
        bool freed = true;
        if (s->out == NULL) {
            free_third(w, s, turn);
        } else if (!exchange(w, s, turn, &freed)) {
            if (freed)
                forget(s, turn, 0);
            return WORK_DONE;
        }
        const uint32_t got = fill_third(w, s, turn);
        w->done += got;
        if (got < s->third) {
            forget(s, turn, got);
            return end_all(w);
        }
        s->turn++;
    }
    return WORK_DONE;
}

/* ---- after ---- */

/* Live bytes rise and fall once a turn: they are most between two. Spends `initial`. */
static void note_peak(struct worker *w) {
    const struct state *const s = w->state;
    uint64_t live = 0;
    for (uint32_t i = 0; i < s->slots; i++)
        live += s->initial[i];
    w->peak_live_bytes = live;
    const uint64_t two_walks = 2 * (uint64_t)s->turns, telling = s->turn < two_walks ? s->turn : two_walks;
    for (uint64_t t = 0; t < telling; t++) {
        const struct step *const turn = s->step + t % s->turns * s->third;
        for (uint32_t i = 0; i < s->third; i++) {
            live = live - s->initial[turn[i].slot] + turn[i].size;
            s->initial[turn[i].slot] = turn[i].size;
        }
        w->peak_live_bytes = live > w->peak_live_bytes ? live : w->peak_live_bytes;
    }
    w->peak_live_blocks = s->slots;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    while (s->in != NULL && atomic_load(&s->in->taken) < atomic_load(&s->in->given))
        take(w, s->in);
    if (s->out == NULL && s->initial != NULL && s->step != NULL) /* what is under way no script decides */
        note_peak(w);
    for (uint32_t i = 0; s->block != NULL && i < s->slots; i++)
        w->free(s->block[i]);
    memory_unmap(s->block, s->slots * sizeof *s->block);
    memory_unmap(s->initial, s->slots * sizeof *s->initial);
    memory_unmap(s->step, s->steps * sizeof *s->step);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_shbench = {
    .name = "shbench",
    .aliases = "sh6bench",
    .summary =
        "small blocks of many sizes, freed by thirds: the youngest, the oldest, any; some by another thread",
    .not_shown = "large blocks, reading of the blocks",
    .kind = WORKLOAD_STEADY,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"blocks", "3000", 3, 3000000,
                    "live blocks of each thread, in whole thirds; small 300, large 300000"},
                   {"cross", "0", 0, 100,
                    "of 100 blocks, how many another thread frees; sh6bench 0, sh8bench 25"}},
    .excluded_traits = TRAIT_NEVER_FREES,
    .operations = 20000,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
