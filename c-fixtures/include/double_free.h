/* One block, and who frees it. */
#ifndef FFG_DOUBLE_FREE_H
#define FFG_DOUBLE_FREE_H

#include <stdint.h>

/* Holds a value for its owner, who takes it back. */
void ffg_hold(int32_t *value);
/* Gives it back, and remembers it all the same. */
int32_t *ffg_bad_yield_up(void);
/* Gives it back; after that, null. */
int32_t *ffg_ok_yield_up(void);

#endif
