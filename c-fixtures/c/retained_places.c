/* retained_pointer, in places other than a plain global. Used by tests/tests/rules/retained_places.rs. */
#define _POSIX_C_SOURCE 200809L
#include "retained_places.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static _Thread_local const int32_t *ffg_kept_local;
_Thread_local const int32_t *ffg_local_slots[FFG_LOCAL_SLOTS];

void ffg_bad_keep_local(const int32_t *value) { ffg_kept_local = value; }

void ffg_bad_keep_local_slot(const int32_t *value) { ffg_local_slots[FFG_LOCAL_SLOTS - 1] = value; }

static const int32_t *ffg_local_inside(const int32_t *value, int store) {
    static _Thread_local const int32_t *kept_local_inside;
    if (store) {
        kept_local_inside = value;
    }
    return kept_local_inside;
}

void ffg_bad_keep_local_inside(const int32_t *value) { ffg_local_inside(value, 1); }

static int32_t ffg_or_0(const int32_t *value) { return value ? *value : 0; }

int32_t ffg_read_local(void) {
    return ffg_or_0(ffg_kept_local) + ffg_or_0(ffg_local_slots[FFG_LOCAL_SLOTS - 1]) + ffg_or_0(ffg_local_inside(NULL, 0));
}

void ffg_forget_local(void) {
    ffg_kept_local = NULL;
    ffg_local_inside(NULL, 1);
    memset(ffg_local_slots, 0, sizeof ffg_local_slots);
}

int32_t ffg_ok_keep_local_and_clear(const int32_t *value) {
    ffg_kept_local = value;
    int32_t read = ffg_read_local();
    ffg_kept_local = NULL;
    return read;
}

static void *ffg_library;

int ffg_bad_keep_in_library(const char *path, const int32_t *value) {
    void (*keep)(const int32_t *);
    ffg_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = ffg_library ? dlsym(ffg_library, "keep") : NULL;
    if (!symbol) {
        return -1;
    }
    memcpy(&keep, &symbol, sizeof keep);
    keep(value);
    return 0;
}

int32_t ffg_read_library(void) {
    const int32_t *(*see)(void);
    void *symbol = ffg_library ? dlsym(ffg_library, "see") : NULL;
    if (!symbol) {
        return -1;
    }
    memcpy(&see, &symbol, sizeof see);
    return ffg_or_0(see());
}

void ffg_forget_library(void) {
    if (ffg_library) {
        dlclose(ffg_library);
        ffg_library = NULL;
    }
}

void ffg_each_value(const int32_t *values, size_t count, ffg_visit visit, void *user) {
    for (size_t i = 0; i < count; i++) {
        visit(&values[i], user);
    }
}

static const int32_t *ffg_visited;

void ffg_visit_keep(const int32_t *value, void *user) {
    (void)user;
    ffg_visited = value;
}

int32_t ffg_read_visited(void) { return ffg_or_0(ffg_visited); }

void ffg_forget_visited(void) { ffg_visited = NULL; }

static const int32_t *ffg_kept_by_thread;
static pthread_t ffg_thread;
static pthread_mutex_t ffg_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ffg_changed = PTHREAD_COND_INITIALIZER;
static int ffg_may_store;

static void *ffg_store(void *value) {
    pthread_mutex_lock(&ffg_mutex);
    while (!ffg_may_store) {
        pthread_cond_wait(&ffg_changed, &ffg_mutex);
    }
    ffg_kept_by_thread = value;
    pthread_mutex_unlock(&ffg_mutex);
    return NULL;
}

int ffg_let_thread_store(void) {
    pthread_mutex_lock(&ffg_mutex);
    ffg_may_store = 1;
    pthread_cond_broadcast(&ffg_changed);
    pthread_mutex_unlock(&ffg_mutex);
    int error = pthread_join(ffg_thread, NULL);
    ffg_may_store = 0;
    return error;
}

int ffg_bad_keep_by_thread_later(const int32_t *value) {
    return pthread_create(&ffg_thread, NULL, ffg_store, (void *)value);
}

int ffg_bad_keep_by_thread(const int32_t *value) {
    int error = ffg_bad_keep_by_thread_later(value);
    return error ? error : ffg_let_thread_store();
}

int32_t ffg_read_by_thread(void) { return ffg_or_0(ffg_kept_by_thread); }

void ffg_forget_by_thread(void) { ffg_kept_by_thread = NULL; }

int32_t ffg_ok_keep_on_stack(const int32_t *value) {
    const int32_t *volatile kept[32];
    for (size_t i = 0; i < 32; i++) {
        kept[i] = value;
    }
    return *kept[31];
}

void ffg_bad_store_in(struct ffg_list *list, const int32_t *value) {
    list->count++;
    list->first = value;
}

void ffg_bad_store_in_untyped(void *list, const int32_t *value) { ffg_bad_store_in(list, value); }

void ffg_ok_store_copy(struct ffg_list *list, const int32_t *value) { list->count += *value; }

void ffg_ok_store_self(struct ffg_list *list) { list->first = (const int32_t *)&list->count; }

void ffg_ok_advance(struct ffg_list *list, const int32_t *values, size_t count) {
    while (list->first < values + count && *list->first == 0) {
        list->first++;
    }
}

size_t ffg_ok_skip_blanks(const char *text, const char **end) {
    size_t blanks = strspn(text, " ");
    *end = text + blanks;
    return blanks;
}

void ffg_ok_first_word(const char *text, struct ffg_view *word) {
    word->start = text + strspn(text, " ");
    word->len = strcspn(word->start, " ");
}

void ffg_ok_call_with(struct ffg_list *list, const int32_t *value,
                      void (*visit)(struct ffg_list *list, const int32_t *value)) {
    visit(list, value);
}

void ffg_ok_call_unwinding(struct ffg_list *list, const int32_t *value,
                           void (*visit)(struct ffg_list *list, const int32_t *value)) {
    visit(list, value);
}
