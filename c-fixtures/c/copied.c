/* C that works on a copy between pages without access. Used by tests/tests/copied.rs. */
#include "copied.h"

#include <ctype.h>
#include <setjmp.h>
#include <string.h>

void ffg_bad_copied_poke(uint8_t *data, size_t count, ptrdiff_t at, uint8_t value) {
    (void)count;
    data[at] = value;
}

uint8_t ffg_bad_copied_peek(const uint8_t *data, size_t count, ptrdiff_t at) {
    (void)count;
    return ((const volatile uint8_t *)data)[at];
}

uint8_t ffg_bad_copied_peek_text(const char *text, ptrdiff_t at) {
    return (uint8_t)((const volatile char *)text)[at];
}

void ffg_bad_copied_shout(const char *text) {
    for (char *at = (char *)text; *at != 0; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
}

static const volatile uint8_t *ffg_copied_kept;

void ffg_bad_copied_keep(const uint8_t *data, size_t count) {
    (void)count;
    ffg_copied_kept = data;
}

uint8_t ffg_bad_copied_use_kept(void) { return ffg_copied_kept[0]; }

void ffg_ok_copied_forget(void) { ffg_copied_kept = NULL; }

void ffg_ok_copied_add_one(uint8_t *data, size_t count) {
    for (size_t i = 0; i < count; i++) {
        data[i]++;
    }
}

void ffg_ok_copied_fill(uint8_t *data, size_t count, size_t set, uint8_t value) {
    if (set <= count) {
        memset(data, value, set);
    }
}

int ffg_ok_copied_is_at(const uint8_t *data, size_t count, uintptr_t address) {
    (void)count;
    return (uintptr_t)data == ~address;
}

const char *ffg_ok_copied_find(const char *text, char c) { return strchr(text, c); }

long ffg_ok_copied_parse(const char *text, const char **end) {
    long number = 0;
    while (*text >= '0' && *text <= '9') {
        number = number * 10 + (*text++ - '0');
    }
    *end = text;
    return number;
}

ffg_copied_span ffg_ok_copied_tail(const uint8_t *data, size_t all, size_t count) {
    return (ffg_copied_span){data + (all - count), count};
}

void *ffg_ok_copied_move(void *to, const void *from, size_t count) { return memmove(to, from, count); }

uint32_t ffg_ok_copied_sum_between(const uint8_t *begin, const uint8_t *end) {
    uint32_t sum = 0;
    for (; begin != end; begin++) {
        sum += *begin;
    }
    return sum;
}

void ffg_ok_copied_list_begin(ffg_copied_list *list) {
    list->first = NULL;
    list->last = &list->first;
}

void ffg_ok_copied_list_add(ffg_copied_list *list, ffg_copied_item *item) {
    item->next = NULL;
    *list->last = item;
    list->last = &item->next;
}

void ffg_ok_copied_call_back(uint8_t *data, size_t count, void (*back)(void *, uint8_t *), void *user) {
    (void)count;
    back(user, data);
    data[0]++;
}

static jmp_buf ffg_copied_out;

int ffg_ok_copied_catch(uint8_t *data, size_t count, int (*back)(uint8_t *)) {
    (void)count;
    if (setjmp(ffg_copied_out) != 0) {
        return 1;
    }
    return back(data);
}

void ffg_ok_copied_throw(uint8_t *data, size_t count) {
    data[count - 1] = 99;
    longjmp(ffg_copied_out, 1);
}
