/* C that calls back when it is asked to, with user data that it was given before. */
#ifndef FFG_STALE_HANDLE_H
#define FFG_STALE_HANDLE_H

typedef void (*ffg_on_tick)(void *user);

/* Keeps both until `ffg_tick_unsubscribe`. */
void ffg_tick_subscribe(ffg_on_tick callback, void *user);
void ffg_tick_unsubscribe(void);
/* Calls the callback, if there is one. */
void ffg_tick(void);
#endif
