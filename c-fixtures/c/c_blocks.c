/* C's own blocks, freed and overrun by C: for tests/tests/c_heap/. */
#define _GNU_SOURCE
#include "c_blocks.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct ffg_session {
    struct ffg_session *main;
    struct ffg_session *last;
    int64_t runs;
    char stack[64];
};

static struct ffg_session *session_of(struct ffg_session *main) {
    struct ffg_session *session = calloc(1, sizeof *session);
    if (session) {
        session->main = main;
    }
    return session;
}

struct ffg_session *ffg_session_new(void) { return session_of(NULL); }

struct ffg_session *ffg_session_thread(struct ffg_session *session) {
    session->last = session_of(session);
    return session->last;
}

int ffg_session_run(struct ffg_session *session, const char *code) {
    session->runs++;
    return (int)(session->runs + (int64_t)strlen(code));
}

struct ffg_session *ffg_bad_session_last(struct ffg_session *session) { return session->last; }

struct ffg_session *ffg_ok_session_last(struct ffg_session *session) {
    session->last = NULL;
    return session->last;
}

void ffg_session_end_thread(struct ffg_session *thread) { free(thread); }

void ffg_session_close(struct ffg_session *session) {
    free(session->last);
    free(session);
}

int ffg_request_number(const struct ffg_request *request) { return (int)request->number; }

int ffg_request_number_of(struct ffg_request request) { return (int)request.number; }

void ffg_bad_tell(size_t size, ffg_told told) {
    void *object = malloc(size);
    /* Its address, as a word: the compiler knows what a freed pointer is. */
    volatile uintptr_t address = (uintptr_t)object;
    free(object);
    told((void *)address);
}

void ffg_ok_tell(size_t size, ffg_told told) {
    void *object = malloc(size);
    told(object);
    free(object);
}

unsigned char *ffg_buffer_new(size_t size) { return malloc(size); }

unsigned char *ffg_buffer_aligned(size_t align, size_t size) { return aligned_alloc(align, size); }

void ffg_fill(unsigned char *buffer, ptrdiff_t from, size_t length) {
    /* By bytes, so that no compiler sees how long the block is. */
    volatile unsigned char *to = buffer + from;
    for (size_t i = 0; i < length; i++) {
        to[i] = 'x';
    }
}

static unsigned char *other;

void ffg_keep_other(unsigned char *buffer) { other = buffer; }

void ffg_fill_other(ptrdiff_t from, size_t length) { ffg_fill(other, from, length); }

void ffg_buffer_free(unsigned char *buffer) { free(buffer); }

unsigned char *ffg_buffer_grow(unsigned char *buffer, size_t size) { return realloc(buffer, size); }

static int use(void *block, size_t least) {
    size_t there = malloc_usable_size(block);
    if (!block || there < least) {
        return 1;
    }
    ffg_fill(block, 0, there);
    return 0;
}

int ffg_ok_use_all(void) {
    int wrong = 0;
    for (size_t size = 0; size < 70000; size = size * 2 + 1) {
        void *block = malloc(size);
        wrong += use(block, size);
        block = realloc(block, size + 3);
        wrong += use(block, size + 3);
        block = realloc(block, size / 2 + 1);
        wrong += use(block, size / 2 + 1);
        free(block);
        block = calloc(3, size);
        wrong += use(block, 3 * size);
        free(block);
        for (size_t align = 16; align <= 8192; align *= 2) {
            void *aligned = NULL;
            wrong += posix_memalign(&aligned, align, size) || (uintptr_t)aligned % align;
            wrong += use(aligned, size);
            aligned = realloc(aligned, size + align);
            wrong += use(aligned, size + align);
            free(aligned);
            aligned = memalign(align, size + 1);
            wrong += use(aligned, size + 1);
            free(aligned);
        }
        block = valloc(size + 1);
        wrong += use(block, size + 1);
        free(block);
#ifdef __GLIBC__ /* musl has no `pvalloc`. */
        block = pvalloc(size + 1);
        wrong += use(block, size + 1);
        free(block);
#endif
        block = reallocarray(NULL, size + 1, 2);
        wrong += use(block, 2 * (size + 1));
        free(block);
    }
    return wrong;
}

size_t ffg_ok_read_by_words(void) {
    size_t all = 0;
    for (size_t length = 0; length < 600; length++) {
        char *text = malloc(length + 1);
        if (!text) {
            return 0;
        }
        memset(text, 'x', length);
        text[length] = 0;
        /* As a fast `strlen` does: whole words, the last of which may reach over the end. */
        for (size_t at = 0;; at += sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, __builtin_assume_aligned(text, 16) + at, sizeof word);
            const char *bytes = (const char *)&word;
            const void *end = memchr(bytes, 0, sizeof word);
            if (end) {
                all += at + (size_t)((const char *)end - bytes);
                break;
            }
        }
        char *copy = strdup(text);
        all += copy ? strlen(copy) - length : 1;
        free(copy);
        free(text);
    }
    return all;
}

unsigned char ffg_read_other(ptrdiff_t at) { return *(volatile unsigned char *)(other + at); }

/* The sum of the first numbers of an array of C's; `room`: how many it has. */
static int sum_of_own(size_t count, size_t room) {
    volatile int *numbers = malloc(room * sizeof *numbers);
    int sum = 0;
    if (!numbers) {
        return -1;
    }
    for (size_t i = 0; i < room; i++) {
        numbers[i] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        sum += numbers[i];
    }
    free((void *)numbers);
    return sum;
}

int ffg_bad_own_sum(size_t count) { return sum_of_own(count + 1, count) ? 1 : 0; }

int ffg_ok_own_sum(size_t count) { return sum_of_own(count, count); }

int ffg_mended_own_sum(size_t count) { return sum_of_own(count + 1, count + 1); }

struct link {
    struct link *next;
    int64_t value;
};

static struct link *chain_of(size_t count) {
    struct link *first = NULL;
    for (size_t i = 0; i < count; i++) {
        struct link *one = malloc(sizeof *one);
        if (!one) {
            return first;
        }
        one->next = first;
        one->value = (int64_t)i;
        first = one;
    }
    return first;
}

size_t ffg_bad_chain(size_t count) {
    size_t freed = 0;
    for (struct link *one = chain_of(count); one; freed++) {
        /* By its address, as a word: the compiler knows what a freed pointer is. */
        volatile uintptr_t address = (uintptr_t)one;
        free(one);
        one = ((volatile struct link *)address)->next;
    }
    return freed;
}

size_t ffg_ok_chain(size_t count) {
    size_t freed = 0;
    for (struct link *one = chain_of(count); one; freed++) {
        struct link *next = one->next;
        free(one);
        one = next;
    }
    return freed;
}

static size_t free_from_behind(struct link *one) {
    size_t freed = one ? free_from_behind(one->next) + 1 : 0;
    free(one);
    return freed;
}

size_t ffg_mended_chain(size_t count) { return free_from_behind(chain_of(count)); }
