/* C's heap, for tests/tests/c_heap/. */
#define _GNU_SOURCE
#include "c_heap.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct node {
    struct node *next;
    int64_t number;
    const int32_t *value;
};

static struct node *nodes;

static struct node *node_new(const int32_t *value) {
    struct node *node = malloc(sizeof *node);
    if (node) {
        node->next = nodes;
        node->number = 1;
        node->value = value;
        nodes = node;
    }
    return node;
}

void ffg_bad_keep_node(const int32_t *value) { node_new(value); }

int64_t ffg_sum_nodes(void) {
    int64_t sum = 0;
    for (struct node *node = nodes; node; node = node->next) {
        sum += node->value ? *node->value : node->number;
    }
    return sum;
}

void ffg_forget_nodes(void) {
    while (nodes) {
        struct node *next = nodes->next;
        free(nodes);
        nodes = next;
    }
}

static void **bulk;

void ffg_ok_grow_heap(size_t bytes) {
    for (size_t all = 0; all < bytes; all += 4096) {
        void **block = malloc(4096);
        if (!block) {
            return;
        }
        memset(block, 1, 4096);
        block[0] = bulk;
        bulk = block;
    }
}

void ffg_shrink_heap(void) {
    while (bulk) {
        void **next = bulk[0];
        free(bulk);
        bulk = next;
    }
}

static const int32_t **grown;
static size_t grown_len;

void ffg_bad_keep_grown(const int32_t *value) {
    const int32_t **larger = realloc(grown, (grown_len + 1) * sizeof *grown);
    if (larger) {
        grown = larger;
        grown[grown_len++] = value;
    }
}

void ffg_bad_keep_twice(const int32_t *value) {
    ffg_bad_keep_node(value);
    ffg_bad_keep_grown(value);
}

int32_t ffg_ok_grow_kept(const int32_t *value) {
    const int32_t **larger = realloc(grown, (grown_len + 1000) * sizeof *grown);
    if (larger) {
        grown = larger;
        memset(grown + grown_len, 0, 1000 * sizeof *grown);
        grown_len += 1000;
    }
    return *value;
}

void ffg_forget_grown(void) {
    free(grown);
    grown = NULL;
    grown_len = 0;
}

void ffg_ok_keep_in_freed(const int32_t *value) {
    const int32_t *volatile *block = malloc(64);
    if (block) {
        block[3] = value;
        free((void *)block);
    }
}

static void *reused[256];

void ffg_ok_keep_in_reused(const int32_t *value) {
    ffg_ok_keep_in_freed(value);
    /* The number that waits in a thread's bin, so that one of them is the block from above. */
    for (size_t i = 0; i < 256; i++) {
        free(reused[i]);
        reused[i] = malloc(64);
    }
}

void ffg_forget_reused(void) {
    for (size_t i = 0; i < 256; i++) {
        free(reused[i]);
        reused[i] = NULL;
    }
}

int32_t ffg_ok_node_cleared(const int32_t *value) {
    struct node *node = node_new(value);
    if (!node) {
        return -1;
    }
    int32_t read = *node->value;
    node->value = NULL;
    return read;
}

void ffg_ok_copy_to_node(const int32_t *value) {
    struct node *node = node_new(NULL);
    if (node) {
        node->number = *value;
    }
}

struct ffg_link *ffg_new_chain(size_t length) {
    struct ffg_link *chain = NULL;
    while (length--) {
        struct ffg_link *link = calloc(1, sizeof *link);
        if (!link) {
            break;
        }
        link->next = chain;
        chain = link;
    }
    return chain;
}

struct ffg_link *ffg_end_of_chain(struct ffg_link *chain) {
    while (chain && chain->next) {
        chain = chain->next;
    }
    return chain;
}

void ffg_free_chain(struct ffg_link *chain) {
    while (chain) {
        struct ffg_link *next = chain->next;
        free(chain);
        chain = next;
    }
}

size_t ffg_use_chain(const struct ffg_link *chain) {
    size_t length = 0;
    for (; chain; chain = chain->next) {
        length++;
    }
    return length;
}

#define CHECK(condition)     \
    do {                     \
        if (!(condition)) {  \
            return __LINE__; \
        }                    \
    } while (0)

static int is_aligned(const void *block, size_t align) { return block && ((uintptr_t)block & (align - 1)) == 0; }

static int is_filled(const unsigned char *block, int byte, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (block[i] != byte) {
            return 0;
        }
    }
    return 1;
}

/* Sizes that cannot be allocated; not constants, or the compiler warns about them. */
static volatile size_t too_much = (size_t)-1 / 2 + 1;

int ffg_malloc_family(void) {
    /* Every size has its own place, aligned, and keeps what is written. */
    for (size_t size = 0; size < 5000; size += size < 300 ? 1 : 97) {
        unsigned char *block = malloc(size);
        CHECK(is_aligned(block, 16) && malloc_usable_size(block) >= size);
        memset(block, 0x5a, size);
        unsigned char *larger = realloc(block, size + 1000);
        CHECK(is_aligned(larger, 16) && is_filled(larger, 0x5a, size));
        unsigned char *smaller = realloc(larger, size / 2 + 1);
        CHECK(is_aligned(smaller, 16) && is_filled(smaller, 0x5a, size / 2));
        free(smaller);
        unsigned char *zeros = calloc(size, 3);
        CHECK(is_aligned(zeros, 16) && is_filled(zeros, 0, size * 3));
        memset(zeros, 1, size * 3);
        free(zeros);
    }
    /* Large ones, up and down. */
    unsigned char *large = NULL;
    for (size_t size = 1; size < (64u << 20); size = size * 3 + 1) {
        large = realloc(large, size);
        CHECK(is_aligned(large, 16));
        large[size - 1] = 7;
        CHECK(size < 4 || large[size / 3 - 1] == 7);
    }
    for (size_t size = 30u << 20; size > 0; size /= 4) {
        large = realloc(large, size);
        CHECK(is_aligned(large, 16));
    }
    CHECK(realloc(large, 0) == NULL);
    unsigned char *zeros = calloc(1000, 3000);
    CHECK(zeros && is_filled(zeros, 0, 3000000));
    free(zeros);
    /* Alignments. */
    for (size_t align = 8; align <= (4u << 20); align *= 2) {
        void *block = NULL;
        CHECK(posix_memalign(&block, align, 100) == 0 && is_aligned(block, align));
        memset(block, 1, 100);
        block = realloc(block, 5000);
        CHECK(block && is_filled(block, 1, 100));
        free(block);
        block = aligned_alloc(align, align);
        CHECK(is_aligned(block, align));
        free(block);
        block = memalign(align, 1);
        CHECK(is_aligned(block, align));
        free(block);
    }
    void *block = &block;
    void *const before = block;
    errno = 0;
    CHECK(posix_memalign(&block, 24, 1) == EINVAL && posix_memalign(&block, 4, 1) == EINVAL);
    CHECK(posix_memalign(&block, 16, too_much) == ENOMEM && block == before && errno == 0);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    block = valloc(1);
    CHECK(is_aligned(block, page));
    free(block);
#ifdef __GLIBC__ /* musl has no `pvalloc`. */
    block = pvalloc(page + 1);
    CHECK(is_aligned(block, page) && malloc_usable_size(block) >= 2 * page);
    free(block);
#endif
    /* Sizes that cannot be allocated. */
    errno = 0;
    CHECK(malloc(too_much) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(calloc(too_much, 4) == NULL && errno == ENOMEM);
    block = malloc(10);
    errno = 0;
    CHECK(block && reallocarray(block, too_much, 4) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(realloc(block, too_much) == NULL && errno == ENOMEM);
    block = reallocarray(block, 100, 100);
    CHECK(block && malloc_usable_size(block) >= 10000);
    /* `free` keeps `errno`, also when a large block goes back to the system. */
    errno = 4711;
    free(block);
    free(malloc(10 << 20));
    free(NULL);
    CHECK(errno == 4711 && malloc_usable_size(NULL) == 0);
    /* Memory that the C library allocates, and the program frees. */
    char *text = strdup("twelve bytes");
    CHECK(text && strcmp(text, "twelve bytes") == 0 && malloc_usable_size(text) >= 13);
    free(text);
    text = strndup("twelve bytes", 6);
    CHECK(text && strcmp(text, "twelve") == 0);
    free(text);
    CHECK(asprintf(&text, "%s %d", "number", 12) == 9 && strcmp(text, "number 12") == 0);
    free(text);
    FILE *stream = fmemopen((void *)(uintptr_t) "one\ntwo and more\n", 17, "r");
    CHECK(stream);
    char *line = NULL;
    size_t room = 0;
    CHECK(getline(&line, &room, stream) == 4 && getline(&line, &room, stream) == 13 && strcmp(line, "two and more\n") == 0);
    free(line);
    fclose(stream);
    stream = open_memstream(&text, &room);
    CHECK(stream && fprintf(stream, "%0500d", 7) == 500 && fclose(stream) == 0 && room == 500 && text[499] == '7');
    free(text);
    text = realpath("/", NULL);
    CHECK(text && strcmp(text, "/") == 0);
    free(text);
    text = getcwd(NULL, 0);
    CHECK(text);
    free(text);
    return 0;
}

static unsigned next_random(unsigned *state) { return *state = *state * 1664525u + 1013904223u; }

int ffg_malloc_storm(unsigned seed, unsigned rounds) {
    enum { LIVE = 200 };
    unsigned char *blocks[LIVE] = {0};
    size_t sizes[LIVE] = {0};
    for (unsigned round = 0; round < rounds; round++) {
        unsigned at = next_random(&seed) >> 16;
        unsigned i = at % LIVE;
        unsigned kind = next_random(&seed) >> 28;
        size_t size = 1 + (next_random(&seed) >> 8) % (kind == 0 ? 600000 : kind < 4 ? 20000 : 300);
        CHECK(is_filled(blocks[i], (int)(i & 0xff), sizes[i] < 64 ? sizes[i] : 64));
        if (kind % 3 == 0) {
            unsigned char *moved = realloc(blocks[i], size);
            CHECK(moved && is_filled(moved, (int)(i & 0xff), sizes[i] < size ? (sizes[i] < 64 ? sizes[i] : 64) : (size < 64 ? size : 64)));
            blocks[i] = moved;
        } else {
            free(blocks[i]);
            blocks[i] = kind % 3 == 1 ? malloc(size) : calloc(1, size);
            CHECK(blocks[i] && (kind % 3 == 1 || is_filled(blocks[i], 0, size)));
        }
        sizes[i] = size;
        memset(blocks[i], (int)(i & 0xff), size);
    }
    for (unsigned i = 0; i < LIVE; i++) {
        CHECK(is_filled(blocks[i], (int)(i & 0xff), sizes[i]));
        free(blocks[i]);
    }
    return 0;
}

static pthread_key_t end_key;

static void at_end(void *value) {
    /* Once more in the next round of destructors, after the allocator's own may have run. */
    uintptr_t left = *(uintptr_t *)value;
    free(value);
    if (ffg_malloc_storm((unsigned)left, 50) != 0) {
        abort();
    }
    if (left > 0) {
        uintptr_t *again = malloc(sizeof *again);
        if (again) {
            *again = left - 1;
            pthread_setspecific(end_key, again);
        }
    }
}

static void *thread_with_an_end(void *unused) {
    uintptr_t *value = malloc(sizeof *value);
    if (value) {
        *value = 3;
        pthread_setspecific(end_key, value);
    }
    return unused;
}

int ffg_malloc_at_thread_end(void) {
    CHECK(pthread_key_create(&end_key, at_end) == 0);
    for (int round = 0; round < 20; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            CHECK(pthread_create(&threads[i], NULL, thread_with_an_end, NULL) == 0);
        }
        for (int i = 0; i < 4; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
        }
    }
    CHECK(pthread_key_delete(end_key) == 0);
    return 0;
}

static volatile int stop;

static void *thread_that_allocates(void *seed) {
    while (!stop) {
        if (ffg_malloc_storm((unsigned)(uintptr_t)seed, 300) != 0) {
            abort();
        }
    }
    return NULL;
}

/* Handlers around a fork that allocate, as those of libraries do. */
static void *of_handler;
static void before_fork(void) { of_handler = malloc(1000); }
static void after_fork(void) {
    free(of_handler);
    of_handler = NULL;
}

int ffg_malloc_and_fork(void) {
    pthread_t threads[3];
    stop = 0;
    CHECK(pthread_atfork(before_fork, after_fork, after_fork) == 0);
    for (uintptr_t i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, thread_that_allocates, (void *)(i + 1)) == 0);
    }
    for (int round = 0; round < 60; round++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(30);
            _exit(ffg_malloc_storm((unsigned)round, 300) != 0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    stop = 1;
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    return 0;
}

static volatile sig_atomic_t handled;
static void *of_signal;

static void allocate_in_handler(int number) {
    /* A handler may not allocate, but many do: the signal came while no allocation was running. */
    void *block = malloc((size_t)number * 40);
    of_signal = realloc(of_signal, (size_t)(handled % 300) * 50 + 1);
    free(block);
    handled = handled + 1;
}

int ffg_malloc_in_handler(void) {
    handled = 0;
    CHECK(signal(SIGUSR1, allocate_in_handler) != SIG_ERR);
    void *own = NULL;
    for (int round = 0; round < 2000; round++) {
        own = realloc(own, (size_t)(round % 700) * 30 + 1);
        CHECK(own && raise(SIGUSR1) == 0);
    }
    CHECK(handled == 2000 && signal(SIGUSR1, SIG_DFL) != SIG_ERR);
    free(own);
    free(of_signal);
    of_signal = NULL;
    return 0;
}

void *ffg_alloc(size_t size) { return malloc(size); }
void ffg_free(void *block) { free(block); }
void *ffg_realloc(void *block, size_t size) { return realloc(block, size); }
size_t ffg_usable(void *block) { return malloc_usable_size(block); }
