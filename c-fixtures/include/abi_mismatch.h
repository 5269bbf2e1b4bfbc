/* abi_mismatch. Used by tests/tests/rules/abi_mismatch.rs. */
#ifndef FFG_ABI_MISMATCH_H
#define FFG_ABI_MISMATCH_H

#include <stddef.h>
#include <stdint.h>

/* Each function's declaration in Rust has one mistake, and a twin without. */
int64_t ffg_bad_scale(int64_t value, int by);
double ffg_bad_mean(const double *values, size_t count);
int ffg_bad_log(int level, const char *format, ...);
void ffg_bad_reset(void);

struct ffg_point {
    int32_t x;
    int32_t y;
    double weight;
};

/* A later version of it: a field more. */
struct ffg_point3 {
    int32_t x;
    int32_t y;
    int32_t z;
    double weight;
};

double ffg_bad_weight(const struct ffg_point *point);
double ffg_bad_weight3(const struct ffg_point3 *point);
int32_t ffg_bad_by_value(struct ffg_point point);

typedef int (*ffg_each)(void *user, int64_t value);
int ffg_bad_each(ffg_each each, void *user);

/* What only looks different. */
enum ffg_colour { FFG_RED, FFG_BLUE };
typedef struct ffg_opaque ffg_opaque;
typedef const char *ffg_text;

struct ffg_flags {
    unsigned int low : 3;
    unsigned int high : 5;
    uint8_t rest[7];
};

union ffg_number {
    int64_t whole;
    double fraction;
};

int ffg_ok_enum(enum ffg_colour colour);
ffg_opaque *ffg_ok_open(ffg_text name);
int ffg_ok_bytes(const void *bytes, unsigned long count);
int ffg_ok_array(const int values[4]);
int ffg_ok_char(char letter, unsigned char byte);
int ffg_ok_flags(const struct ffg_flags *flags);
int64_t ffg_ok_union(const union ffg_number *number);
_Bool ffg_ok_bool(_Bool flag);
int ffg_ok_old_style();
/* A pointer to any function, which is cast before it is called. */
int ffg_ok_any_function(void (*entry)(void));
int ffg_ok_handle(ffg_opaque **out, void *restrict user, volatile int *flag);

#endif
