/* SPDX-License-Identifier: MIT
 *
 * report.h: what is read, what is said of it in words, and the files. Figures are computed from rounds.tsv, by the
 * baseline that summary.tsv names; pictures are drawn anew from summary.tsv and safety.tsv.
 */
#include "report.h"

#include "figure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* ---- what is read ---- */

static const char *path_of(const char *dir, const char *name) {
    return arena_format("%s/%s", dir, name);
}

/* The lines "# key: value" of a file. */
static void read_head(struct store *store, const char *path) {
    size_t size;
    const char *at = arena_file(path, &size);
    while (at != NULL && strncmp(at, "# ", 2) == 0) {
        const size_t length = strcspn(at, "\n");
        const char *const line = arena_copy(at, length), *const colon = strstr(line, ": ");
        if (colon != NULL) {
            store->head = arena_grow(store->head, store->heads, sizeof *store->head);
            struct host_fact *const fact = &store->head[store->heads++];
            snprintf(fact->key, sizeof fact->key, "%.*s", (int)(colon - line - 2), line + 2);
            snprintf(fact->value, sizeof fact->value, "%s", colon + 2);
        }
        at += length + (at[length] != '\0');
    }
}

enum { CLAIM_FIELDS = 11 };

static void read_claims(struct report_set *set) {
    size_t size;
    const char *const text = arena_file(path_of(set->dir, "claims.tsv"), &size);
    const struct words lines = words_split(text == NULL ? "" : text, "\n");
    for (size_t i = 0; i < lines.count; i++) {
        char *line = arena_format("%s", lines.word[i]);
        const char *w[CLAIM_FIELDS];
        for (int f = 0; f < CLAIM_FIELDS; f++)
            w[f] = line == NULL ? NULL : strsep(&line, "\t");
        if (w[CLAIM_FIELDS - 1] == NULL || strcmp(w[0], "claim") == 0 || *w[0] == '#')
            continue;
        set->claim = arena_grow(set->claim, set->claims, sizeof *set->claim);
        set->claim[set->claims++] =
            (struct report_claim){w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10]};
    }
    set->claims_text = arena_file(path_of(set->dir, "claims.md"), &size);
}

const char *report_says(const char *text, const char *id) {
    const char *const heading = arena_format("## %s\n\n> ", id);
    const char *at = text == NULL ? NULL : strstr(text, heading);
    while (at != NULL && at != text && at[-1] != '\n')
        at = strstr(at + 1, heading);
    return at == NULL ? "" : arena_copy(at + strlen(heading), strcspn(at + strlen(heading), "\n"));
}

/* "results/figure-2026": "figure-2026" */
static const char *title_of(const char *dir) {
    size_t end = strlen(dir), from;
    while (end > 1 && dir[end - 1] == '/')
        end--;
    for (from = end; from > 0 && dir[from - 1] != '/';)
        from--;
    return arena_copy(dir + from, end - from);
}

/* ---- words ---- */

bool report_is_floor(const struct report_set *set, const char *allocator) {
    const struct words floors = words_split(store_head(&set->store, "floor"), ",");
    return words_have(&floors, allocator);
}

const char *report_baseline_words(const char *baseline) {
    return strncmp(baseline, "best:", 5) == 0 ? arena_format("the fastest of %s", baseline + 5) : baseline;
}

static bool is_metric(const struct ranking *r, const char *metric) {
    return strcmp(r->metric, metric) == 0;
}

const char *report_cells_words(const struct ranking *r) {
    return arena_format("%zu of %zu cells, those that all ranked have; %u rounds%s%s", r->cells,
                        r->cells_of_any, r->rounds,
                        r->left_out.count == 0 ? "" : "; not ranked, for they have too few: ",
                        words_join(&r->left_out, ", "));
}

/* Those of whom the first is not separated. */
static const char *words_of_likes(const struct ranking *r) {
    struct words names = {0};
    for (size_t i = 1; i < r->rows; i++)
        if (r->row[i].like_first)
            words_add(&names, r->row[i].allocator);
    return names.count == 0 ? "" : arena_format(" It is not separated from %s.", words_join(&names, ", "));
}

/* Who is better than the baseline all the same, though the first is not separated from it. */
static const char *words_of_better(const struct ranking *r) {
    struct words names = {0};
    for (size_t i = 1; i < r->rows; i++)
        if (r->row[i].verdict == VERDICT_BETTER)
            words_add(&names,
                      arena_format("%s (%s)", r->row[i].allocator, report_ratio(r->row[i].mean.median)));
    return names.count == 0 ? "; nor is any other as better"
                            : arena_format("; as %s is", words_join(&names, ", "));
}

const char *report_rank_words(const struct ranking *r, const char *baseline) {
    if (r->rows == 0)
        return "There are no cells that all allocators have, so none is ranked.";
    const bool time = is_metric(r, "time_ns");
    const char *const most = time                       ? "Fastest"
                             : is_metric(r, "p99.9_ns") ? "Shortest p99.9"
                                                        : "Least peak memory",
                      *const what = time                       ? "time"
                                    : is_metric(r, "p99.9_ns") ? "p99.9"
                                                               : "memory";
    const struct rank_row *const first = r->row;
    const char *const whose = report_baseline_words(baseline);
    if (first->verdict == VERDICT_BASELINE)
        return arena_format("%s: %s itself, the baseline.%s", most, whose, words_of_likes(r));
    const char *const mean = arena_format(
        "%s %s times %s's %s, by the geometric mean over %zu cell%s", report_ratio(first->mean.median),
        report_interval(first->mean.low, first->mean.high), whose, what, r->cells, r->cells == 1 ? "" : "s");
    return first->verdict == VERDICT_BETTER
               ? arena_format("%s: %s, %s.%s", most, first->allocator, mean, words_of_likes(r))
               : arena_format("%s: lowest is %s, %s, but not separated from %s%s.", most, first->allocator,
                              mean, whose, words_of_better(r));
}

/* Whom the figure is about: the first allocator that was measured. */
static const char *answer_of(const struct report_set *set) {
    char text[1024];
    const struct words order = words_split(store_head(&set->store, "order"), ",");
    if (strncmp(store_head(&set->store, "name"), "figure", 6) != 0 || order.count == 0)
        return NULL;
    figure_answer(set->row, set->rows, order.word[0], set->baseline, text, sizeof text);
    return arena_format("%s", text);
}

bool report_is_machine(const char *key) {
    static const char *const others[] = {"host",    "name",    "order",    "floor",    "plan",
                                         "command", "prelude", "baseline", "finished", "bench"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(key, others[i]) == 0)
            return false;
    return strncmp(key, "library ", 8) != 0;
}

/* ---- warnings ---- */

static bool is_failure(const char *status) {
    static const char *const others[] = {"ok", "not-concurrent", "excluded", "unavailable"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(status, others[i]) == 0)
            return false;
    return true;
}

static const char *note_of(const struct report_set *set, const struct summary_row *r) {
    for (size_t i = 0; i < set->store.rows; i++) {
        const struct round_row *const row = &set->store.row[i];
        if (row->note != NULL && row->threads == r->threads && strcmp(row->status, r->status) == 0 &&
            strcmp(row->allocator, r->allocator) == 0 && strcmp(row->workload, r->workload) == 0 &&
            strcmp(row->params, r->params) == 0)
            return row->note;
    }
    return "";
}

static void read_failure(struct report_set *set, const struct summary_row *r) {
    const char *const note = set->failures.count < 100 ? note_of(set, r) : "";
    words_add(&set->failures,
              arena_format("%s, %s %s, %u thread%s: %s%s%s", r->allocator, r->workload,
                           strcmp(r->params, "-") == 0 ? "" : r->params, r->threads,
                           r->threads == 1 ? "" : "s", r->status, *note == '\0' ? "" : ": ", note));
}

static void warn_of_rounds(struct report_set *set) {
    const struct ranking *const r = &set->ranking[0];
    const unsigned needed = stats_rounds_needed(r->rows > 2 ? (unsigned)r->rows - 1 : 1);
    if (r->rows != 0 && r->rounds < needed)
        words_add(
            &set->warnings,
            arena_format(
                "%u round%s: an interval at 95 %% for %zu allocators takes %u. Intervals shown here are "
                "the lowest and the highest round, and nothing is separated; measure with --rounds 9 or "
                "without --rounds",
                r->rounds, r->rounds == 1 ? "" : "s", r->rows, needed));
}

static size_t cells_of(const struct report_set *set, const char *verdict) {
    size_t n = 0;
    for (size_t i = 0; i < set->rows; i++)
        n += strcmp(set->row[i].metric, "time_ns") == 0 && strcmp(set->row[i].verdict, verdict) == 0;
    return n;
}

static void warn_of_cells(struct report_set *set) {
    size_t control = 0, turns = 0, cells = 0;
    for (size_t i = 0; i < set->rows; i++) {
        const struct summary_row *const r = &set->row[i];
        if (strcmp(r->metric, "time_ns") != 0)
            continue;
        cells++;
        control += strcmp(r->verdict, "control") == 0 && (r->low > 1 || r->high < 1);
        turns += strcmp(r->status, "not-concurrent") == 0;
        if (is_failure(r->status))
            read_failure(set, r);
    }
    if (control != 0)
        words_add(&set->warnings,
                  arena_format("the baseline is separated from itself in %zu of %zu cells: the machine "
                               "was not quiet; end what else runs and measure again",
                               control, cells_of(set, "control")));
    if (turns != 0)
        words_add(
            &set->warnings,
            arena_format(
                "in %zu of %zu cells the threads took turns, and no verdict rests on them: end what else "
                "runs, or use fewer threads",
                turns, cells));
    if (set->failures.count != 0)
        words_add(&set->warnings, arena_format("%zu cell%s failed: the list below says how",
                                               set->failures.count, set->failures.count == 1 ? "" : "s"));
}

static void warn(struct report_set *set, bool measured) {
    static struct host host;
    host = (struct host){0};
    for (size_t i = 0; i < set->store.heads && i < sizeof host.fact / sizeof *host.fact; i++)
        host.fact[host.facts++] = set->store.head[i];
    if (measured && !set->store.finished)
        words_add(&set->warnings,
                  "it is not finished: the same command with -o of that directory goes on from there");
    if (measured) {
        warn_of_rounds(set);
        warn_of_cells(set);
    }
    host_warn(&host);
    for (size_t i = 0; i < host.warnings; i++)
        words_add(&set->warnings, arena_format("%s", host.warning[i]));
}

/* ---- a directory ---- */

static bool read_measured(struct report_set *set, char *why, size_t why_size) {
    struct store summary = {0};
    if (!store_read(&set->store, set->dir, why, why_size))
        return false;
    read_head(&summary, path_of(set->dir, "summary.tsv"));
    set->baseline = *store_head(&summary, "baseline") != '\0' ? store_head(&summary, "baseline")
                                                              : store_head(&set->store, "baseline");
    if (set->store.rows == 0)
        return true;
    const struct summary_options options = {.baseline = set->baseline,
                                            .order = store_head(&set->store, "order")};
    set->row = summary_make(set->store.row, set->store.rows, &options, &set->rows, why, why_size);
    if (set->row == NULL)
        return false;
    rank_all(set->ranking, set->row, set->rows, &set->store);
    set->tables = report_tables(set->row, set->rows);
    set->answer = answer_of(set);
    return true;
}

bool report_read(struct report_set *set, const char *dir, char *why, size_t why_size) {
    *set = (struct report_set){.dir = dir, .title = title_of(dir), .baseline = ""};
    const bool measured = access(path_of(dir, "rounds.tsv"), R_OK) == 0;
    set->safety = safety_read(path_of(dir, "safety.tsv"));
    read_claims(set);
    if (!measured && set->safety.count == 0 && set->claims == 0) {
        snprintf(why, why_size,
                 "%s: there are no results in it: rounds.tsv, safety.tsv or claims.tsv is wanted", dir);
        return false;
    }
    if (measured && !read_measured(set, why, why_size))
        return false;
    if (!measured)
        read_head(&set->store, path_of(dir, "safety.tsv"));
    warn(set, measured);
    return true;
}

/* ---- pictures ---- */

static void draw(struct report *report, size_t s, const char *out, const char *plots, const char *name,
                 const char *data, bool optional) {
    struct report_set *const set = &report->set[s];
    const char *const file = arena_format("report-%zu-%s", s + 1, name), *const to = path_of(out, file);
    struct report_picture picture = {.name = name, .file = arena_format("%s.svg", file)};
    size_t size;
    picture.why = figure_draw_svg(plots, name, data, to);
    if (picture.why != NULL && *picture.why == '\0') {
        if (optional)
            return;
        picture.why = "nothing that it shows was measured";
    }
    const char *const svg = picture.why == NULL ? arena_file(arena_format("%s.svg", to), &size) : NULL;
    if (svg != NULL)
        picture.svg = report_picture(svg, name, arena_format("p%zu%s-", s + 1, name), &report->colours);
    if (picture.why == NULL && picture.svg == NULL)
        picture.why = "it is not what gnuplot draws";
    set->picture = arena_grow(set->picture, set->pictures, sizeof *set->picture);
    set->picture[set->pictures++] = picture;
}

static void draw_all(struct report *report, const char *out, const char *plots) {
    for (size_t s = 0; s < report->sets; s++) {
        const struct report_set *const set = &report->set[s];
        for (const struct figure_picture *p = figure_pictures; set->rows != 0 && p->name != NULL; p++)
            if (!p->optional || access(path_of(set->dir, p->data), R_OK) == 0)
                draw(report, s, out, plots, p->name, path_of(set->dir, p->data), p->optional);
        if (set->safety.count != 0)
            draw(report, s, out, plots, "safety", path_of(set->dir, "safety.tsv"), false);
    }
}

/* ---- files ---- */

/* TO as a path from the directory FROM; both exist. */
static const char *relative(const char *from, const char *to) {
    char *const a = realpath(from, NULL), *const b = realpath(to, NULL);
    if (a == NULL || b == NULL)
        return to;
    size_t same = 0; /* up to there both are one path */
    for (size_t i = 0;; i++) {
        if ((a[i] == '/' || a[i] == '\0') && (b[i] == '/' || b[i] == '\0'))
            same = i;
        if (a[i] != b[i] || a[i] == '\0')
            break;
    }
    struct words parts = {0};
    for (const char *at = a + same; *at != '\0'; at++)
        if (*at == '/' && at[1] != '\0')
            words_add(&parts, "..");
    if (b[same] != '\0')
        words_add(&parts, arena_format("%s", b + same + 1));
    const char *const path = parts.count == 0 ? "." : words_join(&parts, "/");
    free(a);
    free(b);
    return path;
}

/* What is wrong with the machine is said of the first directory that was measured on it. */
static void say_once(struct report *report, size_t s) {
    struct words kept = {0};
    const struct words *const words = &report->set[s].warnings;
    for (size_t i = 0; i < words->count; i++) {
        bool known = false;
        for (size_t before = 0; before < s; before++)
            known |= words_have(&report->set[before].warnings, words->word[i]);
        if (!known)
            words_add(&kept, words->word[i]);
    }
    report->set[s].warnings = kept;
}

static bool write_page(const char *path, const struct report *report,
                       void (*write)(FILE *, const struct report *)) {
    const char *const fresh = arena_format("%s.new", path);
    FILE *const file = fopen(fresh, "we");
    if (file != NULL)
        write(file, report);
    const bool written = file != NULL && fflush(file) == 0 && !ferror(file);
    if (file == NULL || fclose(file) != 0 || !written || rename(fresh, path) != 0) {
        fprintf(stderr, "compare: %s cannot be written: %s\n", path, strerror(errno));
        return false;
    }
    puts(path);
    return true;
}

static const char *text_of(const char *dir, const char *name) {
    size_t size;
    const char *const text = arena_file(path_of(dir, name), &size);
    if (text == NULL)
        fprintf(stderr, "compare: %s/%s: %s; COMPARE_REPORT names the directory of the page's parts\n", dir,
                name, strerror(errno));
    return text;
}

/* As store.c does it: with the directories above. */
static bool make_directory(const char *dir) {
    char *const path = arena_format("%s", dir);
    for (char *slash = path; *slash != '\0' && (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return false;
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

int report_main(const struct words *results, const char *out, const char *plots, const char *page,
                const char *tree) {
    struct report report = {.css = text_of(page, "report.css"), .js = text_of(page, "report.js")};
    char why[1024];
    if (report.css == NULL || report.js == NULL)
        return 2;
    report.set = arena_get(results->count * sizeof *report.set);
    for (; report.sets < results->count; report.sets++)
        if (!report_read(&report.set[report.sets], results->word[report.sets], why, sizeof why)) {
            fprintf(stderr, "compare: %s\n", why);
            return 2;
        }
    if (!make_directory(out)) {
        fprintf(stderr, "compare: %s: %s\n", out, strerror(errno));
        return 2;
    }
    report.tree = relative(out, tree);
    for (size_t s = 0; s < report.sets; s++)
        say_once(&report, s);
    draw_all(&report, out, plots);
    const bool written = write_page(path_of(out, "report.html"), &report, report_html) &&
                         write_page(path_of(out, "report.md"), &report, report_markdown);
    for (size_t s = 0; s < report.sets; s++)
        free(report.set[s].row);
    return written ? 0 : 1;
}
