/* unterminated_string. Used by tests/tests/rules/unterminated_string.rs. */
#include "unterminated_string.h"

#include <string.h>

size_t ffg_bad_count_spaces(const char *text) { return text ? ffg_ok_count_spaces(text, strlen(text)) : 0; }

size_t ffg_ok_count_spaces(const char *text, size_t length) {
    size_t spaces = 0;
    for (size_t i = 0; i < length; i++) {
        spaces += text[i] == ' ';
    }
    return spaces;
}
