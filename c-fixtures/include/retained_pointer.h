/* retained_pointer: functions that keep what they are lent, and functions that do not.
 *
 * Each place has a reader, as it would in a library, without which the linker drops an unread static (--gc-sections),
 * and a `forget`, so that one test leaves nothing to the next. */
#ifndef FFG_RETAINED_POINTER_H
#define FFG_RETAINED_POINTER_H

#include <stddef.h>
#include <stdint.h>

/* In a global. */
extern const int32_t *ffg_kept_global;
void ffg_bad_keep_global(const int32_t *values);
int32_t ffg_read_global(void);
void ffg_forget_global(void);

/* In a static inside the function; read back by null, cleared by null and a `forget`. */
int32_t ffg_bad_keep_static(const int32_t *value, int forget);

/* In slot `slot` of a table of 8. */
enum { FFG_SLOTS = 8 };
extern const int32_t *ffg_kept_slots[FFG_SLOTS];
void ffg_bad_keep_slot(const int32_t *value, size_t slot);
int32_t ffg_read_slot(size_t slot);
void ffg_forget_slots(void);

/* Keeps not the pointer that it was lent but one 8 bytes further on. */
void ffg_bad_keep_interior(const uint8_t *data, size_t count);
uint8_t ffg_read_interior(void);
void ffg_forget_interior(void);

/* Two of its three arguments: the first and the last. */
void ffg_bad_keep_two(const int32_t *first, const int32_t *second, const int32_t *third);
int32_t ffg_read_two(void);
void ffg_forget_two(void);

/* Keeps it by contract: a listener that is set, and unset by null. */
void ffg_ok_set_listener(const int32_t *user);
int32_t ffg_ok_notify(void);

/* Takes the value over, and gives it back. */
void ffg_ok_take(int32_t *value);
int32_t *ffg_ok_give_back(void);

/* Kept while it works, cleared before it returns. */
int64_t ffg_ok_keep_and_clear(const int32_t *values, size_t count);
/* Copies what it needs. */
void ffg_ok_copy(const int32_t *values, size_t count);
int64_t ffg_read_copy(void);
/* Keeps a number that it made from the address, as a hash table does. */
void ffg_ok_keep_hash(const int32_t *value);
uintptr_t ffg_read_hash(void);
/* Keeps a number that it was given as a number. */
void ffg_ok_keep_id(uint64_t id, const int32_t *values);
uint64_t ffg_read_id(void);

/* Reads the value, and keeps it if `keep` is not 0. */
int32_t ffg_bad_keep_seldom(const int32_t *value, int keep);
int ffg_keeps_seldom(void);
void ffg_forget_seldom(void);

void ffg_keep_one_of_many(int n0, int n1, int n2, int n3, int n4, int n5, int n6, int n7, int n8, int n9, int n10,
                          int n11, int n12, int n13, int n14, int n15, int n16, int n17, int n18, int n19, int n20,
                          int n21, int n22, int n23, int n24, int n25, int n26, int n27, int n28, int n29, int n30,
                          const int32_t *allowed, const int32_t *other, int which);

#endif
