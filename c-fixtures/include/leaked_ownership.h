/* What is given to C, and what becomes of it. */
#ifndef FFG_LEAKED_OWNERSHIP_H
#define FFG_LEAKED_OWNERSHIP_H

#include <stdint.h>

/* Reads the name, as the talk's `sqlite3_open` does, and leaves it to whoever has it. */
int32_t ffg_open_named(const char *name);
int32_t ffg_open_lent(const char *name);

/* Takes a value for its own; gives it back. */
void ffg_adopt(int32_t *value);
int32_t *ffg_release(void);

#endif
