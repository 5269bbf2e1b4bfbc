/* freed_while_retained. Used by tests/tests/rules/freed_while_retained.rs. */
#include "freed_while_retained.h"

static const int32_t *ffg_listeners[FFG_LISTENERS];

void ffg_bad_set_listener(size_t slot, const int32_t *user) {
    if (slot < FFG_LISTENERS) {
        ffg_listeners[slot] = user;
    }
}

void ffg_ok_unset_listener(size_t slot) { ffg_bad_set_listener(slot, NULL); }

int32_t ffg_notify(size_t slot) { return slot < FFG_LISTENERS && ffg_listeners[slot] ? *ffg_listeners[slot] : -1; }

static int32_t *ffg_destroyed;
static void (*ffg_destructor)(int32_t *);

void ffg_ok_set_with_destructor(int32_t *user, void (*destroy)(int32_t *)) {
    ffg_destroyed = user;
    ffg_destructor = destroy;
}

void ffg_ok_destroy(void) {
    ffg_bad_destroy();
    ffg_destroyed = NULL;
}

void ffg_bad_destroy(void) {
    if (ffg_destroyed && ffg_destructor) {
        ffg_destructor(ffg_destroyed);
    }
}

void ffg_forget_destroyed(void) { ffg_destroyed = NULL; }

static const uint8_t *ffg_watched;
static size_t ffg_watched_count;

void ffg_bad_watch(const uint8_t *data, size_t count) {
    ffg_watched = data;
    ffg_watched_count = count;
}

uint64_t ffg_sum_watched(void) {
    uint64_t sum = 0;
    for (size_t i = 0; ffg_watched && i < ffg_watched_count; i++) {
        sum += ffg_watched[i];
    }
    return sum;
}

void ffg_ok_unwatch(void) { ffg_watched = NULL; }

static int32_t *ffg_taken;

void ffg_bad_take(int32_t *value) { ffg_taken = value; }

int32_t *ffg_ok_hand_back(void) {
    int32_t *value = ffg_taken;
    ffg_taken = NULL;
    return value;
}

int32_t *ffg_ok_hand_back_stale(void) { return ffg_taken; }

void ffg_forget_taken(void) { ffg_taken = NULL; }

static ffg_request ffg_sent;

int64_t ffg_bad_send(const ffg_request *request) {
    ffg_sent = *request;
    return ffg_resend();
}

int64_t ffg_resend(void) {
    int64_t sum = 0;
    for (size_t i = 0; ffg_sent.values && i < ffg_sent.count; i++) {
        sum += ffg_sent.values[i];
    }
    return sum;
}

void ffg_ok_cancel(void) { ffg_sent.values = NULL; }

static const ffg_request *ffg_held;

void ffg_bad_hold(const ffg_request *request) { ffg_held = request; }

void ffg_ok_release(void) { ffg_held = NULL; }
