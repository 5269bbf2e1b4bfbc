/* Strings with and without an end: what unterminated_string is about. */
#ifndef FFG_UNTERMINATED_STRING_H
#define FFG_UNTERMINATED_STRING_H

#include <stddef.h>

/* Runs on to the first NUL, wherever that is. */
size_t ffg_bad_count_spaces(const char *text);
/* Told how long the text is. */
size_t ffg_ok_count_spaces(const char *text, size_t length);

#endif
