/* benches/benches/crossing.rs: as little as a C function can do with a pointer. */
#include "bench.h"

uint32_t ffg_bench_touch(uint32_t *p)
{
    *p += 1;
    return *p;
}
