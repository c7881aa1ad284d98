/* SPDX-License-Identifier: MIT
 *
 * cell.h: the command line of docs/programs.md, and Google Benchmark's JSON back into figures.
 */
#include "cell.h"

#include "arena.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_figures(struct cell_result *result) {
    for (int i = 0; i < RECORDS; i++)
        result->value[i] = NAN;
}

static void fail(struct cell_result *result, const char *status, const char *note) {
    no_figures(result);
    snprintf(result->status, sizeof result->status, "%s", status);
    snprintf(result->note, sizeof result->note, "%s", note);
    for (char *at = result->note; *at != '\0'; at++)
        if (*at == '\t' || *at == '\n')
            *at = ' ';
}

/* "status: why" as bench words its errors; any other text is a crash. */
static void fail_as_told(struct cell_result *result, const char *message) {
    static const char *const known[] = {"out-of-memory", "unavailable", "excluded", "wrong"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t length = strlen(known[i]);
        if (strncmp(message, known[i], length) == 0 && message[length] == ':') {
            fail(result, known[i], message + length + 1 + strspn(message + length + 1, " "));
            return;
        }
    }
    fail(result, "crashed", message);
}

static void parse_benchmark(const json_t *benchmark, struct cell_result *result) {
    if (json_is_true(json_object_get(benchmark, "error_occurred"))) {
        const char *const message = json_string_value(json_object_get(benchmark, "error_message"));
        fail_as_told(result, message == NULL ? "an error without a message" : message);
        return;
    }
    for (int i = 0; i < RECORDS; i++) {
        const json_t *const number = json_object_get(benchmark, record_info[i].key);
        if (json_is_number(number))
            result->value[i] = json_number_value(number);
    }
    if (!(result->value[RECORD_time_ns] > 0))
        fail(result, "crashed", "unreadable output: no real_time above 0");
    else if (result->value[RECORD_overrun] > 0) {
        snprintf(result->status, sizeof result->status, "overrun");
        snprintf(result->note, sizeof result->note, "calls were due faster than they could be made");
    }
}

void cell_parse(const struct child_result *child, struct cell_result *result) {
    *result = (struct cell_result){.status = "ok", .seconds = child->seconds};
    const char *const colon = *child->last_line == '\0' ? "" : ": ";
    no_figures(result);
    switch (child->end) {
    case CHILD_INTERRUPTED:
        result->interrupted = true;
        return;
    case CHILD_SIGNALLED:
        fail(result, "crashed", arena_format("%s%s%s", strsignal(child->code), colon, child->last_line));
        return;
    case CHILD_TIMEOUT:
        fail(result, "timeout", arena_format("ended after %.0f s", child->seconds));
        return;
    case CHILD_MEMORY:
        fail(result, "out-of-memory",
             arena_format("ended with %lu MiB resident, half of what the machine had available",
                          child->peak_kib / 1024));
        return;
    case CHILD_TALKATIVE:
        fail(result, "crashed", "unreadable output: more than any answer has");
        return;
    case CHILD_EXITED:
        break;
    }
    json_t *const root = json_loads(child->out, 0, NULL);
    const json_t *const benchmark = json_array_get(json_object_get(root, "benchmarks"), 0);
    if (json_is_object(benchmark))
        parse_benchmark(benchmark, result);
    else
        fail(result, "crashed",
             arena_format("unreadable output, exit status %d%s%s", child->code, colon, child->last_line));
    if (child->code != 0 && strcmp(result->status, "ok") == 0) /* figures, but it says that all is not well */
        fail(result, "crashed", arena_format("exit status %d%s%s", child->code, colon, child->last_line));
    json_decref(root);
}

static const char *pass_flag(const struct cell_request *r) {
    static const char *const flag[PASSES] = {[PASS_LINE_SHARING] = "--line-sharing", [PASS_AFTER_FREE] = "--after-free",
                                             [PASS_SYSCALLS] = "--syscalls", [PASS_VALGRIND] = "--valgrind"};
    return r->pass == PASS_LATENCY       ? arena_format("--latency=%.0f", r->gap_ns)
           : r->pass == PASS_MEMORY_TIME ? arena_format("--memory=%s", r->course)
                                         : flag[r->pass];
}

void cell_run(const struct cell_request *r, struct cell_result *result) {
    const bool has_params = strcmp(r->params, "-") != 0;
    const char *const argv[] = {
        r->bench,
        arena_format("--allocators=%s", r->spec),
        arena_format("--workloads=%s%s%s", r->workload, has_params ? "/" : "", has_params ? r->params : ""),
        arena_format("--threads=%u", r->threads),
        arena_format("--seed=%llu", (unsigned long long)r->seed),
        r->operations != 0 ? arena_format("--ops=%llu", (unsigned long long)r->operations)
                           : arena_format("--benchmark_min_time=%g", r->min_time),
        "--benchmark_format=json",
        pass_flag(r),
        NULL,
    };
    char layout[4096];
    memset(layout, 'x', sizeof layout);
    layout[r->layout % sizeof layout] = '\0';
    const struct child_result child = child_run(argv, layout, r->limits);
    cell_parse(&child, result);
}
