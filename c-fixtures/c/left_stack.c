/* Functions that are lent variables of Rust's stack, and what they do with them. Used by tests/tests/left_stack.rs. */
#include "left_stack.h"

#include <sched.h>
#include <setjmp.h>
#include <string.h>

static int64_t *ffg_stack_value;

void ffg_stack_keep(int64_t *value) { ffg_stack_value = value; }

void ffg_stack_keep_untyped(void *value) { ffg_stack_value = value; }

int64_t *ffg_stack_kept(void) { return ffg_stack_value; }

void ffg_stack_forget(void) { ffg_stack_value = NULL; }

void ffg_stack_notify(void (*callback)(int64_t *value)) { callback(ffg_stack_value); }

int64_t ffg_stack_own(void (*callback)(int64_t *value)) {
    int64_t own[4] = {1, 2, 3, 4};
    callback(own);
    return own[0] + own[1] + own[2] + own[3];
}

int64_t ffg_stack_read(const int64_t *value) { return *value; }

int64_t ffg_stack_nothing(void) { return 0; }

int64_t ffg_stack_cell(const struct ffg_stack_cell *cell) { return cell->value ? *cell->value : 0; }

int64_t ffg_stack_cell_by_value(struct ffg_stack_cell cell) { return cell.value ? *cell.value : 0; }

static jmp_buf ffg_stack_back;

int ffg_stack_catch(void (*callback)(void *user), void *user) {
    if (setjmp(ffg_stack_back)) {
        return 1;
    }
    callback(user);
    return 0;
}

void ffg_stack_jump(void) { longjmp(ffg_stack_back, 1); }

void ffg_stack_ok_fill(struct ffg_stack_info *info) {
    info->id = 1;
    info->flags = 2;
    memset(info->name, 'x', sizeof info->name);
}

void ffg_stack_bad_fill(struct ffg_stack_info *info) {
    ffg_stack_ok_fill(info);
    /* The header that C was built with has a name of 32 bytes. */
    volatile char *name = info->name;
    for (size_t at = 16; at < 32; at++) {
        name[at] = 'x';
    }
}

void ffg_stack_ok_count(int32_t *count) { *count = 7; }

void ffg_stack_bad_count(int32_t *count) {
    int64_t wide = 7;
    memcpy((char *)(uintptr_t)(void *)count, &wide, sizeof wide);
}

void ffg_stack_write(char *to, size_t count) {
    for (size_t at = 0; at < count; at++) {
        to[at] = 'w';
    }
}

static _Atomic int ffg_stack_phase;

void ffg_stack_write_and_wait(char *to, size_t count) {
    ffg_stack_write(to, count);
    ffg_stack_phase = 1;
    while (ffg_stack_phase == 1) {
        sched_yield();
    }
}

int ffg_stack_is_waiting(void) { return ffg_stack_phase == 1; }

void ffg_stack_go_on(void) { ffg_stack_phase = 0; }

void ffg_stack_count_and_fill(const struct ffg_stack_cell *cell, struct ffg_stack_info *info) {
    *cell->count += 1;
    ffg_stack_ok_fill(info);
}
