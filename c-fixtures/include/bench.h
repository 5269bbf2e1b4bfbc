#ifndef FFG_BENCH_H
#define FFG_BENCH_H

#include <stdint.h>

/* Adds one. */
uint32_t ffg_bench_touch(uint32_t *p);

/* Reads 64 bytes for some 20 ns; keeps the pointer if `keep` is not 0. */
uint64_t ffg_bench_work(const uint64_t *block, int keep);
/* Not 0 if it keeps one. */
int ffg_bench_keeps(void);
/* Writes to a megabyte of variables. */
void ffg_bench_touch_globals(void);

#endif
