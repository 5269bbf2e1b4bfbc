/* invalid_result. Used by tests/tests/rules/invalid_result.rs. */
#include "invalid_result.h"

#include <string.h>

static const uint8_t blob[4] = {1, 2, 3, 4};
static const _Alignas(16) uint8_t table[32] = {0};

const char *ffg_bad_name(int which) {
    if (which < 0) {
        return NULL;
    }
    return which == 2 ? "caf\xe9" : "caf\xc3\xa9";
}

const char *ffg_ok_name(int which) { return which < 0 ? "" : "caf\xc3\xa9"; }

const uint8_t *ffg_bad_blob(int which, int *length) {
    *length = which < 0 ? -which : which;
    return which > 0 ? blob : NULL;
}

const uint8_t *ffg_ok_blob(int which, int *length) {
    *length = which;
    return blob;
}

uint8_t *ffg_bad_echo(uint8_t *bytes, int length, int *out) {
    *out = length;
    return bytes;
}

char *ffg_bad_same(char *text) { return text; }

int ffg_ok_print(char *out, size_t room, const char *text) {
    size_t length = strlen(text);
    size_t written = room == 0 ? 0 : (length < room ? length : room - 1);
    if (room > 0) {
        memcpy(out, text, written);
        out[written] = 0;
    }
    return (int)written;
}

int ffg_bad_print(char *out, size_t room, const char *text) {
    ffg_ok_print(out, room, text);
    return *text ? (int)strlen(text) : -1;
}

const uint8_t *ffg_bad_table(int offset) { return table + offset; }

void ffg_bad_deliver(void (*deliver)(const char *text, const uint8_t *bytes, int length), const char *text,
                     const uint8_t *bytes, int length) {
    deliver(text, bytes, length);
}
