/* C that calls back. */
#ifndef FFG_CALLBACKS_H
#define FFG_CALLBACKS_H

#include <stddef.h>
#include <stdint.h>

/* Anything but 0 asks C to stop. */
typedef int32_t (*ffg_step)(void *user, int32_t number);

/* Calls `step` with 0, 1, .. until it says stop; the number of calls made. */
int32_t ffg_call_each(ffg_step step, void *user, int32_t rounds);
/* Calls `step` with 0, 1, .. whatever the calls return. */
int32_t ffg_call_each_to_the_end(ffg_step step, void *user, int32_t rounds);
/* Calls `step` with 0, 1, .. on a thread that C made. */
int32_t ffg_call_each_on_thread(ffg_step step, void *user, int32_t rounds);
/* Calls `step` with 0, 1, .. and then `last`, as a destructor is called. */
int32_t ffg_call_each_then(ffg_step step, ffg_step last, void *user, int32_t rounds);

/* Keeps the pair, to call it later. */
void ffg_register_step(ffg_step step, void *user);
/* Calls the registered pair; -1 if there is none. */
int32_t ffg_fire(int32_t number);
/* Has the process call the registered pair when it ends. */
void ffg_fire_at_exit(void);

/* Calls back with a string of C's, one of Rust's, and how many bytes are there. */
typedef int32_t (*ffg_text_step)(void *user, const char *text, size_t bytes);
int32_t ffg_call_with_text(ffg_text_step step, void *user, const char *text, size_t bytes);

/* Takes the callback's result by value. */
struct ffg_two {
    int64_t first;
    int64_t second;
};
typedef struct ffg_two (*ffg_two_step)(struct ffg_two two);
int64_t ffg_call_two(ffg_two_step step, int64_t first, int64_t second);

#endif
