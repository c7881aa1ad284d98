/* SPDX-License-Identifier: MIT
 *
 * The operations of atomic_ops.h: each of them in each width and order against a model of what it computes;
 * and what orders promise, between two threads: a message is seen with what was written before it, a lock
 * excludes, and with _full no two threads both miss what the other has stored. That AO_HAVE_ tells of every
 * operation is tested here, that it tells of nothing else by atomic_ops_have_test.sh.
 */
#include "atomic_ops.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* 1 where the argument is a macro that is 1, else 0. */
#define IS_ONE(macro)      IS_ONE_(macro)
#define IS_ONE_(value)     SECOND(ONE_##value 1, 0, 0)
#define ONE_1              0,
#define SECOND(a, b, rest) SECOND_(a, b, rest)
#define SECOND_(a, b, ...) b

/* ---- each operation alone ---- */

/* What an operation makes of a word that holds WAS, with its operands; to be cut to the word's width. */
struct made {
    uint64_t result, now;
};

static struct made model_load(uint64_t was, uint64_t a, uint64_t b) {
    (void)a, (void)b;
    return (struct made){was, was};
}
static struct made model_store(uint64_t was, uint64_t a, uint64_t b) {
    (void)was, (void)b;
    return (struct made){0, a};
}
static struct made model_fetch_and_add(uint64_t was, uint64_t a, uint64_t b) {
    (void)b;
    return (struct made){was, was + a};
}
static struct made model_fetch_and_add1(uint64_t was, uint64_t a, uint64_t b) {
    (void)a, (void)b;
    return (struct made){was, was + 1};
}
static struct made model_fetch_and_sub1(uint64_t was, uint64_t a, uint64_t b) {
    (void)a, (void)b;
    return (struct made){was, was - 1};
}
static struct made model_and(uint64_t was, uint64_t a, uint64_t b) {
    (void)b;
    return (struct made){0, was & a};
}
static struct made model_or(uint64_t was, uint64_t a, uint64_t b) {
    (void)b;
    return (struct made){0, was | a};
}
static struct made model_xor(uint64_t was, uint64_t a, uint64_t b) {
    (void)b;
    return (struct made){0, was ^ a};
}
static struct made model_compare_and_swap(uint64_t was, uint64_t a, uint64_t b) {
    return (struct made){was == a, was == a ? b : was};
}
static struct made model_fetch_compare_and_swap(uint64_t was, uint64_t a, uint64_t b) {
    return (struct made){was, was == a ? b : was};
}
static struct made model_test_and_set(uint64_t was, uint64_t a, uint64_t b) {
    (void)a, (void)b;
    return (struct made){was == AO_TS_CLEAR ? AO_TS_CLEAR : AO_TS_SET, AO_TS_SET};
}

#define READS(CASE, T, integer, operation)                                                                   \
    CASE(T, integer, operation, )                                                                            \
    CASE(T, integer, operation, _acquire)                                                                    \
    CASE(T, integer, operation, _acquire_read)                                                               \
    CASE(T, integer, operation, _dd_acquire_read)                                                            \
    CASE(T, integer, operation, _read)                                                                       \
    CASE(T, integer, operation, _full)
#define WRITES(CASE, T, integer, operation)                                                                  \
    CASE(T, integer, operation, )                                                                            \
    CASE(T, integer, operation, _release)                                                                    \
    CASE(T, integer, operation, _release_write)                                                              \
    CASE(T, integer, operation, _write)                                                                      \
    CASE(T, integer, operation, _full)
#define UPDATES(CASE, T, integer, operation)                                                                 \
    READS(CASE, T, integer, operation)                                                                       \
    CASE(T, integer, operation, _release)                                                                    \
    CASE(T, integer, operation, _release_write)                                                              \
    CASE(T, integer, operation, _write)
#define OPERATIONS(KIND, T, integer)                                                                         \
    READS(KIND##_NOTHING, T, integer, load)                                                                  \
    WRITES(KIND##_GIVES_NONE, T, integer, store)                                                             \
    UPDATES(KIND##_ONE, T, integer, fetch_and_add)                                                           \
    UPDATES(KIND##_NOTHING, T, integer, fetch_and_add1)                                                      \
    UPDATES(KIND##_NOTHING, T, integer, fetch_and_sub1)                                                      \
    UPDATES(KIND##_GIVES_NONE, T, integer, and)                                                              \
    UPDATES(KIND##_GIVES_NONE, T, integer, or)                                                               \
    UPDATES(KIND##_GIVES_NONE, T, integer, xor)                                                              \
    UPDATES(KIND##_TWO, T, integer, compare_and_swap)                                                        \
    UPDATES(KIND##_TWO, T, integer, fetch_compare_and_swap)
#define ALL(KIND)                                                                                            \
    OPERATIONS(KIND, AO_t, _)                                                                                \
    OPERATIONS(KIND, unsigned char, _char_)                                                                  \
    OPERATIONS(KIND, unsigned short, _short_)                                                                \
    OPERATIONS(KIND, unsigned int, _int_)                                                                    \
    UPDATES(KIND##_NOTHING, AO_TS_t, _, test_and_set)

#define CALL(T, integer, operation, order)                                                                   \
    static uint64_t call##integer##operation##order(volatile void *word, uint64_t a, uint64_t b) {           \
        volatile T *const at = word;                                                                         \
        (void)a, (void)b;
#define CALL_NOTHING(T, integer, operation, order)                                                           \
    CALL(T, integer, operation, order)                                                                       \
    return (uint64_t)AO##integer##operation##order(at);                                                      \
    }
#define CALL_ONE(T, integer, operation, order)                                                               \
    CALL(T, integer, operation, order)                                                                       \
    return AO##integer##operation##order(at, (T)a);                                                          \
    }
#define CALL_TWO(T, integer, operation, order)                                                               \
    CALL(T, integer, operation, order)                                                                       \
    return (uint64_t)AO##integer##operation##order(at, (T)a, (T)b);                                          \
    }
#define CALL_GIVES_NONE(T, integer, operation, order)                                                        \
    CALL(T, integer, operation, order)                                                                       \
    AO##integer##operation##order(at, (T)a);                                                                 \
    return 0;                                                                                                \
    }
ALL(CALL)

#define ROW(T, integer, operation, order)                                                                    \
    {"AO" #integer #operation #order, sizeof(T), IS_ONE(AO_HAVE##integer##operation##order),                 \
     call##integer##operation##order, model_##operation},
#define ROW_NOTHING    ROW
#define ROW_ONE        ROW
#define ROW_TWO        ROW
#define ROW_GIVES_NONE ROW
static const struct {
    const char *name;
    size_t width;
    int have;
    uint64_t (*call)(volatile void *at, uint64_t a, uint64_t b);
    struct made (*model)(uint64_t was, uint64_t a, uint64_t b);
} operations[] = {ALL(ROW)};

static void every_operation_has_its_macro(void **state) {
    (void)state;
    assert_int_equal(LENGTH(operations), 4 * (6 + 5 + 8 * 9) + 9);
    for (unsigned i = 0; i < LENGTH(operations); i++)
        if (!operations[i].have)
            fail_msg("AO_HAVE_ does not tell of %s", operations[i].name);
#if IS_ONE(AO_HAVE_load_release) || IS_ONE(AO_HAVE_load_write) || IS_ONE(AO_HAVE_store_acquire) ||           \
    IS_ONE(AO_HAVE_store_read) || defined(AO_HAVE_char_test_and_set) || defined(AO_HAVE_nop_acquire_read)
    fail_msg("AO_HAVE_ tells of what is not there");
#endif
}

/* The first WIDTH bytes of a word, as a number. */
static uint64_t get(const unsigned char *at, size_t width) {
    unsigned char c;
    unsigned short s;
    unsigned int i;
    uint64_t l;
    switch (width) {
    case 1:
        return memcpy(&c, at, 1), c;
    case 2:
        return memcpy(&s, at, 2), s;
    case 4:
        return memcpy(&i, at, 4), i;
    default:
        return memcpy(&l, at, 8), l;
    }
}

static void put(unsigned char *at, size_t width, uint64_t value) {
    const unsigned char c = (unsigned char)value;
    const unsigned short s = (unsigned short)value;
    const unsigned int i = (unsigned int)value;
    memcpy(at,
           width == 1   ? (const void *)&c
           : width == 2 ? (const void *)&s
           : width == 4 ? (const void *)&i
                        : &value,
           width);
}

/* Zero, one, and what borders on the end and on the sign of each width; all wrap in the narrower ones. */
static const uint64_t values[] = {
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    INT64_MAX,
    UINT64_MAX,
    UINT64_MAX - 1,
    0x5555555555555555,
    0xaaaaaaaaaaaaaaaa,
};

static void each_computes_what_its_model_does_and_touches_no_neighbour(void **state) {
    (void)state;
    for (unsigned i = 0; i < LENGTH(operations); i++) {
        const size_t width = operations[i].width;
        const uint64_t mask = UINT64_MAX >> (64 - 8 * width);
        for (unsigned n = 0; n < LENGTH(values) * LENGTH(values) * LENGTH(values); n++) {
            const uint64_t was = values[n % LENGTH(values)] & mask;
            const uint64_t a = values[n / LENGTH(values) % LENGTH(values)] & mask;
            const uint64_t b = values[n / LENGTH(values) / LENGTH(values)] & mask;
            _Alignas(16) unsigned char memory[32], expected[32];
            const size_t offset = 8 + n % (8 / width) * width; /* each place in a word of 8 */
            memset(memory, 0xa5, sizeof memory);
            put(memory + offset, width, was);
            memcpy(expected, memory, sizeof memory);

            const struct made made = operations[i].model(was, a, b);
            put(expected + offset, width, made.now & mask);
            const uint64_t result = operations[i].call(memory + offset, a, b);
            if (result != (made.result & mask) || memcmp(memory, expected, sizeof memory) != 0)
                fail_msg("%s of %#llx with %#llx, %#llx: gives %#llx, leaves %#llx", operations[i].name,
                         (unsigned long long)was, (unsigned long long)a, (unsigned long long)b,
                         (unsigned long long)result, (unsigned long long)get(memory + offset, width));
        }
    }
}

static void clear_undoes_test_and_set(void **state) {
    (void)state;
    static AO_TS_t lock = AO_TS_INITIALIZER;
    for (int i = 0; i < 2; i++) {
        assert_true(AO_test_and_set(&lock) == AO_TS_CLEAR);
        assert_true(AO_test_and_set_full(&lock) == AO_TS_SET);
        AO_CLEAR(&lock);
    }
    assert_true(lock == AO_TS_CLEAR);
}

#ifdef AO_HAVE_double_compare_and_swap_full
#    define DOUBLE_SWAPS(T, integer, operation, order)                                                       \
        {                                                                                                    \
            static AO_double_t at[3];                                                                        \
            AO_double_t old, value;                                                                          \
            assert_int_equal(IS_ONE(AO_HAVE_double_compare_and_swap##order), 1);                             \
            assert_int_equal(IS_ONE(AO_HAVE_compare_double_and_swap_double##order), 1);                      \
            at[1].AO_val1 = old.AO_val1 = 1, at[1].AO_val2 = old.AO_val2 = 2;                                \
            value.AO_val1 = 3, value.AO_val2 = UINT64_MAX;                                                   \
            assert_true(AO_double_compare_and_swap##order(&at[1], old, value));                              \
            assert_true(at[1].AO_val1 == 3 && at[1].AO_val2 == UINT64_MAX);                                  \
            assert_false(AO_double_compare_and_swap##order(&at[1], old, value));                             \
            assert_false(AO_compare_double_and_swap_double##order(&at[1], 3, 2, 5, 6));                      \
            assert_false(AO_compare_double_and_swap_double##order(&at[1], 1, UINT64_MAX, 5, 6));             \
            assert_true(at[1].AO_val1 == 3 && at[1].AO_val2 == UINT64_MAX);                                  \
            assert_true(AO_compare_double_and_swap_double##order(&at[1], 3, UINT64_MAX, 5, 6));              \
            assert_true(at[1].AO_val1 == 5 && at[1].AO_val2 == 6);                                           \
            assert_true(at[0].AO_val1 == 0 && at[0].AO_val2 == 0 && at[2].AO_val1 == 0 &&                    \
                        at[2].AO_val2 == 0);                                                                 \
        }
#    define DOUBLE_LOADS(T, integer, operation, order)                                                       \
        {                                                                                                    \
            static AO_double_t at;                                                                           \
            assert_int_equal(IS_ONE(AO_HAVE_double_load##order), 1);                                         \
            at.AO_val1 = 7, at.AO_val2 = 8;                                                                  \
            const AO_double_t was = AO_double_load##order(&at);                                              \
            assert_true(was.AO_val1 == 7 && was.AO_val2 == 8 && at.AO_val1 == 7 && at.AO_val2 == 8);         \
        }
#    define DOUBLE_STORES(T, integer, operation, order)                                                      \
        {                                                                                                    \
            static AO_double_t at;                                                                           \
            AO_double_t value;                                                                               \
            assert_int_equal(IS_ONE(AO_HAVE_double_store##order), 1);                                        \
            value.AO_val1 = 9, value.AO_val2 = 10;                                                           \
            AO_double_store##order(&at, value);                                                              \
            assert_true(at.AO_val1 == 9 && at.AO_val2 == 10);                                                \
        }

static void two_words_are_exchanged_loaded_and_stored_as_one(void **state) {
    (void)state;
    UPDATES(DOUBLE_SWAPS, , , )
    READS(DOUBLE_LOADS, , , )
    WRITES(DOUBLE_STORES, , , )
}

static AO_double_t counts;

static void *count_both(void *torn) {
    for (int i = 0; i < 50000; i++) {
        AO_double_t seen, more;
        do {
            seen = AO_double_load_acquire(&counts);
            if (seen.AO_val1 + seen.AO_val2 != 0)
                *(bool *)torn = true;
            more.AO_val1 = seen.AO_val1 + 1;
            more.AO_val2 = seen.AO_val2 - 1;
        } while (!AO_double_compare_and_swap_release(&counts, seen, more));
    }
    return NULL;
}

static void threads_see_no_half_of_two_words(void **state) {
    (void)state;
    pthread_t thread[2];
    bool torn[2] = {false};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count_both, &torn[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_false(torn[0] || torn[1]);
    assert_true(counts.AO_val1 == 100000 && counts.AO_val2 == 0 - counts.AO_val1);
}
#endif

/* ---- a message ---- */

/* How a word is written so that what precedes is seen, and read so that what follows is new. */
#define POSTS(name, write, read)                                                                             \
    static void post_##name(volatile AO_t *at, AO_t value) {                                                 \
        write;                                                                                               \
    }                                                                                                        \
    static AO_t look_##name(volatile AO_t *at) {                                                             \
        AO_t was;                                                                                            \
        read;                                                                                                \
        return was;                                                                                          \
    }
POSTS(by_words, AO_store_release(at, value), was = AO_load_acquire(at))
POSTS(of_writes, AO_store_release_write(at, value), was = AO_load_acquire_read(at))
POSTS(write_read, AO_store_write(at, value), was = AO_load_read(at))
POSTS(full, AO_store_full(at, value), was = AO_load_full(at))
POSTS(dependent, AO_store_release(at, value), was = AO_load_dd_acquire_read(at))
POSTS(nop_order, (AO_nop_release(), AO_store(at, value)), (was = AO_load(at), AO_nop_acquire()))
POSTS(nop_write_read, (AO_nop_write(), AO_store(at, value)), (was = AO_load(at), AO_nop_read()))
POSTS(nop_full, (AO_nop_full(), AO_store(at, value)), (was = AO_load(at), AO_nop_full()))
POSTS(add, (void)AO_fetch_and_add_release(at, value - AO_load(at)), was = AO_fetch_and_add_acquire(at, 0))
POSTS(add_write, (void)AO_fetch_and_add_write(at, value - AO_load(at)), was = AO_fetch_and_add_read(at, 0))
POSTS(add_full, (void)AO_fetch_and_add_full(at, value - AO_load(at)), was = AO_fetch_and_add_full(at, 0))
POSTS(bits, AO_xor_release(at, value ^ AO_load(at)), was = AO_fetch_compare_and_swap_acquire(at, 0, 0))
POSTS(bits_full, AO_xor_full(at, value ^ AO_load(at)), was = AO_fetch_compare_and_swap_full(at, 1, 1))
POSTS(swap, (void)AO_compare_and_swap_release(at, AO_load(at), value),
      was = AO_fetch_compare_and_swap_read(at, 0, 0))

static const struct posts {
    const char *name;
    void (*post)(volatile AO_t *at, AO_t value);
    AO_t (*look)(volatile AO_t *at);
} posts[] = {
#define POST(name)                                                                                           \
    { #name, post_##name, look_##name }
    POST(by_words),  POST(of_writes),      POST(write_read), POST(full), POST(dependent),
    POST(nop_order), POST(nop_write_read), POST(nop_full),   POST(add),  POST(add_write),
    POST(add_full),  POST(bits),           POST(bits_full),  POST(swap),
};

enum { MESSAGES = 3000 };

/* The letter is no atomic: ThreadSanitizer sees whether the order holds, others whether it did. The answer
 * gives it back, in the same way. */
static struct {
    const struct posts *by;
    AO_t letter;
    _Alignas(64) volatile AO_t sent;
    _Alignas(64) volatile AO_t received;
    bool wrong;
} mail;

static void await(volatile AO_t *at, AO_t value) {
    for (unsigned n = 1; mail.by->look(at) != value; n++)
        if (n % 128 == 0)
            sched_yield();
}

static void *receive(void *unused) {
    (void)unused;
    for (AO_t i = 1; i <= MESSAGES; i++) {
        await(&mail.sent, i);
        mail.wrong |= mail.letter != i;
        mail.letter = ~i;
        mail.by->post(&mail.received, i);
    }
    return NULL;
}

static void a_message_is_seen_with_what_was_written_before_it(void **state) {
    (void)state;
    for (unsigned i = 0; i < LENGTH(posts); i++) {
        pthread_t thread;
        bool wrong = false;
        mail.by = &posts[i];
        mail.sent = mail.received = 0;
        mail.wrong = false;
        assert_int_equal(pthread_create(&thread, NULL, receive, NULL), 0);
        for (AO_t n = 1; n <= MESSAGES; n++) {
            mail.letter = n;
            mail.by->post(&mail.sent, n);
            await(&mail.received, n);
            wrong |= mail.letter != ~n;
        }
        pthread_join(thread, NULL);
        if (wrong || mail.wrong)
            fail_msg("by %s a message was read without what was written before it", posts[i].name);
    }
}

/* ---- a lock ---- */

enum { ENTRIES = 30000 };
static AO_TS_t lock = AO_TS_INITIALIZER;
static long inside; /* no atomic */

static void *enter_and_leave(void *unused) {
    for (int i = 0; i < ENTRIES; i++) {
        for (unsigned n = 1; AO_test_and_set_acquire(&lock) == AO_TS_SET; n++)
            if (n % 128 == 0)
                sched_yield();
        inside++;
        AO_CLEAR(&lock);
    }
    return unused;
}

static void test_and_set_and_clear_are_a_lock(void **state) {
    (void)state;
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, enter_and_leave, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(inside, 2 * ENTRIES);
}

/* ---- both store, then both look ---- */

static volatile AO_t elsewhere[2][8];
static volatile unsigned char elsewhere_char[2][64];
static volatile AO_TS_t elsewhere_set[2][8];

/* A thread's part, ME 0 or 1: to store in MINE, and then to read OTHER, with _full in between. */
#define PARTS(name, store_mine, read_other)                                                                  \
    static AO_t part_##name(volatile AO_t *mine, const volatile AO_t *other, int me) {                       \
        AO_t was;                                                                                            \
        (void)me;                                                                                            \
        store_mine;                                                                                          \
        read_other;                                                                                          \
        return was;                                                                                          \
    }
PARTS(store_full, AO_store_full(mine, 1), was = AO_load(other))
PARTS(load_full, AO_store(mine, 1), was = AO_load_full(other))
PARTS(nop_full, (AO_store(mine, 1), AO_nop_full()), was = AO_load(other))
PARTS(add_full, (void)AO_fetch_and_add_full(mine, 1), was = AO_load(other))
PARTS(or_full, AO_or_full(mine, 1), was = AO_load(other))
PARTS(swap_full, (void)AO_compare_and_swap_full(mine, 0, 1), was = AO_load(other))
PARTS(beside, (AO_store(mine, 1), AO_xor_full(elsewhere[me], 1)), was = AO_load(other))
PARTS(set_beside, (AO_store(mine, 1), (void)AO_test_and_set_full(elsewhere_set[me])), was = AO_load(other))
PARTS(failed_beside, (AO_store(mine, 1), (void)AO_char_compare_and_swap_full(elsewhere_char[me], 1, 2)),
      was = AO_load(other))
PARTS(nothing, AO_store(mine, 1), was = AO_load(other))

static const struct parts {
    const char *name;
    AO_t (*part)(volatile AO_t *mine, const volatile AO_t *other, int me);
} parts[] = {
#define PART(name)                                                                                           \
    { #name, part_##name }
    PART(store_full), PART(load_full), PART(nop_full),   PART(add_full),      PART(or_full),
    PART(swap_full),  PART(beside),    PART(set_beside), PART(failed_beside), PART(nothing),
};

#ifdef AO__SEEN_BY_TSAN
enum { MEETINGS = 5000, ROUNDS = 1 }; /* which finds no order of a machine, and is slow */
#else
enum { MEETINGS = 20000, ROUNDS = 5 };
#endif

/* Each meeting has words of its own, each in a line of its own: nothing has to be cleared between. */
struct meeting {
    struct {
        _Alignas(64) volatile AO_t word;
        AO_t seen; /* by its thread, in the other's word */
    } of[2];
};
static struct meeting meetings[MEETINGS];
static const struct parts *both_do;
static volatile AO_t arrived;

static void *meet(void *which) {
    const int me = *(const int *)which;
    for (AO_t i = 0; i < MEETINGS; i++) {
        struct meeting *const m = &meetings[i];
        (void)AO_fetch_and_add1_full(&arrived);
        for (unsigned n = 1; AO_load_acquire(&arrived) < 2 * (i + 1); n++)
            if (n % 128 == 0)
                sched_yield();
        for (AO_t n = 0; n < i * (me == 0 ? 7 : 13) % 61;
             n++) /* whoever is late finds the other now and then */
            __asm__ volatile("");
        m->of[me].seen = both_do->part(&m->of[me].word, &m->of[1 - me].word, me);
    }
    return NULL;
}

static unsigned both_missed(const struct parts *p) {
    pthread_t thread;
    unsigned missed = 0;
    memset(meetings, 0, sizeof meetings);
    arrived = 0;
    both_do = p;
    assert_int_equal(pthread_create(&thread, NULL, meet, &(int){1}), 0);
    meet(&(int){0});
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < MEETINGS; i++)
        missed += meetings[i].of[0].seen == 0 && meetings[i].of[1].seen == 0;
    return missed;
}

static void with_full_two_never_both_miss_the_others_store(void **state) {
    (void)state;
    for (unsigned i = 0; i < LENGTH(parts) * ROUNDS; i++) {
        const struct parts *const p = &parts[i % LENGTH(parts)];
        const unsigned missed = both_missed(p);
        if (p->part == part_nothing)
            print_message("without an order both missed it %u times in %d\n", missed, MEETINGS);
        else if (missed != 0)
            fail_msg("with %s both missed it %u times in %d", p->name, missed, MEETINGS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_has_its_macro),
        cmocka_unit_test(each_computes_what_its_model_does_and_touches_no_neighbour),
        cmocka_unit_test(clear_undoes_test_and_set),
#ifdef AO_HAVE_double_compare_and_swap_full
        cmocka_unit_test(two_words_are_exchanged_loaded_and_stored_as_one),
        cmocka_unit_test(threads_see_no_half_of_two_words),
#endif
        cmocka_unit_test(a_message_is_seen_with_what_was_written_before_it),
        cmocka_unit_test(test_and_set_and_clear_are_a_lock),
        cmocka_unit_test(with_full_two_never_both_miss_the_others_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
