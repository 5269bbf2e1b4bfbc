/* Contracts that take a word to say. Used by tests/tests/contract_words.rs. */
#include "contract_words.h"

#include <stdint.h>
#include <stdlib.h>

struct ffg_source {
    ffg_reader reader;
    void *user;
    const void *buffer;
    long size;
};

struct ffg_source *ffg_source_open(ffg_reader reader, void *user) {
    struct ffg_source *source = calloc(1, sizeof *source);
    source->reader = reader;
    source->user = user;
    return source;
}

long ffg_source_next(struct ffg_source *source) {
    source->size = source->reader(source->user, &source->buffer);
    return source->size;
}

long ffg_source_sum(const struct ffg_source *source) {
    const unsigned char *bytes = source->buffer;
    long sum = 0;
    for (long i = 0; i < source->size; i++) {
        sum += bytes[i];
    }
    return sum;
}

void ffg_source_close(struct ffg_source *source) {
    free(source);
}

long ffg_span_sum(ffg_span_reader reader, void *user) {
    struct ffg_span span = {NULL, 0};
    long sum = 0;
    if (reader(user, &span)) {
        return -1;
    }
    for (size_t i = 0; i < span.size; i++) {
        sum += span.data[i];
    }
    return sum;
}

struct ffg_tree *ffg_tree_new(long value) {
    struct ffg_tree *node = calloc(1, sizeof *node);
    node->value = value;
    return node;
}

long ffg_tree_value(const struct ffg_tree *node) {
    return node->value;
}

void ffg_tree_free(struct ffg_tree *node) {
    free(node);
}

float ffg_sum_floats(const float *numbers, size_t count) {
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += numbers[i];
    }
    return sum;
}

size_t ffg_place_of(const void *page) {
    return (uintptr_t)page % 64;
}
