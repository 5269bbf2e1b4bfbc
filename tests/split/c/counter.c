/* A library with a table of its own: of two copies neither knows what the other made. */
static int table[16];
static int made;

int ffg_counter_new(void) { return made < 16 ? made++ : -1; }

int ffg_counter_add(int counter, int by) { return table[counter] += by; }

int ffg_counter_get(int counter) { return table[counter]; }

int ffg_counter_made(void) { return made; }

#ifndef OLD
int ffg_counter_version(void) { return 2; }
#endif
