#ifndef FFG_BENCH_H
#define FFG_BENCH_H

#include <stdint.h>

/* Adds one. */
uint32_t ffg_bench_touch(uint32_t *p);

#endif
