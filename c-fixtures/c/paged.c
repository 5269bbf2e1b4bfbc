/* Bad accesses that level 3 catches at the instruction. Used by tests/tests/paged.rs. */
#include "paged.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

unsigned ffg_bad_sum_and_one(const uint8_t *bytes, size_t len) {
    unsigned sum = 0;
    for (size_t i = 0; i <= len; i++) {
        sum += bytes[i];
    }
    return sum;
}

unsigned ffg_ok_sum(const uint8_t *bytes, size_t len) {
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += bytes[i];
    }
    return sum;
}

size_t ffg_bad_line_start(const uint8_t *bytes, size_t len) {
    const uint8_t *at = bytes + len;
    while (at[-1] != '\n') {
        at--;
    }
    return (size_t)(bytes + len - at);
}

size_t ffg_ok_line_start(const uint8_t *bytes, size_t len) {
    const uint8_t *at = bytes + len;
    while (at > bytes && at[-1] != '\n') {
        at--;
    }
    return (size_t)(bytes + len - at);
}

static uint8_t *kept;

void ffg_paged_keep(uint8_t *buffer) { kept = buffer; }

void ffg_paged_forget(void) { kept = NULL; }

int ffg_paged_read(size_t at) { return kept[at]; }

void ffg_paged_write(size_t at, uint8_t byte) { kept[at] = byte; }

void ffg_paged_clear(size_t len) { memset(kept, 0, len); }

/* The thread waits for a signal, so that the order does not depend on a sleep. */
static sem_t go;
static pthread_t worker;

static void *work(void *buffer) {
    sem_wait(&go);
    uint8_t *bytes = buffer;
    bytes[0] = 1;
    return NULL;
}

int ffg_bad_start(uint8_t *buffer) {
    sem_init(&go, 0, 0);
    return pthread_create(&worker, NULL, work, buffer);
}

void ffg_bad_finish(void) {
    sem_post(&go);
    pthread_join(worker, NULL);
}

int ffg_ok_start_and_finish(uint8_t *buffer) {
    int failed = ffg_bad_start(buffer);
    if (!failed) {
        ffg_bad_finish();
    }
    return failed;
}

void ffg_paged_touch(const uint8_t *address, ptrdiff_t offset, int write) {
    volatile uint8_t *at = (volatile uint8_t *)(uintptr_t)(address + offset);
    uint8_t byte = *at;
    if (write) {
        *at = byte ^ 0x5A;
        *at = byte;
    }
}
