/* C that gives a block back once, or twice. */
#ifndef FFG_DOUBLE_FREE_H
#define FFG_DOUBLE_FREE_H

#include <stdint.h>

/* Holds a value for its owner, who takes it back. */
void ffg_hold(int32_t *value);
/* Gives the value back, and still keeps it. */
int32_t *ffg_bad_yield_up(void);
/* Gives the value back; after that, null. */
int32_t *ffg_ok_yield_up(void);

#endif
