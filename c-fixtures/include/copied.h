/* C that works on copies: see c/copied.c. */
#ifndef FFG_COPIED_H
#define FFG_COPIED_H

#include <stddef.h>
#include <stdint.h>

/* Writes, or reads, the byte `at` bytes from `data`, whatever `count` says. */
void ffg_bad_copied_poke(uint8_t *data, size_t count, ptrdiff_t at, uint8_t value);
uint8_t ffg_bad_copied_peek(const uint8_t *data, size_t count, ptrdiff_t at);
uint8_t ffg_bad_copied_peek_text(const char *text, ptrdiff_t at);
/* Makes upper case of the text, in place. */
void ffg_bad_copied_shout(const char *text);
/* Keeps the pointer; reads through it. */
void ffg_bad_copied_keep(const uint8_t *data, size_t count);
uint8_t ffg_bad_copied_use_kept(void);
void ffg_ok_copied_forget(void);

/* Adds one to each byte. */
void ffg_ok_copied_add_one(uint8_t *data, size_t count);
/* Sets the first `set` of `count` bytes. */
void ffg_ok_copied_fill(uint8_t *data, size_t count, size_t set, uint8_t value);
/* Not 0 if it was handed this very address. */
int ffg_ok_copied_is_at(const uint8_t *data, size_t count, uintptr_t address);
/* The first character equal to the given one, or null. */
const char *ffg_ok_copied_find(const char *text, char c);
/* Reads a number, and stores where it stopped. */
long ffg_ok_copied_parse(const char *text, const char **end);

typedef struct {
    const uint8_t *start;
    size_t count;
} ffg_copied_span;
/* The last `count` bytes, by value. */
ffg_copied_span ffg_ok_copied_tail(const uint8_t *data, size_t all, size_t count);

/* As `memmove`. */
void *ffg_ok_copied_move(void *to, const void *from, size_t count);
uint32_t ffg_ok_copied_sum_between(const uint8_t *begin, const uint8_t *end);

/* A list that knows its own end, as BSD's TAILQ does: the head points into itself while it is empty. */
typedef struct ffg_copied_item {
    struct ffg_copied_item *next;
    int value;
} ffg_copied_item;
typedef struct {
    ffg_copied_item *first;
    ffg_copied_item **last;
} ffg_copied_list;
void ffg_ok_copied_list_begin(ffg_copied_list *list);
void ffg_ok_copied_list_add(ffg_copied_list *list, ffg_copied_item *item);

/* Calls back in the middle, and adds one to the first byte after. */
void ffg_ok_copied_call_back(uint8_t *data, size_t count, void (*back)(void *user, uint8_t *data), void *user);
/* Leaves by `longjmp` when the callback says so: 1 then. */
int ffg_ok_copied_catch(uint8_t *data, size_t count, int (*back)(uint8_t *data));
void ffg_ok_copied_throw(uint8_t *data, size_t count);

#endif
