/* The C side of the talk "From cgo back to Go", slide by slide. */
#ifndef FFG_SLIDES_H
#define FFG_SLIDES_H

#include <stddef.h>
#include <stdint.h>

/* Slides 21, 27, 45. */
typedef struct {
    int a, b, c;
} someStruct;

/* Slide 30: three integers and a string. The slide calls it someStruct too. */
typedef struct {
    int a, b, c;
    char *str;
} someStructStr;

/* Slide 31: a byte buffer and its length. The slide calls it someStruct too. */
typedef struct {
    uint8_t *data;
    size_t data_len;
} someStructData;

/* Slide 45. */
typedef struct {
    someStruct *x, *y;
} complexStruct;

/* Slide 21. */
extern someStruct *someReference;
void storeReference(someStruct *s);
int retrieveReference(void);
/* Not on a slide: lets the next test begin with nothing kept. */
void ffg_forget_reference(void);

/* Slides 27, 30, 31, 45: `void processStruct(...) {}` there. */
long processStruct(const someStruct *s);
long processStructStr(const someStructStr *s);
long processStructData(const someStructData *s);
long processComplexStruct(const complexStruct *s);

/* Slide 40. Returns the address it was given, so that the caller can see that nothing was copied. */
uintptr_t processBigData(uint8_t *data, size_t data_len);

/* Slides 12 to 18. */
uint32_t some_func(uint8_t *data, size_t data_len);

/* Slides 58 and 64, with the count as a parameter: 1e8 is a long time in a debug build. */
double slow_func(unsigned long count);
double powloop(double a, unsigned long count);

#endif
