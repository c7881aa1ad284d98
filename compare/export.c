/* SPDX-License-Identifier: MIT
 *
 * table.h, the part for programs: JSON by jansson, CSV as RFC 4180, Markdown as GitHub reads it. Written
 * beside the wanted file and renamed, so that a reader never sees half of it.
 */
#include "table.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static bool has_ending(const char *path, const char *ending) {
    const size_t length = strlen(path), own = strlen(ending);
    return length > own && strcmp(path + length - own, ending) == 0;
}

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static bool write_json(FILE *out, const struct summary_row *rows, size_t n) {
    json_t *const array = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct summary_row *const r = &rows[i];
        json_array_append_new(
            array, json_pack("{ss ss si ss ss so so so so ss si ss}", "workload", r->workload, "params",
                             r->params, "threads", (int)r->threads, "allocator", r->allocator, "metric",
                             r->metric, "value", number_or_null(r->value), "ratio", number_or_null(r->ratio),
                             "ratio_low", number_or_null(r->low), "ratio_high", number_or_null(r->high),
                             "verdict", r->verdict, "rounds", (int)r->rounds, "status", r->status));
    }
    const bool written =
        json_dumpf(array, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0 && fputc('\n', out) != EOF;
    json_decref(array);
    return written;
}

static void csv_text(FILE *out, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void csv_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, ",%.9g", value);
    else
        fputc(',', out);
}

static bool write_csv(FILE *out, const struct summary_row *rows, size_t n) {
    fputs(
        "workload,params,threads,allocator,metric,value,ratio,ratio_low,ratio_high,verdict,rounds,status\r\n",
        out);
    for (size_t i = 0; i < n; i++) {
        const struct summary_row *const r = &rows[i];
        csv_text(out, r->workload);
        fputc(',', out);
        csv_text(out, r->params);
        fprintf(out, ",%u,", r->threads);
        csv_text(out, r->allocator);
        fprintf(out, ",%s", r->metric);
        csv_number(out, r->value);
        csv_number(out, r->ratio);
        csv_number(out, r->low);
        csv_number(out, r->high);
        fprintf(out, ",%s,%u,%s\r\n", r->verdict, r->rounds, r->status);
    }
    return ferror(out) == 0;
}

static bool write_markdown(FILE *out, const struct summary_row *rows, size_t n) {
    fputs(
        "| workload | params | threads | allocator | time, ns | ratio | interval | verdict |\n|---|---|--:|---|--:|--:|---|---|\n",
        out);
    for (size_t i = 0; i < n; i++) {
        const struct summary_row *const r = &rows[i];
        if (strcmp(r->metric, "time_ns") != 0)
            continue;
        fprintf(out, "| %s | %s | %u | %s | ", r->workload, r->params, r->threads, r->allocator);
        if (isfinite(r->value))
            fprintf(out, "%.1f", r->value);
        if (isfinite(r->ratio))
            fprintf(out, " | %.2f | %.2f to %.2f", r->ratio, r->low, r->high);
        else
            fputs(" | | ", out);
        fprintf(out, " | %s |\n", strcmp(r->status, "ok") == 0 ? r->verdict : r->status);
    }
    return ferror(out) == 0;
}

bool table_export(const char *path, const struct summary_row *rows, size_t n, char *why, size_t why_size) {
    bool (*const write)(FILE *, const struct summary_row *, size_t) = has_ending(path, ".json")  ? write_json
                                                                      : has_ending(path, ".csv") ? write_csv
                                                                      : has_ending(path, ".md")
                                                                          ? write_markdown
                                                                          : NULL;
    if (write == NULL) {
        snprintf(why, why_size, "%s: the ending says the form, and is .json, .csv or .md", path);
        return false;
    }
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary) {
        snprintf(why, why_size, "%s: too long a path", path);
        return false;
    }
    FILE *const out = fopen(temporary, "we");
    const bool written = out != NULL && write(out, rows, n);
    const int error = errno;
    if (out == NULL || fclose(out) != 0 || !written || rename(temporary, path) != 0) {
        snprintf(why, why_size, "%s cannot be written: %s", path, strerror(out == NULL ? error : errno));
        if (out != NULL)
            remove(temporary);
        return false;
    }
    return true;
}
