/* buffer_overflow: C that writes outside of what it was lent. */
#ifndef FFG_BUFFER_OVERFLOW_H
#define FFG_BUFFER_OVERFLOW_H

#include <stddef.h>

/* Writes `length` letters and a NUL after them: one byte too many. */
void ffg_bad_label(char *out, size_t length);
/* Writes a NUL into the last of `length` bytes. */
void ffg_ok_label(char *out, size_t length);
/* Writes `count` bytes from at + offset on. */
void ffg_poke(unsigned char *at, ptrdiff_t offset, size_t count, unsigned char value);

/* Keeps the pointer; later calls write and read by it. */
void ffg_remember(unsigned char *at);
void ffg_poke_remembered(ptrdiff_t offset, unsigned char value);
unsigned char ffg_peek_remembered(ptrdiff_t offset);

#endif
