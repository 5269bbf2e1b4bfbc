/* dangling_pointer. Used by tests/tests/rules/dangling_pointer.rs. */
#include "dangling_pointer.h"

#include <string.h>

size_t ffg_ok_name_length(const char *name) { return name ? strlen(name) : 0; }

size_t ffg_bad_name_length(const char *name) { return strlen(name); }
