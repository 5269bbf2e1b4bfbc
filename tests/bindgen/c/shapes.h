#include <stddef.h>
#include <stdint.h>

/** Two numbers, and no pointer. */
struct shape_point {
    int32_t x, y;
};

/** Points to its points, and to the next path. */
struct shape_path {
    const struct shape_point *points;
    size_t count;
    const struct shape_path *next;
};

typedef struct shape_canvas shape_canvas; /* the library's own */
typedef void (*shape_visit)(void *user, int32_t y);

/** Adds up the `x` of `count` points. */
int64_t shape_sum(const struct shape_point *points, size_t count);

/** How many points there are, on this path and all that follow. */
size_t shape_length(const struct shape_path *path);

/** Writes the name of a shape, with its NUL, into `length` bytes at `name`. */
int shape_name(int kind, char *name, size_t length);

/** Calls `visit` with `user` and each `y`. */
void shape_each(const struct shape_point *points, size_t count, shape_visit visit, void *user);

shape_canvas *shape_canvas_new(void);

/** The canvas shows `title` until it has another title, or is freed. */
void shape_canvas_title(shape_canvas *canvas, const char *title);

void shape_canvas_free(shape_canvas *canvas);
