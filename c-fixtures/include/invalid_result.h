/* invalid_result: texts, buffers and numbers that are not what a declaration says of them. */
#ifndef FFG_INVALID_RESULT_H
#define FFG_INVALID_RESULT_H

#include <stddef.h>
#include <stdint.h>

/* A name; NULL for a number below 0, one in Latin-1 for 2. */
const char *ffg_bad_name(int which);
/* Always a name, in UTF-8. */
const char *ffg_ok_name(int which);
/* A blob and its length: NULL and 0 for 0, NULL and `which` for a negative one. */
const uint8_t *ffg_bad_blob(int which, int *length);
/* The same, which has an address for an empty one, too. */
const uint8_t *ffg_ok_blob(int which, int *length);
/* Its argument, with the length that it is told. */
uint8_t *ffg_bad_echo(uint8_t *bytes, int length, int *out);
/* Its argument. */
char *ffg_bad_same(char *text);
/* Writes `text` as snprintf does, and returns how long it is; -1 for an empty one. */
int ffg_bad_print(char *out, size_t room, const char *text);
/* The same, which returns how much it has written. */
int ffg_ok_print(char *out, size_t room, const char *text);
/* An address that is a multiple of 16, plus `offset`. */
const uint8_t *ffg_bad_table(int offset);

/* Calls back with a text and the number of bytes in it. */
void ffg_bad_deliver(void (*deliver)(const char *text, const uint8_t *bytes, int length), const char *text,
                     const uint8_t *bytes, int length);

#endif
