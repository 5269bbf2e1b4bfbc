/* Mistakes that are none of ffi-guard's rules: other tools find them. Used by tests/compare/src/programs/others.rs. */
#include <stdlib.h>

/* Reads as many as the caller says, and `more`. */
int cmp_sum(const int *values, int count, int more) {
    int sum = 0;
    for (int i = 0; i < count + more; i++) {
        sum += values[i];
    }
    return sum;
}

void cmp_fill(unsigned char *at, int count, int more) {
    for (int i = 0; i < count + more; i++) {
        ((volatile unsigned char *)at)[i] = 'x';
    }
}

/* An array on C's own stack. */
int cmp_own_stack(int at) {
    volatile int squares[8];
    for (int i = 0; i < 8; i++) {
        squares[i] = i * i;
    }
    return squares[at];
}

static int cmp_table[8] = {1, 2, 4, 8, 16, 32, 64, 128};

int cmp_own_global(int at) { return *(volatile int *)&cmp_table[at]; }

/* A block of C's own. */
int cmp_own_heap(int length) {
    volatile char *text = malloc(24);
    if (!text) {
        return -1;
    }
    for (int i = 0; i <= length; i++) {
        text[i] = 'x';
    }
    int last = text[length - 1];
    free((void *)text);
    return last;
}

/* In two steps, or the compiler would see it. */
static void (*volatile cmp_release)(void *) = free;

int cmp_own_freed(int early) {
    volatile int *value = malloc(sizeof *value);
    if (!value) {
        return -1;
    }
    *value = 7;
    if (early) {
        cmp_release((void *)value);
    }
    int read = *value;
    if (!early) {
        free((void *)value);
    }
    return read;
}

static void *volatile cmp_last;

int cmp_own_leak(int release) {
    cmp_last = malloc(100);
    if (release) {
        free(cmp_last);
    }
    cmp_last = NULL;
    return release;
}

/* A branch on a byte of a block that nobody has written. */
int cmp_own_uninitialised(int clear) {
    volatile char *flags = malloc(64);
    if (!flags) {
        return -1;
    }
    /* One by one: gcc makes `calloc` of a `memset`. */
    for (int i = 0; clear && i < 64; i++) {
        flags[i] = 0;
    }
    char flag = flags[33];
    free((void *)flags);
    if (flag & 1) {
        /* A call, or the compiler would make it without a branch. */
        cmp_release(NULL);
        return 1;
    }
    return 0;
}

/* Fills in the number, or leaves it as it is. */
void cmp_answer(int *number, int known) {
    if (known) {
        *number = 42;
    }
}

static long cmp_counter;

long cmp_count(long times, int atomic) {
    for (long i = 0; i < times; i++) {
        if (atomic) {
            __atomic_fetch_add(&cmp_counter, 1, __ATOMIC_RELAXED);
        } else {
            ++*(volatile long *)&cmp_counter;
        }
    }
    return times;
}
