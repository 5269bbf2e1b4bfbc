/* clashing_declaration. Used by tests/tests/rules/clashing_declaration.rs. Built without debug
   information, as a library of a distribution is: nothing but the declarations tells. */
#include "clashing_declaration.h"

int64_t ffg_bad_deposit(int64_t balance, int64_t cents) { return balance + cents; }

int64_t ffg_ok_deposit(int64_t balance, int64_t cents) { return balance + cents; }

int ffg_ok_peek(const void *bytes) { return *(const unsigned char *)bytes; }
