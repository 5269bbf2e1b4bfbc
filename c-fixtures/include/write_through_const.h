/* write_through_const: C that casts const away, and C that does not. */
#ifndef FFG_WRITE_THROUGH_CONST_H
#define FFG_WRITE_THROUGH_CONST_H

#include <stddef.h>

struct ffg_key {
    int number;
    int cached;
};

struct ffg_shared {
    int users;
};

/* Upper-cases in place a text that it promised only to read; returns its length. */
size_t ffg_bad_shout(const char *text);
/* Upper-cases a text in place, and its type says so. */
size_t ffg_ok_shout(char *text);
size_t ffg_ok_count_capitals(const char *text);
/* Keeps its result in the key. */
int ffg_bad_hash(const struct ffg_key *key);
/* Flips a bit of the byte at `at`, if there is one. */
void ffg_poke_const(const unsigned char *data, size_t length, size_t at);
void ffg_poke_bytes(const void *data, size_t length, size_t at);
void ffg_poke_anything(const void *data, size_t length, size_t at);
/* Swaps, through one pointer to const. */
void ffg_swap(const int *from, int *to);
void ffg_count_up(const struct ffg_shared *shared);
/* Calls back; touches nothing. */
void ffg_each(const int *value, void (*call)(void *user), void *user);
/* Waits until the one below is called on another thread, then writes, while that one waits for it. */
void ffg_write_when_asked(int *value);
int ffg_waits(void);
void ffg_ask_and_read(const int *one, const int *other);

/* Copies a number, and adds one to the source if `wrong` is not 0. */
void ffg_many_parameters(int n0, int n1, int n2, int n3, int n4, int n5, int n6, int n7, int n8, int n9,
                         int n10, int n11, int n12, int n13, int n14, int n15, int n16, int n17, int n18, int n19,
                         int n20, int n21, int n22, int n23, int n24, int n25, int n26, int n27, int n28, int n29, int n30,
                         const int *from, const struct ffg_shared *to, int wrong);

#endif
