/* SPDX-License-Identifier: MIT
 *
 * Memory that lives as long as the program, and lists of words in it. One campaign is one run of the program,
 * and what it plans and reads is small: nothing is ever given back, so nothing is freed too early or twice.
 * Where memory runs out the program ends with a line and status 1. Not thread-safe.
 */
#ifndef COMPARE_ARENA_H
#define COMPARE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed bytes. */
void *arena_get(size_t size);

/* Room for one item more in an array of COUNT items that began as NULL; returns where the array now is. */
void *arena_grow(void *array, size_t count, size_t item_size);

char *arena_copy(const char *text, size_t length);
char *arena_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The whole file, with a zero after it; NULL where it cannot be read (errno says why). */
char *arena_file(const char *path, size_t *size);

struct words {
    const char **word;
    size_t count;
};

void words_add(struct words *words, const char *word);     /* keeps the pointer */
void words_add_new(struct words *words, const char *word); /* the same, unless it is there */
bool words_have(const struct words *words, const char *word);

/* The parts of TEXT between any of SEPARATORS; empty ones are dropped. */
struct words words_split(const char *text, const char *separators);
const char *words_join(const struct words *words, const char *separator);

#endif
