/* Functions with `...`. Used by tests/tests/variadic.rs. */
#include "variadic.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

long ffg_sum_ints(int n, ...) {
    long sum = 0;
    va_list list;
    va_start(list, n);
    for (int i = 0; i < n; i++) {
        sum += va_arg(list, int);
    }
    va_end(list);
    return sum;
}

double ffg_sum_doubles(int n, ...) {
    double sum = 0;
    va_list list;
    va_start(list, n);
    for (int i = 0; i < n; i++) {
        sum += va_arg(list, double);
    }
    va_end(list);
    return sum;
}

double ffg_sum_mixed(const char *kinds, ...) {
    double sum = 0;
    va_list list;
    va_start(list, kinds);
    for (; *kinds; kinds++) {
        switch (*kinds) {
        case 'i': sum += va_arg(list, int); break;
        case 'l': sum += (double)va_arg(list, long); break;
        case 'd': sum += va_arg(list, double); break;
        default: sum += *va_arg(list, int *);
        }
    }
    va_end(list);
    return sum;
}

long ffg_sum_many(long a, long b, long c, long d, long e, long f, long g, double h, int n, ...) {
    long sum = a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + (long)(8 * h);
    va_list list;
    va_start(list, n);
    for (int i = 0; i < n; i++) {
        sum += va_arg(list, int);
    }
    va_end(list);
    return sum;
}

double ffg_sum_pair(struct ffg_pair pair, int n, ...) {
    double sum = pair.x + pair.y;
    va_list list;
    va_start(list, n);
    for (int i = 0; i < n; i++) {
        sum += va_arg(list, double);
    }
    va_end(list);
    return sum;
}

long ffg_sum_called(long (*function)(long), int n, ...) {
    long sum = 0;
    va_list list;
    va_start(list, n);
    for (int i = 0; i < n; i++) {
        sum += function(va_arg(list, long));
    }
    va_end(list);
    return sum;
}

/* What the session has: global, so that it is found without C's heap. */
const char *ffg_kept_text;
static char copied_text[64];
static long number;
static double ratio;

int ffg_set(int option, ...) {
    va_list list;
    va_start(list, option);
    switch (option) {
    case FFG_NUMBER: number = va_arg(list, long); break;
    case FFG_RATIO: ratio = va_arg(list, double); break;
    case FFG_COPIED: snprintf(copied_text, sizeof copied_text, "%s", va_arg(list, const char *)); break;
    case FFG_KEPT: ffg_kept_text = va_arg(list, const char *); break;
    case FFG_GET_NUMBER: *va_arg(list, long *) = number; break;
    case FFG_TWO:
        ratio = va_arg(list, double);
        snprintf(copied_text, sizeof copied_text, "%s", va_arg(list, const char *));
        break;
    default: va_end(list); return -1;
    }
    va_end(list);
    return 0;
}

size_t ffg_kept_length(void) { return ffg_kept_text ? strlen(ffg_kept_text) : 0; }
long ffg_number(void) { return number; }
double ffg_ratio(void) { return ratio; }
size_t ffg_copied_length(void) { return strlen(copied_text); }

int ffg_print(char *into, size_t size, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int written = vsnprintf(into, size, format, list);
    va_end(list);
    return written;
}

int ffg_read(const char *from, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int read = vsscanf(from, format, list);
    va_end(list);
    return read;
}
