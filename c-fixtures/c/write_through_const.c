/* write_through_const. Used by tests/tests/rules/write_through_const.rs. */
#include "write_through_const.h"

#include <ctype.h>
#include <sched.h>
#include <stdatomic.h>

size_t ffg_bad_shout(const char *text) {
    char *at = (char *)text;
    for (; *at; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    return (size_t)(at - text);
}

size_t ffg_ok_shout(char *text) { return ffg_bad_shout(text); }

size_t ffg_ok_count_capitals(const char *text) {
    size_t capitals = 0;
    for (; *text; text++) {
        capitals += isupper((unsigned char)*text) != 0;
    }
    return capitals;
}

int ffg_bad_hash(const struct ffg_key *key) {
    ((struct ffg_key *)key)->cached = key->number * 31;
    return key->number * 31;
}

void ffg_poke_const(const unsigned char *data, size_t length, size_t at) {
    if (at < length) {
        ((unsigned char *)data)[at] ^= 1;
    }
}

void ffg_poke_bytes(const void *data, size_t length, size_t at) { ffg_poke_const(data, length, at); }

void ffg_poke_anything(const void *data, size_t length, size_t at) { ffg_poke_const(data, length, at); }

void ffg_swap(const int *from, int *to) {
    int old = *to;
    ((struct ffg_shared *)to)->users = *from;
    *(int *)from = old;
}

void ffg_count_up(const struct ffg_shared *shared) { ((struct ffg_shared *)shared)->users++; }

void ffg_each(const int *value, void (*call)(void *user), void *user) {
    (void)value;
    call(user);
}

static atomic_int ffg_asked, ffg_is_waiting, ffg_written;

void ffg_write_when_asked(int *value) {
    ffg_is_waiting = 1;
    while (!ffg_asked) {
        sched_yield();
    }
    *value += 1;
    ffg_written = 1;
}

int ffg_waits(void) { return ffg_is_waiting; }

void ffg_ask_and_read(const int *one, const int *other) {
    (void)one;
    (void)other;
    ffg_asked = 1;
    while (!ffg_written) {
        sched_yield();
    }
}

void ffg_many_parameters(int n0, int n1, int n2, int n3, int n4, int n5, int n6, int n7, int n8, int n9,
                         int n10, int n11, int n12, int n13, int n14, int n15, int n16, int n17, int n18, int n19,
                         int n20, int n21, int n22, int n23, int n24, int n25, int n26, int n27, int n28, int n29, int n30,
                         const int *from, const struct ffg_shared *to, int wrong) {
    (void)n0; (void)n1; (void)n2; (void)n3; (void)n4; (void)n5; (void)n6; (void)n7; (void)n8; (void)n9; (void)n10; (void)n11; (void)n12; (void)n13; (void)n14; (void)n15;
    (void)n16; (void)n17; (void)n18; (void)n19; (void)n20; (void)n21; (void)n22; (void)n23; (void)n24; (void)n25; (void)n26; (void)n27; (void)n28; (void)n29; (void)n30;
    ((struct ffg_shared *)to)->users = *from;
    if (wrong) {
        *(int *)from += 1;
    }
}
