/* Functions that run on stacks that their caller brings. Used by tests/tests/stacks.rs. */
#define _GNU_SOURCE
#include "stacks.h"

#include <limits.h>
#include <pthread.h>
#include <ucontext.h>

static _Thread_local struct {
    ucontext_t caller, own;
    ffg_callback callback;
    void *user;
    int done;
} ffg_coroutine;

static void ffg_coroutine_run(void) {
    ffg_coroutine.callback(ffg_coroutine.user);
    ffg_coroutine.done = 1;
    ffg_coroutine_yield();
}

int ffg_coroutine_start(ffg_callback callback, void *user, void *stack, size_t size) {
    getcontext(&ffg_coroutine.own);
    ffg_coroutine.own.uc_stack.ss_sp = stack;
    ffg_coroutine.own.uc_stack.ss_size = size;
    ffg_coroutine.own.uc_link = NULL;
    ffg_coroutine.callback = callback;
    ffg_coroutine.user = user;
    ffg_coroutine.done = 0;
    makecontext(&ffg_coroutine.own, ffg_coroutine_run, 0);
    return ffg_coroutine_resume();
}

int ffg_coroutine_resume(void) {
    swapcontext(&ffg_coroutine.caller, &ffg_coroutine.own);
    return ffg_coroutine.done;
}

void ffg_coroutine_yield(void) { swapcontext(&ffg_coroutine.own, &ffg_coroutine.caller); }

struct ffg_stack_job {
    ffg_callback callback;
    void *user;
};

static void *ffg_run_stack_job(void *job) {
    struct ffg_stack_job *it = job;
    it->callback(it->user);
    return NULL;
}

int ffg_thread_on(ffg_callback callback, void *user, void *stack, size_t size) {
    struct ffg_stack_job job = {callback, user};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    int failed = stack ? pthread_attr_setstack(&attributes, stack, size) : pthread_attr_setstacksize(&attributes, size);
    if (!failed) {
        failed = pthread_create(&thread, &attributes, ffg_run_stack_job, &job);
    }
    pthread_attr_destroy(&attributes);
    return failed ? failed : pthread_join(thread, NULL);
}

size_t ffg_smallest_stack(void) { return PTHREAD_STACK_MIN; }
