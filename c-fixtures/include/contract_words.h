/* Contracts that take a word to say: what a callback lends, user data in a struct, an alignment. */
#ifndef FFG_CONTRACT_WORDS_H
#define FFG_CONTRACT_WORDS_H

#include <stddef.h>

struct ffg_span {
    const unsigned char *data;
    size_t size;
};

/* Stores where the next bytes are, which stay there until the next call; returns how many. */
typedef long (*ffg_reader)(void *user, const void **buffer);
typedef int (*ffg_span_reader)(void *user, struct ffg_span *span);

struct ffg_source;
struct ffg_source *ffg_source_open(ffg_reader reader, void *user);
/* Asks for the next bytes. */
long ffg_source_next(struct ffg_source *source);
/* Sums up the bytes that the last call got. */
long ffg_source_sum(const struct ffg_source *source);
void ffg_source_close(struct ffg_source *source);
/* Asks for one span, and sums it up. */
long ffg_span_sum(ffg_span_reader reader, void *user);

/* A node with a word of the program's own, at which nothing here looks. */
struct ffg_tree {
    void *user;
    long value;
};
struct ffg_tree *ffg_tree_new(long value);
long ffg_tree_value(const struct ffg_tree *node);
void ffg_tree_free(struct ffg_tree *node);

/* Adds numbers up, 16 at a time, from an address that is a multiple of 64. */
float ffg_sum_floats(const float *numbers, size_t count);
/* Reads nothing: returns the address modulo 64. */
size_t ffg_place_of(const void *page);

#endif
