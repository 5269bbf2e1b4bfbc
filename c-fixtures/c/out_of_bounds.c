/* out_of_bounds. Used by tests/tests/rules/out_of_bounds.rs and tests/tests/cgocheck.rs. */
#include "out_of_bounds.h"

uint32_t ffg_bad_sum_digest(const uint8_t digest[FFG_DIGEST]) { return ffg_ok_sum_bytes(digest, FFG_DIGEST); }

uint32_t ffg_ok_sum_bytes(const uint8_t *data, size_t count) {
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += data[i];
    }
    return sum;
}

int64_t ffg_ok_sum_ints(const int32_t *values, int count) {
    int64_t sum = 0;
    for (int i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

uint32_t ffg_ok_sum_table(const uint16_t *cells, size_t rows, size_t columns) {
    uint32_t sum = 0;
    for (size_t i = 0; i < rows * columns; i++) {
        sum += cells[i];
    }
    return sum;
}
