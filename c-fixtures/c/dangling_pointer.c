/* dangling_pointer. Used by tests/tests/rules/dangling_pointer.rs. */
#include "dangling_pointer.h"

#include <string.h>

size_t ffg_bad_label_length(const ffg_label *label) {
    size_t length = label->text ? strlen(label->text) : 0;
    size_t width = (size_t)label->width;
    return length < width ? length : width;
}

size_t ffg_ok_name_length(const char *name) { return name ? strlen(name) : 0; }
