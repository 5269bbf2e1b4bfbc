/* Functions with `...`. */
#ifndef FFG_VARIADIC_H
#define FFG_VARIADIC_H

#include <stddef.h>

/* Adds `n` ints, or doubles. */
long ffg_sum_ints(int n, ...);
double ffg_sum_doubles(int n, ...);
/* Adds what the letters name: i int, l long, d double, p the int behind a pointer. */
double ffg_sum_mixed(const char *kinds, ...);
/* More fixed arguments than there are registers, and then `n` ints. */
long ffg_sum_many(long a, long b, long c, long d, long e, long f, long g, double h, int n, ...);
/* A struct by value before the numbers. */
struct ffg_pair {
    double x, y;
};
double ffg_sum_pair(struct ffg_pair pair, int n, ...);
/* Calls the function with each of `n` longs. */
long ffg_sum_called(long (*function)(long), int n, ...);

/* Options of a session: as curl's. */
enum ffg_option {
    FFG_NUMBER = 1,
    FFG_RATIO = 2,
    FFG_COPIED = 10001,
    FFG_KEPT = 10002,
    FFG_GET_NUMBER = 20001,
    FFG_TWO = 30001
};
int ffg_set(int option, ...);
/* What the session has; 0 if the text is not set. */
size_t ffg_kept_length(void);
long ffg_number(void);
double ffg_ratio(void);
size_t ffg_copied_length(void);

/* printf's own work. */
int ffg_print(char *into, size_t size, const char *format, ...);
/* scanf's. */
int ffg_read(const char *from, const char *format, ...);

#endif
