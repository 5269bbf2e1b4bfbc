/* abi_mismatch. Used by tests/tests/rules/abi_mismatch.rs. */
#include "abi_mismatch.h"

#include <stdarg.h>

int64_t ffg_bad_scale(int64_t value, int by) { return value * by; }

double ffg_bad_mean(const double *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return count == 0 ? 0 : sum / (double)count;
}

int ffg_bad_log(int level, const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    int first = format[0] == '%' ? va_arg(rest, int) : level;
    va_end(rest);
    return first;
}

void ffg_bad_reset(void) {}

double ffg_bad_weight(const struct ffg_point *point) { return point->weight; }

double ffg_bad_weight3(const struct ffg_point3 *point) { return point->weight; }

int32_t ffg_bad_by_value(struct ffg_point point) { return point.x + point.y; }

int ffg_bad_each(ffg_each each, void *user) { return each(user, 1) + each(user, 2); }

int ffg_ok_enum(enum ffg_colour colour) { return colour == FFG_BLUE; }

struct ffg_opaque {
    int secret;
};

static struct ffg_opaque only;

ffg_opaque *ffg_ok_open(ffg_text name) {
    only.secret = name[0];
    return &only;
}

int ffg_ok_bytes(const void *bytes, unsigned long count) { return count > 0 && *(const char *)bytes; }

int ffg_ok_array(const int values[4]) { return values[0] + values[3]; }

int ffg_ok_char(char letter, unsigned char byte) { return letter + byte; }

int ffg_ok_flags(const struct ffg_flags *flags) { return (int)flags->low + (int)flags->high; }

int64_t ffg_ok_union(const union ffg_number *number) { return number->whole; }

_Bool ffg_ok_bool(_Bool flag) { return !flag; }

#if defined(__clang__)
int ffg_ok_old_style(void) { return 7; }
#else
int ffg_ok_old_style() { return 7; }
#endif

int ffg_ok_handle(ffg_opaque **out, void *restrict user, volatile int *flag) {
    *out = &only;
    return user == NULL && *flag;
}

int ffg_ok_any_function(void (*entry)(void)) { return ((int (*)(int, double, char *))entry)(3, 0.5, NULL); }
