/* SPDX-License-Identifier: MIT
 *
 * empirical: a live set as a fleet of programs has it: so many live blocks of each size, so many allocations
 * of it a second. After the allocator benchmark of Google's fleetbench (2022), whose distributions it reads;
 * written from their form alone.
 *
 * By Little's law blocks of a size live for live count / rate on the average. The live counts are scaled to
 * `live` bytes; what is left of a block is one with that chance, by the seed. A step picks a size by its rate
 * and, of the blocks of this size, any one, reads and frees it and allocates its successor: so the live count
 * of each size stays where it was, and lifetimes are exponential. Of a size that has no live block a step
 * allocates one and frees it at once, for so short is its life. Each block's first and last byte and one a
 * page are written when it is allocated, and its first is read before it is freed.
 *
 * Of the freed blocks `cross` percent are not freed by their owner but by the next thread: after a round of 512
 * steps a worker hands them over, and frees what the one before has handed over four rounds ago. It waits for
 * it if need be (worker_wait), so that the requests of each are the same in every run. One thread frees all
 * itself.
 *
 * The live set is made untimed in enter(). The steps are drawn beforehand, 16 a live block (up to four
 * million), and walked round and round: the sizes of the live blocks are the same after each step.
 *
 * Parameters:
 *   file    fleet, the table in empirical_fleet.h; or a path (with a slash in it) of a file of lines `size in
 *           bytes, allocations a second, mean live count`; empty lines, and those that begin with #, say nothing
 *   live    MiB of live blocks, all threads together; 16, small 4, large 256
 *   cross   percent of blocks that another thread frees; 5
 *   most    bytes; sizes above it are left out, in `fleet` 2 % of the live bytes at 32760. Above that the
 *           packaged AO_malloc is left out, for it never returns from requests of 32 761 to 65 528
 * An operation is an allocation and a free.
 *
 * Not shown: fluctuation of the live set, phases, which sizes follow on which, the order of frees.
 */
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct class {
    double size, rate, live; /* bytes, allocations a second, blocks */
};

#include "empirical_fleet.h"

enum {
    FILE_NAME = 0,
    LIVE = 1,
    CROSS = 2,
    MOST = 3, /* the parameters */
    NEVER_RETURNS_FROM = 32761,
    LEAST_STEPS = 1 << 16,
    MOST_STEPS = 1 << 22,
    STEPS_A_BLOCK = 16,
    ROUND = 512, /* steps between two exchanges */
    BOXES = 8,   /* rounds whose blocks may be on their way */
    DELAY = 4,   /* rounds until they are taken: at the end of round r those of r - DELAY */
};
#define LONGEST_FILE ((size_t)64 << 20)

/* A step's slot: where its block lives; or one of these. */
#define SHORT_LIVED UINT32_MAX
#define HANDED_OVER (UINT32_C(1) << 31) /* added to a slot: the next worker frees what lives there */

/* A round's blocks for the next worker. */
struct box {
    uint32_t blocks;
    void *block[ROUND];
};

/* From a worker to the next. What round r handed over is in box[r % BOXES] from before `handed` passes r until
 * `taken` does: taken <= handed <= taken + BOXES. Who waits for whom: a worker is at most DELAY rounds before
 * the one that it takes from, and BOXES - 1 - DELAY before the one that takes from it. */
struct mailbox {
    _Alignas(128) _Atomic uint64_t handed; /* rounds; by the owner alone, as is what follows */
    atomic_bool ended;                     /* it got NULL: it will hand over and take no more */
    _Alignas(128) _Atomic uint64_t taken;  /* rounds; by the next worker alone */
    _Alignas(128) struct box box[BOXES];   /* by the owner alone */
};

/* Of the cell: the classes of at most `most` bytes, in pages of their own; a mailbox a worker. */
struct shared {
    size_t bytes; /* of all of it */
    size_t classes, most_classes;
    struct class *class;
    double *rate_up_to; /* [classes]: the sum of the rates */
    double live_bytes;
    struct mailbox mailbox[];
};

struct step {
    uint32_t slot;
    uint32_t size;
};

struct state {
    uint32_t slots, steps;
    uint32_t at;         /* the next step; runs go on where the one before ended */
    uint32_t round_step; /* steps of this round so far */
    uint64_t round;
    void **block;      /* [slots] */
    uint32_t *size;    /* [slots], the same for ever */
    struct step *step; /* [steps] */
    uint64_t sum;      /* of what was read, so that it is */

    /* For the peak: what of this worker's is on its way to the next, as far as it can know; the largest that
     * was short-lived. */
    struct {
        uint64_t bytes, blocks, most_bytes, most_blocks, of_round[BOXES];
    } on_its_way;
    uint64_t live_bytes, most_short_lived;
};

/* ---- the distribution ---- */

/* NULL: a line in WHY. The text ends with a zero. */
static char *read_text(const char *path, size_t *bytes, char *why, size_t why_size) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const off_t end = file < 0 ? -1 : lseek(file, 0, SEEK_END);
    if (end < 0 || (size_t)end > LONGEST_FILE) {
        snprintf(why, why_size, "unavailable: %s: %s", path,
                 end < 0 ? strerror(errno) : "larger than 64 MiB");
        if (file >= 0)
            close(file);
        return NULL;
    }
    *bytes = (size_t)end + 1;
    char *text = memory_map(*bytes);
    if (text == NULL)
        snprintf(why, why_size, "out-of-memory: no room for %s", path);
    ssize_t got = 1;
    for (size_t at = 0; text != NULL && at < (size_t)end && got > 0; at += (size_t)got)
        got = pread(file, text + at, (size_t)end - at, (off_t)at);
    if (got <= 0) {
        snprintf(why, why_size, "unavailable: %s: %s", path, got < 0 ? strerror(errno) : "it ends too soon");
        memory_unmap(text, *bytes);
        text = NULL;
    }
    close(file);
    return text;
}

/* What is wrong with the line at TEXT; NULL: nothing. */
static const char *parse_line(const char *text, struct class *class) {
    double *const field[] = {&class->size, &class->rate, &class->live};
    for (int i = 0; i < 3; i++) {
        char *end;
        const size_t blanks = strspn(text, " \t\r");
        *field[i] = strtod(text + blanks, &end);
        if (text[blanks] == '\n' || text[blanks] == '\0' || end == text + blanks)
            return "three numbers are wanted, \"size in bytes, allocations a second, mean live count\"";
        end += strspn(end, " \t\r");
        if (i < 2 ? *end != ',' : *end != '\n' && *end != '\0')
            return i < 2 ? "a comma is wanted between two numbers" : "more than three numbers";
        text = end + 1;
    }
    if (!(class->size >= 1 && class->size < 0x1p53) || class->size != floor(class->size))
        return "the size must be a whole number of bytes, 1 at least";
    if (!(class->rate >= 0 && class->live >= 0) || isinf(class->rate) || isinf(class->live))
        return "rate and live count must be numbers, 0 at least";
    return NULL;
}

static void add_class(struct shared *shared, const struct class *class, uint64_t most) {
    if (class->size > (double)most)
        return;
    const double before = shared->classes == 0 ? 0 : shared->rate_up_to[shared->classes - 1];
    shared->class[shared->classes] = *class;
    shared->rate_up_to[shared->classes++] = before + class->rate;
    shared->live_bytes += class->size * class->live;
}

static bool has_room(struct shared *shared, size_t classes, char *why, size_t why_size) {
    shared->most_classes = classes;
    shared->class = memory_map(classes * sizeof *shared->class);
    shared->rate_up_to = memory_map(classes * sizeof *shared->rate_up_to);
    if (shared->class == NULL || shared->rate_up_to == NULL)
        snprintf(why, why_size, "out-of-memory: no room for %zu sizes", classes);
    return shared->class != NULL && shared->rate_up_to != NULL;
}

static bool parse_text(struct shared *shared, const char *path, const char *text, uint64_t most, char *why,
                       size_t why_size) {
    size_t lines = 1;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    if (!has_room(shared, lines, why, why_size))
        return false;
    size_t number = 1;
    for (const char *at = text; at != NULL;
         at = strchr(at, '\n'), at = at == NULL ? NULL : at + 1, number++) {
        struct class class;
        if (*at == '#' || at[strspn(at, " \t\r")] == '\n' || at[strspn(at, " \t\r")] == '\0')
            continue;
        const char *const wrong = parse_line(at, &class);
        if (wrong != NULL) {
            snprintf(why, why_size, "unavailable: %s:%zu: %s", path, number, wrong);
            return false;
        }
        add_class(shared, &class, most);
    }
    return true;
}

static bool read_classes(struct shared *shared, const struct cell *cell, char *why, size_t why_size) {
    const char *const path = cell->word[FILE_NAME];
    const uint64_t most = cell->number[MOST];
    if (strchr(path, '/') == NULL) {
        const size_t rows = sizeof fleet / sizeof *fleet;
        if (!has_room(shared, rows, why, why_size))
            return false;
        for (size_t i = 0; i < rows; i++)
            add_class(shared, &fleet[i], most);
    } else {
        size_t bytes = 0;
        char *const text = read_text(path, &bytes, why, why_size);
        const bool parsed = text != NULL && parse_text(shared, path, text, most, why, why_size);
        memory_unmap(text, bytes);
        if (!parsed)
            return false;
    }
    const bool some = shared->live_bytes > 0 && shared->rate_up_to[shared->classes - 1] > 0;
    if (!some)
        snprintf(why, why_size, "unavailable: %s: no size up to %llu bytes that is allocated, or none live",
                 path, (unsigned long long)most);
    return some;
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    if ((cell->allocator->traits & TRAIT_HANGS_32761_65528) != 0 &&
        cell->number[MOST] >= NEVER_RETURNS_FROM) {
        snprintf(why, why_size, "excluded: requests of 32761 to 65528 bytes never return");
        return false;
    }
    const size_t bytes = sizeof(struct shared) + cell->threads * sizeof(struct mailbox);
    struct shared *const shared = cell->state = memory_map(bytes);
    if (shared == NULL) {
        snprintf(why, why_size, "out-of-memory: no room for the mailboxes");
        return false;
    }
    shared->bytes = bytes;
    return read_classes(shared, cell, why, why_size);
}

static void finish(struct cell *cell) {
    struct shared *const shared = cell->state;
    if (shared == NULL)
        return;
    memory_unmap(shared->class, shared->most_classes * sizeof *shared->class);
    memory_unmap(shared->rate_up_to, shared->most_classes * sizeof *shared->rate_up_to);
    memory_unmap(shared, shared->bytes);
}

/* ---- a worker's live set and steps ---- */

/* The first slot of each class, and the end; with SIZE, the slots' sizes as well. */
static uint64_t draw_slots(const struct worker *w, uint32_t *first, uint32_t *size) {
    const struct shared *const shared = w->cell->state;
    const double part = (double)w->cell->number[LIVE] * 1048576 / w->cell->threads / shared->live_bytes;
    uint64_t random = w->seed, slots = 0;
    for (size_t c = 0; c < shared->classes; c++) {
        const uint64_t blocks = (uint64_t)(shared->class[c].live * part + random_unit(&random));
        first[c] = (uint32_t)slots;
        for (uint64_t i = 0; size != NULL && i < blocks; i++)
            size[slots + i] = (uint32_t)shared->class[c].size;
        slots += blocks;
    }
    first[shared->classes] = (uint32_t)slots;
    return slots;
}

static size_t draw_class(const struct shared *shared, uint64_t *random) {
    const double *const up_to = shared->rate_up_to;
    const double wanted = random_unit(random) * up_to[shared->classes - 1];
    size_t low = 0, high = shared->classes - 1; /* the first whose sum is above WANTED is in [low, high] */
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (up_to[middle] > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void draw_steps(const struct worker *w, struct state *s, const uint32_t *first) {
    const struct shared *const shared = w->cell->state;
    const uint64_t cross = w->cell->threads > 1 ? w->cell->number[CROSS] : 0;
    uint64_t random = ~w->seed;
    for (uint32_t i = 0; i < s->steps; i++) {
        const size_t c = draw_class(shared, &random);
        const uint32_t blocks = first[c + 1] - first[c];
        const bool handed_over = random_below(&random, 100) < cross;
        const uint32_t slot = blocks == 0 ? SHORT_LIVED : first[c] + (uint32_t)random_below(&random, blocks);
        s->step[i].slot = handed_over && slot != SHORT_LIVED ? slot | HANDED_OVER : slot;
        s->step[i].size = (uint32_t)shared->class[c].size;
    }
}

static bool draw(struct worker *w, struct state *s) {
    const struct shared *const shared = w->cell->state;
    const size_t first_bytes = (shared->classes + 1) * sizeof(uint32_t);
    uint32_t *const first = memory_map(first_bytes);
    const uint64_t slots = first == NULL ? 0 : draw_slots(w, first, NULL);
    if (first != NULL && slots < HANDED_OVER) {
        const uint64_t steps = slots * STEPS_A_BLOCK;
        s->slots = (uint32_t)slots;
        s->steps = (uint32_t)(steps < LEAST_STEPS ? LEAST_STEPS : steps > MOST_STEPS ? MOST_STEPS : steps);
        s->block = memory_map((slots + 1) * sizeof *s->block);
        s->size = memory_map((slots + 1) * sizeof *s->size);
        s->step = memory_map(s->steps * sizeof *s->step);
    }
    const bool drawn = s->block != NULL && s->size != NULL && s->step != NULL;
    if (drawn) {
        draw_slots(w, first, s->size);
        draw_steps(w, s, first);
    }
    memory_unmap(first, first_bytes);
    return drawn;
}

static struct mailbox *mailbox_of(const struct worker *w, unsigned index) {
    return &((struct shared *)w->cell->state)->mailbox[index % w->cell->threads];
}

/* What the harness sees as NULL; the neighbours must not wait. */
static enum work_result end_all(const struct worker *w) {
    atomic_store_explicit(&mailbox_of(w, w->index)->ended, true, memory_order_release);
    return WORK_OUT_OF_MEMORY;
}

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL || !draw(w, s))
        return end_all(w);
    for (uint32_t i = 0; i < s->slots; i++) {
        if ((s->block[i] = w->malloc(s->size[i])) == NULL)
            return end_all(w);
        touch_block(s->block[i], s->size[i]);
        s->live_bytes += s->size[i];
    }
    return WORK_DONE;
}

/* ---- what is timed ---- */

/* Until *ROUNDS, which OTHER moves, has reached LEAST. False: OTHER has ended, and it has not. */
static bool await(const struct worker *w, struct mailbox *other, _Atomic uint64_t *rounds, uint64_t least) {
    for (unsigned looks = 0;; looks++) {
        /* First `ended`, whose store comes last. The loads pair with the other's stores: of `handed`, the
         * blocks are in the box; of `taken`, it has read them. */
        const bool ended = atomic_load_explicit(&other->ended, memory_order_acquire);
        if (atomic_load_explicit(rounds, memory_order_acquire) >= least)
            return true;
        if (ended)
            return false;
        worker_wait(w, looks);
    }
}

static void free_box(const struct worker *w, const struct mailbox *mailbox, uint64_t round) {
    void (*const release)(void *) = w->free;
    const struct box *const box = &mailbox->box[round % BOXES];
    for (uint32_t i = 0; i < box->blocks; i++)
        release(box->block[i]);
}

/* Takes what the worker before handed over DELAY rounds ago. */
static void take(const struct worker *w, uint64_t round) {
    struct mailbox *const before = mailbox_of(w, w->index + w->cell->threads - 1);
    const uint64_t wanted = round - DELAY;
    if (round < DELAY || !await(w, before, &before->handed, wanted + 1))
        return;
    free_box(w, before, wanted);
    atomic_store_explicit(&before->taken, wanted + 1, memory_order_release);
}

/* Empties the box that this round will fill. */
static void make_room(const struct worker *w, struct state *s, uint64_t round) {
    struct mailbox *const own = mailbox_of(w, w->index), *const after = mailbox_of(w, w->index + 1);
    struct box *const box = &own->box[round % BOXES];
    if (round >= BOXES && !await(w, after, &own->taken, round - BOXES + 1)) {
        free_box(w, own, round - BOXES); /* the other has ended, and will not */
        atomic_store_explicit(&own->taken, round - BOXES + 1, memory_order_relaxed);
    }
    s->on_its_way.blocks -= box->blocks;
    s->on_its_way.bytes -= s->on_its_way.of_round[round % BOXES];
    s->on_its_way.of_round[round % BOXES] = 0;
    box->blocks = 0;
}

/* Between two rounds. */
static void exchange(const struct worker *w, struct state *s) {
    const uint64_t ended = s->round++;
    s->round_step = 0;
    atomic_store_explicit(&mailbox_of(w, w->index)->handed, ended + 1, memory_order_release);
    take(w, ended);
    make_room(w, s, s->round);
}

static void hand_over(const struct worker *w, struct state *s, void *block, uint32_t size) {
    struct box *const box = &mailbox_of(w, w->index)->box[s->round % BOXES];
    box->block[box->blocks++] = block;
    s->on_its_way.of_round[s->round % BOXES] += size;
    const uint64_t bytes = s->on_its_way.bytes += size, blocks = ++s->on_its_way.blocks;
    if (bytes > s->on_its_way.most_bytes)
        s->on_its_way.most_bytes = bytes;
    if (blocks > s->on_its_way.most_blocks)
        s->on_its_way.most_blocks = blocks;
}

static bool live_shortly(const struct worker *w, struct state *s, size_t size) {
    unsigned char *const block = w->malloc(size);
    if (block == NULL)
        return false;
    touch_block(block, size);
    s->sum += *(volatile unsigned char *)block;
    w->free(block);
    s->most_short_lived = size > s->most_short_lived ? size : s->most_short_lived;
    return true;
}

/* False: NULL. */
static bool take_step(const struct worker *w, struct state *s, const struct step *step) {
    if (step->slot == SHORT_LIVED)
        return live_shortly(w, s, step->size);
    void **const slot = &s->block[step->slot & ~HANDED_OVER];
    s->sum += *(volatile unsigned char *)*slot;
    if ((step->slot & HANDED_OVER) == 0)
        w->free(*slot);
    else
        hand_over(w, s, *slot, step->size);
    *slot = w->malloc(step->size);
    if (__builtin_expect(*slot == NULL, 0))
        return false;
    touch_block(*slot, step->size);
    return true;
}

__attribute__((noinline, aligned(64))) static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    const bool crosses = w->cell->threads > 1 && w->cell->number[CROSS] > 0;
    for (uint64_t i = 0; i < operations; i++) {
        if (__builtin_expect(!take_step(w, s, &s->step[s->at]), 0)) {
            w->done = i;
            return end_all(w);
        }
        s->at = s->at + 1 == s->steps ? 0 : s->at + 1;
        if (crosses && ++s->round_step == ROUND)
            exchange(w, s);
    }
    w->done = operations;
    return WORK_DONE;
}

/* Of several threads an upper bound: what was handed over counts as live for as long as it may be. */
static void note_peak(struct worker *w, const struct state *s) {
    w->peak_live_blocks = s->slots + (s->most_short_lived > 0) + s->on_its_way.most_blocks;
    w->peak_live_bytes = s->live_bytes + s->most_short_lived + s->on_its_way.most_bytes;
}

/* All have ended: what nobody has taken is the owner's again. */
static void take_back(const struct worker *w, const struct state *s) {
    struct mailbox *const own = mailbox_of(w, w->index);
    for (uint64_t r = atomic_load_explicit(&own->taken, memory_order_relaxed); r <= s->round; r++)
        free_box(w, own, r);
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    note_peak(w, s);
    take_back(w, s);
    for (uint32_t i = 0; s->block != NULL && i < s->slots; i++)
        if (s->block[i] != NULL)
            w->free(s->block[i]);
    memory_unmap(s->block, (s->slots + UINT64_C(1)) * sizeof *s->block);
    memory_unmap(s->size, (s->slots + UINT64_C(1)) * sizeof *s->size);
    memory_unmap(s->step, s->steps * sizeof *s->step);
    memory_unmap(s, sizeof *s);
}

const struct workload workload_empirical = {
    .name = "empirical",
    .aliases = "fleet",
    .summary = "sizes and lifetimes as measured in a fleet of servers, or from a file",
    .not_shown = "fluctuation of the live set, phases, which sizes follow on which, the order of frees",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"file", "fleet;PATH", 0, 0, "lines of size, allocations a second, mean live count"},
                   {"live", "16", 1, 4096, "MiB of live blocks, all threads together; small 4, large 256"},
                   {"cross", "5", 0, 100, "percent of blocks that another thread frees"},
                   {"most", "32760", 8, 1U << 31, "bytes; sizes above are left out"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 200000,
    .prepare = prepare,
    .enter = enter,
    .run = run,
    .leave = leave,
    .finish = finish,
};
