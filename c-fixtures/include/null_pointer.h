/* null_pointer: arguments that must not be null, and one that may. */
#ifndef FFG_NULL_POINTER_H
#define FFG_NULL_POINTER_H

#include <stdint.h>

/* Reads without asking. */
int32_t ffg_bad_first(const int32_t *values);
/* Null means "none". */
int32_t ffg_ok_first(const int32_t *values, int32_t otherwise);

#endif
