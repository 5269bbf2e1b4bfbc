/* alloc_dealloc_mismatch. Used by tests/tests/rules/alloc_dealloc_mismatch.rs. */
#define _GNU_SOURCE
#include "alloc_dealloc_mismatch.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

char *ffg_greeting(void) {
    static const char text[] = "good morning, and a fine day to you";
    char *greeting = malloc(sizeof text);
    if (greeting) {
        memcpy(greeting, text, sizeof text);
    }
    return greeting;
}

int32_t *ffg_numbers(size_t count) {
    int32_t *numbers = malloc(count * sizeof *numbers);
    for (size_t i = 0; numbers && i < count; i++) {
        numbers[i] = (int32_t)i;
    }
    return numbers;
}

int32_t ffg_done_with(int32_t *value) {
    int32_t last = *value;
    free(value);
    return last;
}

int32_t ffg_done_by(int32_t *value, void (*destroy)(int32_t *)) {
    int32_t last = *value;
    destroy(value);
    return last;
}

void ffg_free_it(void *block) { free(block); }

void *ffg_resize_it(void *block, size_t size) { return realloc(block, size); }

size_t ffg_size_of_it(void *block) { return malloc_usable_size(block); }
