/* SPDX-License-Identifier: MIT
 *
 * memory_time.h. Sizes are in shards by address, each a hash table under a mutex: open addressing, linear probing, and no
 * tombstones, for an allocator that never hands an address out again would fill the tables with them. A size is in its table before
 * malloc returns and is taken out before the allocator has its block back, so no address is in twice; only a floor (trait `floor`)
 * hands out what is in use, and then the later block is the one that lives.
 */
#include "memory_time.h"
#include "workload.h"

#include "process.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

enum { STEP_NS = 2 * 1000 * 1000, STACK_BYTES = 1 << 20, SHARDS = 64, FIRST_ENTRIES = 256 };
static const double least_live_for_overhead = 1 << 20;

struct entry {
    uintptr_t address; /* 0: free */
    size_t size;
};

/* used <= capacity / 2; from an entry's home to where it is there is no free one. */
struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct entry *entry;
    size_t capacity, used; /* capacity: a power of two */
};

struct memory_time {
    const struct allocator *inner;
    struct allocator outer;
    uint64_t resident_baseline, committed_baseline;
    struct shard shard[SHARDS];
    _Atomic uint64_t live; /* bytes: the sum of all entries' sizes, but for calls in progress */
    atomic_bool lost;      /* a table found no memory: LIVE is wrong */

    uint64_t start_ns, step_ns;
    struct memory_course course; /* the sampler's while it runs */
    pthread_t sampler;
    void *stack; /* NULL: there is no sampler */
    pthread_mutex_t lock;
    pthread_cond_t ends;
    bool ended; /* under LOCK */
};

static struct memory_time *current;

/* ---- sizes ---- */

static size_t mix(uintptr_t address) {
    return (size_t)((uint64_t)address * UINT64_C(0x9e3779b97f4a7c15) >> 16);
}

static struct shard *shard_of(struct memory_time *m, uintptr_t address) {
    return &m->shard[mix(address) % SHARDS];
}

static size_t home_of(const struct shard *s, uintptr_t address) {
    return mix(address) / SHARDS & (s->capacity - 1);
}

/* Where it is, or the free entry where it goes. */
static size_t place_of(const struct shard *s, uintptr_t address) {
    size_t i = home_of(s, address);
    while (s->entry[i].address != 0 && s->entry[i].address != address)
        i = (i + 1) & (s->capacity - 1);
    return i;
}

static bool shard_grow(struct shard *s) {
    struct shard larger = {.capacity = s->capacity == 0 ? FIRST_ENTRIES : 2 * s->capacity};
    larger.entry = memory_map(larger.capacity * sizeof *larger.entry);
    if (larger.entry == NULL)
        return false;
    for (size_t i = 0; i < s->capacity; i++)
        if (s->entry[i].address != 0)
            larger.entry[place_of(&larger, s->entry[i].address)] = s->entry[i];
    memory_unmap(s->entry, s->capacity * sizeof *s->entry);
    s->entry = larger.entry;
    s->capacity = larger.capacity;
    return true;
}

/* Empties entry HOLE, and moves into it whatever would not be found behind a free one. */
static void take_out(struct shard *s, size_t hole) {
    const size_t mask = s->capacity - 1;
    for (size_t i = (hole + 1) & mask; s->entry[i].address != 0; i = (i + 1) & mask)
        if (((i - home_of(s, s->entry[i].address)) & mask) >= ((i - hole) & mask)) {
            s->entry[hole] = s->entry[i];
            hole = i;
        }
    s->entry[hole] = (struct entry){0};
    s->used--;
}

static void born(struct memory_time *m, uintptr_t address, size_t size) {
    struct shard *const s = shard_of(m, address);
    pthread_mutex_lock(&s->lock);
    if (2 * (s->used + 1) > s->capacity && !shard_grow(s)) {
        atomic_store(&m->lost, true);
    } else {
        struct entry *const e = &s->entry[place_of(s, address)];
        s->used += e->address == 0;
        atomic_fetch_add(&m->live, size - e->size); /* may wrap round, and back */
        *e = (struct entry){address, size};
    }
    pthread_mutex_unlock(&s->lock);
}

/* An address that is not known to be live is let pass: it is the allocator's to complain. */
static void died(struct memory_time *m, uintptr_t address) {
    struct shard *const s = shard_of(m, address);
    pthread_mutex_lock(&s->lock);
    const size_t i = s->capacity == 0 ? 0 : place_of(s, address);
    if (s->capacity != 0 && s->entry[i].address == address) {
        atomic_fetch_sub(&m->live, s->entry[i].size);
        take_out(s, i);
    }
    pthread_mutex_unlock(&s->lock);
}

static void *counted_malloc(size_t size) {
    void *const block = current->inner->malloc(size);
    if (block != NULL)
        born(current, (uintptr_t)block, size);
    return block;
}

static void counted_free(void *block) {
    if (block != NULL)
        died(current, (uintptr_t)block);
    current->inner->free(block);
}

/* ---- samples ---- */

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double above(uint64_t reading, uint64_t baseline, uint64_t own) {
    return reading == 0 ? NAN : fmax(0, (double)reading - (double)(baseline + own));
}

static struct memory_sample read_sample(struct memory_time *m) {
    struct memory_reading r;
    memory_read(&r);
    return (struct memory_sample){
        .ms = (double)(now() - m->start_ns) * 1e-6,
        .resident = above(r.resident, m->resident_baseline, r.own),
        .committed = above(r.committed, m->committed_baseline, r.own),
        .live = atomic_load(&m->lost) ? NAN : (double)atomic_load(&m->live),
    };
}

/* Where there is no more room every other one goes, the first stays, and the step doubles. */
static void keep_sample(struct memory_time *m, struct memory_sample sample) {
    struct memory_course *const c = &m->course;
    if (c->count == MEMORY_SAMPLES) {
        for (unsigned i = 0; i < MEMORY_SAMPLES / 2; i++)
            c->sample[i] = c->sample[2 * i];
        c->count = MEMORY_SAMPLES / 2;
        m->step_ns *= 2;
    }
    c->sample[c->count++] = sample;
}

/* The next moment after the last sample that is a whole number of steps from the start. */
static struct timespec next_moment(const struct memory_time *m) {
    const uint64_t since = now() - m->start_ns, next = m->start_ns + (since / m->step_ns + 1) * m->step_ns;
    return (struct timespec){.tv_sec = (time_t)(next / 1000000000), .tv_nsec = (long)(next % 1000000000)};
}

static void *sample_until_ended(void *argument) {
    struct memory_time *const m = argument;
    pthread_mutex_lock(&m->lock);
    while (!m->ended) {
        const struct timespec moment = next_moment(m);
        bool due = false;
        while (!m->ended && !due)
            due = pthread_cond_timedwait(&m->ends, &m->lock, &moment) != 0;
        if (!m->ended)
            keep_sample(m, read_sample(m));
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static void start_sampler(struct memory_time *m) {
    pthread_attr_t attributes;
    m->stack = memory_map(STACK_BYTES);
    if (m->stack == NULL)
        return;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, m->stack, STACK_BYTES);
    if (pthread_create(&m->sampler, &attributes, sample_until_ended, m) != 0) {
        memory_unmap(m->stack, STACK_BYTES);
        m->stack = NULL;
    }
    pthread_attr_destroy(&attributes);
}

void memory_time_begin(struct memory_time *m) {
    m->course.count = 0;
    m->step_ns = STEP_NS;
    m->start_ns = now();
    m->ended = false;
    keep_sample(m, read_sample(m));
    start_sampler(m);
}

void memory_time_end(struct memory_time *m) {
    if (m->stack != NULL) {
        pthread_mutex_lock(&m->lock);
        m->ended = true;
        pthread_mutex_unlock(&m->lock);
        pthread_cond_signal(&m->ends);
        pthread_join(m->sampler, NULL);
        memory_unmap(m->stack, STACK_BYTES);
        m->stack = NULL;
    }
    keep_sample(m, read_sample(m));
}

/* ---- the pass ---- */

struct memory_time *memory_time_start(const struct allocator *inner, uint64_t resident_baseline, uint64_t committed_baseline) {
    struct memory_time *const m = memory_map(sizeof *m);
    pthread_condattr_t monotonic;
    if (m == NULL)
        return NULL;
    m->inner = inner;
    m->outer = *inner;
    m->outer.malloc = counted_malloc;
    m->outer.free = counted_free;
    m->outer.calloc = NULL; /* these would pass the tables by */
    m->outer.realloc = NULL;
    m->outer.aligned_alloc = NULL;
    m->resident_baseline = resident_baseline;
    m->committed_baseline = committed_baseline;
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_mutex_init(&m->shard[i].lock, NULL);
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&m->ends, &monotonic);
    pthread_condattr_destroy(&monotonic);
    current = m;
    return m;
}

const struct allocator *memory_time_allocator(struct memory_time *memory) {
    return &memory->outer;
}

static double time_ms(const struct memory_course *c) {
    return c->count == 0 ? 0 : c->sample[c->count - 1].ms - c->sample[0].ms;
}

/* Over time, as if it went straight from sample to sample. */
static struct memory_time_figures figures_of(const struct memory_course *c) {
    double resident = 0, live = 0;
    for (unsigned i = 1; i < c->count; i++) {
        const struct memory_sample *const a = &c->sample[i - 1], *const b = &c->sample[i];
        resident += (a->resident + b->resident) / 2 * (b->ms - a->ms);
        live += (a->live + b->live) / 2 * (b->ms - a->ms);
    }
    struct memory_time_figures f = {NAN, NAN, NAN, NAN};
    if (c->count != 0)
        f.final_resident = c->sample[c->count - 1].resident;
    if (time_ms(c) > 0) {
        f.mean_resident = resident / time_ms(c);
        f.mean_live = live / time_ms(c);
    }
    if (f.mean_live >= least_live_for_overhead)
        f.overhead = f.mean_resident / f.mean_live;
    return f;
}

void memory_time_stop(struct memory_time *m, struct memory_course *course, struct memory_time_figures *figures) {
    *course = m->course;
    *figures = figures_of(course);
    for (unsigned i = 0; i < SHARDS; i++) {
        memory_unmap(m->shard[i].entry, m->shard[i].capacity * sizeof *m->shard[i].entry);
        pthread_mutex_destroy(&m->shard[i].lock);
    }
    pthread_cond_destroy(&m->ends);
    pthread_mutex_destroy(&m->lock);
    memory_unmap(m, sizeof *m);
    current = NULL;
}
