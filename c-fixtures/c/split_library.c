/* split_library. Used by tests/tests/rules/split_library.rs. Two copies of one library are in
   tests/split. */
#include "split_library.h"

static int total;

int ffg_bad_meter_version(void) { return 2; }

int ffg_bad_meter_add(int by) { return total += by; }

int ffg_ok_meter_version(void) { return 2; }

int ffg_ok_meter_add(int by) { return total += by; }
