/* Every shape in which a pointer can hide in an argument: the cases of cgo's own tests of cgocheck, and their
 * neighbours that must stay silent. */
#ifndef FFG_SHAPES_H
#define FFG_SHAPES_H

#include <stddef.h>
#include <stdint.h>

/* In a struct field. */
typedef struct {
    int32_t tag;
    const int32_t *value;
} ffg_holder;
int64_t ffg_read_holder(const ffg_holder *holder);
/* One field of it, and nothing else. */
void ffg_increment(int32_t *tag);

/* In an array element; null elements are skipped. */
int64_t ffg_sum_pointers(const int32_t *const *items, size_t count);

/* In a union: `kind` 0 is a number, 1 a pointer to one. */
typedef union {
    int64_t number;
    const int32_t *pointer;
} ffg_either;
typedef struct {
    int64_t kind;
    ffg_either as;
} ffg_variant;
int64_t ffg_read_variant(const ffg_variant *variant);
/* A union without a pointer. */
typedef union {
    uint64_t bits;
    double number;
} ffg_number;
uint64_t ffg_read_number(const ffg_number *number);

/* Behind two structs, one inside the other. */
typedef struct {
    int64_t depth;
    ffg_holder holder;
} ffg_middle;
typedef struct {
    int64_t depth;
    ffg_middle middle;
} ffg_outer;
int64_t ffg_read_outer(const ffg_outer *outer);

/* Behind two structs of C memory, one pointing to the other. */
typedef struct ffg_link {
    int64_t depth;
    struct ffg_link *down;
    const int32_t *value;
} ffg_link;
typedef struct {
    ffg_link *top;
} ffg_chain;
int64_t ffg_read_chain(const ffg_chain *chain);
ffg_link *ffg_link_new(ffg_link *down, const int32_t *value);
void ffg_link_free(ffg_link *link);

/* By value. */
typedef struct {
    const uint8_t *data;
    size_t length;
} ffg_bytes;
int64_t ffg_sum_bytes_by_value(ffg_bytes bytes);
typedef struct {
    const int32_t *const *items;
    size_t count;
} ffg_span;
int64_t ffg_sum_span_by_value(ffg_span span);

/* Through void: xor of `count` words. */
uintptr_t ffg_xor_words(const void *words, size_t count);
/* User data that is only handed back. */
typedef int64_t (*ffg_visit)(void *user, int64_t value);
int64_t ffg_visit_all(const int64_t *values, size_t count, ffg_visit visit, void *user);

/* A number that may look like an address. */
typedef struct {
    uintptr_t key;
    int64_t value;
} ffg_record;
int64_t ffg_read_record(const ffg_record *record);

#endif
