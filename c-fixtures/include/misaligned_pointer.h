/* misaligned_pointer: words read at their own alignment, and at any. */
#ifndef FFG_MISALIGNED_POINTER_H
#define FFG_MISALIGNED_POINTER_H

#include <stddef.h>
#include <stdint.h>

/* The compiler may use aligned loads here. */
uint64_t ffg_bad_sum_words(const uint64_t *words, size_t count);
/* Any alignment will do. */
uint64_t ffg_ok_sum_words(const void *bytes, size_t count);

#endif
