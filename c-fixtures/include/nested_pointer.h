/* nested_pointer: lists and arrays that hold pointers. */
#ifndef FFG_NESTED_POINTER_H
#define FFG_NESTED_POINTER_H

#include <stddef.h>
#include <stdint.h>

typedef struct ffg_node {
    int64_t value;
    struct ffg_node *next;
} ffg_node;

/* Follows `next` until it is null or leads back to the first node. */
int64_t ffg_bad_sum_list(const ffg_node *first);
/* The sum of numbers in an array. */
int64_t ffg_ok_sum_array(const int64_t *values, size_t count);

/* Nodes in C memory. */
ffg_node *ffg_node_new(int64_t value, ffg_node *next);
/* Frees this node alone. */
void ffg_node_free(ffg_node *node);

#endif
