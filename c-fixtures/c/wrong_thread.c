/* wrong_thread. Used by tests/tests/rules/wrong_thread.rs. */
#include "wrong_thread.h"

#include <stdlib.h>

struct ffg_window {
    int32_t number;
};

/* The library's record of each thread's windows. */
static _Thread_local int32_t ffg_drawn;

struct ffg_window *ffg_window_open(void) { return calloc(1, sizeof(struct ffg_window)); }

int32_t ffg_window_open_into(struct ffg_window **window) {
    *window = ffg_window_open();
    return *window ? 0 : -1;
}

int32_t ffg_window_draw(struct ffg_window *window) {
    window->number++;
    return ++ffg_drawn;
}

void ffg_window_close(struct ffg_window *window) { free(window); }
