/* retained_pointer. Used by tests/tests/rules/retained_pointer.rs. */
#include "retained_pointer.h"

#include <string.h>

const int32_t *ffg_kept_global;

void ffg_bad_keep_global(const int32_t *values) { ffg_kept_global = values; }

int32_t ffg_read_global(void) { return ffg_kept_global ? ffg_kept_global[0] : -1; }

void ffg_forget_global(void) { ffg_kept_global = NULL; }

int32_t ffg_bad_keep_static(const int32_t *value, int forget) {
    static const int32_t *kept_inside;
    if (value || forget) {
        kept_inside = value;
    }
    return kept_inside ? *kept_inside : -1;
}

const int32_t *ffg_kept_slots[FFG_SLOTS];

void ffg_bad_keep_slot(const int32_t *value, size_t slot) {
    if (slot < FFG_SLOTS) {
        ffg_kept_slots[slot] = value;
    }
}

int32_t ffg_read_slot(size_t slot) { return slot < FFG_SLOTS && ffg_kept_slots[slot] ? *ffg_kept_slots[slot] : -1; }

void ffg_forget_slots(void) { memset(ffg_kept_slots, 0, sizeof ffg_kept_slots); }

static const uint8_t *ffg_kept_interior;

void ffg_bad_keep_interior(const uint8_t *data, size_t count) { ffg_kept_interior = count > 8 ? data + 8 : NULL; }

uint8_t ffg_read_interior(void) { return ffg_kept_interior ? *ffg_kept_interior : 0; }

void ffg_forget_interior(void) { ffg_kept_interior = NULL; }

static struct {
    int64_t calls;
    const int32_t *first;
    const int32_t *third;
} ffg_kept_two;

void ffg_bad_keep_two(const int32_t *first, const int32_t *second, const int32_t *third) {
    ffg_kept_two.calls += second ? *second : 1;
    ffg_kept_two.first = first;
    ffg_kept_two.third = third;
}

int32_t ffg_read_two(void) {
    int32_t first = ffg_kept_two.first ? *ffg_kept_two.first : -1;
    int32_t third = ffg_kept_two.third ? *ffg_kept_two.third : -1;
    return first + third;
}

void ffg_forget_two(void) { ffg_kept_two.first = ffg_kept_two.third = NULL; }

static const int32_t *ffg_listener;

void ffg_ok_set_listener(const int32_t *user) { ffg_listener = user; }

int32_t ffg_ok_notify(void) { return ffg_listener ? *ffg_listener : -1; }

static int32_t *ffg_owned;

void ffg_ok_take(int32_t *value) { ffg_owned = value; }

int32_t *ffg_ok_give_back(void) {
    int32_t *value = ffg_owned;
    ffg_owned = NULL;
    return value;
}

static const int32_t *ffg_working_on;

static int64_t ffg_sum_working_on(size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += ffg_working_on[i];
    }
    return sum;
}

int64_t ffg_ok_keep_and_clear(const int32_t *values, size_t count) {
    ffg_working_on = values;
    int64_t sum = ffg_sum_working_on(count);
    ffg_working_on = NULL;
    return sum;
}

static int32_t ffg_copy[16];
static size_t ffg_copied;

void ffg_ok_copy(const int32_t *values, size_t count) {
    ffg_copied = count < 16 ? count : 16;
    memcpy(ffg_copy, values, ffg_copied * sizeof *values);
}

int64_t ffg_read_copy(void) {
    int64_t sum = 0;
    for (size_t i = 0; i < ffg_copied; i++) {
        sum += ffg_copy[i];
    }
    return sum;
}

static uintptr_t ffg_hash;

void ffg_ok_keep_hash(const int32_t *value) { ffg_hash = (uintptr_t)value * (uintptr_t)0x9e3779b97f4a7c15u; }

uintptr_t ffg_read_hash(void) { return ffg_hash; }

static uint64_t ffg_id;

void ffg_ok_keep_id(uint64_t id, const int32_t *values) { ffg_id = values && *values ? id : 0; }

uint64_t ffg_read_id(void) { return ffg_id; }

/* tests/retention.rs: keeps the value if it is told to, which is seldom. */
static const int32_t *ffg_kept_seldom;

int32_t ffg_bad_keep_seldom(const int32_t *value, int keep)
{
    if (keep) {
        ffg_kept_seldom = value;
    }
    return *value;
}

/* Whether anything is kept. */
int ffg_keeps_seldom(void)
{
    return ffg_kept_seldom != NULL;
}

void ffg_forget_seldom(void)
{
    ffg_kept_seldom = NULL;
}

/* The last of many parameters. */
static const int32_t *ffg_kept_one_of_many;

void ffg_keep_one_of_many(int n0, int n1, int n2, int n3, int n4, int n5, int n6, int n7, int n8, int n9, int n10,
                          int n11, int n12, int n13, int n14, int n15, int n16, int n17, int n18, int n19, int n20,
                          int n21, int n22, int n23, int n24, int n25, int n26, int n27, int n28, int n29, int n30,
                          const int32_t *allowed, const int32_t *other, int which)
{
    (void)n0; (void)n1; (void)n2; (void)n3; (void)n4; (void)n5; (void)n6; (void)n7; (void)n8; (void)n9; (void)n10;
    (void)n11; (void)n12; (void)n13; (void)n14; (void)n15; (void)n16; (void)n17; (void)n18; (void)n19; (void)n20;
    (void)n21; (void)n22; (void)n23; (void)n24; (void)n25; (void)n26; (void)n27; (void)n28; (void)n29; (void)n30;
    ffg_kept_one_of_many = which ? other : allowed;
}
