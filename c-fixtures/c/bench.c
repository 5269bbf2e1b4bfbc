/* benches/benches/crossing.rs: as little as a C function can do with a pointer. */
#include "bench.h"

uint32_t ffg_bench_touch(uint32_t *p)
{
    *p += 1;
    return *p;
}

/* benches/benches/retention.rs: some 20 ns of work on 64 bytes, and a pointer kept when told to. */
static const uint64_t *ffg_bench_kept;

uint64_t ffg_bench_work(const uint64_t *block, int keep)
{
    /* Each call needs the result of the last, so that two calls do not overlap in the processor. */
    static uint64_t ffg_bench_sum;
    uint64_t sum = ffg_bench_sum;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 8; i++) {
            sum = (sum ^ block[i]) * 0x9e3779b97f4a7c15u;
        }
    }
    ffg_bench_sum = sum;
    if (keep) {
        ffg_bench_kept = block;
    }
    return sum;
}

int ffg_bench_keeps(void)
{
    return ffg_bench_kept != 0;
}

/* A megabyte of C's variables that the linker must not leave out. */
static volatile uint64_t ffg_bench_globals[1 << 17];

void ffg_bench_touch_globals(void)
{
    for (unsigned i = 0; i < 1 << 17; i += 512) {
        ffg_bench_globals[i] = i;
    }
}
