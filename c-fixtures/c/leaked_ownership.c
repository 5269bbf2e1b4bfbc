/* leaked_ownership. Used by tests/tests/rules/leaked_ownership.rs. */
#include "leaked_ownership.h"

#include <stddef.h>
#include <string.h>

int32_t ffg_open_named(const char *name) { return (int32_t)strlen(name); }

int32_t ffg_open_lent(const char *name) { return ffg_open_named(name); }

static int32_t *ffg_adopted;

void ffg_adopt(int32_t *value) { ffg_adopted = value; }

int32_t *ffg_release(void) {
    int32_t *value = ffg_adopted;
    ffg_adopted = NULL;
    return value;
}
