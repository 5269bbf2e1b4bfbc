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
    *to = *from;
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
