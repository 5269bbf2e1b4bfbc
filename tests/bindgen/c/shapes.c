#include "shapes.h"

#include <stdio.h>
#include <stdlib.h>

struct shape_canvas {
    const char *title;
};

/* The canvas that is on the screen. */
static shape_canvas *shown;
static const char *shown_title;

int64_t shape_sum(const struct shape_point *points, size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += points[i].x;
    }
    return sum;
}

size_t shape_length(const struct shape_path *path) {
    size_t length = 0;
    for (; path; path = path->next) {
        length += path->count;
    }
    return length;
}

int shape_name(int kind, char *name, size_t length) {
    return snprintf(name, length, "%s", kind == 0 ? "circle" : "square");
}

void shape_each(const struct shape_point *points, size_t count, shape_visit visit, void *user) {
    for (size_t i = 0; i < count; i++) {
        visit(user, points[i].y);
    }
}

shape_canvas *shape_canvas_new(void) {
    shown = calloc(1, sizeof *shown);
    return shown;
}

void shape_canvas_title(shape_canvas *canvas, const char *title) {
    canvas->title = title;
    if (canvas == shown) {
        shown_title = title;
    }
}

void shape_canvas_free(shape_canvas *canvas) {
    if (canvas == shown) {
        shown = NULL;
        shown_title = NULL;
    }
    free(canvas);
}
