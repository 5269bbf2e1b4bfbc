/* nested_pointer. Used by tests/tests/rules/nested_pointer.rs and tests/tests/cgocheck.rs. */
#include "nested_pointer.h"

#include <stdlib.h>

int64_t ffg_bad_sum_list(const ffg_node *first) {
    int64_t sum = 0;
    for (const ffg_node *node = first; node; node = node->next) {
        sum += node->value;
        if (node->next == first) {
            break;
        }
    }
    return sum;
}

int64_t ffg_ok_sum_array(const int64_t *values, size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

ffg_node *ffg_node_new(int64_t value, ffg_node *next) {
    ffg_node *node = calloc(1, sizeof *node);
    if (!node) {
        abort();
    }
    node->value = value;
    node->next = next;
    return node;
}

void ffg_node_free(ffg_node *node) { free(node); }
