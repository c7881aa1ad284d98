/* SPDX-License-Identifier: MIT
 *
 * store.h. Strings that rows point to live as long as the program.
 */
#include "store.h"

#include "arena.h"
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char columns[] = "workload\tparams\tthreads\tallocator\tround\tmetric\tvalue\tstatus\tnote\n";

const char *store_head(const struct store *store, const char *key) {
    for (size_t i = 0; i < store->heads; i++)
        if (strcmp(store->head[i].key, key) == 0)
            return store->head[i].value;
    return "";
}

static bool must_agree(const char *key) {
    return strcmp(key, "plan") == 0 || strcmp(key, "bench") == 0 || strcmp(key, "host") == 0 ||
           strncmp(key, "library ", 8) == 0;
}

static bool differs(const struct store *store, const char *key, const char *there, const char *now, char *why,
                    size_t why_size) {
    if (!must_agree(key) || strcmp(there, now) == 0)
        return false;
    snprintf(why, why_size,
             "%s cannot be gone on with: its %s differs (there: %s; now: %s); choose another -o", store->dir,
             key, *there == '\0' ? "none" : there, *now == '\0' ? "none" : now);
    return true;
}

bool store_agrees(const struct store *store, const struct host *head, char *why, size_t why_size) {
    for (size_t i = 0; i < head->facts; i++)
        if (differs(store, head->fact[i].key, store_head(store, head->fact[i].key), head->fact[i].value, why,
                    why_size))
            return false;
    for (size_t i = 0; i < store->heads; i++) {
        const char *now = "";
        for (size_t k = 0; k < head->facts && *now == '\0'; k++)
            if (strcmp(head->fact[k].key, store->head[i].key) == 0)
                now = head->fact[k].value;
        if (differs(store, store->head[i].key, store->head[i].value, now, why, why_size))
            return false;
    }
    return true;
}

bool store_is_new(const char *dir) {
    DIR *const open = opendir(dir);
    bool empty = true;
    if (open == NULL)
        return errno == ENOENT;
    for (const struct dirent *entry; (entry = readdir(open)) != NULL;)
        empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(open);
    return empty;
}

/* ---- reading ---- */

static void read_calibration(struct store *store, char *text) {
    char *field[5];
    for (int i = 0; i < 5; i++)
        field[i] = strsep(&text, "\t");
    if (field[4] == NULL)
        return;
    store->calibration = arena_grow(store->calibration, store->calibrations, sizeof *store->calibration);
    store->calibration[store->calibrations++] =
        (struct calibration){field[0], field[1], (unsigned)strtoul(field[2], NULL, 10),
                             strtoull(field[3], NULL, 10), strtod(field[4], NULL)};
}

static void read_comment(struct store *store, char *line) {
    char *const colon = strstr(line, ": ");
    if (colon == NULL)
        return;
    *colon = '\0';
    if (strcmp(line, "# calibration") == 0) {
        read_calibration(store, colon + 2);
        return;
    }
    if (strcmp(line, "# finished") == 0) {
        store->finished = true;
        return;
    }
    store->head = arena_grow(store->head, store->heads, sizeof *store->head);
    struct host_fact *const fact = &store->head[store->heads++];
    snprintf(fact->key, sizeof fact->key, "%s", line + 2);
    snprintf(fact->value, sizeof fact->value, "%s", colon + 2);
}

static void read_row(struct store *store, char *line) {
    char *field[9];
    for (int i = 0; i < 9; i++)
        field[i] = line == NULL ? NULL : strsep(&line, "\t");
    if (field[7] == NULL || strcmp(field[0], "workload") == 0)
        return;
    store->row = arena_grow(store->row, store->rows, sizeof *store->row);
    store->row[store->rows++] =
        (struct round_row){.workload = field[0],
                           .params = field[1],
                           .threads = (unsigned)strtoul(field[2], NULL, 10),
                           .allocator = field[3],
                           .round = (unsigned)strtoul(field[4], NULL, 10),
                           .metric = field[5],
                           .value = strcmp(field[6], "-") == 0 ? NAN : strtod(field[6], NULL),
                           .status = field[7],
                           .note = field[8] == NULL || strcmp(field[8], "-") == 0 ? NULL : field[8]};
}

static bool same_cell(const struct round_row *a, const struct round_row *b) {
    return a->round == b->round && a->threads == b->threads && strcmp(a->allocator, b->allocator) == 0 &&
           strcmp(a->workload, b->workload) == 0 && strcmp(a->params, b->params) == 0;
}

static bool completes(const struct round_row *row) {
    for (int pass = 0; pass < PASSES; pass++)
        if (strcmp(row->metric, record_info[pass_completes[pass]].name) == 0)
            return true;
    return false;
}

/* Rows of one cell stand together: those at the end that no completing row follows are dropped. */
static void drop_incomplete(struct store *store) {
    size_t kept = 0;
    for (size_t i = 0; i < store->rows;) {
        size_t n = 1;
        while (i + n < store->rows && !completes(&store->row[i + n - 1]) &&
               same_cell(&store->row[i], &store->row[i + n]))
            n++;
        if (completes(&store->row[i + n - 1])) {
            memmove(&store->row[kept], &store->row[i], n * sizeof *store->row);
            kept += n;
        }
        i += n;
    }
    store->rows = kept;
}

static void store_path(const char *dir, const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/%s", dir, name);
}

bool store_read(struct store *store, const char *dir, char *why, size_t why_size) {
    char path[4200], *line = NULL;
    size_t size = 0;
    *store = (struct store){0};
    snprintf(store->dir, sizeof store->dir, "%s", dir);
    store_path(dir, "rounds.tsv", path, sizeof path);
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    for (ssize_t length; (length = getline(&line, &size, file)) > 0;) {
        if (line[length - 1] != '\n')
            break; /* cut off in the middle */
        line[length - 1] = '\0';
        if (line[0] == '#')
            read_comment(store, arena_copy(line, strlen(line)));
        else
            read_row(store, arena_copy(line, strlen(line)));
    }
    free(line);
    fclose(file);
    drop_incomplete(store);
    return true;
}

/* ---- writing ---- */

static void must(const struct store *store, bool written) {
    if (written)
        return;
    fprintf(stderr, "compare: %s/rounds.tsv cannot be written: %s; what is there is kept\n", store->dir,
            strerror(errno));
    exit(1);
}

static bool make_directories(const char *dir) {
    char path[4096];
    snprintf(path, sizeof path, "%s", dir);
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return false;
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

/* One line and one field, whatever it holds; "-" where it is empty. */
static void write_text(FILE *file, const char *text) {
    if (text == NULL || *text == '\0')
        text = "-";
    for (; *text != '\0'; text++)
        putc(*text == '\t' || *text == '\n' || *text == '\r' ? ' ' : *text, file);
}

static void write_fact(FILE *file, const struct host_fact *fact) {
    fprintf(file, "# %s: ", fact->key);
    write_text(file, fact->value);
    putc('\n', file);
}

void store_write_head(const struct store *store, void *file) {
    for (size_t i = 0; i < store->heads; i++)
        write_fact(file, &store->head[i]);
}

static bool flushed(FILE *file) {
    return fflush(file) == 0 && !ferror(file);
}

static void write_row(FILE *file, const struct round_row *r) {
    fprintf(file, "%s\t%s\t%u\t%s\t%u\t%s\t", r->workload, r->params, r->threads, r->allocator, r->round,
            r->metric);
    if (isnan(r->value))
        fputs("-", file);
    else
        fprintf(file, "%.9g", r->value);
    fprintf(file, "\t%s\t", r->status);
    write_text(file, r->note);
    putc('\n', file);
}

static void write_calibration(FILE *file, const struct calibration *c) {
    fprintf(file, "# calibration: %s\t%s\t%u\t%llu\t%.6f\n", c->workload, c->params, c->threads,
            (unsigned long long)c->operations, c->seconds);
}

bool store_create(struct store *store, const char *dir, const struct host *head, char *why, size_t why_size) {
    char path[4200];
    *store = (struct store){0};
    snprintf(store->dir, sizeof store->dir, "%s", dir);
    store_path(dir, "rounds.tsv", path, sizeof path);
    FILE *const file = make_directories(dir) ? fopen(path, "wxe") : NULL;
    if (file == NULL) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < head->facts; i++) {
        write_fact(file, &head->fact[i]);
        store->head = arena_grow(store->head, store->heads, sizeof *store->head);
        store->head[store->heads++] = head->fact[i];
    }
    fputs(columns, file);
    store->file = file;
    must(store, flushed(file));
    return true;
}

bool store_resume(struct store *store, char *why, size_t why_size) {
    char path[4200], fresh[4210];
    store_path(store->dir, "rounds.tsv", path, sizeof path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *const file = fopen(fresh, "we");
    if (file == NULL) {
        snprintf(why, why_size, "%s: %s", fresh, strerror(errno));
        return false;
    }
    store_write_head(store, file);
    fputs(columns, file);
    for (size_t i = 0; i < store->calibrations; i++)
        write_calibration(file, &store->calibration[i]);
    for (size_t i = 0; i < store->rows; i++)
        write_row(file, &store->row[i]);
    store->file = file;
    must(store, flushed(file) && rename(fresh, path) == 0);
    return true;
}

bool store_copy_rounds(const struct store *store, const char *dir, char *why, size_t why_size) {
    struct host head = {0};
    struct store copy;
    for (size_t i = 0; i < store->heads && i < sizeof head.fact / sizeof *head.fact; i++)
        head.fact[head.facts++] = store->head[i];
    if (!store_create(&copy, dir, &head, why, why_size))
        return false;
    store_add_rows(&copy, store->row, store->rows);
    store_finish(&copy);
    return true;
}

void store_add_calibration(struct store *store, struct calibration calibration) {
    store->calibration = arena_grow(store->calibration, store->calibrations, sizeof *store->calibration);
    store->calibration[store->calibrations++] = calibration;
    write_calibration(store->file, &calibration);
    must(store, flushed(store->file));
}

void store_add_rows(struct store *store, const struct round_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        store->row = arena_grow(store->row, store->rows, sizeof *store->row);
        store->row[store->rows++] = rows[i];
        write_row(store->file, &rows[i]);
    }
    must(store, flushed(store->file));
}

void store_finish(struct store *store) {
    char text[64];
    const time_t now = time(NULL);
    struct tm local;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", localtime_r(&now, &local));
    fprintf(store->file, "# finished: %s\n", text);
    const bool written = flushed(store->file);
    must(store, fclose(store->file) == 0 && written);
    store->file = NULL;
    store->finished = true;
}

static void write_number(FILE *file, double value) {
    if (isnan(value))
        fputs("\t-", file);
    else
        fprintf(file, "\t%.9g", value);
}

bool store_write_summary(const struct store *store, const char *dir, const char *baseline,
                         const struct summary_row *rows, size_t n, char *why, size_t why_size) {
    char path[4200], fresh[4210];
    store_path(dir, "summary.tsv", path, sizeof path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *const file = make_directories(dir) ? fopen(fresh, "we") : NULL;
    if (file != NULL) {
        for (size_t i = 0; i < store->heads; i++)
            if (strcmp(store->head[i].key, "baseline") != 0)
                write_fact(file, &store->head[i]);
        fprintf(file, "# baseline: %s\n", baseline);
        fputs(
            "workload\tparams\tthreads\tallocator\tmetric\tvalue\tratio\tratio_low\tratio_high\tverdict\trounds\tstatus\n",
            file);
        for (size_t i = 0; i < n; i++) {
            const struct summary_row *const r = &rows[i];
            fprintf(file, "%s\t%s\t%u\t%s\t%s", r->workload, r->params, r->threads, r->allocator, r->metric);
            write_number(file, r->value);
            write_number(file, r->ratio);
            write_number(file, r->low);
            write_number(file, r->high);
            fprintf(file, "\t%s\t%u\t%s\n", r->verdict, r->rounds, r->status);
        }
    }
    const bool written = file != NULL && flushed(file);
    if (file == NULL || fclose(file) != 0 || !written || rename(fresh, path) != 0) {
        snprintf(why, why_size, "%s cannot be written: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* ---- names ---- */

void store_default_dir(const char *name, char *dir, size_t size) {
    char stamp[32];
    const time_t now = time(NULL);
    struct tm local;
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    snprintf(dir, size, "results/%s-%s", name, stamp);
    for (int i = 2; !store_is_new(dir) && i < 100; i++)
        snprintf(dir, size, "results/%s-%s-%d", name, stamp, i);
}

void store_newest_unfinished(const char *name, char *dir, size_t size) {
    char pattern[256], why[256];
    glob_t found;
    *dir = '\0';
    snprintf(pattern, sizeof pattern, "results/%s-[0-9]*", name);
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = found.gl_pathc; i-- > 0 && *dir == '\0';) {
        struct store store;
        if (store_read(&store, found.gl_pathv[i], why, sizeof why) && !store.finished)
            snprintf(dir, size, "%s", found.gl_pathv[i]);
    }
    globfree(&found);
}
