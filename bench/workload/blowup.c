/* SPDX-License-Identifier: MIT
 *
 * blowup: one live set that goes round all threads. Berger and others, ASPLOS 2000, section 2.2, where blowup
 * is what an allocator takes at most over what an ideal one would for the same load.
 *
 * Threads take turns, one after another: who has the turn frees the K blocks that the one before allocated,
 * then allocates K of its own. Never more than K live at once, and all memory is free between the two halves
 * of a turn. An allocator that gives a block back to the heap that it came from, and whose heaps give nothing
 * to each other, takes P times K on P threads; so does one whose threads' caches have no bound. Who passes
 * freed memory on through a common heap takes K and a bounded rest. One in which a block belongs to whoever
 * freed it last takes K here; where that grows without bound, one thread always allocating and another always
 * freeing, is `producer-consumer`.
 *
 * What to look at: peak_resident_bytes and peak_committed_bytes over peak_live_bytes = K x size. Committed
 * memory is noted at the end of each turn. All rounds of turns but the first find heaps that have been used:
 * there are four at least, for some of what is freed from afar comes back only with its owner's next call.
 *
 * The turn is a number on a line of its own; who waits for it looks again (worker_wait). On NULL it becomes
 * ENDED, and all go home.
 *
 * Parameters: size, bytes of a block; blocks, K. An operation is a block: one allocation and one free, by
 * two threads. Rounds are done whole, four at least, however few operations are asked for. No warm-up, for
 * it would hide in the first peak what is asked for.
 *
 * Not shown: time, for only one thread works at a time, and time_ns counts all of them; blocks of several
 * sizes; threads that end.
 */
#include "workload.h"

#include <stdio.h>

enum { SIZE = 0, BLOCKS = 1, LEAST_ROUNDS = 4 };
#define ENDED UINT64_MAX /* a turn that never comes */

/* turn: how many have been taken; the next is of worker turn % threads. Who has the turn owns block[], which
 * before turn 0 is empty and from then on holds K live blocks between turns. */
struct state {
    _Alignas(128) _Atomic uint64_t turn;
    _Alignas(128) void *block[];
};

static size_t state_bytes(const struct cell *cell) {
    return sizeof(struct state) + cell->number[BLOCKS] * sizeof(void *);
}

static bool prepare(struct cell *cell, char *why, size_t why_size) {
    cell->state = memory_map(state_bytes(cell));
    if (cell->state == NULL)
        snprintf(why, why_size, "out-of-memory: no room for the table of blocks");
    return cell->state != NULL;
}

static void finish(struct cell *cell) {
    memory_unmap(cell->state, state_bytes(cell));
}

/* False: it will never come. */
static bool await_turn(const struct worker *w, struct state *s, uint64_t own) {
    for (unsigned looks = 0;; looks++) {
        /* Pairs with end_turn: block[] is as the one before has left it, and so are the blocks. */
        const uint64_t turn = atomic_load_explicit(&s->turn, memory_order_acquire);
        if (turn == own || turn == ENDED)
            return turn == own;
        worker_wait(w, looks);
    }
}

static void end_turn(struct state *s, uint64_t next) {
    atomic_store_explicit(&s->turn, next, memory_order_release);
}

__attribute__((noinline, aligned(64))) static void free_all(const struct worker *w, void *const *block,
                                                            uint64_t blocks) {
    void (*const release)(void *) = w->free;
    for (uint64_t i = 0; i < blocks; i++)
        release(block[i]);
}

/* Returns how many it got. */
__attribute__((noinline, aligned(64))) static uint64_t allocate_all(const struct worker *w, void **block,
                                                                    uint64_t blocks) {
    void *(*const allocate)(size_t) = w->malloc;
    const size_t size = w->cell->number[SIZE];
    for (uint64_t i = 0; i < blocks; i++) {
        block[i] = allocate(size);
        if (__builtin_expect(block[i] == NULL, 0))
            return i;
        touch_block(block[i], size);
    }
    return blocks;
}

static enum work_result take_turn(struct worker *w, struct state *s, uint64_t turn) {
    const uint64_t blocks = w->cell->number[BLOCKS];
    if (turn > 0)
        free_all(w, s->block, blocks);
    const uint64_t got = allocate_all(w, s->block, blocks);
    w->done += got;
    if (got < blocks) {
        free_all(w, s->block, got);
        end_turn(s, ENDED);
        return WORK_OUT_OF_MEMORY;
    }
    memory_note_committed();
    end_turn(s, turn + 1);
    return WORK_DONE;
}

/* A worker whose turn will never come, for another got NULL, is done: that one tells. */
static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->cell->state;
    const uint64_t blocks = w->cell->number[BLOCKS], wanted = (operations + blocks - 1) / blocks;
    const uint64_t turns = w->cell->threads * (wanted < LEAST_ROUNDS ? LEAST_ROUNDS : wanted);
    if (w->index == 0) { /* one live set for all */
        w->peak_live_blocks = blocks;
        w->peak_live_bytes = blocks * w->cell->number[SIZE];
    }
    for (uint64_t turn = w->index; turn < turns; turn += w->cell->threads) {
        if (!await_turn(w, s, turn))
            return WORK_DONE;
        if (take_turn(w, s, turn) != WORK_DONE)
            return WORK_OUT_OF_MEMORY;
    }
    if (w->index == 0 && await_turn(w, s, turns)) /* after the last the first, as ever */
        free_all(w, s->block, blocks);
    return WORK_DONE;
}

const struct workload workload_blowup = {
    .name = "blowup",
    .summary = "what one thread allocates the next frees, all round: memory that grows with threads",
    .not_shown = "time (one thread works at a time), blocks of several sizes, threads that end",
    .kind = WORKLOAD_SCRIPTED,
    .whole_scripts = true,
    .threads = "2,4,8",
    .least_threads = 2,
    .parameters = {{"size", "64", 1, 32760, "bytes"},
                   {"blocks", "262144", 1024, 1 << 26,
                    "K, allocated in a turn and freed in the next; small 16384, large 4194304"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 1,
    .prepare = prepare,
    .run = run,
    .finish = finish,
};
