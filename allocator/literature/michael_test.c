/* SPDX-License-Identifier: MIT
 *
 * `michael` from inside: each erratum of the paper and its copies (E1 to E8) replayed by hand, with what others do
 * put right before the access that matters; a handler, and a death, at every access to shared memory of every path;
 * no memory; bounds on space; heaps in turn; threads. Live blocks carry marks, so that memory that is handed out
 * twice is seen at once.
 */
#include "ao/dwcas.h"
#include "os/os.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- before each access ---- */

enum kind { LOAD, STORE, EXCHANGE, COMPARE, ADD };

static void before(const volatile void *word, enum kind kind, int order);
static bool after(const volatile void *word, bool exchanged);
static void *map_of_test(size_t size);

#define __atomic_load_n(word, order) (before(word, LOAD, order), __atomic_load_n(word, order))
#define __atomic_store_n(word, value, order)                                                                 \
    (before(word, STORE, order), __atomic_store_n(word, value, order))
#define __atomic_exchange_n(word, value, order)                                                              \
    (before(word, EXCHANGE, order), __atomic_exchange_n(word, value, order))
#define __atomic_compare_exchange_n(word, expected, desired, weak, success, failure)                         \
    (before(word, COMPARE, success),                                                                         \
     after(word, __atomic_compare_exchange_n(word, expected, desired, weak, success, failure)))
#define __atomic_fetch_add(word, n, order) (before(word, ADD, order), __atomic_fetch_add(word, n, order))
#define __atomic_fetch_sub(word, n, order) (before(word, ADD, order), __atomic_fetch_sub(word, n, order))
#define dwcas(at, ...)                     (before(at, COMPARE, __ATOMIC_SEQ_CST), dwcas(at, __VA_ARGS__))
#undef os_map
#define os_map map_of_test

#include "michael.c"

/* What is to happen before an access: WHEN says which, ACT happens there once. NULL: nothing, and threads may run. */
static bool (*when)(const volatile void *word, enum kind kind, int order);
static void (*act)(void);

static void before(const volatile void *word, enum kind kind, int order) {
    if (when == NULL || !when(word, kind, order))
        return;
    when = NULL;
    act();
}

/* The same right after a compare-and-swap of this word has succeeded. */
static const volatile void *exchanged_word;
static void (*act_after)(void);

static bool after(const volatile void *word, bool exchanged) {
    if (exchanged_word != NULL && word == exchanged_word && exchanged) {
        exchanged_word = NULL;
        act_after();
    }
    return exchanged;
}

static void after_exchange(const volatile void *word, void (*what)(void)) {
    act_after = what;
    exchanged_word = word;
}

/* The access of this kind to this word. */
static const volatile void *at_word;
static enum kind at_kind;

static bool is_at_word(const volatile void *word, enum kind kind, int order) {
    (void)order;
    return word == at_word && kind == at_kind;
}

static void before_access(const volatile void *word, enum kind kind, void (*what)(void)) {
    at_word = word;
    at_kind = kind;
    act = what;
    when = is_at_word;
}

/* The access of this number, from 1. */
static unsigned accesses, at_access;

static bool is_at_access(const volatile void *word, enum kind kind, int order) {
    (void)word, (void)kind, (void)order;
    return ++accesses == at_access;
}

static void before_number(unsigned number, void (*what)(void)) {
    accesses = 0;
    at_access = number;
    act = what;
    when = is_at_access;
}

/* True: it was not reached. */
static bool is_left_over(void) {
    const bool left = when != NULL || exchanged_word != NULL;
    when = NULL;
    exchanged_word = NULL;
    return left;
}

/* ---- memory ---- */

enum { MOST_MAPPINGS = 1 << 10 };
static struct {
    void *start;
    size_t size;
} mapped[MOST_MAPPINGS];
static unsigned mappings;
static unsigned maps_until_failure = UINT32_MAX; /* so many succeed */

static void *map_of_test(size_t size) {
    if (maps_until_failure == 0)
        return NULL;
    maps_until_failure--;
    void *const start = AO_os_map(size);
    const unsigned i = __atomic_fetch_add(&mappings, 1, __ATOMIC_RELAXED);
    if (i < MOST_MAPPINGS && size >= sizeof(struct batch)) { /* not the large ones */
        mapped[i].start = size == sizeof(struct batch) || size > HYPERBLOCK ? start : NULL;
        mapped[i].size = size;
    }
    return start;
}

static int reset(void **state) {
    (void)state;
    is_left_over();
    for (unsigned i = 0; i < mappings && i < MOST_MAPPINGS; i++)
        if (mapped[i].start != NULL)
            os_unmap(mapped[i].start, mapped[i].size);
    memset(mapped, 0, sizeof mapped);
    mappings = 0;
    maps_until_failure = UINT32_MAX;
    memset(&michael, 0, sizeof michael);
    own_heap = 0;
    return 0;
}

/* ---- blocks ---- */

enum { TWO = LARGEST_SMALL, THREE = 5000, SMALL = 8, OTHER = 300 };
enum { LIVE = 0x11fe };

static unsigned class_of(size_t size) {
    return size_class_of(size + PREFIX);
}

static struct descriptor *owner(void *block) {
    return (struct descriptor *)((AO_uintptr_t *)block)[-1];
}

static uint64_t *take(size_t size) {
    uint64_t *const block = michael_malloc(size);
    if (block != NULL) {
        assert_true(*block != LIVE); /* else it is somebody's */
        *block = LIVE;
    }
    return block;
}

static void give(uint64_t *block) {
    if (block != NULL) {
        assert_true(*block == LIVE);
        *block = 0;
    }
    michael_free(block);
}

static void assert_sound(void) {
    char why[128] = "";
    if (!michael_check(why, sizeof why))
        fail_msg("%s", why);
}

static size_t live_bytes(void) {
    struct allocator_stats s;
    michael_stats(&s);
    return s.live;
}

static unsigned length(const struct stack_tagged *list) {
    unsigned n = 0;
    for (AO_uintptr_t *at = (AO_uintptr_t *)list->top.second; at != NULL; at = (AO_uintptr_t *)*at)
        n++;
    return n;
}

static enum state state_of(const struct descriptor *d) {
    return anchor_state(d->anchor);
}

static struct heap *own(void) {
    return &michael.heap[own_heap - 1];
}

static struct descriptor *active_of(size_t size) {
    return (struct descriptor *)(uintptr_t)(own()->of[class_of(size)].active & ~(active)CREDITS_MASK);
}

/* ---- E1: ABA in RemoveEmptyDesc ---- */

static uint64_t *first, *second, *third, *fourth;

/* Others take the EMPTY descriptor out of the slot and retire it; it becomes that of a new superblock, FULL,
 * PARTIAL, and is in the slot again. */
static void reuse_the_descriptor_in_the_same_slot(void) {
    third = take(TWO);
    fourth = take(TWO);
    give(third);
}

static void e1_a_descriptor_that_came_back_to_the_slot_is_not_retired(void **state) {
    (void)state;
    first = take(TWO);
    second = take(TWO);
    struct descriptor *const d = owner(first);
    struct descriptor **const slot = &own()->of[class_of(TWO)].partial;
    give(first);
    assert_ptr_equal(*slot, d);
    before_access(slot, COMPARE, reuse_the_descriptor_in_the_same_slot);
    give(second);
    assert_false(is_left_over());
    assert_ptr_equal(owner(fourth), d); /* alive */
    assert_ptr_equal(*slot, d);         /* and put back */
    assert_int_equal(state_of(d), PARTIAL);
    assert_sound();
    assert_ptr_equal(take(TWO), third);
    assert_sound();
}

static void take_the_empty_one(void) {
    third = take(OTHER);
    fourth = take(TWO);
}

/* The same, but nothing is in the slot any more. */
static void e1_a_descriptor_that_has_left_the_slot_is_left_alone(void **state) {
    (void)state;
    first = take(TWO);
    second = take(TWO);
    give(first);
    before_access(&own()->of[class_of(TWO)].partial, COMPARE, take_the_empty_one);
    give(second);
    assert_false(is_left_over());
    assert_sound();
    give(third);
    give(fourth);
    assert_sound();
    assert_int_equal(live_bytes(), 0);
}

/* An EMPTY one on the list is retired when it comes to the top, once. */
static void e1_empty_ones_on_the_list_are_retired_once(void **state) {
    (void)state;
    enum { PAIRS = 20 };
    uint64_t *block[2 * PAIRS];
    for (int i = 0; i < 2 * PAIRS; i++)
        block[i] = take(TWO);
    for (int i = 0; i < 2 * PAIRS; i += 2)
        give(block[i]); /* all but one go through the slot to the list */
    assert_int_equal(length(&michael.of[class_of(TWO)].partial), PAIRS - 1);
    for (int i = 1; i < 2 * PAIRS; i += 2) {
        give(block[i]); /* EMPTY from below: it stays where it is */
        assert_sound();
    }
    assert_int_equal(michael.idle_count, PAIRS); /* superblocks go back at once */
    take(TWO);
    assert_sound();
    assert_null((void *)michael.of[class_of(TWO)].partial.top.second);
    assert_int_equal(length(&michael.descriptors), BATCH - 1);
}

/* ---- E2: superblocks of one block ---- */

/* The least there are is two, and those go through all states. */
static void e2_every_superblock_has_two_blocks_and_goes_through_partial(void **state) {
    (void)state;
    for (unsigned class = 0; class < CLASSES; class ++) {
        const size_t size = size_class_bytes(class) - PREFIX;
        const unsigned count = (SUPERBLOCK - PREFIX) / (unsigned)size_class_bytes(class);
        assert_true(count >= 2 && count <= MOST_BLOCKS);
        static uint64_t *block[MOST_BLOCKS];
        for (unsigned i = 0; i < count; i++)
            block[i] = take(size);
        struct descriptor *const d = owner(block[0]);
        for (unsigned i = 0; i < count; i++)
            assert_ptr_equal(owner(block[i]), d);
        assert_int_equal(state_of(d), FULL);
        assert_true(own()->of[class].active == 0);
        for (unsigned i = 0; i < count; i++) {
            give(block[i]);
            assert_int_equal(state_of(d), i + 1 == count ? EMPTY : PARTIAL);
            assert_sound();
        }
    }
    assert_int_equal(michael_usable_size(take(LARGEST_SMALL)), LARGEST_SMALL);
}

static void e2_credits_are_never_more_than_blocks(void **state) {
    (void)state;
    take(TWO); /* the other one is reserved: credits 0 */
    assert_int_equal(own()->of[class_of(TWO)].active & CREDITS_MASK, 0);
    assert_int_equal(anchor_count(active_of(TWO)->anchor), 0);
    take(SMALL);
    assert_int_equal(own()->of[class_of(SMALL)].active & CREDITS_MASK, MOST_CREDITS - 1);
    assert_sound();
}

/* ---- E3: UpdateActive compares with NULL ---- */

static struct descriptor *installed;
static active word_then;

static void install_another(void) {
    first = take(SMALL);
    installed = owner(first);
    word_then = own()->of[class_of(SMALL)].active;
}

/* Between the last credit, with which the word became empty, and the exchange that is to put more back. */
static void e3_update_active_never_overwrites_anothers_credits(void **state) {
    for (unsigned before_the_pop = 0; before_the_pop < 2; before_the_pop++) {
        reset(state);
        struct descriptor *const d = owner(take(SMALL));
        active *const word = &own()->of[class_of(SMALL)].active;
        for (unsigned i = 1; i < MOST_CREDITS; i++)
            take(SMALL);
        assert_int_equal(*word & CREDITS_MASK, 0);
        if (before_the_pop)
            before_access(&d->anchor, COMPARE, install_another);
        else
            after_exchange(&d->anchor, install_another);
        take(SMALL);
        assert_false(is_left_over());
        assert_true(installed != d);
        assert_true(*word == word_then);
        assert_int_equal(state_of(d), PARTIAL); /* what was reserved is given back */
        assert_int_equal(anchor_count(d->anchor), MOST_BLOCKS - MOST_CREDITS - 1);
        assert_ptr_equal(own()->of[class_of(SMALL)].partial, d);
        assert_sound();
    }
}

/* ---- E4: fields ---- */

static void e4_no_field_runs_into_another(void **state) {
    (void)state;
    static const unsigned index[] = {0, 1, MOST_BLOCKS - 1, MOST_BLOCKS};
    static const uint64_t tag[] = {0, 1, ((uint64_t)1 << 42) - 1};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 4; j++)
            for (enum state s = EMPTY; s <= PARTIAL; s++)
                for (unsigned t = 0; t < 3; t++) {
                    const anchor a = anchor_make(index[i], index[j], s, tag[t]);
                    assert_int_equal(anchor_avail(a), index[i]);
                    assert_int_equal(anchor_count(a), index[j]);
                    assert_int_equal(anchor_state(a), s);
                    assert_true(anchor_tag(a) == tag[t]);
                    assert_true(a + anchor_make(0, 0, EMPTY, 1) ==
                                anchor_make(index[i], index[j], s, tag[t] + 1)); /* wraps alone */
                }
}

static void take_one(void) {
    first = take(SMALL);
}

/* The prefix that a delayed pop reads for a link is by then a descriptor's address. */
static void e4_what_is_no_link_is_not_used(void **state) {
    (void)state;
    uint64_t *const before_all = take(SMALL);
    struct descriptor *const d = owner(before_all);
    before_access(block_at(d, 1), LOAD, take_one);
    second = take(SMALL);
    assert_false(is_left_over());
    assert_ptr_equal(first, block_at(d, 1) + 1);
    assert_ptr_equal(second, block_at(d, 2) + 1);
    assert_sound();
}

/* The anchor comes back but for its tag: the first block on the list is the same and its link another. */
static anchor anchor_then, anchor_now;

static void bring_the_first_block_back(void) {
    struct descriptor *const d = active_of(SMALL);
    static uint64_t *block[MOST_CREDITS + 1];
    anchor_then = d->anchor;
    const unsigned count = anchor_count(d->anchor);
    unsigned n = 0;
    while (anchor_count(d->anchor) == count) /* until credits are renewed */
        block[n++] = take(SMALL);
    first = block[0];
    second = block[1];   /* stays: it is what the delayed pop has read as the next */
    third = take(SMALL); /* and so as many are given back as were reserved anew */
    fourth = n == MOST_CREDITS - 1 ? take(SMALL) : NULL;
    give(third);
    if (fourth != NULL)
        give(fourth);
    for (unsigned i = n; i-- > 0 && anchor_count(d->anchor) < count - 1;)
        if (i > 1)
            give(block[i]);
    give(first);
    anchor_now = d->anchor;
}

static void the_tag_holds_against_aba(void **state) {
    (void)state;
    uint64_t *const before_all = take(SMALL);
    struct descriptor *const d = owner(before_all);
    before_access(&d->anchor, COMPARE, bring_the_first_block_back);
    uint64_t *const popped = take(SMALL);
    assert_false(is_left_over());
    assert_true(anchor_tag(anchor_then) != anchor_tag(anchor_now));
    assert_true(anchor_make(anchor_avail(anchor_then), anchor_count(anchor_then), ACTIVE, 0) ==
                anchor_make(anchor_avail(anchor_now), anchor_count(anchor_now), ACTIVE, 0));
    assert_ptr_equal(popped, first);
    assert_true(*second == LIVE);
    assert_sound();
    for (int i = 0; i < MOST_BLOCKS; i++) /* SECOND is not among them: take would see its mark */
        take(SMALL);
}

/* ---- E5: fences ---- */

/* Every exchange of an anchor releases and acquires, every install and put releases, every taking acquires; what an
 * exchange publishes is written. (ThreadSanitizer, which this test passes too, sees where an order is too weak for
 * the blocks' contents.) */
static unsigned orders_seen;

static bool look_at_order(const volatile void *word, enum kind kind, int order) {
    for (struct batch *b = (struct batch *)(void *)michael.batches; b != NULL; b = batch_after(b))
        for (unsigned i = 0; i < BATCH; i++)
            if (word == &b->descriptor[i].anchor && kind == COMPARE) {
                assert_int_equal(order, __ATOMIC_ACQ_REL);
                orders_seen |= 1;
            }
    for (unsigned c = 0; c < CLASSES; c++) {
        if (word == &own()->of[c].active && kind != LOAD) {
            assert_int_equal(order, own()->of[c].active == 0 ? __ATOMIC_RELEASE : __ATOMIC_ACQUIRE);
            orders_seen |= own()->of[c].active == 0 ? 2 : 4;
        }
        if (word == &own()->of[c].partial && kind != LOAD) {
            assert_int_equal(order, __ATOMIC_ACQ_REL);
            orders_seen |= 8;
        }
    }
    return false;
}

static void e5_every_exchange_has_its_order(void **state) {
    (void)state;
    take(OTHER);
    when = look_at_order;
    enum { BLOCKS = 300 };
    uint64_t *block[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        block[i] = take(OTHER);
    for (int i = 0; i < BLOCKS; i++)
        give(block[i]);
    for (int i = 0; i < BLOCKS; i++)
        block[i] = take(OTHER);
    is_left_over();
    assert_int_equal(orders_seen, 15);
}

static bool is_install_of_new(const volatile void *word, enum kind kind, int order) {
    (void)order;
    return kind == COMPARE && word == &own()->of[class_of(OTHER)].active;
}

static void look_at_what_is_published(void) {
    const struct descriptor *const d = &((struct batch *)(void *)michael.batches)->descriptor[0];
    assert_int_equal(state_of(d), ACTIVE);
    assert_int_equal(anchor_avail(d->anchor), 1);
    for (unsigned i = 1; i < d->count; i++)
        assert_int_equal(*block_at(d, i), i + 1);
    assert_int_equal(d->count, (SUPERBLOCK - PREFIX) / d->size);
    assert_ptr_equal(d->heap, own());
}

static void e5_a_new_superblock_is_whole_before_it_is_installed(void **state) {
    (void)state;
    heap_of_thread();
    act = look_at_what_is_published;
    when = is_install_of_new;
    take(OTHER);
    assert_false(is_left_over());
}

static void look_at_the_link(void) {
    assert_int_equal(((AO_uintptr_t *)first)[-1], anchor_avail(active_of(OTHER)->anchor));
}

static void e5_the_link_is_stored_before_the_block_is_pushed(void **state) {
    (void)state;
    first = take(OTHER);
    take(OTHER);
    before_access(&owner(first)->anchor, COMPARE, look_at_the_link);
    give(first);
    assert_false(is_left_over());
}

/* ---- E6: nothing of a descriptor is read once it may be EMPTY ---- */

static struct descriptor *emptied;

static void make_it_another_classs(void) {
    uint64_t *const two = take(TWO); /* retires it, and takes it for a new superblock */
    assert_ptr_equal(owner(two), emptied);
    first = take(TWO);
    give(two);
    give(first); /* retired again */
    third = take(OTHER);
    assert_ptr_equal(owner(third), emptied);
    emptied->size = 0; /* who reads these from now on */
    emptied->class = 1U << 31;
    emptied->superblock = NULL;
    emptied->heap = NULL;
}

static void e6_the_descriptor_is_not_read_after_the_exchange(void **state) {
    (void)state;
    first = take(TWO);
    second = take(TWO);
    emptied = owner(first);
    struct superblock *const superblock = emptied->superblock;
    give(first);
    after_exchange(&emptied->anchor, make_it_another_classs);
    give(second);
    assert_false(is_left_over());
    assert_ptr_equal(superblock_of((AO_uintptr_t *)michael.idle.top.second),
                     superblock); /* its own, not the new one */
    emptied->class = class_of(OTHER);
    emptied->size = (unsigned)size_class_bytes(class_of(OTHER));
    emptied->heap = own();
    for (struct hyperblock *h = hyperblocks(); h != NULL; h = hyperblock_after(h))
        for (unsigned i = 0; i < SUPERBLOCKS; i++)
            if (h->superblock[i].memory == emptied->memory - PREFIX)
                emptied->superblock = &h->superblock[i];
    assert_sound();
    give(third);
    assert_sound();
}

/* ---- E7: the heap is read once ---- */

static const struct descriptor *watched;
static unsigned heap_loads, anchor_exchanges, loads_after;

static bool count_heap_loads(const volatile void *word, enum kind kind, int order) {
    (void)order;
    if (word == &watched->anchor && kind == COMPARE)
        anchor_exchanges++;
    if (word == &watched->heap && kind == LOAD) {
        heap_loads++;
        loads_after += anchor_exchanges;
    }
    return false;
}

static void e7_a_free_reads_the_heap_once_and_before_its_exchange(void **state) {
    (void)state;
    first = take(TWO);
    second = take(TWO);
    watched = owner(first);
    when = count_heap_loads;
    give(first); /* FULL to PARTIAL */
    assert_true(heap_loads == 1 && anchor_exchanges == 1 && loads_after == 0);
    heap_loads = anchor_exchanges = 0;
    give(second); /* to EMPTY */
    assert_true(heap_loads == 1 && anchor_exchanges == 1 && loads_after == 0);
    is_left_over();
}

static void another_heap_takes_the_superblock(void) {
    struct heap *const before_it = own();
    own_heap = own_heap % HEAPS + 1;
    third = from_taken(own(), class_of(THREE), take_partial(before_it, class_of(THREE)));
    *third = LIVE;
    own_heap = (unsigned)(before_it - michael.heap) + 1;
}

/* It came by way of the list. The free is too late, and puts it to where it is now. */
static void e7_a_heap_that_changes_meanwhile_is_read_again(void **state) {
    (void)state;
    uint64_t *block[3];
    for (int i = 0; i < 3; i++)
        block[i] = take(THREE);
    give(block[0]);
    before_access(&owner(block[1])->anchor, COMPARE, another_heap_takes_the_superblock);
    struct descriptor *const d = owner(block[1]);
    give(block[1]); /* FULL again meanwhile: PARTIAL in the other heap's slot */
    assert_false(is_left_over());
    assert_ptr_equal(michael.heap[own_heap % HEAPS].of[class_of(THREE)].partial, d);
    assert_sound();
}

/* ---- E8: nothing is lost where a new superblock fails ---- */

static void e8_no_memory_for_a_superblock_loses_no_descriptor(void **state) {
    (void)state;
    maps_until_failure = 1; /* descriptors */
    for (int i = 0; i < 5 * BATCH; i++)
        assert_null(take(OTHER));
    assert_int_equal(length(&michael.descriptors), BATCH);
    assert_sound();
    maps_until_failure = 0;
    assert_null(take(OTHER));
    maps_until_failure = 1;
    assert_non_null(take(OTHER));
    assert_sound();
}

static void e8_a_lost_race_loses_neither(void **state) {
    (void)state;
    give(take(SMALL)); /* descriptors and superblocks are there */
    michael_trim();
    active *const word = &own()->of[class_of(SMALL)].active;
    before_access(word, COMPARE, install_another);
    second = take(SMALL);
    assert_false(is_left_over());
    assert_ptr_equal(owner(second), installed);
    assert_int_equal(length(&michael.descriptors), BATCH - 1);
    assert_int_equal(length(&michael.idle), 1);
    assert_sound();
}

/* ---- no memory ---- */

static void failing_maps_fail_cleanly(void **state) {
    for (unsigned n = 0; n < 2; n++) {
        reset(state);
        maps_until_failure = n;
        assert_null(take(OTHER));
        assert_null(take(1 << 20));
        assert_sound();
        maps_until_failure = UINT32_MAX;
        give(take(OTHER));
        assert_sound();
    }
}

/* What other heaps have is found before NULL. */
static void no_memory_looks_at_all_heaps(void **state) {
    (void)state;
    own_heap = 1;
    first = take(THREE);
    maps_until_failure = 0;
    own_heap = 2;
    size_t blocks = 0;
    while (take(THREE) != NULL)
        blocks++;
    assert_int_equal(blocks, 3 * SUPERBLOCKS - 1);
    assert_sound();
    own_heap = 3;
    give(first);
    own_heap = 4;
    assert_ptr_equal(take(THREE), first);
    assert_null(take(THREE));
    assert_sound();
}

static void huge_sizes_are_null(void **state) {
    (void)state;
    for (size_t size = SIZE_MAX; size > SIZE_MAX - 5000; size--)
        assert_null(michael_malloc(size));
    assert_null(michael_malloc((size_t)1 << 62));
    assert_int_equal(live_bytes(), 0);
    unsigned char *const large = michael_malloc(LARGEST_SMALL + 1);
    assert_int_equal((uintptr_t)large % ALIGNMENT, 0);
    memset(large, 1, michael_usable_size(large));
    assert_int_equal(live_bytes(), michael_usable_size(large));
    michael_free(large);
    assert_int_equal(live_bytes(), 0);
}

/* ---- at every access: a handler, a death ---- */

/* A path: what is there before, and what is done. All are on one heap. */
enum { KEPT = 6 };
static uint64_t *kept[KEPT];

static void nothing(void) {
}

static void one_block(void) {
    kept[0] = take(THREE);
}

static void full_superblock(void) {
    for (int i = 0; i < 3; i++)
        kept[i] = take(THREE);
}

static void partial_in_the_slot(void) {
    full_superblock();
    give(kept[0]);
    kept[0] = NULL;
}

static void one_left(void) {
    partial_in_the_slot();
    give(kept[1]);
    kept[1] = NULL;
}

static void empty_in_the_slot(void) {
    one_left();
    give(kept[2]);
    kept[2] = NULL;
}

static void partial_on_the_list(void) {
    for (int i = 0; i < 6; i++)
        kept[i] = take(THREE);
    for (int i = 0; i < 6; i += 3) {
        give(kept[i]);
        kept[i] = NULL;
    }
    give(kept[1]);
    kept[1] = NULL;
}

static void last_credit(void) {
    for (unsigned i = 0; i < MOST_CREDITS; i++)
        take(SMALL);
}

static void mallocs(void) {
    uint64_t *const one = take(THREE);
    for (int i = 0; i < KEPT; i++)
        if (kept[i] == NULL) {
            kept[i] = one;
            break;
        }
}

static void mallocs_small(void) {
    take(SMALL);
}

static void frees(void) {
    for (int i = KEPT; i-- > 0;)
        if (kept[i] != NULL) {
            uint64_t *const one = kept[i];
            kept[i] = NULL;
            give(one);
            return;
        }
}

static void large(void) {
    give(take(1 << 20));
}

static void trims(void) {
    deactivate(own(), class_of(THREE));
    for (struct superblock *idle; (idle = superblock_pop_idle()) != NULL;)
        superblock_discard(idle);
}

static const struct {
    void (*prepare)(void), (*run)(void);
} paths[] = {
    {nothing, mallocs},
    {one_block, mallocs},
    {full_superblock, mallocs},
    {partial_in_the_slot, mallocs},
    {one_left, mallocs},
    {empty_in_the_slot, mallocs},
    {partial_on_the_list, mallocs},
    {last_credit, mallocs_small},
    {one_block, frees},
    {full_superblock, frees},
    {partial_in_the_slot, frees},
    {one_left, frees},
    {partial_on_the_list, frees},
    {nothing, large},
    {one_block, trims},
    {partial_on_the_list, trims},
};
enum { PATHS = sizeof paths / sizeof *paths };

/* Of the same class, of which each superblock has three, and of another. */
static void mallocs_and_frees(void) {
    uint64_t *block[8];
    for (int i = 0; i < 8; i++)
        block[i] = take(i % 4 == 3 ? OTHER : THREE);
    for (int i = 0; i < 8; i++)
        give(block[i]);
}

static void a_handler_may_come_before_every_access(void **state) {
    for (unsigned p = 0; p < PATHS; p++)
        for (unsigned at = 1;; at++) {
            reset(state);
            memset(kept, 0, sizeof kept);
            paths[p].prepare();
            before_number(at, mallocs_and_frees);
            paths[p].run();
            const bool over = is_left_over();
            assert_sound();
            mallocs_and_frees();
            for (int i = 0; i < KEPT; i++)
                give(kept[i]);
            assert_sound();
            if (over)
                break;
        }
}

static jmp_buf alive;

static void die(void) {
    longjmp(alive, 1);
}

/* What was never handed out, or was on its way back, is out of reach; all else goes on, in the same heap and in
 * others. */
static void the_others_go_on(void) {
    enum { BLOCKS = 40 };
    uint64_t *block[BLOCKS];
    for (int round = 0; round < 10; round++) {
        own_heap = (unsigned)round / 3 + 1;
        for (int i = 0; i < BLOCKS; i++) {
            block[i] = take(round % 2 == 0 ? THREE : i % 2 == 0 ? SMALL : TWO);
            assert_non_null(block[i]);
        }
        own_heap = (unsigned)round / 5 + 1;
        for (int i = 0; i < BLOCKS; i++)
            give(block[(i * 7) % BLOCKS]);
    }
    for (int i = 0; i < KEPT; i++)
        give(kept[i]);
    michael_trim();
}

static void who_never_returns_keeps_no_more_than_it_had_in_hand(void **state) {
    for (unsigned p = 0; p < PATHS; p++)
        for (volatile unsigned at = 1;; at++) {
            reset(state);
            memset(kept, 0, sizeof kept);
            paths[p].prepare();
            before_number(at, die);
            if (setjmp(alive) == 0) {
                paths[p].run();
                is_left_over();
                break;
            }
            when = NULL;
            the_others_go_on();
            unsigned hyperblocks_there = 0, out_of_place = SUPERBLOCKS;
            for (struct hyperblock *h = hyperblocks(); h != NULL; h = hyperblock_after(h))
                hyperblocks_there++;
            out_of_place = hyperblocks_there * SUPERBLOCKS - length(&michael.clean) - length(&michael.idle);
            const unsigned small_ones = paths[p].prepare == last_credit;
            assert_in_range(hyperblocks_there, 1, 2);
            if (hyperblocks_there == 1) /* else it died with a whole one */
                assert_in_range(out_of_place, 0, 2 + small_ones);
        }
}

/* ---- space ---- */

enum { MANY = 3000 };
static uint64_t *many[MANY];

static void cycle(unsigned seed, unsigned freeing_heap) {
    static const size_t size[] = {SMALL, OTHER, 40, TWO, 1000};
    own_heap = 1;
    for (unsigned i = 0; i < MANY; i++)
        many[i] = take(size[i % 5]);
    own_heap = freeing_heap;
    for (unsigned i = 0; i < MANY; i++) {
        const unsigned j = (i * 1009 + seed) % MANY;
        give(many[j]);
    }
}

static void many_cycles_need_no_more_than_the_first(void **state) {
    (void)state;
    for (unsigned freeing_heap = 1; freeing_heap <= 2; freeing_heap++) {
        for (unsigned i = 0; i < 3; i++)
            cycle(i, freeing_heap);
        const unsigned before_them = mappings;
        for (unsigned i = 3; i < 40; i++)
            cycle(i, freeing_heap);
        assert_int_equal(mappings, before_them);
        assert_sound();
        assert_int_equal(live_bytes(), 0);
    }
}

static void what_is_idle_beyond_the_bound_goes_back_and_trim_gives_back_all(void **state) {
    (void)state;
    enum { BLOCKS = 3 * MOST_IDLE };
    static uint64_t *block[2 * BLOCKS];
    for (int i = 0; i < 2 * BLOCKS; i++)
        block[i] = take(TWO);
    for (int i = 0; i < 2 * BLOCKS; i++)
        give(block[i]);
    assert_int_equal(michael.idle_count, MOST_IDLE);
    assert_int_equal(length(&michael.idle), MOST_IDLE);
    assert_sound();
    for (AO_uintptr_t *at = (AO_uintptr_t *)michael.clean.top.second; at != NULL; at = (AO_uintptr_t *)*at)
        for (size_t i = 0; i < SUPERBLOCK / sizeof(uint64_t); i += 64)
            assert_true(((const uint64_t *)(const void *)superblock_of(at)->memory)[i] == 0);
    take(SMALL);
    give(take(OTHER));
    assert_true(michael_trim());
    assert_int_equal(michael.idle_count, 0);
    assert_int_equal((length(&michael.clean) + 1) % SUPERBLOCKS, 0); /* all but one */
    assert_false(michael_trim());
    assert_sound();
    assert_int_equal(live_bytes(), SMALL);
}

/* ---- heaps ---- */

static void *note_heap(void *heap) {
    give(take(OTHER));
    *(unsigned *)heap = own_heap;
    return NULL;
}

static void threads_take_heaps_in_turn(void **state) {
    (void)state;
    bool taken[HEAPS + 1] = {false};
    for (unsigned i = 0; i < HEAPS; i++) {
        pthread_t thread;
        unsigned heap = 0;
        assert_int_equal(pthread_create(&thread, NULL, note_heap, &heap), 0);
        pthread_join(thread, NULL);
        assert_in_range(heap, 1, HEAPS);
        assert_false(taken[heap]);
        taken[heap] = true;
    }
}

static void two_heaps_share_no_superblock_and_no_line(void **state) {
    (void)state;
    assert_int_equal(sizeof(struct descriptor) % LINE, 0);
    assert_int_equal(sizeof(struct heap) % LINE, 0);
    own_heap = 1;
    first = take(SMALL);
    own_heap = 2;
    second = take(SMALL);
    assert_true(owner(first)->superblock != owner(second)->superblock);
    assert_sound();
}

/* ---- threads ---- */

enum { THREADS = 4, SHARED = 64, ROUNDS = 20000 };
static uint64_t *shared[SHARED];

/* Writes to all of a block, so that ThreadSanitizer sees whom it belongs to. */
static void *exchange_blocks(void *number) {
    static const size_t size[] = {SMALL, THREE, TWO, OTHER};
    unsigned seed = *(unsigned *)number;
    for (int i = 0; i < ROUNDS; i++) {
        const size_t bytes = size[(unsigned)rand_r(&seed) % 4];
        uint64_t *const mine = michael_malloc(bytes);
        if (mine == NULL)
            return (void *)1;
        for (size_t w = 0; w < bytes / 8; w += 16)
            mine[w] = (uintptr_t)mine;
        uint64_t *const other =
            __atomic_exchange_n(&shared[(unsigned)rand_r(&seed) % SHARED], mine, __ATOMIC_ACQ_REL);
        if (other != NULL && *other != (uintptr_t)other)
            return (void *)1;
        michael_free(other);
        if (i % 5000 == 0)
            michael_trim();
    }
    return NULL;
}

static void threads_never_share_a_block_and_lose_none(void **state) {
    (void)state;
    pthread_t thread[THREADS];
    unsigned number[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        number[i] = i + 1;
        assert_int_equal(pthread_create(&thread[i], NULL, exchange_blocks, &number[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_sound();
    for (unsigned i = 0; i < SHARED; i++)
        michael_free(shared[i]);
    assert_sound();
    assert_int_equal(live_bytes(), 0);
}

#define CASE(name) cmocka_unit_test_setup(name, reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(e1_a_descriptor_that_came_back_to_the_slot_is_not_retired),
        CASE(e1_a_descriptor_that_has_left_the_slot_is_left_alone),
        CASE(e1_empty_ones_on_the_list_are_retired_once),
        CASE(e2_every_superblock_has_two_blocks_and_goes_through_partial),
        CASE(e2_credits_are_never_more_than_blocks),
        CASE(e3_update_active_never_overwrites_anothers_credits),
        CASE(e4_no_field_runs_into_another),
        CASE(e4_what_is_no_link_is_not_used),
        CASE(the_tag_holds_against_aba),
        CASE(e5_every_exchange_has_its_order),
        CASE(e5_a_new_superblock_is_whole_before_it_is_installed),
        CASE(e5_the_link_is_stored_before_the_block_is_pushed),
        CASE(e6_the_descriptor_is_not_read_after_the_exchange),
        CASE(e7_a_free_reads_the_heap_once_and_before_its_exchange),
        CASE(e7_a_heap_that_changes_meanwhile_is_read_again),
        CASE(e8_no_memory_for_a_superblock_loses_no_descriptor),
        CASE(e8_a_lost_race_loses_neither),
        CASE(failing_maps_fail_cleanly),
        CASE(no_memory_looks_at_all_heaps),
        CASE(huge_sizes_are_null),
        CASE(a_handler_may_come_before_every_access),
        CASE(who_never_returns_keeps_no_more_than_it_had_in_hand),
        CASE(many_cycles_need_no_more_than_the_first),
        CASE(what_is_idle_beyond_the_bound_goes_back_and_trim_gives_back_all),
        CASE(threads_take_heaps_in_turn),
        CASE(two_heaps_share_no_superblock_and_no_line),
        CASE(threads_never_share_a_block_and_lose_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
