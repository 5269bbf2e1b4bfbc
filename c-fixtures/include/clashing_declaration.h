/* What two crates declare. */
#ifndef FFG_CLASHING_DECLARATION_H
#define FFG_CLASHING_DECLARATION_H

#include <stdint.h>

int64_t ffg_bad_deposit(int64_t balance, int64_t cents);
int64_t ffg_ok_deposit(int64_t balance, int64_t cents);
int ffg_ok_peek(const void *bytes);

#endif
