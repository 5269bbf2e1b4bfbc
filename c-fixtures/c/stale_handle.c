/* stale_handle: C calls back with user data that Rust has released. */
#include "stale_handle.h"

#include <stddef.h>

static ffg_on_tick subscriber;
static void *subscriber_user;

void ffg_tick_subscribe(ffg_on_tick callback, void *user) {
    subscriber = callback;
    subscriber_user = user;
}

void ffg_tick_unsubscribe(void) { ffg_tick_subscribe(NULL, NULL); }

void ffg_tick(void) {
    if (subscriber) {
        subscriber(subscriber_user);
    }
}
