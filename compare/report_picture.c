/* SPDX-License-Identifier: MIT
 *
 * report.h, pictures. gnuplot writes colours as attributes, "rgb( 51,  51,  51)", "#ffffff" or "black", and the same ids
 * in every picture. Several of them are to stand in one page that is light or dark: so each colour becomes a variable of
 * CSS, which the page defines twice, and each id has the picture's own prefix. Only what stands within tags is changed;
 * texts are the data's. Texts come from result files: a picture that has any element but those that gnuplot draws with
 * is not taken.
 */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const elements[] = {"svg",     "g",        "path",   "use",     "rect",        "circle",
                                       "polygon", "polyline", "line",   "text",    "tspan",       "title",
                                       "desc",    "defs",     "filter", "feFlood", "feComposite", "clipPath"};

static bool is_known(const char *name) {
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (strlen(elements[i]) == length && strncmp(elements[i], name, length) == 0)
            return true;
    return false;
}

/* ---- colours ---- */

static void variable(FILE *out, unsigned rgb, struct words *colours) {
    const char *const name = arena_format("%06x", rgb);
    words_add_new(colours, name);
    fprintf(out, "var(--p%s)", name);
}

/* A colour that begins at AT: how many characters it takes; 0: there is none. */
static size_t colour(const char *at, unsigned *rgb) {
    unsigned r, g, b;
    int length = 0;
    if (strncmp(at, "black", 5) == 0) {
        *rgb = 0;
        return 5;
    }
    if (*at == '#' && strspn(at + 1, "0123456789abcdefABCDEF") == 6) {
        *rgb = (unsigned)strtoul(at + 1, NULL, 16);
        return 7;
    }
    if (sscanf(at, "rgb(%u,%u,%u)%n", &r, &g, &b, &length) != 3 || length == 0)
        return 0;
    *rgb = (r & 255) << 16 | (g & 255) << 8 | (b & 255);
    return (size_t)length;
}

unsigned report_dark(unsigned rgb) {
    const double c[3] = {(rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0};
    const double most = fmax(fmax(c[0], c[1]), c[2]), least = fmin(fmin(c[0], c[1]), c[2]);
    const double light = (most + least) / 2;
    /* Pale: what lies behind. White becomes the page's own dark. */
    const double wanted = light >= 0.7 ? 0.09 + (1 - light) * 0.75 : fmin(fmax(1 - light, 0.46), 0.92);
    const double room = 1 - fabs(2 * light - 1), wanted_room = 1 - fabs(2 * wanted - 1);
    unsigned dark = 0;
    for (int i = 0; i < 3; i++) {
        const double share = room < 1e-9 ? 0 : (c[i] - light) / room;
        dark = dark << 8 | (unsigned)lround(255 * fmin(fmax(wanted + share * wanted_room, 0), 1));
    }
    return dark;
}

/* ---- a tag ---- */

/* Writes the value of an attribute, which ends before END. */
static void write_value(FILE *out, const char *at, const char *end, const char *attribute, const char *prefix,
                        struct words *colours) {
    unsigned rgb;
    if (strcmp(attribute, "id") == 0)
        fputs(prefix, out);
    while (at < end) {
        const size_t length = colour(at, &rgb);
        if (length != 0 && at + length <= end) {
            variable(out, rgb, colours);
            at += length;
        } else if (*at == '#' && (strcmp(attribute, "xlink:href") == 0 || strncmp(at - 4, "url(", 4) == 0)) {
            fprintf(out, "#%s", prefix);
            at++;
        } else
            fputc(*at++, out);
    }
}

static bool is_dropped(const char *tag, const char *attribute) {
    return strncmp(tag, "svg", 3) == 0 &&
           (strcmp(attribute, "width") == 0 || strcmp(attribute, "height") == 0);
}

/* AT: behind '<'. Returns what follows '>'; NULL: the tag is not taken. */
static const char *write_tag(FILE *out, const char *at, const char *prefix, struct words *colours) {
    const char *const tag = at + (*at == '/');
    if (!is_known(tag))
        return NULL;
    fputc('<', out);
    while (at < tag || (*at != '>' && strchr(" \t\r\n/", *at) == NULL))
        fputc(*at++, out);
    for (;;) {
        at += strspn(at, " \t\r\n");
        if (*at == '/' || *at == '>')
            break;
        const char *const attribute = arena_copy(at, strcspn(at, "=> \t\r\n"));
        const char *value = at + strlen(attribute);
        value += strspn(value, " \t\r\n");
        value += *value == '=' ? 1 + strspn(value + 1, " \t\r\n") : 0;
        const char quote = *value;
        const char *const end = quote == '"' || quote == '\'' ? strchr(value + 1, quote) : NULL;
        if (end == NULL || strncmp(attribute, "on", 2) == 0)
            return NULL;
        if (!is_dropped(tag, attribute)) {
            fprintf(out, " %s=%c", attribute, quote);
            write_value(out, value + 1, end, attribute, prefix, colours);
            fputc(quote, out);
        }
        at = end + 1;
    }
    if (*at == '/')
        fputc(*at++, out);
    if (*at != '>')
        return NULL;
    fputc('>', out);
    return at + 1;
}

/* ---- a picture ---- */

const char *report_picture(const char *svg, const char *label, const char *prefix, struct words *colours) {
    static const char gnuplots[] = "<title>Gnuplot</title>";
    char *text = NULL;
    size_t size;
    const char *at = strstr(svg, "<svg");
    FILE *const out = at == NULL ? NULL : open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    while (at != NULL && *at != '\0') {
        if (strncmp(at, gnuplots, sizeof gnuplots - 1) == 0) {
            fprintf(out, "<title>%s</title>", label);
            at += sizeof gnuplots - 1;
        } else if (*at == '<')
            at = write_tag(out, at + 1, prefix, colours);
        else
            fputc(*at++, out);
    }
    fclose(out);
    const char *const kept = at == NULL ? NULL : arena_copy(text, size);
    free(text);
    return kept;
}
