/* SPDX-License-Identifier: MIT
 *
 * latency.h. Each thread has a histogram of its own, in harness memory; they are added up at the end.
 */
#include "latency.h"
#include "workload.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum {
    LOG_STEPS = 6, /* 64 steps to a power of two */
    POWERS = 40,   /* 2^40 ns are 18 minutes */
    BUCKETS = POWERS << LOG_STEPS,
    THREADS = 1024,
    GAPS = 1 << 16,
    LATENESSES = 256, /* that are kept of a thread, evenly over its calls */
};

/* How late calls began, over the time: every STRIDE-th is kept, and when there is no more room every other one of those. */
struct lateness {
    double ns[LATENESSES];
    unsigned count;
    uint64_t stride, until_next;
};

struct latency_thread {
    struct latency *latency;
    uint64_t due; /* of the next call; 0: of none so far */
    uint32_t gap; /* index */
    struct lateness lateness;
    uint64_t count[2][BUCKETS], most[2]; /* malloc, free; a realloc is a malloc */
};

struct latency {
    const struct allocator *inner;
    struct allocator outer;
    double *gap; /* [GAPS]; NULL: closed loop */
    struct latency_thread *thread[THREADS];
};

static struct latency *current;
static _Thread_local struct latency_thread *self; /* NULL: the clock is not looked at */

/* ---- the histogram ---- */

/* Up to 2^LOG_STEPS each ns has its own; the last holds all that is longer. */
static unsigned bucket_of(uint64_t ns) {
    if (ns < 1U << LOG_STEPS)
        return (unsigned)ns;
    const unsigned log = 63 - (unsigned)__builtin_clzll(ns);
    const unsigned bucket = ((log - LOG_STEPS) << LOG_STEPS) + (unsigned)(ns >> (log - LOG_STEPS));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The longest time in it. */
static double bucket_top(unsigned bucket) {
    if (bucket < 1U << LOG_STEPS)
        return bucket;
    const unsigned log = (bucket >> LOG_STEPS) - 1; /* of a step */
    const uint64_t step = (bucket & ((1U << LOG_STEPS) - 1)) + (1U << LOG_STEPS);
    return (double)(((step + 1) << log) - 1);
}

static double quantile(const uint64_t *count, uint64_t calls, uint64_t most, double share) {
    const double wanted = share * (double)calls;
    uint64_t below = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((double)(below += count[i]) >= wanted && below != 0)
            return fmin(bucket_top(i), (double)most);
    return (double)most;
}

/* ---- a call ---- */

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void note_lateness(struct lateness *l, double ns) {
    if (l->until_next-- != 0)
        return;
    if (l->count == LATENESSES) {
        for (unsigned i = 0; i < LATENESSES / 2; i++)
            l->ns[i] = l->ns[2 * i];
        l->count = LATENESSES / 2;
        l->stride *= 2;
    }
    l->ns[l->count++] = ns;
    l->until_next = l->stride - 1;
}

/* When the call that is made now begins to count. */
static uint64_t begin(struct latency_thread *t) {
    uint64_t moment = now();
    if (t->latency->gap == NULL)
        return moment;
    const uint64_t due = t->due == 0 ? moment : t->due;
    note_lateness(&t->lateness, moment > due ? (double)(moment - due) : 0);
    while (moment < due) /* not asleep: to wake up takes longer than most calls */
        moment = now();
    t->due = due + (uint64_t)t->latency->gap[t->gap++ % GAPS];
    return due;
}

static void end(struct latency_thread *t, uint64_t start, bool is_free) {
    const uint64_t ns = now() - start;
    t->count[is_free][bucket_of(ns)]++;
    t->most[is_free] = ns > t->most[is_free] ? ns : t->most[is_free];
}

static void *timed_malloc(size_t size) {
    struct latency_thread *const t = self;
    if (t == NULL)
        return current->inner->malloc(size);
    const uint64_t start = begin(t);
    void *const block = current->inner->malloc(size);
    end(t, start, false);
    return block;
}

static void timed_free(void *block) {
    struct latency_thread *const t = self;
    if (t == NULL) {
        current->inner->free(block);
        return;
    }
    const uint64_t start = begin(t);
    current->inner->free(block);
    end(t, start, true);
}

static void *timed_realloc(void *block, size_t size) {
    struct latency_thread *const t = self;
    if (t == NULL)
        return current->inner->realloc(block, size);
    const uint64_t start = begin(t);
    void *const larger = current->inner->realloc(block, size);
    end(t, start, false);
    return larger;
}

/* ---- the pass ---- */

struct latency *latency_start(const struct allocator *inner, double gap_ns, uint64_t seed) {
    struct latency *const l = memory_map(sizeof *l);
    if (l == NULL)
        return NULL;
    l->inner = inner;
    l->outer = *inner;
    l->outer.malloc = timed_malloc;
    l->outer.free = timed_free;
    l->outer.realloc = inner->realloc == NULL ? NULL : timed_realloc;
    if (gap_ns > 0 && (l->gap = memory_map(GAPS * sizeof *l->gap)) == NULL) {
        memory_unmap(l, sizeof *l);
        return NULL;
    }
    uint64_t random = seed;
    for (size_t i = 0; i < GAPS && l->gap != NULL; i++)
        l->gap[i] = -log1p(-random_unit(&random)) * gap_ns;
    current = l;
    return l;
}

const struct allocator *latency_allocator(struct latency *latency) {
    return &latency->outer;
}

void latency_begin(struct latency *latency, unsigned thread) {
    if (thread < THREADS && (self = latency->thread[thread]) != NULL)
        return; /* which it goes on for */
    struct latency_thread *const t = thread < THREADS ? memory_map(sizeof *t) : NULL;
    if (t == NULL)
        return;
    t->latency = latency;
    t->gap = thread * (GAPS / 64 + 1); /* another part of the same table */
    t->lateness.stride = 1;
    latency->thread[thread] = self = t;
}

void latency_end(void) {
    self = NULL;
}

/* Whether the last quarter of its calls were later than the third, and by more than chance and a few gaps would make
 * them. Calls that keep up are late now and then; those that do not are later and later. */
static bool grows(const struct lateness *l, double gap_ns) {
    double third = 0, last = 0;
    const unsigned quarter = l->count / 4;
    for (unsigned i = 0; i < quarter; i++) {
        third += l->ns[l->count - 2 * quarter + i] / quarter;
        last += l->ns[l->count - quarter + i] / quarter;
    }
    return quarter > 0 && last > 1.2 * third && last > 100 * gap_ns;
}

static double mean_gap(const struct latency *l) {
    double sum = 0;
    for (size_t i = 0; i < GAPS && l->gap != NULL; i++)
        sum += l->gap[i] / GAPS;
    return sum;
}

void latency_stop(struct latency *latency, struct latency_figures *f) {
    static const double share[LATENCY_QUANTILES] = {0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    static uint64_t count[LATENCY_KINDS][BUCKETS];
    uint64_t most[LATENCY_KINDS] = {0};
    const double gap_ns = mean_gap(latency);
    memset(count, 0, sizeof count);
    *f = (struct latency_figures){.overrun = false};
    for (unsigned i = 0; i < THREADS; i++) {
        struct latency_thread *const t = latency->thread[i];
        if (t == NULL)
            continue;
        f->overrun |= latency->gap != NULL && grows(&t->lateness, gap_ns);
        for (unsigned kind = LATENCY_MALLOC; kind <= LATENCY_FREE; kind++) {
            for (unsigned b = 0; b < BUCKETS; b++) {
                count[kind][b] += t->count[kind - LATENCY_MALLOC][b];
                count[LATENCY_ALL][b] += t->count[kind - LATENCY_MALLOC][b];
                f->calls[kind] += t->count[kind - LATENCY_MALLOC][b];
            }
            const uint64_t own = t->most[kind - LATENCY_MALLOC];
            most[kind] = own > most[kind] ? own : most[kind];
            most[LATENCY_ALL] = own > most[LATENCY_ALL] ? own : most[LATENCY_ALL];
        }
        memory_unmap(t, sizeof *t);
    }
    f->calls[LATENCY_ALL] = f->calls[LATENCY_MALLOC] + f->calls[LATENCY_FREE];
    for (unsigned kind = 0; kind < LATENCY_KINDS; kind++)
        for (unsigned q = 0; q < LATENCY_QUANTILES; q++)
            f->quantile[kind][q] = f->calls[kind] == 0 ? NAN : quantile(count[kind], f->calls[kind], most[kind], share[q]);
    memory_unmap(latency->gap, GAPS * sizeof *latency->gap);
    memory_unmap(latency, sizeof *latency);
    current = NULL;
}

double latency_clock_ns(void) {
    enum { READINGS = 1000 };
    const uint64_t start = now();
    for (int i = 0; i < READINGS; i++)
        now();
    return (double)(now() - start) / (READINGS + 1);
}
