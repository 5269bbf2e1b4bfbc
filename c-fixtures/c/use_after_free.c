/* use_after_free. Used by tests/tests/rules/use_after_free.rs. */
#include "use_after_free.h"

static char *ffg_log;
static unsigned long ffg_log_length;

void ffg_set_log(char *buffer, unsigned long length) {
    ffg_log = buffer;
    ffg_log_length = length;
}

void ffg_log_letter(char letter, unsigned long at) {
    if (ffg_log && at < ffg_log_length) {
        ffg_log[at] = letter;
    }
}
