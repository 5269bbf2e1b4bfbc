/* dangling_field. Used by tests/tests/rules/dangling_field.rs. */
#include "dangling_field.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

size_t ffg_bad_label_length(const ffg_label *label) {
    size_t length = label->text ? strlen(label->text) : 0;
    size_t width = (size_t)label->width;
    return length < width ? length : width;
}

size_t ffg_ok_label_width(const ffg_label *label) { return (size_t)label->width; }

size_t ffg_ok_label_wider(const ffg_label *label, const ffg_label *other) {
    long width = label->width > other->width ? label->width : other->width;
    return (size_t)width;
}

struct aside {
    long padding[4];
    const char *text;
};

struct ffg_body {
    long padding[3];
    const char *text;
    struct aside *aside;
};

ffg_body *ffg_body_new(void) { return calloc(1, sizeof(ffg_body)); }

void ffg_body_set(ffg_body *body, const char *text) { body->text = text; }

void ffg_body_setopt(ffg_body *body, int option, ...) {
    va_list arguments;
    va_start(arguments, option);
    body->text = va_arg(arguments, const char *);
    va_end(arguments);
}

void ffg_body_set_aside(ffg_body *body, const char *text) {
    if (!body->aside) body->aside = calloc(1, sizeof *body->aside);
    body->aside->text = text;
}

/* Does not read what is gone, so that a test may look on where the guard only warns. */
size_t ffg_bad_body_length(ffg_body *body) { return body->text || (body->aside && body->aside->text); }

void ffg_body_free(ffg_body *body) {
    free(body->aside);
    free(body);
}
