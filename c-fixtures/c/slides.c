/* The talk's own functions. Used by tests/tests/slides.rs and tests/examples/tour.
 *
 * On the slides most bodies are empty. Here they do what a library would with such an argument, so that a wrong
 * pointer is followed and a right one gives the right answer. */
#include "slides.h"

#include <math.h>
#include <string.h>

/* Slide 21: the pointer that outlives the call. */
someStruct *someReference;

void storeReference(someStruct *s) { someReference = s; }

int retrieveReference(void) { return someReference->a; }

void ffg_forget_reference(void) { someReference = NULL; }

long processStruct(const someStruct *s) { return (long)s->a + s->b + s->c; }

long processStructStr(const someStructStr *s) {
    long letters = s->str ? (long)strlen(s->str) : 0;
    return (long)s->a + s->b + s->c + letters;
}

long processStructData(const someStructData *s) {
    long sum = 0;
    for (size_t i = 0; i < s->data_len; i++) {
        sum += s->data[i];
    }
    return sum;
}

long processComplexStruct(const complexStruct *s) {
    long sum = 0;
    if (s->x) {
        sum += processStruct(s->x);
    }
    if (s->y) {
        sum += processStruct(s->y);
    }
    return sum;
}

uintptr_t processBigData(uint8_t *data, size_t data_len) {
    /* Only the two ends are touched, so that the cost of a loan shows and not that of a sum. */
    if (data_len > 0) {
        data[0] ^= 0xff;
        data[data_len - 1] ^= 0xff;
    }
    return (uintptr_t)data;
}

uint32_t some_func(uint8_t *data, size_t data_len) {
    /* Adler-32, and the bytes come back in upper case: C both reads and writes the slice. */
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < data_len; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
        if (data[i] >= 'a' && data[i] <= 'z') {
            data[i] = (uint8_t)(data[i] - 'a' + 'A');
        }
    }
    return b << 16 | a;
}

double slow_func(unsigned long count) { return powloop(1.0000001, count); }

double powloop(double a, unsigned long count) {
    for (unsigned long i = 0; i < count; i++) {
        a = pow(a, 1.0000003);
    }
    return a;
}
