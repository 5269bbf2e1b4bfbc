/* dangling_pointer: strings that must still be alive. */
#ifndef FFG_DANGLING_POINTER_H
#define FFG_DANGLING_POINTER_H

#include <stddef.h>

/* Reads the name: the pointer is all that there is. */
size_t ffg_bad_name_length(const char *name);
/* Null counts as empty. */
size_t ffg_ok_name_length(const char *name);

#endif
