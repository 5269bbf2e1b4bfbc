/* freed_while_retained: C keeps what it is lent, by contract, and Rust frees or moves it. */
#ifndef FFG_FREED_WHILE_RETAINED_H
#define FFG_FREED_WHILE_RETAINED_H

#include <stddef.h>
#include <stdint.h>

#define FFG_LISTENERS 16

/* Keeps `user` in `ffg_listeners[slot]`: the caller unsets it before the memory is freed. */
void ffg_bad_set_listener(size_t slot, const int32_t *user);
/* Lets go of it. */
void ffg_ok_unset_listener(size_t slot);
/* What it leads to; -1 for nothing. */
int32_t ffg_notify(size_t slot);

/* Keeps a value, and calls `destroy` with it before letting go of it. */
void ffg_ok_set_with_destructor(int32_t *user, void (*destroy)(int32_t *));
/* Calls `destroy`, and then lets go of the value. */
void ffg_ok_destroy(void);
/* Calls `destroy`, and keeps the pointer. */
void ffg_bad_destroy(void);
void ffg_forget_destroyed(void);

/* Keeps start and length of a buffer, to read it whenever `ffg_sum_watched` asks. */
void ffg_bad_watch(const uint8_t *data, size_t count);
uint64_t ffg_sum_watched(void);
void ffg_ok_unwatch(void);

/* Takes the value for its own. */
void ffg_bad_take(int32_t *value);
/* Gives the value back, and forgets it. */
int32_t *ffg_ok_hand_back(void);
/* Gives the value back, and still has its address. */
int32_t *ffg_ok_hand_back_stale(void);
void ffg_forget_taken(void);

typedef struct {
    const int32_t *values;
    size_t count;
} ffg_request;

/* Keeps the request's values, and returns their sum. */
int64_t ffg_bad_send(const ffg_request *request);
/* The sum of the kept values. */
int64_t ffg_resend(void);
void ffg_ok_cancel(void);
/* Holds the request itself until it is released, and reads what it leads to later. */
void ffg_bad_hold(const ffg_request *request);
void ffg_ok_release(void);

#endif
