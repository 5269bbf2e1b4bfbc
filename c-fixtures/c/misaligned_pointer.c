/* misaligned_pointer. Used by tests/tests/rules/misaligned_pointer.rs. */
#include "misaligned_pointer.h"

#include <string.h>

uint64_t ffg_bad_sum_words(const uint64_t *words, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += words[i];
    }
    return sum;
}

uint64_t ffg_ok_sum_words(const void *bytes, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, (const unsigned char *)bytes + i * sizeof word, sizeof word);
        sum += word;
    }
    return sum;
}
