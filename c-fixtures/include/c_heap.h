/* C that keeps pointers in its heap, and tests of C's allocator itself. */
#ifndef FFG_C_HEAP_H
#define FFG_C_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Keeps `value` in a new node at the head of a list; its sum; frees all nodes. */
void ffg_bad_keep_node(const int32_t *value);
int64_t ffg_sum_nodes(void);
void ffg_forget_nodes(void);
/* Nodes that only point to each other: bulk for the search. */
void ffg_ok_grow_heap(size_t bytes);
void ffg_shrink_heap(void);

/* Keeps `value` at the end of an array that grows with `realloc`. */
void ffg_bad_keep_grown(const int32_t *value);
/* Keeps `value` in a node and in the array. */
void ffg_bad_keep_twice(const int32_t *value);
/* Reads `value`, and makes the array longer, which moves it. */
int32_t ffg_ok_grow_kept(const int32_t *value);
void ffg_forget_grown(void);

/* Stores `value` in a new block and frees that. */
void ffg_ok_keep_in_freed(const int32_t *value);
/* Stores `value` in a block, frees that, and keeps another that may have its address, without writing to it. */
void ffg_ok_keep_in_reused(const int32_t *value);
void ffg_forget_reused(void);
/* Stores `value` in a node while it works and takes it out again. */
int32_t ffg_ok_node_cleared(const int32_t *value);
/* Copies the value into a node. */
void ffg_ok_copy_to_node(const int32_t *value);

/* A chain of C's own blocks; Rust puts a pointer into the last one. */
struct ffg_link {
    struct ffg_link *next;
    void *data;
};
struct ffg_link *ffg_new_chain(size_t length);
/* The last link of the chain. */
struct ffg_link *ffg_end_of_chain(struct ffg_link *chain);
void ffg_free_chain(struct ffg_link *chain);
/* Counts the links, and reads no data. */
size_t ffg_use_chain(const struct ffg_link *chain);

/* Uses each function of malloc's family as its manual says. The line that failed, or 0. */
int ffg_malloc_family(void);
/* Hands out and takes back blocks of many sizes, `rounds` times; the first line that failed, or 0. */
int ffg_malloc_storm(unsigned seed, unsigned rounds);
/* Allocates in the destructor of a thread-specific value, at the end of threads that C makes. */
int ffg_malloc_at_thread_end(void);
/* Forks while other threads allocate; the child allocates, too. 0 if every child came to a good end. */
int ffg_malloc_and_fork(void);
/* Allocates in a signal handler that did not interrupt an allocation. */
int ffg_malloc_in_handler(void);
/* C's allocator itself. */
void *ffg_alloc(size_t size);
void ffg_free(void *block);
void *ffg_realloc(void *block, size_t size);
size_t ffg_usable(void *block);

#endif
