/* double_free. Used by tests/tests/rules/double_free.rs. */
#include "double_free.h"

#include <stddef.h>

static int32_t *ffg_held_for_its_owner;

void ffg_hold(int32_t *value) { ffg_held_for_its_owner = value; }

int32_t *ffg_bad_yield_up(void) { return ffg_held_for_its_owner; }

int32_t *ffg_ok_yield_up(void) {
    int32_t *value = ffg_held_for_its_owner;
    ffg_held_for_its_owner = NULL;
    return value;
}
