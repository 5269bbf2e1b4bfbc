/* The shapes of shapes.h. Used by tests/tests/cgocheck.rs. */
#include "shapes.h"

#include <stdlib.h>

int64_t ffg_read_holder(const ffg_holder *holder) { return holder->tag + (holder->value ? *holder->value : 0); }

void ffg_increment(int32_t *tag) { *tag += 1; }

int64_t ffg_sum_pointers(const int32_t *const *items, size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i]) {
            sum += *items[i];
        }
    }
    return sum;
}

int64_t ffg_read_variant(const ffg_variant *variant) {
    return variant->kind == 0 ? variant->as.number : *variant->as.pointer;
}

uint64_t ffg_read_number(const ffg_number *number) { return number->bits; }

int64_t ffg_read_outer(const ffg_outer *outer) {
    return outer->depth + outer->middle.depth + ffg_read_holder(&outer->middle.holder);
}

int64_t ffg_read_chain(const ffg_chain *chain) {
    int64_t sum = 0;
    for (const ffg_link *link = chain->top; link; link = link->down) {
        sum += link->depth + (link->value ? *link->value : 0);
    }
    return sum;
}

ffg_link *ffg_link_new(ffg_link *down, const int32_t *value) {
    ffg_link *link = calloc(1, sizeof *link);
    if (!link) {
        abort();
    }
    link->depth = down ? down->depth + 1 : 1;
    link->down = down;
    link->value = value;
    return link;
}

void ffg_link_free(ffg_link *link) {
    while (link) {
        ffg_link *down = link->down;
        free(link);
        link = down;
    }
}

int64_t ffg_sum_bytes_by_value(ffg_bytes bytes) {
    int64_t sum = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        sum += bytes.data[i];
    }
    return sum;
}

int64_t ffg_sum_span_by_value(ffg_span span) { return ffg_sum_pointers(span.items, span.count); }

uintptr_t ffg_xor_words(const void *words, size_t count) {
    const uintptr_t *word = words;
    uintptr_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all ^= word[i];
    }
    return all;
}

int64_t ffg_visit_all(const int64_t *values, size_t count, ffg_visit visit, void *user) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += visit(user, values[i]);
    }
    return sum;
}

int64_t ffg_read_record(const ffg_record *record) { return record->value + (record->key != 0); }
