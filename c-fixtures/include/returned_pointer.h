/* returned_pointer: a callback that hands C a string. */
#ifndef FFG_RETURNED_POINTER_H
#define FFG_RETURNED_POINTER_H

#include <stddef.h>

typedef const char *(*ffg_name_of)(void *user);

/* Asks for the name and measures it. */
size_t ffg_name_length(ffg_name_of name_of, void *user);
/* Asks for the name and frees it: it is C's. */
size_t ffg_take_name(ffg_name_of name_of, void *user);

#endif
