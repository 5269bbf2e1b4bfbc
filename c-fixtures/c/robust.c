/* C that calls back from awkward places. Used by tests/tests/robust_*.rs. */
#define _GNU_SOURCE
#include "robust.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int32_t ffg_read_one(const int32_t *value) { return value ? *value : -1; }

void ffg_take(const void *address) { (void)address; }

void ffg_take_number(uint64_t number) { (void)number; }

void ffg_churn(size_t rounds) {
    for (size_t i = 0; i < rounds; i++) {
        /* Through a volatile, or the compiler removes both. */
        void *volatile block = malloc(16 + i % 3000);
        free(block);
    }
}

int ffg_pair_is_full(const struct ffg_pair *pair) { return pair->first && pair->second; }

int ffg_pair_is_full_by_value(struct ffg_pair pair) { return pair.first && pair.second; }

void ffg_call(ffg_callback callback, void *user) { callback(user); }

struct ffg_job {
    ffg_callback callback;
    void *user;
};

static void *ffg_run_job(void *job) {
    struct ffg_job *mine = job;
    mine->callback(mine->user);
    return NULL;
}

int ffg_call_on_thread(ffg_callback callback, void *user) {
    struct ffg_job job = {callback, user};
    pthread_t thread;
    if (pthread_create(&thread, NULL, ffg_run_job, &job)) {
        return -1;
    }
    return pthread_join(thread, NULL);
}

static struct ffg_pair *ffg_work;

void ffg_work_on(struct ffg_pair *pair) { ffg_work = pair; }

int ffg_is_at_work(void) { return ffg_work != NULL; }

void ffg_call_with_local(ffg_pair_callback callback, void *user) {
    int32_t number = 7;
    struct ffg_pair pair = {&number, &number};
    callback(&pair, user);
    ffg_work = NULL;
}

void ffg_call_with_lent(ffg_pair_callback callback, const void *lent) {
    struct ffg_pair pair = {lent, lent};
    callback(&pair, NULL);
    ffg_work = NULL;
}

/* It holds the caller's registers, so it is wiped: pointers that the caller lent may be among them. */
static jmp_buf ffg_back;

static int ffg_wiped(int result) {
    memset(ffg_back, 0, sizeof ffg_back);
    return result;
}

int ffg_catch_jump(ffg_callback callback, void *user) {
    if (setjmp(ffg_back)) {
        return ffg_wiped(1);
    }
    callback(user);
    return ffg_wiped(0);
}

void ffg_jump(const int32_t *value) {
    (void)value;
    longjmp(ffg_back, 1);
}

static void ffg_jump_from_here(const int32_t *value) {
    if (*value) {
        longjmp(ffg_back, 1);
    }
}

int ffg_jump_inside(const int32_t *value) {
    if (setjmp(ffg_back)) {
        return ffg_wiped(1);
    }
    ffg_jump_from_here(value);
    return ffg_wiped(0);
}

static const int32_t *volatile ffg_uses[FFG_USES];

int32_t ffg_use_slot(const int32_t *value, size_t slot) {
    ffg_uses[slot % FFG_USES] = value;
    int32_t read = *ffg_uses[slot % FFG_USES];
    ffg_uses[slot % FFG_USES] = NULL;
    return read;
}

static const int32_t *volatile ffg_used;

void ffg_use_while(const int32_t *value, ffg_callback callback, void *user) {
    ffg_used = value;
    callback(user);
    ffg_used = NULL;
}

void ffg_call_lending(const int32_t *value, ffg_callback callback, void *user) {
    (void)value;
    callback(user);
}

static const int32_t *volatile ffg_kept_uses[FFG_USES];

void ffg_bad_keep_use(const int32_t *value, size_t slot) { ffg_kept_uses[slot % FFG_USES] = value; }

int32_t ffg_read_use(size_t slot) {
    const int32_t *kept = ffg_kept_uses[slot % FFG_USES];
    return kept ? *kept : -1;
}

void ffg_forget_use(size_t slot) { ffg_kept_uses[slot % FFG_USES] = NULL; }

void *ffg_open_and_keep(const char *path, const int32_t *value) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        return NULL;
    }
    union {
        void *address;
        void (*function)(const void *);
    } keep = {dlsym(library, "keep")};
    if (keep.address) {
        keep.function(value);
    }
    return library;
}

void ffg_close(void *library) { dlclose(library); }

int ffg_set_errno(int number, const int32_t *value) {
    (void)value;
    int before = errno;
    errno = number;
    return before;
}

static char *ffg_two_pages(void) {
    long page = sysconf(_SC_PAGESIZE);
    char *at = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at + page, (size_t)page, PROT_NONE)) {
        abort();
    }
    return at + page;
}

void *ffg_page_without_access(void) { return ffg_two_pages(); }

void *ffg_page_before_the_end(void) { return ffg_two_pages() - 8; }
