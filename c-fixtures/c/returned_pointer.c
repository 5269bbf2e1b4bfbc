/* returned_pointer. Used by tests/tests/rules/returned_pointer.rs. */
#include "returned_pointer.h"

#include <stdlib.h>
#include <string.h>

size_t ffg_name_length(ffg_name_of name_of, void *user) {
    const char *name = name_of(user);
    return name ? strlen(name) : 0;
}

size_t ffg_take_name(ffg_name_of name_of, void *user) {
    char *name = (char *)name_of(user);
    size_t length = name ? strlen(name) : 0;
    free(name);
    return length;
}
