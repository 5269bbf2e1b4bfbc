/* out_of_bounds: extents. */
#ifndef FFG_OUT_OF_BOUNDS_H
#define FFG_OUT_OF_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

enum { FFG_DIGEST = 16 };

/* Reads 16 bytes whatever the caller has. */
uint32_t ffg_bad_sum_digest(const uint8_t digest[FFG_DIGEST]);
/* Reads `count` bytes. */
uint32_t ffg_ok_sum_bytes(const uint8_t *data, size_t count);
/* Reads `count` elements of 4 bytes; the count is signed, as in many C interfaces. */
int64_t ffg_ok_sum_ints(const int32_t *values, int count);
/* Reads a table of `rows` times `columns` cells. */
uint32_t ffg_ok_sum_table(const uint16_t *cells, size_t rows, size_t columns);

#endif
