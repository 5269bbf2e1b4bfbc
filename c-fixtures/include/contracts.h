/* What contracts can say: see contracts.c. */
#ifndef FFG_CONTRACTS_H
#define FFG_CONTRACTS_H

#include <stddef.h>
#include <stdint.h>

/* The length of a text: `n`, or up to its NUL if `n` is negative. Reads all of it. */
size_t ffg_contract_text_length(const char *text, int n);
/* The length of a text that ends at its NUL, or after `n` bytes. */
size_t ffg_contract_text_at_most(const char *text, int n);

#define FFG_HANDLES 8

/* Holds a text by a handle. */
typedef struct {
    const char *text;
    int is_held;
} ffg_holder;

/* One of the handles. */
ffg_holder *ffg_contract_holder_at(size_t slot);
/* Keeps `text`; takes what it needs at once if `destroy` is -1. */
void ffg_contract_hold(ffg_holder *holder, const char *text, void (*destroy)(void *));
/* Keeps `text`, whatever `destroy` is. */
void ffg_contract_bad_hold(ffg_holder *holder, const char *text, void (*destroy)(void *));
/* Does not read the text any more. Its address stays where it was. */
void ffg_contract_release(ffg_holder *holder);
/* The first byte of the text; -1 if there is none. */
int ffg_contract_held(const ffg_holder *holder);

/* Remembers where the last output ended, and never reads there. True if this one goes on from there. */
int ffg_contract_goes_on(uint8_t *data, size_t len);

/* Input that is set before each call, and a dictionary that stays. */
typedef struct {
    const uint8_t *next_in;
    size_t avail_in;
    const uint8_t *dictionary;
    size_t dictionary_len;
} ffg_stream;

/* The sum of what is there. */
unsigned ffg_contract_pump(const ffg_stream *stream);

#endif
