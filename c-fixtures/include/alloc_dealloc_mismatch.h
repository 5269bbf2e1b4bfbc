/* C that allocates for Rust to free, and that frees what Rust gave it. */
#ifndef FFG_ALLOC_DEALLOC_MISMATCH_H
#define FFG_ALLOC_DEALLOC_MISMATCH_H

#include <stddef.h>
#include <stdint.h>

/* A greeting in C memory, for the caller to free. */
char *ffg_greeting(void);
int32_t *ffg_numbers(size_t count);

/* Reads the value and frees it, which must be C's own. */
int32_t ffg_done_with(int32_t *value);
/* Reads the value and calls the caller's function to free it. */
int32_t ffg_done_by(int32_t *value, void (*destroy)(int32_t *));

/* Three of C's functions, by other names. */
void ffg_free_it(void *block);
void *ffg_resize_it(void *block, size_t size);
size_t ffg_size_of_it(void *block);

#endif
