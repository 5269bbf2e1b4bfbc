/* buffer_overflow. Used by tests/tests/rules/buffer_overflow.rs. */
#include "buffer_overflow.h"

#include <string.h>

void ffg_bad_label(char *out, size_t length) {
    memset(out, 'x', length);
    out[length] = 0;
}

void ffg_ok_label(char *out, size_t length) {
    if (length > 0) {
        memset(out, 'x', length - 1);
        out[length - 1] = 0;
    }
}

void ffg_poke(unsigned char *at, ptrdiff_t offset, size_t count, unsigned char value) { memset(at + offset, value, count); }

static unsigned char *ffg_poked;

void ffg_remember(unsigned char *at) { ffg_poked = at; }

void ffg_poke_remembered(ptrdiff_t offset, unsigned char value) { ffg_poked[offset] = value; }

unsigned char ffg_peek_remembered(ptrdiff_t offset) { return ffg_poked[offset]; }
