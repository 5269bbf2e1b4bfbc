/* Built without unwind tables, as C that was built for size. */
#include "robust.h"

void ffg_call_with_local_blind(ffg_pair_callback callback, void *user) {
    int32_t number = 7;
    struct ffg_pair pair = {&number, &number};
    callback(&pair, user);
    /* Not a tail call: the frame stays while the callback runs. */
    ffg_take(&pair);
}
