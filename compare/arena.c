/* SPDX-License-Identifier: MIT
 *
 * arena.h: every piece is chained to the one before, so that leak checkers see that all is still held.
 */
#include "arena.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct piece {
    struct piece *before;
    max_align_t bytes[];
};

static struct piece *last;

void *arena_get(size_t size) {
    struct piece *const piece = size < SIZE_MAX / 2 ? calloc(1, sizeof *piece + size) : NULL;
    if (piece == NULL) {
        fprintf(stderr, "compare: out of memory: %zu bytes were wanted; fewer --workloads need fewer\n",
                size);
        exit(1);
    }
    piece->before = last;
    last = piece;
    return piece->bytes;
}

/* Arrays double where their count is a power of two, so that COUNT alone says how much room there is. */
void *arena_grow(void *array, size_t count, size_t item_size) {
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *const larger = arena_get((count == 0 ? 1 : 2 * count) * item_size);
    if (count != 0)
        memcpy(larger, array, count * item_size);
    return larger;
}

char *arena_copy(const char *text, size_t length) {
    char *const copy = arena_get(length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *arena_format(const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    char *const text = arena_get((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

static char *read_all(int file, size_t size, size_t *got) {
    char *const text = arena_get(size + 1);
    *got = 0;
    while (*got < size) {
        const ssize_t n = read(file, text + *got, size - *got);
        if (n < 0)
            return NULL;
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return text;
}

char *arena_file(const char *path, size_t *size) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    struct stat facts;
    char *text = NULL;
    if (fstat(file, &facts) == 0)
        text = read_all(file, (size_t)facts.st_size, size);
    close(file);
    return text;
}

void words_add(struct words *words, const char *word) {
    words->word = arena_grow(words->word, words->count, sizeof *words->word);
    words->word[words->count++] = word;
}

bool words_have(const struct words *words, const char *word) {
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->word[i], word) == 0)
            return true;
    return false;
}

void words_add_new(struct words *words, const char *word) {
    if (!words_have(words, word))
        words_add(words, word);
}

struct words words_split(const char *text, const char *separators) {
    struct words words = {0};
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        const size_t length = strcspn(text, separators);
        words_add(&words, arena_copy(text, length));
        text += length;
    }
    return words;
}

const char *words_join(const struct words *words, const char *separator) {
    const char *text = "";
    for (size_t i = 0; i < words->count; i++)
        text = i == 0 ? words->word[i] : arena_format("%s%s%s", text, separator, words->word[i]);
    return text;
}
