/* C that calls back. Used by tests/tests/callbacks_*.rs. */
#include "callbacks.h"

#include <pthread.h>
#include <stdlib.h>

int32_t ffg_call_each(ffg_step step, void *user, int32_t rounds) {
    for (int32_t i = 0; i < rounds; i++) {
        if (step(user, i)) {
            return i + 1;
        }
    }
    return rounds;
}

int32_t ffg_call_each_to_the_end(ffg_step step, void *user, int32_t rounds) {
    for (int32_t i = 0; i < rounds; i++) {
        step(user, i);
    }
    return rounds;
}

struct ffg_rounds {
    ffg_step step;
    void *user;
    int32_t rounds;
};

static void *ffg_run_rounds(void *job) {
    struct ffg_rounds *rounds = job;
    rounds->rounds = ffg_call_each(rounds->step, rounds->user, rounds->rounds);
    return NULL;
}

int32_t ffg_call_each_on_thread(ffg_step step, void *user, int32_t rounds) {
    struct ffg_rounds job = {step, user, rounds};
    pthread_t thread;
    if (pthread_create(&thread, NULL, ffg_run_rounds, &job) || pthread_join(thread, NULL)) {
        return -1;
    }
    return job.rounds;
}

int32_t ffg_call_each_then(ffg_step step, ffg_step last, void *user, int32_t rounds) {
    int32_t made = ffg_call_each(step, user, rounds);
    last(user, made);
    return made;
}

static ffg_step ffg_registered;
static void *ffg_registered_user;

void ffg_register_step(ffg_step step, void *user) {
    ffg_registered = step;
    ffg_registered_user = user;
}

int32_t ffg_fire(int32_t number) { return ffg_registered ? ffg_registered(ffg_registered_user, number) : -1; }

static void ffg_fire_last(void) { ffg_fire(-1); }

void ffg_fire_at_exit(void) { atexit(ffg_fire_last); }

int32_t ffg_call_with_text(ffg_text_step step, void *user, const char *text, size_t bytes) {
    return step(user, text, bytes);
}

int64_t ffg_call_two(ffg_two_step step, int64_t first, int64_t second) {
    struct ffg_two two = {first, second};
    two = step(two);
    return two.first - two.second;
}
