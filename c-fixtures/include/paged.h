/* Bad accesses that level 3 catches at the instruction. Used by tests/tests/paged.rs. */
#ifndef FFG_PAGED_H
#define FFG_PAGED_H

#include <stddef.h>
#include <stdint.h>

/* The sum of `len` bytes; the bad one expects the terminator of a C string, and reads one more. */
unsigned ffg_bad_sum_and_one(const uint8_t *bytes, size_t len);
unsigned ffg_ok_sum(const uint8_t *bytes, size_t len);

/* Bytes of the last line, found from the end backwards; the bad one does not stop at the first byte. */
size_t ffg_bad_line_start(const uint8_t *bytes, size_t len);
size_t ffg_ok_line_start(const uint8_t *bytes, size_t len);

/* Keeps a buffer, and reads or writes it later. */
void ffg_paged_keep(uint8_t *buffer);
void ffg_paged_forget(void);
int ffg_paged_read(size_t at);
void ffg_paged_write(size_t at, uint8_t byte);
/* Writes zeros by the C library, so that `memset` faults. */
void ffg_paged_clear(size_t len);

/* A C thread that writes to the buffer: the bad one when the call that started it is over, the other one before it returns. */
int ffg_bad_start(uint8_t *buffer);
void ffg_bad_finish(void);
int ffg_ok_start_and_finish(uint8_t *buffer);

/* One access, `offset` bytes from the address. */
void ffg_paged_touch(const uint8_t *address, ptrdiff_t offset, int write);

#endif
