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

/* A library that gets its memory from its user, as Lua and zlib do. */
typedef struct ffg_machine ffg_machine;
typedef void *(*ffg_allocate)(void *user, void *block, size_t size);

/* `allocate` frees for a size of 0. */
ffg_machine *ffg_machine_new(ffg_allocate allocate, void *user);
size_t ffg_machine_depth(ffg_machine *machine);
void ffg_machine_free(ffg_machine *machine);

#endif
