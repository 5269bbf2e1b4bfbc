/* C that calls back late, twice, on its own threads, recursively, and at the end. Used by tests/tests/tools_*.rs. */
#include "closures.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static ffg_on_event registered;
static void *registered_user;
static int at_exit_event;

void ffg_event_register(ffg_on_event callback, void *user) {
    registered = callback;
    registered_user = user;
}

void ffg_event_forget(void) { ffg_event_register(NULL, NULL); }

int ffg_event_fire(int event) { return registered ? registered(registered_user, event) : -1; }

int ffg_event_fire_twice(int event) {
    int first = ffg_event_fire(event);
    return first + ffg_event_fire(event);
}

struct job {
    int times;
    int event;
    long sum;
};

static void *work(void *argument) {
    struct job *job = argument;
    for (int i = 0; i < job->times; i++) {
        job->sum += ffg_event_fire(job->event);
    }
    return NULL;
}

long ffg_event_fire_on_threads(int threads, int times, int event) {
    enum { MOST = 16 };
    pthread_t ids[MOST];
    struct job jobs[MOST];
    long sum = 0;
    int made = 0;
    for (; made < threads && made < MOST; made++) {
        jobs[made] = (struct job){times, event, 0};
        if (pthread_create(&ids[made], NULL, work, &jobs[made])) {
            break;
        }
    }
    for (int i = 0; i < made; i++) {
        pthread_join(ids[i], NULL);
        sum += jobs[i].sum;
    }
    return sum;
}

int ffg_event_fire_on_thread(int event) { return (int)ffg_event_fire_on_threads(1, 1, event); }

static void at_exit(void) { ffg_event_fire(at_exit_event); }

void ffg_event_fire_at_exit(int event) {
    at_exit_event = event;
    atexit(at_exit);
}

int ffg_event_now(ffg_on_event callback, void *user, int event) { return callback(user, event); }

int ffg_event_each(int n, ffg_on_event callback, void *user) {
    int calls = 0;
    while (calls < n) {
        calls++;
        if (callback(user, calls)) {
            break;
        }
    }
    return calls;
}

int ffg_event_cut(ffg_on_event callback, void *user, int event) {
    return callback((void *)(uintptr_t)(uint32_t)(uintptr_t)user, event);
}

long ffg_first_0(long (*f)(void *), void *user) { return f(user); }
long ffg_first_1(long (*f)(void *, int), void *user) { return f(user, 1); }
long ffg_first_2(long (*f)(void *, int, double), void *user) { return f(user, 1, 2); }
long ffg_first_3(long (*f)(void *, int, double, const char *), void *user) { return f(user, 1, 2, "3"); }
long ffg_first_4(long (*f)(void *, int, int, int, int), void *user) { return f(user, 1, 2, 3, 4); }
long ffg_first_5(long (*f)(void *, int, int, int, int, int), void *user) { return f(user, 1, 2, 3, 4, 5); }
long ffg_first_6(long (*f)(void *, int, int, int, int, int, double), void *user) { return f(user, 1, 2, 3, 4, 5, 6); }
long ffg_last_0(long (*f)(void *), void *user) { return f(user); }
long ffg_last_1(long (*f)(int, void *), void *user) { return f(1, user); }
long ffg_last_2(long (*f)(int, double, void *), void *user) { return f(1, 2, user); }
long ffg_last_3(long (*f)(int, double, const char *, void *), void *user) { return f(1, 2, "3", user); }
long ffg_last_4(long (*f)(int, int, int, int, void *), void *user) { return f(1, 2, 3, 4, user); }
long ffg_last_5(long (*f)(int, int, int, int, int, void *), void *user) { return f(1, 2, 3, 4, 5, user); }
long ffg_last_6(long (*f)(int, int, int, int, int, double, void *), void *user) { return f(1, 2, 3, 4, 5, 6, user); }
