/* C that calls a callback in every way that wrappers get wrong. Used by the tests `tools_*`. */
#ifndef FFG_CLOSURES_H
#define FFG_CLOSURES_H

typedef int (*ffg_on_event)(void *user, int event);

/* Keeps one callback, until the next or `ffg_event_forget`. */
void ffg_event_register(ffg_on_event callback, void *user);
void ffg_event_forget(void);
/* Calls the callback; -1 if there is none. `ffg_event_fire_twice` calls it twice and adds up. */
int ffg_event_fire(int event);
int ffg_event_fire_twice(int event);
/* Calls the callback on a thread that C made, and waits for that. */
int ffg_event_fire_on_thread(int event);
/* Calls the callback on `threads` threads of C's at once, `times` times on each; the sum. */
long ffg_event_fire_on_threads(int threads, int times, int event);
/* Calls the callback when the process ends. */
void ffg_event_fire_at_exit(int event);
/* Calls the callback at once. */
int ffg_event_now(ffg_on_event callback, void *user, int event);
/* Calls the callback for 1 to n, as long as it returns 0; the number of calls. */
int ffg_event_each(int n, ffg_on_event callback, void *user);
/* Calls the callback with the low 32 bits of the user data: C that keeps it in an int. */
int ffg_event_cut(ffg_on_event callback, void *user, int event);

/* One function for each number of arguments, with the user data first and last: each passes 1, 2, 3 ... */
long ffg_first_0(long (*f)(void *), void *user);
long ffg_first_1(long (*f)(void *, int), void *user);
long ffg_first_2(long (*f)(void *, int, double), void *user);
long ffg_first_3(long (*f)(void *, int, double, const char *), void *user);
long ffg_first_4(long (*f)(void *, int, int, int, int), void *user);
long ffg_first_5(long (*f)(void *, int, int, int, int, int), void *user);
long ffg_first_6(long (*f)(void *, int, int, int, int, int, double), void *user);
long ffg_last_0(long (*f)(void *), void *user);
long ffg_last_1(long (*f)(int, void *), void *user);
long ffg_last_2(long (*f)(int, double, void *), void *user);
long ffg_last_3(long (*f)(int, double, const char *, void *), void *user);
long ffg_last_4(long (*f)(int, int, int, int, void *), void *user);
long ffg_last_5(long (*f)(int, int, int, int, int, void *), void *user);
long ffg_last_6(long (*f)(int, int, int, int, int, double, void *), void *user);
#endif
