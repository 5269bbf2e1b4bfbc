/* C that is given memory, and what it does with it. */
#ifndef FFG_LEAKED_OWNERSHIP_H
#define FFG_LEAKED_OWNERSHIP_H

#include <stdint.h>

/* Reads the name, as the talk's `sqlite3_open` does, and does not take it over. */
int32_t ffg_open_named(const char *name);
int32_t ffg_open_lent(const char *name);

/* Takes a value for its own; gives it back. */
void ffg_adopt(int32_t *value);
int32_t *ffg_release(void);

/* Takes a value for the call alone, and calls back in the middle. */
typedef void (*ffg_in_the_middle)(void);
void ffg_adopt_and_call(int32_t *value, ffg_in_the_middle call);
/* Reads what it was given before. */
int32_t ffg_use_adopted(const int32_t *value);

/* Takes a struct and what it leads to; gives it back. */
struct ffg_holder {
    int32_t *inner;
};
void ffg_adopt_holder(struct ffg_holder *holder);
struct ffg_holder *ffg_release_holder(void);

#endif
