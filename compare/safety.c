/* SPDX-License-Identifier: MIT
 *
 * compare safety: options, the cells one after another in two workers a core, and what is said of them.
 *
 * A row is appended to safety.tsv as soon as it is measured, in one write, so that an interruption loses nothing; the same
 * command with -o goes on there. At the end the file is written once more, in the order of the cells.
 */
#include "safety.h"

#include "catalogue.h"
#include "child.h"
#include "figure.h"
#include "host.h"
#include "store.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char safety_no_probe[] =
    "there is no probe: it needs capstone and elfutils (Debian: libcapstone-dev libdw-dev); install them and build again";

static const char default_set[] =
    "ao,ao-lockfree,ao-replicated,ao-percpu,ao-debian,glibc,glibc-1arena,jemalloc,mimalloc,tcmalloc,tbbmalloc";
static const char ours[] = "ao,ao-static,ao-lockfree,ao-replicated,ao-percpu";

enum { CELL_SECONDS = 1800, /* hundreds of hangs, each waited for, on a busy machine */
       SECONDS_A_CELL = 1 };

struct options {
    const char *allocators, *columns, *require, *out;
    bool full, dry_run;
};

enum { KEY_FULL = 256, KEY_REQUIRE, KEY_COLUMNS, KEY_DRY_RUN };

static const struct argp_option option_list[] = {
    {"allocators", 'a', "A,B,...", 0, "whom to try: names, aliases, [LABEL=]so:PATH[:PREFIX]", 0},
    {"columns", KEY_COLUMNS, "C,...", 0, "only these: signal, nested, progress, fork, loss, misuse", 0},
    {"require", KEY_REQUIRE, "C,...", 0,
     "exit status 1 unless all cells of these columns hold; COLUMN/params narrows: progress/k=1", 0},
    {"full", KEY_FULL, NULL, 0, "every allocator in the list, with three threads stopped and three handlers deep", 0},
    {"out", 'o', "DIR", 0, "where the results go: a new directory, or an unfinished one to go on with", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "show the cells", 0},
    {0},
};

static const char *more(const char *before, const char *word) {
    return before == NULL ? word : arena_format("%s,%s", before, word);
}

static error_t parse_option(int key, char *argument, struct argp_state *state) {
    struct options *const o = state->input;
    switch (key) {
    case 'a':
        o->allocators = more(o->allocators, argument);
        return 0;
    case 'o':
        o->out = argument;
        return 0;
    case KEY_COLUMNS:
        o->columns = more(o->columns, argument);
        return 0;
    case KEY_REQUIRE:
        o->require = more(o->require, argument);
        return 0;
    case KEY_FULL:
        o->full = true;
        return 0;
    case KEY_DRY_RUN:
        o->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: no such argument", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int bad_use(const char *why) {
    fprintf(stderr, "compare: %s\n", why);
    return 2;
}

/* ---- who is tried ---- */

/* Names as they stand in the catalogue; what is not here is named and left out. False: bad use, and it was said. */
static bool choose(const struct options *o, const struct catalogue *catalogue, struct words *specs) {
    const bool by_name = o->allocators != NULL;
    const struct words wanted = words_split(by_name ? o->allocators : default_set, ",");
    for (size_t i = 0; o->full && !by_name && i < catalogue->allocators; i++)
        words_add(specs, catalogue->allocator[i].name);
    for (size_t i = 0; (!o->full || by_name) && i < wanted.count; i++)
        words_add_new(specs, wanted.word[i]);
    struct words kept = {0};
    for (size_t i = 0; i < specs->count; i++) {
        const struct catalogue_allocator *const known = catalogue_allocator_named(catalogue, specs->word[i]);
        if (known == NULL) {
            words_add(&kept, specs->word[i]); /* so:PATH, or what probe will refuse */
            continue;
        }
        const struct words traits = words_split(known->traits, ",");
        if (words_have(&traits, "floor")) {
            if (by_name)
                fprintf(stderr, "compare: %s is no allocator, it hands out memory that is in use; left out\n", known->name);
        } else if (strcmp(known->status, "ok") != 0 && strcmp(known->environment, "-") == 0)
            fprintf(stderr, "compare: %s is left out: %s\n", known->name, known->why);
        else
            words_add_new(&kept, known->name);
    }
    *specs = kept;
    if (kept.count == 0)
        fprintf(stderr, "compare: nothing is left to try; `compare list` says why\n");
    return kept.count != 0;
}

/* ---- the work ---- */

static struct {
    const struct safety_cells *cells;
    const char *probe, *file;
    struct shared {
        size_t next, done;
        int refused; /* exit status 2 of a probe: bad use */
    } *shared;
} work;

static bool same_cell(const struct safety_row *row, const struct safety_cell *cell) {
    const char *const label = strstr(cell->spec, "=so:");
    const size_t length = label == NULL ? strlen(cell->spec) : (size_t)(label - cell->spec);
    return strncmp(row->allocator, cell->spec, length) == 0 && row->allocator[length] == '\0' &&
           strcmp(row->column, cell->column) == 0 && strcmp(row->params, cell->params) == 0;
}

static const char *last_line(const char *text) {
    const char *last = "";
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') == NULL ? at + strlen(at) : strchr(at, '\n') + 1)
        last = at;
    return last;
}

static void append(const struct safety_row *row) {
    char *text = NULL;
    size_t size = 0;
    FILE *const memory = open_memstream(&text, &size);
    if (memory == NULL)
        return;
    safety_write_row(memory, row);
    fclose(memory);
    const int file = open(work.file, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0 || write(file, text, size) != (ssize_t)size)
        fprintf(stderr, "compare: %s cannot be written: %s\n", work.file, strerror(errno));
    if (file >= 0)
        close(file);
    free(text);
}

/* The paths that take longest come first, so that no worker is left alone with one at the end. */
static void longest_first(struct safety_cells *cells) {
    struct safety_cell *const sorted = arena_get((cells->count + 1) * sizeof *sorted);
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < cells->count; i++) {
            const char *const params = cells->cell[i].params;
            const bool is_long = strncmp(params, "path=cold", 9) == 0 || strncmp(params, "path=thread", 11) == 0 ||
                                 strstr(params, "depth=3") != NULL;
            if (is_long == (pass == 0))
                sorted[n++] = cells->cell[i];
        }
    cells->cell = sorted;
}

/* One row, whatever becomes of the probe; false: interrupted, or there is no use in going on. */
static bool measure(const struct safety_cell *cell) {
    const struct child_limits limits = {.seconds = CELL_SECONDS};
    const struct child_result end = child_run(safety_arguments(work.probe, cell, NULL), NULL, limits);
    struct safety_row row;
    if (end.end == CHILD_INTERRUPTED)
        return false;
    if (end.end == CHILD_EXITED && end.code == 2) {
        if (__atomic_exchange_n(&work.shared->refused, 1, __ATOMIC_RELAXED) == 0)
            fprintf(stderr, "compare: %s\n", end.last_line);
        return false;
    }
    if (end.end != CHILD_EXITED || end.code != 0 || !safety_read_row(last_line(end.out), &row))
        row = (struct safety_row){
            cell->spec, cell->column, cell->params, 0, 0, 0, "-", "not-measured", "-", "-", "-",
            end.end == CHILD_TIMEOUT ? "the probe took too long"
            : *end.last_line != '\0' ? end.last_line
                                     : "the probe ended without a row"};
    append(&row);
    return true;
}

static void work_off(void) {
    size_t mine;
    while (child_interrupted() == 0 && work.shared->refused == 0 &&
           (mine = __atomic_fetch_add(&work.shared->next, 1, __ATOMIC_RELAXED)) < work.cells->count &&
           measure(&work.cells->cell[mine]))
        __atomic_fetch_add(&work.shared->done, 1, __ATOMIC_RELAXED);
}

static void show_progress(bool terminal, size_t before) {
    static size_t shown;
    const size_t done = __atomic_load_n(&work.shared->done, __ATOMIC_RELAXED);
    if (terminal)
        fprintf(stderr, "\rcell %zu of %zu ", before + done, before + work.cells->count);
    else if (done >= shown + 50) {
        fprintf(stderr, "cell %zu of %zu\n", before + done, before + work.cells->count);
        shown = done;
    }
}

/* Until all cells are measured, or a signal has come: false. */
static bool run_workers(size_t before) {
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t workers = cores < 1 ? 2 : 2 * (size_t)cores; /* half of the time a probe waits to be sure of a hang */
    const bool terminal = isatty(STDERR_FILENO);
    workers = workers < work.cells->count ? workers : work.cells->count;
    pid_t *const worker = arena_get((workers + 1) * sizeof *worker);
    fflush(NULL);
    for (size_t i = 0; i < workers; i++) {
        worker[i] = fork();
        if (worker[i] < 0)
            fprintf(stderr, "compare: no further process: %s\n", strerror(errno));
        if (worker[i] == 0) {
            setenv("PROBE_CPU", arena_format("%zu", i), 1); /* each worker's probes on a CPU of their own */
            work_off();
            _exit(0);
        }
    }
    size_t left = 0;
    for (size_t i = 0; i < workers; i++)
        left += worker[i] > 0;
    while (left > 0) {
        const struct timespec a_while = {.tv_nsec = 100000000};
        for (size_t i = 0; i < workers && child_interrupted() != 0; i++)
            if (worker[i] > 0)
                kill(worker[i], SIGTERM);
        for (size_t i = 0; i < workers; i++)
            if (worker[i] > 0 && waitpid(worker[i], NULL, WNOHANG) == worker[i]) {
                worker[i] = 0;
                left--;
            }
        show_progress(terminal, before);
        if (left > 0)
            nanosleep(&a_while, NULL);
    }
    if (terminal)
        fputs("\r\033[K", stderr);
    return child_interrupted() == 0;
}

/* ---- the file ---- */

static void write_head(FILE *file) {
    static struct host head;
    host_read(&head);
    for (size_t i = 0; i < head.facts; i++)
        fprintf(file, "# %s: %s\n", head.fact[i].key, head.fact[i].value);
    const char *const argv[] = {work.probe, "--prelude", NULL};
    const struct child_result prelude = child_run(argv, NULL, (struct child_limits){.seconds = 10});
    fprintf(file, "# prelude: %.*s\n", (int)strcspn(prelude.out, "\n"), prelude.out);
    fputs(SAFETY_HEADER "\n", file);
}

static void add(struct safety_rows *rows, const struct safety_row *row) {
    rows->row = arena_grow(rows->row, rows->count, sizeof *rows->row);
    rows->row[rows->count++] = *row;
}

static bool has_cell_of(const struct safety_cells *cells, const struct safety_row *row) {
    for (size_t c = 0; c < cells->count; c++)
        if (same_cell(row, &cells->cell[c]))
            return true;
    return false;
}

/* ROWS over what was appended in the order of their ends; then what ALL has of other cells. */
static void write_in_order(const struct safety_rows *rows, const struct safety_rows *all, const struct safety_cells *cells) {
    const char *const new = arena_format("%s.new", work.file);
    FILE *const file = fopen(new, "we");
    if (file == NULL)
        return;
    write_head(file);
    for (size_t i = 0; i < rows->count; i++)
        safety_write_row(file, &rows->row[i]);
    for (size_t i = 0; i < all->count; i++)
        if (!has_cell_of(cells, &all->row[i]))
            safety_write_row(file, &all->row[i]);
    if (fclose(file) == 0)
        rename(new, work.file);
}

static struct safety_rows in_order(const struct safety_rows *rows, const struct safety_cells *cells) {
    struct safety_rows ordered = {0};
    for (size_t c = 0; c < cells->count; c++)
        for (size_t i = 0; i < rows->count; i++)
            if (same_cell(&rows->row[i], &cells->cell[c])) {
                add(&ordered, &rows->row[i]);
                break;
            }
    return ordered;
}

static struct safety_cells still_to_do(const struct safety_cells *cells, const struct safety_rows *rows) {
    struct safety_cells left = {0};
    for (size_t c = 0; c < cells->count; c++) {
        bool done = false;
        for (size_t i = 0; i < rows->count && !done; i++)
            done = same_cell(&rows->row[i], &cells->cell[c]);
        if (!done)
            safety_add_cell(&left, &cells->cell[c]);
    }
    return left;
}

static bool open_file(const char *dir, const char *file) {
    for (char *at = arena_format("%s", dir), *slash = strchr(at + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        mkdir(at, 0777);
        if (slash == NULL)
            break;
        *slash = '/';
    }
    if (access(file, F_OK) == 0)
        return true;
    FILE *const new = fopen(file, "we");
    if (new == NULL)
        return false;
    write_head(new);
    return fclose(new) == 0;
}

static struct safety_cells of_columns(const struct safety_cells *cells, const struct words *columns) {
    struct safety_cells some = {0};
    for (size_t i = 0; i < cells->count; i++)
        if (words_have(columns, cells->cell[i].column))
            safety_add_cell(&some, &cells->cell[i]);
    return some;
}

int safety_measure(const struct safety_cells *cells, const char *probe, const char *dir, struct safety_rows *rows) {
    work.probe = probe;
    work.file = arena_format("%s/safety.tsv", dir);
    if (!open_file(dir, work.file))
        return bad_use(arena_format("%s cannot be written: %s; choose another -o", work.file, strerror(errno)));
    const struct safety_rows before = safety_read(work.file);
    struct safety_cells left = still_to_do(cells, &before);
    longest_first(&left);
    work.cells = &left;
    work.shared = mmap(NULL, sizeof *work.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (work.shared == MAP_FAILED)
        return bad_use(strerror(errno));
    child_catch_interrupts();
    if (left.count != 0 && !run_workers(cells->count - left.count)) {
        fprintf(stderr, "compare: interrupted; %s has %zu rows. The same command with -o %s goes on from there.\n",
                work.file, safety_read(work.file).count, dir);
        return 128 + child_interrupted();
    }
    if (work.shared->refused != 0)
        return 2;
    const struct safety_rows all = safety_read(work.file);
    *rows = in_order(&all, cells);
    write_in_order(rows, &all, cells);
    if (rows->count != cells->count)
        fprintf(stderr, "compare: %zu cells have no row; the same command with -o %s measures them\n",
                cells->count - rows->count, dir);
    return 0;
}

static int measure_all(const struct options *o, const struct safety_cells *cells, const char *probe, const char *plots) {
    char dir[4096];
    struct safety_rows rows;
    if (o->out != NULL)
        snprintf(dir, sizeof dir, "%s", o->out);
    else
        store_default_dir("safety", dir, sizeof dir);
    const int status = safety_measure(cells, probe, dir, &rows);
    if (status != 0)
        return status;
    safety_print(stdout, &rows, cells, "./run probe", isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
    puts(work.file);
    fflush(stdout);
    figure_draw_safety(plots, dir);
    const struct words required = words_split(o->require == NULL ? "" : o->require, ",");
    return rows.count == cells->count && safety_require(&rows, &required) ? 0 : 1;
}

int safety_main(int argc, char **argv, const char *probe, const char *bench, const char *plots) {
    struct options o = {0};
    struct catalogue catalogue;
    struct words specs = {0};
    char why[1024];
    const struct argp argp = {option_list, parse_option, NULL,
                              "Tries a fault at every instruction of every allocator, and says what holds.", NULL, NULL, NULL};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (access(probe, X_OK) != 0)
        return bad_use(safety_no_probe);
    if (!catalogue_read(&catalogue, bench, NULL, why, sizeof why))
        return bad_use(why);
    if (!choose(&o, &catalogue, &specs))
        return 2;
    const struct words owns = words_split(ours, ",");
    struct safety_cells cells = safety_cells(&specs, o.full ? NULL : &owns);
    if (o.columns != NULL) {
        const struct words columns = words_split(o.columns, ",");
        cells = of_columns(&cells, &columns);
        if (cells.count == 0)
            return bad_use(arena_format("--columns %s: there are signal, nested, progress, fork, loss and misuse", o.columns));
    }
    if (o.dry_run) {
        for (size_t i = 0; i < cells.count; i++)
            printf("%s %s %s\n", cells.cell[i].spec, cells.cell[i].column, cells.cell[i].params);
        printf("%zu cells, about %zu s on two cores\n", cells.count, cells.count * SECONDS_A_CELL / 2);
        return 0;
    }
    return measure_all(&o, &cells, probe, plots);
}
