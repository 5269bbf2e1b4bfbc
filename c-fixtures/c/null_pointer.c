/* null_pointer. Used by tests/tests/rules/null_pointer.rs. */
#include "null_pointer.h"

int32_t ffg_bad_first(const int32_t *values) { return values[0]; }

int32_t ffg_ok_first(const int32_t *values, int32_t otherwise) { return values ? values[0] : otherwise; }
