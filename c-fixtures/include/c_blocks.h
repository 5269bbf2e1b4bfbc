/* C's own blocks, freed and overrun by C: for tests/tests/c_heap/. */
#ifndef FFG_C_BLOCKS_H
#define FFG_C_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* A session and the threads that belong to it, as in an interpreter: each is a block of its own. */
struct ffg_session;
struct ffg_session *ffg_session_new(void);
struct ffg_session *ffg_session_thread(struct ffg_session *session);
int ffg_session_run(struct ffg_session *session, const char *code);
/* The last thread of the session, as the session remembers it. */
struct ffg_session *ffg_bad_session_last(struct ffg_session *session);
/* The last thread, or null once it is ended. */
struct ffg_session *ffg_ok_session_last(struct ffg_session *session);
/* Ends one thread. The session still remembers it. */
void ffg_session_end_thread(struct ffg_session *thread);
/* Ends the session and the last of its threads. */
void ffg_session_close(struct ffg_session *session);

/* A request that leads to a session, as Rust builds it. */
struct ffg_request {
    struct ffg_session *session;
    int64_t number;
};
int ffg_request_number(const struct ffg_request *request);
int ffg_request_number_of(struct ffg_request request);

/* Frees an object, and tells of it: afterwards, or before. */
typedef void (*ffg_told)(void *object);
void ffg_bad_tell(size_t size, ffg_told told);
void ffg_ok_tell(size_t size, ffg_told told);

/* A buffer of C's: `size` bytes, of which `ffg_fill` writes some, wherever they end. */
unsigned char *ffg_buffer_new(size_t size);
unsigned char *ffg_buffer_aligned(size_t align, size_t size);
void ffg_fill(unsigned char *buffer, ptrdiff_t from, size_t length);
void ffg_fill_other(ptrdiff_t from, size_t length);
void ffg_keep_other(unsigned char *buffer);
void ffg_buffer_free(unsigned char *buffer);
unsigned char *ffg_buffer_grow(unsigned char *buffer, size_t size);
/* Writes each byte that the allocator says is there, after each way to get a block. 0 if all were. */
int ffg_ok_use_all(void);
/* Reads texts of all lengths by words, up to the word that their NUL is in. Their lengths, added. */
size_t ffg_ok_read_by_words(void);

/* A byte of the kept buffer, or beside it. */
unsigned char ffg_read_other(ptrdiff_t at);
/* An array of C's with `count` numbers: adds up one more, or as many, or allocates one more. */
int ffg_bad_own_sum(size_t count);
int ffg_ok_own_sum(size_t count);
int ffg_mended_own_sum(size_t count);
/* Frees a chain of C's link by link: reads where it goes on after the free, or before it, or frees
 * it from its end. How many links it had. */
size_t ffg_bad_chain(size_t count);
size_t ffg_ok_chain(size_t count);
size_t ffg_mended_chain(size_t count);

#endif
