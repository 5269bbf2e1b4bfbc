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

void ffg_adopt_and_call(int32_t *value, ffg_in_the_middle call) {
    *value += 1;
    if (call) {
        call();
    }
}

int32_t ffg_use_adopted(const int32_t *value) { return *value; }

static struct ffg_holder *ffg_held;

void ffg_adopt_holder(struct ffg_holder *holder) { ffg_held = holder; }

struct ffg_holder *ffg_release_holder(void) {
    struct ffg_holder *holder = ffg_held;
    ffg_held = NULL;
    return holder;
}
