/* dangling_field: structs whose pointers must still lead somewhere. */
#ifndef FFG_DANGLING_FIELD_H
#define FFG_DANGLING_FIELD_H

#include <stddef.h>

/* A label whose text lies elsewhere. */
typedef struct {
    long width;
    const char *text;
} ffg_label;

/* A handle of C's own, which keeps the address of a text. */
typedef struct ffg_body ffg_body;

/* Reads the text that the label points to: the struct is alive, its text may be gone. */
size_t ffg_bad_label_length(const ffg_label *label);
/* Reads the width alone. */
size_t ffg_ok_label_width(const ffg_label *label);
/* The greater width of the two; their texts are left alone. */
size_t ffg_ok_label_wider(const ffg_label *label, const ffg_label *other);

ffg_body *ffg_body_new(void);
/* Keeps the address of the text; C reads it later. */
void ffg_body_set(ffg_body *body, const char *text);
/* As `ffg_body_set`, with the text after the number of the option, as `curl_easy_setopt`. */
void ffg_body_setopt(ffg_body *body, int option, ...);
/* Keeps the address in a second block of C's, which the handle leads to. */
void ffg_body_set_aside(ffg_body *body, const char *text);
size_t ffg_bad_body_length(ffg_body *body);
void ffg_body_free(ffg_body *body);

#endif
