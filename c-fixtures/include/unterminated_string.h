/* unterminated_string: strings with and without an end. */
#ifndef FFG_UNTERMINATED_STRING_H
#define FFG_UNTERMINATED_STRING_H

#include <stddef.h>

/* Runs on to the first NUL, wherever that is. */
size_t ffg_bad_count_spaces(const char *text);
/* Takes the length of the text. */
size_t ffg_ok_count_spaces(const char *text, size_t length);

#endif
