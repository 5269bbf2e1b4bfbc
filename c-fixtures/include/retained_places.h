/* Functions that keep what they are lent in places other than a plain global, and functions that do not.
 *
 * As in retained_pointer.h, each place has a reader and a `forget`. */
#ifndef FFG_RETAINED_PLACES_H
#define FFG_RETAINED_PLACES_H

#include <stddef.h>
#include <stdint.h>

/* In thread-local storage: of this file alone, at the end of an array that others may use, in a function. */
enum { FFG_LOCAL_SLOTS = 4 };
extern _Thread_local const int32_t *ffg_local_slots[FFG_LOCAL_SLOTS];
void ffg_bad_keep_local(const int32_t *value);
void ffg_bad_keep_local_slot(const int32_t *value);
void ffg_bad_keep_local_inside(const int32_t *value);
int32_t ffg_read_local(void);
void ffg_forget_local(void);
int32_t ffg_ok_keep_local_and_clear(const int32_t *value);

/* In a library that is loaded only now, and stays loaded until `forget`. It has `keep`, `see` and `forget`. */
int ffg_bad_keep_in_library(const char *path, const int32_t *value);
int32_t ffg_read_library(void);
void ffg_forget_library(void);

/* By a function that is called back for each value. */
typedef void (*ffg_visit)(const int32_t *value, void *user);
void ffg_each_value(const int32_t *values, size_t count, ffg_visit visit, void *user);
void ffg_visit_keep(const int32_t *value, void *user);
int32_t ffg_read_visited(void);
void ffg_forget_visited(void);

/* By a thread: one that the call waits for, and one that it leaves behind, which stores it in `ffg_let_thread_store`. */
int ffg_bad_keep_by_thread(const int32_t *value);
int ffg_bad_keep_by_thread_later(const int32_t *value);
int ffg_let_thread_store(void);
int32_t ffg_read_by_thread(void);
void ffg_forget_by_thread(void);

/* In a local array, which is gone when it returns. */
int32_t ffg_ok_keep_on_stack(const int32_t *value);

/* In another thing that the call is lent. */
struct ffg_list {
    int64_t count;
    const int32_t *first;
};
void ffg_bad_store_in(struct ffg_list *list, const int32_t *value);
void ffg_bad_store_in_untyped(void *list, const int32_t *value);
void ffg_ok_store_copy(struct ffg_list *list, const int32_t *value);
/* Stores its own address; moves a pointer that is there already; stores into a place that the caller gave to be filled. */
void ffg_ok_store_self(struct ffg_list *list);
void ffg_ok_advance(struct ffg_list *list, const int32_t *values, size_t count);
size_t ffg_ok_skip_blanks(const char *text, const char **end);
struct ffg_view {
    const char *start;
    size_t len;
};
void ffg_ok_first_word(const char *text, struct ffg_view *word);
void ffg_ok_call_with(struct ffg_list *list, const int32_t *value,
                      void (*visit)(struct ffg_list *list, const int32_t *value));

void ffg_ok_call_unwinding(struct ffg_list *list, const int32_t *value,
                           void (*visit)(struct ffg_list *list, const int32_t *value));

#endif
