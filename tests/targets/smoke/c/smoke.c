/* Reads what it is lent, and writes what it is told to. */
#include <stddef.h>

int ffg_smoke_sum(const int *values, size_t count) {
    int sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

void ffg_smoke_fill(int *to, size_t count, int value) {
    for (size_t i = 0; i < count; i++) to[i] = value;
}
