/* invalid_value: numbers and nulls that are no value of the Rust type. */
#ifndef FFG_INVALID_VALUE_H
#define FFG_INVALID_VALUE_H

#include <stddef.h>
#include <stdint.h>

enum ffg_mode { FFG_UNKNOWN = -1, FFG_OFF = 0, FFG_ON = 1, FFG_AUTO = 5 };

struct ffg_tool {
    uint32_t id;
    uint8_t verbose;
    int32_t mode;
    uint8_t flags[4];
};

struct ffg_two {
    const int32_t *first;
    float x;
    float y;
};

/* A flag as C has it: 0, or any other number. */
uint8_t ffg_bad_is_open(int flags);
/* 0 or 1. */
uint8_t ffg_ok_is_open(int flags);
/* The mode, or a number that is none. */
int ffg_bad_mode(int mode);
uint8_t ffg_bad_small_mode(int mode);
/* A code unit of UTF-16. */
uint32_t ffg_bad_letter(int unit);
/* The first number; NULL if there is none. `misaligned`: not at its place. */
const int32_t *ffg_bad_item(int count);
const int32_t *ffg_ok_item(int count);
/* A handle; 0 if there is none. */
uint32_t ffg_bad_handle(int n);
/* A function; NULL if there is none. */
int (*ffg_bad_handler(int n))(int);
int (*ffg_ok_handler(int n))(int);
struct ffg_two ffg_bad_pair(int count);
/* Settings by value, of which `verbose` and `mode` are as they are given. */
struct ffg_tool ffg_bad_settings(int verbose, int mode);

/* Writes what it is given, and returns 0; writes nothing and returns -1 if it is negative. */
int ffg_bad_get_flag(int flag, uint8_t *out);
int ffg_bad_get_mode(int mode, int32_t *out);
int ffg_bad_get_settings(int verbose, int mode, struct ffg_tool *out);
/* Writes `count` flags, the last of which is `last`. */
void ffg_bad_get_flags(uint8_t *flags, size_t count, int last);
/* Frees the flag's memory, by Rust's own function. */
void ffg_ok_take_flag(uint8_t *flag, void (*release)(uint8_t *));

/* Calls back with what it is given. */
int ffg_bad_call(int (*call)(void *user, uint8_t flag, int mode, const int32_t *first), void *user, int flag, int mode, int count);

#endif
