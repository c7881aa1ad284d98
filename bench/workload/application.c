/* SPDX-License-Identifier: MIT
 *
 * application: a small program that keeps its data in the allocator: where blocks lie is part of the figure, as
 * it is in a program that walks through what it has allocated. Ours.
 *
 * An operation is a document. The program
 *   1. parses JSON text, an array of records, into a tree: a block a value (40 bytes), one a key or string;
 *   2. builds an index by id, a hash table in segments of up to 512 chains, and an entry a record;
 *   3. builds an index by name, a skip list, whose nodes are of 24 to 80 bytes;
 *   4. asks: as many records by id as there are, and from every sixteenth of those on the next eight by name;
 *   5. rewrites: a quarter of the records get another name, an eighth a tag more, an eighth goes;
 *   6. walks the index by name through, holds it to its order and to the number of records left;
 *   7. drops it all.
 * The answers to 4 are held to what the text was made of. If they or 6 are wrong, so is the cell.
 *
 * Every thread has four documents of its own, made before from its seed in harness memory, and works through
 * them round and round. No block is above 4096 bytes but the hash table's directory, 8 bytes for 512 records.
 * Blocks and bytes are counted as they come and go, for the peak: a few instructions each.
 *
 * Parameter size: KiB of text of a document: 64 (some 300 records and 8000 blocks); small 4, large 4096.
 *
 * Not shown: cross-thread frees, data that outlive a document, threads that share data. Half of the
 * instructions are the allocator's (glibc, 64 KiB): differences are smaller than in pairs, as in programs.
 */
#include "workload.h"

#include <stdio.h>
#include <string.h>

enum {
    SIZE = 0, /* the parameter */
    DOCUMENTS = 4,
    LEAST_RECORD_BYTES = 64, /* of text: no record has fewer */
    MOST_RECORD_BYTES = 4096,
    LONGEST_NAME = 40,
    SEGMENT = 512,
    MOST_LEVELS = 8,
    SCAN_EVERY = 16,
    SCAN_LENGTH = 8,
};

/* ---- the text ---- */

enum edit { KEEP, RENAME, ADD_TAG, DROP };

/* Of a record, as the text was made of it: the id is its number. */
struct fact {
    uint32_t price;
    uint32_t asked; /* the id that is asked for in this record's turn */
    enum edit edit;
    char new_name[LONGEST_NAME + 1];
};

struct document {
    char *text; /* [room] */
    size_t room, length;
    struct fact *fact; /* [most_records] */
    uint32_t most_records, records, dropped;
    uint64_t prices; /* the sum of what is asked for */
};

static void put(struct document *d, const char *text) {
    const size_t length = strlen(text);
    memcpy(d->text + d->length, text, length + 1);
    d->length += length;
}

static void draw_word(uint64_t *random, char *word, size_t least, size_t most) {
    const size_t length = least + random_below(random, most - least + 1);
    for (size_t i = 0; i < length; i++)
        word[i] = (char)('a' + random_below(random, 26));
    word[length] = '\0';
}

/* A JSON string; one in eight has a quotation mark in it. */
static void put_word(struct document *d, uint64_t *random, size_t least, size_t most) {
    char word[MOST_RECORD_BYTES];
    put(d, "\"");
    if (random_below(random, 8) == 0)
        put(d, "\\\"");
    draw_word(random, word, least, most);
    put(d, word);
    put(d, "\"");
}

static void put_number(struct document *d, const char *before, uint32_t number) {
    char text[64];
    snprintf(text, sizeof text, "%s%u", before, number);
    put(d, text);
}

static void put_tags(struct document *d, uint64_t *random) {
    put(d, ",\"tags\":[");
    for (uint64_t i = 0, tags = random_below(random, 5); i < tags; i++) {
        put(d, i == 0 ? "" : ",");
        put_word(d, random, 3, 12);
    }
    put(d, "]");
}

static void put_record(struct document *d, uint64_t *random) {
    struct fact *const fact = &d->fact[d->records];
    *fact = (struct fact){.price = (uint32_t)random_below(random, 100000)};
    put_number(d, d->records == 0 ? "{\"id\":" : ",\n{\"id\":", d->records);
    put(d, ",\"name\":");
    put_word(d, random, 4, LONGEST_NAME - 1);
    put_number(d, ",\"price\":", fact->price);
    put_tags(d, random);
    put(d, random_below(random, 2) == 0 ? ",\"open\":true" : ",\"open\":false");
    put(d, ",\"maker\":{\"city\":");
    put_word(d, random, 4, 16);
    put(d, ",\"street\":");
    put_word(d, random, 6, 30);
    put(d, "}");
    if (random_below(random, 16) == 0) {
        put(d, ",\"note\":");
        put_word(d, random, 100, 2000);
    }
    put(d, "}");
    d->records++;
}

static void draw_facts(struct document *d, uint64_t *random) {
    static const enum edit edits[8] = {KEEP, KEEP, KEEP, KEEP, RENAME, RENAME, ADD_TAG, DROP};
    for (uint32_t i = 0; i < d->records; i++) {
        struct fact *const fact = &d->fact[i];
        fact->edit = edits[random_below(random, 8)];
        fact->asked = (uint32_t)random_below(random, d->records);
        draw_word(random, fact->new_name, 4, LONGEST_NAME);
        d->dropped += fact->edit == DROP;
        d->prices += d->fact[fact->asked].price;
    }
}

static bool draw_document(struct document *d, uint64_t *random, size_t bytes) {
    d->room = bytes + MOST_RECORD_BYTES;
    d->most_records = (uint32_t)(bytes / LEAST_RECORD_BYTES + 1);
    d->text = memory_map(d->room);
    d->fact = memory_map(d->most_records * sizeof *d->fact);
    if (d->text == NULL || d->fact == NULL)
        return false;
    put(d, "[");
    while (d->length < bytes)
        put_record(d, random);
    put(d, "]\n");
    draw_facts(d, random);
    return true;
}

/* ---- the program's data ---- */

enum kind { NOTHING, NUMBER, TRUTH, TEXT, ARRAY, OBJECT };

/* A text's length is that of its block less 1. */
struct value {
    enum kind kind;
    uint32_t key_length, text_length;
    char *key; /* NULL: it stands in an array */
    struct value *next;
    union {
        uint64_t number;
        char *text;
        struct value *first;
    };
};

struct entry {
    struct entry *next;
    uint64_t id;
    struct value *record;
};

struct node {
    uint32_t levels;
    struct value *record;
    struct node *next[];
};

/* What one thread's program holds at the moment. */
struct program {
    void *(*malloc)(size_t);
    void (*free)(void *);
    uint64_t live_bytes, live_blocks, peak_bytes, peak_blocks;

    struct value *root;
    uint32_t segments, chains; /* chains in a segment: a power of two, as is their number */
    struct entry ***segment;   /* [segments], each [chains] */
    struct node *first[MOST_LEVELS];
};

struct state {
    struct program program;
    struct document document[DOCUMENTS];
    unsigned next; /* document */
};

static void *take(struct program *p, size_t size) {
    void *const block = p->malloc(size);
    if (__builtin_expect(block == NULL, 0))
        return NULL;
    p->live_bytes += size;
    p->live_blocks++;
    p->peak_bytes = p->live_bytes > p->peak_bytes ? p->live_bytes : p->peak_bytes;
    p->peak_blocks = p->live_blocks > p->peak_blocks ? p->live_blocks : p->peak_blocks;
    return block;
}

static void give(struct program *p, void *block, size_t size) {
    p->live_bytes -= size;
    p->live_blocks--;
    p->free(block);
}

/* ---- 1: the tree; false is NULL from the allocator, and what is there hangs in the tree. The text is our own,
 * and well-formed. ---- */

static void skip_space(const char **at) {
    while (**at == ' ' || **at == '\n')
        ++*at;
}

/* *AT is behind the quotation mark; afterwards behind the other. */
static bool parse_string(struct program *p, const char **at, char **text, uint32_t *length) {
    uint32_t bytes = 0;
    for (const char *end = *at; *end != '"'; end++, bytes++)
        end += *end == '\\';
    char *const copy = *text = take(p, bytes + 1);
    *length = bytes;
    if (copy == NULL)
        return false;
    for (uint32_t i = 0; i < bytes; i++) {
        *at += **at == '\\';
        copy[i] = *(*at)++;
    }
    copy[bytes] = '\0';
    ++*at;
    return true;
}

static struct value *new_value(struct program *p, struct value **link) {
    struct value *const v = *link = take(p, sizeof *v);
    if (v != NULL)
        *v = (struct value){.kind = NOTHING};
    return v;
}

static bool parse_value(struct program *p, const char **at, struct value *v);

/* Of an array or an object: *AT is behind its bracket, afterwards behind the other. */
static bool parse_members(struct program *p, const char **at, struct value *parent) {
    struct value **link = &parent->first;
    for (;;) {
        skip_space(at);
        if (**at == ']' || **at == '}') {
            ++*at;
            return true;
        }
        if (**at == ',') {
            ++*at;
            skip_space(at);
        }
        struct value *const v = new_value(p, link);
        if (v == NULL)
            return false;
        link = &v->next;
        if (parent->kind == OBJECT) {
            ++*at; /* the key's quotation mark */
            if (!parse_string(p, at, &v->key, &v->key_length))
                return false;
            ++*at; /* the colon */
        }
        if (!parse_value(p, at, v))
            return false;
    }
}

static bool parse_value(struct program *p, const char **at, struct value *v) {
    skip_space(at);
    const char first = **at;
    if (first == '[' || first == '{') {
        v->kind = first == '[' ? ARRAY : OBJECT;
        ++*at;
        return parse_members(p, at, v);
    }
    if (first == '"') {
        v->kind = TEXT;
        ++*at;
        return parse_string(p, at, &v->text, &v->text_length);
    }
    if (first == 't' || first == 'f') {
        v->kind = TRUTH;
        v->number = first == 't';
        *at += first == 't' ? strlen("true") : strlen("false");
        return true;
    }
    v->kind = NUMBER;
    for (; **at >= '0' && **at <= '9'; ++*at)
        v->number = 10 * v->number + (uint64_t)(**at - '0');
    return true;
}

static void drop_value(struct program *p, struct value *v) {
    if (v->key != NULL)
        give(p, v->key, v->key_length + 1U);
    if (v->kind == TEXT && v->text != NULL)
        give(p, v->text, v->text_length + 1U);
    for (struct value *child = v->kind >= ARRAY ? v->first : NULL, *next; child != NULL; child = next) {
        next = child->next;
        drop_value(p, child);
    }
    give(p, v, sizeof *v);
}

static struct value *member(const struct value *object, const char *key) {
    struct value *v = object->first;
    while (v != NULL && strcmp(v->key, key) != 0)
        v = v->next;
    return v;
}

static uint64_t id_of(const struct value *record) {
    return member(record, "id")->number;
}

static const char *name_of(const struct value *record) {
    return member(record, "name")->text;
}

/* ---- 2: by id ---- */

static struct entry **chain_of(const struct program *p, uint64_t id) {
    const uint64_t hash = (id + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return &p->segment[hash / SEGMENT % p->segments][hash % p->chains];
}

static bool make_table(struct program *p, uint32_t records) {
    uint32_t chains = 1;
    while (chains < records)
        chains *= 2;
    p->chains = chains < SEGMENT ? chains : SEGMENT;
    p->segments = chains / p->chains;
    p->segment = take(p, p->segments * sizeof *p->segment);
    if (p->segment == NULL)
        return false;
    for (uint32_t i = 0; i < p->segments; i++)
        p->segment[i] = NULL;
    for (uint32_t i = 0; i < p->segments; i++) {
        struct entry **const segment = p->segment[i] = take(p, p->chains * sizeof(struct entry *));
        if (segment == NULL)
            return false;
        for (uint32_t c = 0; c < p->chains; c++)
            segment[c] = NULL;
    }
    return true;
}

static bool add_by_id(struct program *p, struct value *record) {
    const uint64_t id = id_of(record);
    struct entry **const chain = chain_of(p, id);
    struct entry *const entry = take(p, sizeof *entry);
    if (entry == NULL)
        return false;
    *entry = (struct entry){.next = *chain, .id = id, .record = record};
    *chain = entry;
    return true;
}

static struct value *find_by_id(const struct program *p, uint64_t id) {
    const struct entry *entry = *chain_of(p, id);
    while (entry != NULL && entry->id != id)
        entry = entry->next;
    return entry == NULL ? NULL : entry->record;
}

static void remove_by_id(struct program *p, uint64_t id) {
    struct entry **link = chain_of(p, id);
    while ((*link)->id != id)
        link = &(*link)->next;
    struct entry *const entry = *link;
    *link = entry->next;
    give(p, entry, sizeof *entry);
}

static void drop_table(struct program *p) {
    for (uint32_t i = 0; p->segment != NULL && i < p->segments && p->segment[i] != NULL; i++) {
        for (uint32_t c = 0; c < p->chains; c++)
            for (struct entry *entry = p->segment[i][c], *next; entry != NULL; entry = next) {
                next = entry->next;
                give(p, entry, sizeof *entry);
            }
        give(p, p->segment[i], p->chains * sizeof(struct entry *));
    }
    if (p->segment != NULL)
        give(p, p->segment, p->segments * sizeof *p->segment);
    p->segment = NULL;
}

/* ---- 3: by name; of two that are equal, by id ---- */

static int order(const struct value *a, const struct value *b) {
    const int names = strcmp(name_of(a), name_of(b));
    return names != 0 ? names : (id_of(a) > id_of(b)) - (id_of(a) < id_of(b));
}

/* On each level the link to the first node that is not before RECORD. */
static void find_links(struct program *p, const struct value *record, struct node **link[MOST_LEVELS]) {
    struct node **links = p->first;
    for (int level = MOST_LEVELS - 1; level >= 0; level--) {
        while (links[level] != NULL && order(links[level]->record, record) < 0)
            links = links[level]->next;
        link[level] = &links[level];
    }
}

static size_t node_bytes(uint32_t levels) {
    return sizeof(struct node) + levels * sizeof(struct node *);
}

/* One for three of four records, each more for a quarter of what is left; by the id, and so by no luck. */
static uint32_t levels_of(uint64_t id) {
    uint64_t coins = (id + 1) * UINT64_C(0xbf58476d1ce4e5b9) >> 32;
    uint32_t levels = 1;
    for (; (coins & 3) == 0 && levels < MOST_LEVELS; coins >>= 2)
        levels++;
    return levels;
}

static bool add_by_name(struct program *p, struct value *record) {
    struct node **link[MOST_LEVELS];
    const uint32_t levels = levels_of(id_of(record));
    struct node *const node = take(p, node_bytes(levels));
    if (node == NULL)
        return false;
    *node = (struct node){.levels = levels, .record = record};
    find_links(p, record, link);
    for (uint32_t i = 0; i < levels; i++) {
        node->next[i] = *link[i];
        *link[i] = node;
    }
    return true;
}

static void remove_by_name(struct program *p, const struct value *record) {
    struct node **link[MOST_LEVELS];
    find_links(p, record, link);
    struct node *const node = *link[0];
    for (uint32_t i = 0; i < node->levels; i++)
        *link[i] = node->next[i];
    give(p, node, node_bytes(node->levels));
}

static void drop_list(struct program *p) {
    for (struct node *node = p->first[0], *next; node != NULL; node = next) {
        next = node->next[0];
        give(p, node, node_bytes(node->levels));
    }
    memset(p->first, 0, sizeof p->first);
}

/* ---- 4 to 6; WHY is set where an answer is wrong ---- */

static bool index_all(struct program *p, uint32_t records) {
    if (!make_table(p, records))
        return false;
    for (struct value *record = p->root->first; record != NULL; record = record->next)
        if (!add_by_id(p, record) || !add_by_name(p, record))
            return false;
    return true;
}

/* Of up to SCAN_LENGTH records from RECORD on. Are they in order? */
static bool scan(struct program *p, const struct value *record) {
    struct node **link[MOST_LEVELS];
    find_links(p, record, link);
    const struct node *node = *link[0];
    bool in_order = node != NULL && node->record == record;
    for (int i = 0; i < SCAN_LENGTH && in_order && node->next[0] != NULL; i++, node = node->next[0])
        in_order = order(node->record, node->next[0]->record) < 0;
    return in_order;
}

static void ask(struct program *p, const struct document *d, const char **why) {
    uint64_t prices = 0;
    for (uint32_t i = 0; i < d->records; i++) {
        const struct value *const record = find_by_id(p, d->fact[i].asked);
        if (record == NULL) {
            *why = "a record is not found by its id";
            return;
        }
        prices += member(record, "price")->number;
        if (i % SCAN_EVERY == 0 && !scan(p, record))
            *why = "records are not in the order of their names";
    }
    if (prices != d->prices)
        *why = "the sum of the prices is not that of the text";
}

static bool rename_record(struct program *p, struct value *record, const char *name) {
    struct value *const v = member(record, "name");
    const uint32_t length = (uint32_t)strlen(name);
    char *const copy = take(p, length + 1U);
    if (copy == NULL)
        return false;
    memcpy(copy, name, length + 1U);
    remove_by_name(p, record);
    give(p, v->text, v->text_length + 1U);
    v->text = copy;
    v->text_length = length;
    return add_by_name(p, record);
}

static bool add_tag(struct program *p, struct value *record, const char *tag) {
    const char *at = tag;
    struct value *const tags = member(record, "tags"), *const rest = tags->first;
    struct value *const v = new_value(p, &tags->first);
    if (v == NULL) {
        tags->first = rest;
        return false;
    }
    v->next = rest;
    v->kind = TEXT;
    return parse_string(p, &at, &v->text, &v->text_length);
}

static void drop_record(struct program *p, struct value **link) {
    struct value *const record = *link;
    remove_by_id(p, id_of(record));
    remove_by_name(p, record);
    *link = record->next;
    drop_value(p, record);
}

static bool rewrite(struct program *p, const struct document *d) {
    struct value **link = &p->root->first;
    for (uint32_t i = 0; i < d->records; i++) {
        const struct fact *const fact = &d->fact[i];
        if (fact->edit == DROP) {
            drop_record(p, link);
            continue;
        }
        if (fact->edit == RENAME && !rename_record(p, *link, fact->new_name))
            return false;
        if (fact->edit == ADD_TAG && !add_tag(p, *link, "new\""))
            return false;
        link = &(*link)->next;
    }
    return true;
}

static void look_through(const struct program *p, const struct document *d, const char **why) {
    uint32_t records = 0;
    bool in_order = true;
    for (const struct node *node = p->first[0]; node != NULL; node = node->next[0], records++)
        in_order &= node->next[0] == NULL || order(node->record, node->next[0]->record) < 0;
    if (!in_order || records != d->records - d->dropped)
        *why = "the index by name is not in order, or not whole";
}

/* False: NULL. What is there is dropped by drop_all. */
static bool use(struct program *p, const struct document *d, const char **why) {
    const char *at = d->text;
    if (new_value(p, &p->root) == NULL || !parse_value(p, &at, p->root) || !index_all(p, d->records))
        return false;
    ask(p, d, why);
    if (!rewrite(p, d))
        return false;
    look_through(p, d, why);
    return true;
}

static void drop_all(struct program *p) {
    drop_list(p);
    drop_table(p);
    if (p->root != NULL)
        drop_value(p, p->root);
    p->root = NULL;
}

/* ---- the worker ---- */

static enum work_result enter(struct worker *w) {
    struct state *const s = w->state = memory_map(sizeof *s);
    if (s == NULL)
        return WORK_OUT_OF_MEMORY;
    s->program.malloc = w->malloc;
    s->program.free = w->free;
    uint64_t random = w->seed;
    for (int i = 0; i < DOCUMENTS; i++)
        if (!draw_document(&s->document[i], &random, w->cell->number[SIZE] * 1024))
            return WORK_OUT_OF_MEMORY;
    return WORK_DONE;
}

static enum work_result run(struct worker *w, uint64_t operations) {
    struct state *const s = w->state;
    while (w->done < operations) {
        const bool got = use(&s->program, &s->document[s->next], &w->why);
        drop_all(&s->program);
        if (!got)
            return WORK_OUT_OF_MEMORY;
        if (w->why != NULL)
            return WORK_WRONG;
        s->next = (s->next + 1) % DOCUMENTS;
        w->done++;
    }
    return WORK_DONE;
}

static void leave(struct worker *w) {
    struct state *const s = w->state;
    if (s == NULL)
        return;
    w->peak_live_bytes = s->program.peak_bytes;
    w->peak_live_blocks = s->program.peak_blocks;
    for (int i = 0; i < DOCUMENTS; i++) {
        struct document *const d = &s->document[i];
        memory_unmap(d->text, d->room);
        memory_unmap(d->fact, d->most_records * sizeof *d->fact);
    }
    memory_unmap(s, sizeof *s);
}

const struct workload workload_application = {
    .name = "application",
    .summary = "a program whose data are in the allocator: parse JSON, index, ask, rewrite, drop",
    .not_shown = "cross-thread frees, data that outlive a document, threads that share data",
    .kind = WORKLOAD_SCRIPTED,
    .keeps_live_set = true,
    .warms_up = true,
    .threads = "1,2,4,8",
    .parameters = {{"size", "64", 1, 16384, "KiB of text of a document; small 4, large 4096"}},
    .excluded_traits = TRAIT_FLOOR,
    .operations = 50,
    .enter = enter,
    .run = run,
    .leave = leave,
};
