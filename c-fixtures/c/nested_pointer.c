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

struct ffg_machine {
    ffg_allocate allocate;
    void *user;
    size_t depth;
    int64_t *stack;
    int64_t *gone;
};

/* Builds its own structs in what it got, with a pointer to another block, and one that is stale. */
ffg_machine *ffg_machine_new(ffg_allocate allocate, void *user) {
    ffg_machine *machine = allocate(user, 0, sizeof *machine);
    machine->allocate = allocate;
    machine->user = user;
    machine->depth = 8;
    machine->gone = allocate(user, 0, 32 * sizeof *machine->gone);
    machine->stack = allocate(user, 0, 8 * sizeof *machine->stack);
    allocate(user, machine->gone, 0);
    return machine;
}

size_t ffg_machine_depth(ffg_machine *machine) { return machine->stack ? machine->depth : 0; }

void ffg_machine_free(ffg_machine *machine) {
    machine->allocate(machine->user, machine->stack, 0);
    machine->allocate(machine->user, machine, 0);
}
