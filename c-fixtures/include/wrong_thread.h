/* wrong_thread: an object that belongs to one thread. */
#ifndef FFG_WRONG_THREAD_H
#define FFG_WRONG_THREAD_H

#include <stdint.h>

struct ffg_window;

struct ffg_window *ffg_window_open(void);
int32_t ffg_window_open_into(struct ffg_window **window);
/* How often it was drawn, by the thread that opened it. */
int32_t ffg_window_draw(struct ffg_window *window);
void ffg_window_close(struct ffg_window *window);

#endif
