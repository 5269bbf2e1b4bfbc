/* Functions that are lent variables of Rust's stack, and what they do with them. Used by tests/tests/left_stack.rs. */
#ifndef FFG_LEFT_STACK_H
#define FFG_LEFT_STACK_H

#include <stddef.h>
#include <stdint.h>

/* Keeps an address until `ffg_stack_forget`. */
void ffg_stack_keep(int64_t *value);
void ffg_stack_keep_untyped(void *value);
/* What is kept; null for nothing. */
int64_t *ffg_stack_kept(void);
void ffg_stack_forget(void);
/* Calls back with what is kept. */
void ffg_stack_notify(void (*callback)(int64_t *value));
/* Calls back with a variable of its own, which it adds up. */
int64_t ffg_stack_own(void (*callback)(int64_t *value));

/* Reads one number. */
int64_t ffg_stack_read(const int64_t *value);
/* Reads none. */
int64_t ffg_stack_nothing(void);

/* A struct that leads to a number. */
struct ffg_stack_cell {
    const int64_t *value;
    int64_t *count;
};
int64_t ffg_stack_cell(const struct ffg_stack_cell *cell);
/* The number in a struct by value. */
int64_t ffg_stack_cell_by_value(struct ffg_stack_cell cell);

/* Runs the callback with a `setjmp` around it, and says if it came back by `ffg_stack_jump`. */
int ffg_stack_catch(void (*callback)(void *user), void *user);
void ffg_stack_jump(void);

/* Fills a struct: the second one is longer. */
struct ffg_stack_info {
    int32_t id;
    int32_t flags;
    char name[16];
};
void ffg_stack_ok_fill(struct ffg_stack_info *info);
void ffg_stack_bad_fill(struct ffg_stack_info *info);
/* Writes a number that is as wide as told: the second one is wider. */
void ffg_stack_ok_count(int32_t *count);
void ffg_stack_bad_count(int32_t *count);
/* Writes `count` bytes. */
void ffg_stack_write(char *to, size_t count);
/* The same; returns once another thread has called `ffg_stack_go_on`. */
void ffg_stack_write_and_wait(char *to, size_t count);
/* 1 if a call of it has written and waits. */
int ffg_stack_is_waiting(void);
/* Lets it return. */
void ffg_stack_go_on(void);
/* Counts up where the struct leads, and fills what is lent. */
void ffg_stack_count_and_fill(const struct ffg_stack_cell *cell, struct ffg_stack_info *info);

#endif
