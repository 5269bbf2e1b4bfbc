/* uninitialised_memory: buffers of which a part is written, and an answer that is not filled. */
#ifndef FFG_UNINITIALISED_MEMORY_H
#define FFG_UNINITIALISED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct ffg_reading {
    uint64_t when;
    double value;
    const char *unit;
};

/* Reads `size` bytes. */
uint64_t ffg_ok_checksum(const void *data, size_t size);
/* Reads `count` words. */
uint64_t ffg_ok_sum_up(const uint64_t *words, size_t count);
/* Reads two words. */
uint64_t ffg_ok_pair(const uint64_t *words);
/* Reads a text. */
size_t ffg_ok_length(const char *text);
/* Reads a whole reading. */
double ffg_ok_value(const struct ffg_reading *reading);
/* Keeps the buffer, to read it when `ffg_ok_flush` is called. */
void ffg_ok_queue(const uint64_t *words, size_t count);
uint64_t ffg_ok_flush(void);

struct ffg_title {
    char text[64];
    uint64_t length;
    uint64_t reserved[2];
};

/* Fills the text up to its NUL, and the length. */
void ffg_ok_title(struct ffg_title *title);
/* Reads the text up to its NUL. */
size_t ffg_ok_title_length(const struct ffg_title *title);
/* Fills a text of less than `size` bytes. */
void ffg_ok_fill_name(char *name, size_t size);
/* Reads a text, up to its NUL or `size` bytes of it. */
size_t ffg_ok_length_within(const char *name, size_t size);

/* Fills `*out` and returns 0, or returns -1. Of a channel of 64 and above it returns 0 too soon. */
int ffg_bad_read(int channel, struct ffg_reading *out);
int ffg_ok_read(int channel, struct ffg_reading *out);
/* Fills up to `size` bytes and returns how many; -1 if it cannot. */
long ffg_ok_receive(int channel, uint8_t *out, size_t size);

#endif
