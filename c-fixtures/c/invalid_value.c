/* invalid_value. Used by tests/tests/rules/invalid_value.rs. */
#include "invalid_value.h"

static const int32_t numbers[] = {7, 8, 9};

uint8_t ffg_bad_is_open(int flags) { return flags & 2; }

uint8_t ffg_ok_is_open(int flags) { return (flags & 2) != 0; }

int ffg_bad_mode(int mode) { return mode; }

uint8_t ffg_bad_small_mode(int mode) { return (uint8_t)mode; }

uint32_t ffg_bad_letter(int unit) { return (uint32_t)unit; }

const int32_t *ffg_bad_item(int count) {
    if (count < 0) {
        return (const int32_t *)((const char *)numbers + 1);
    }
    return count > 0 ? numbers : NULL;
}

const int32_t *ffg_ok_item(int count) { return count > 0 ? numbers : NULL; }

uint32_t ffg_bad_handle(int n) { return (uint32_t)n; }

static int twice(int n) { return 2 * n; }

int (*ffg_bad_handler(int n))(int) { return n > 0 ? twice : NULL; }

int (*ffg_ok_handler(int n))(int) { return n > 0 ? twice : NULL; }

struct ffg_two ffg_bad_pair(int count) {
    struct ffg_two pair = {ffg_ok_item(count), 1.5F, 2.5F};
    return pair;
}

struct ffg_tool ffg_bad_settings(int verbose, int mode) {
    struct ffg_tool settings = {3, (uint8_t)verbose, mode, {0, 1, 0, 1}};
    return settings;
}

int ffg_bad_get_flag(int flag, uint8_t *out) {
    if (flag < 0) {
        return -1;
    }
    *out = (uint8_t)flag;
    return 0;
}

int ffg_bad_get_mode(int mode, int32_t *out) {
    *out = mode;
    return 0;
}

int ffg_bad_get_settings(int verbose, int mode, struct ffg_tool *out) {
    if (verbose < 0) {
        return -1;
    }
    *out = ffg_bad_settings(verbose, mode);
    return 0;
}

void ffg_bad_get_flags(uint8_t *flags, size_t count, int last) {
    for (size_t i = 0; i < count; i++) {
        flags[i] = i + 1 == count ? (uint8_t)last : 1;
    }
}

void ffg_ok_take_flag(uint8_t *flag, void (*release)(uint8_t *)) { release(flag); }

int ffg_bad_call(int (*call)(void *user, uint8_t flag, int mode, const int32_t *first), void *user, int flag, int mode,
                 int count) {
    return call(user, (uint8_t)flag, mode, ffg_ok_item(count));
}
