/* Functions that run on stacks that their caller brings. Used by tests/tests/stacks.rs. */
#ifndef FFG_STACKS_H
#define FFG_STACKS_H

#include <stddef.h>

typedef void (*ffg_callback)(void *user);

/* Calls back on this stack, and returns when that has yielded (0) or returned (1). One at a time in a thread. */
int ffg_coroutine_start(ffg_callback callback, void *user, void *stack, size_t size);
/* Goes on after the yield; returns as `start` does. */
int ffg_coroutine_resume(void);
/* Goes back to whoever started or resumed. */
void ffg_coroutine_yield(void);

/* Calls back on a thread with this stack (null: one of the system's), and waits for its end. Not 0 if there is no such
   thread. */
int ffg_thread_on(ffg_callback callback, void *user, void *stack, size_t size);
/* The size of the smallest stack that a thread may have. */
size_t ffg_smallest_stack(void);

#endif
