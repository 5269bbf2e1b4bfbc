/* C that calls back from awkward places. Used by the tests `robust_*`. */
#ifndef FFG_ROBUST_H
#define FFG_ROBUST_H

#include <stddef.h>
#include <stdint.h>

/* Reads one number. */
int32_t ffg_read_one(const int32_t *value);
/* Takes an address and leaves it alone. */
void ffg_take(const void *address);
/* Takes a number and leaves it alone. */
void ffg_take_number(uint64_t number);
/* Allocates and frees C memory, `rounds` times. */
void ffg_churn(size_t rounds);

/* Two addresses. */
struct ffg_pair {
    const void *first;
    const void *second;
};
/* Not 0 if both are set. */
int ffg_pair_is_full(const struct ffg_pair *pair);
int ffg_pair_is_full_by_value(struct ffg_pair pair);

typedef void (*ffg_callback)(void *user);
typedef void (*ffg_pair_callback)(struct ffg_pair *pair, void *user);

/* Calls back: at once; on a thread that C made, which it waits for. */
void ffg_call(ffg_callback callback, void *user);
int ffg_call_on_thread(ffg_callback callback, void *user);
/* Calls back with a pair on C's stack that points to a number beside it, and with one that points to what was lent. */
void ffg_call_with_local(ffg_pair_callback callback, void *user);
void ffg_call_with_lent(ffg_pair_callback callback, const void *lent);
/* The pair that C works on now: set by one function of C inside another, and cleared at the end of the outer one. */
void ffg_work_on(struct ffg_pair *pair);
int ffg_is_at_work(void);
/* `ffg_call_with_local`, compiled without unwind tables. */
void ffg_call_with_local_blind(ffg_pair_callback callback, void *user);

/* 1 if the callback, or a function that it called, came back by `ffg_jump`. */
int ffg_catch_jump(ffg_callback callback, void *user);
void ffg_jump(const int32_t *value);
/* Jumps over frames of C alone; 1. */
int ffg_jump_inside(const int32_t *value);

/* Keeps `value` in a slot of its own while it calls back, and clears it. */
enum { FFG_USES = 64 };
int32_t ffg_use_slot(const int32_t *value, size_t slot);
void ffg_use_while(const int32_t *value, ffg_callback callback, void *user);
/* Calls back while it is lent `value`, and leaves it alone. */
void ffg_call_lending(const int32_t *value, ffg_callback callback, void *user);
/* Keeps `value` for good, in a slot that nothing else uses. */
void ffg_bad_keep_use(const int32_t *value, size_t slot);
int32_t ffg_read_use(size_t slot);
void ffg_forget_use(size_t slot);

/* Loads a library and calls its `void keep(const void *)`. NULL if it cannot. */
void *ffg_open_and_keep(const char *path, const int32_t *value);
void ffg_close(void *library);

/* Sets errno to `number`; returns the errno that it was called with. */
int ffg_set_errno(int number, const int32_t *value);

/* Pages without access, and the last bytes before some. */
void *ffg_page_without_access(void);
void *ffg_page_before_the_end(void);
#endif
