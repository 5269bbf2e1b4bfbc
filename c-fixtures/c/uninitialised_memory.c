/* uninitialised_memory. Used by tests/tests/rules/uninitialised_memory.rs. */
#include "uninitialised_memory.h"

#include <string.h>

uint64_t ffg_ok_checksum(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = sum * 31 + bytes[i];
    }
    return sum;
}

uint64_t ffg_ok_sum_up(const uint64_t *words, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += words[i];
    }
    return sum;
}

uint64_t ffg_ok_pair(const uint64_t *words) {
    return words[0] + words[1];
}

size_t ffg_ok_length(const char *text) {
    return strlen(text);
}

double ffg_ok_value(const struct ffg_reading *reading) {
    return reading->value;
}

void ffg_ok_title(struct ffg_title *title) {
    strcpy(title->text, "a title");
    title->length = 7;
}

size_t ffg_ok_title_length(const struct ffg_title *title) {
    return strlen(title->text);
}

void ffg_ok_fill_name(char *name, size_t size) {
    if (size > 12) {
        strcpy(name, "a short name");
    }
}

size_t ffg_ok_length_within(const char *name, size_t size) {
    const char *end = memchr(name, 0, size);
    return end ? (size_t)(end - name) : size;
}

static struct {
    const uint64_t *words;
    size_t count;
} queue;

void ffg_ok_queue(const uint64_t *words, size_t count) {
    queue.words = words;
    queue.count = count;
}

uint64_t ffg_ok_flush(void) {
    uint64_t sum = ffg_ok_sum_up(queue.words, queue.count);
    queue.words = NULL;
    queue.count = 0;
    return sum;
}

int ffg_bad_read(int channel, struct ffg_reading *out) {
    if (channel < 0) {
        return -1;
    }
    if (channel >= 64) {
        return 0;
    }
    return ffg_ok_read(channel, out);
}

int ffg_ok_read(int channel, struct ffg_reading *out) {
    if (channel < 0 || channel >= 64) {
        return -1;
    }
    out->when = 1700000000 + (uint64_t)channel;
    out->value = 20.5;
    out->unit = "C";
    return 0;
}

long ffg_ok_receive(int channel, uint8_t *out, size_t size) {
    size_t filled = size < 12 ? size : 12;
    if (channel < 0) {
        return -1;
    }
    memset(out, channel, filled);
    return (long)filled;
}
