/* dangling_pointer: strings that must still be alive. */
#ifndef FFG_DANGLING_POINTER_H
#define FFG_DANGLING_POINTER_H

#include <stddef.h>

/* A label whose text lies elsewhere. */
typedef struct {
    long width;
    const char *text;
} ffg_label;

/* Reads the text that the label points to: the struct is alive, its text may be gone. */
size_t ffg_bad_label_length(const ffg_label *label);
size_t ffg_ok_name_length(const char *name);

#endif
