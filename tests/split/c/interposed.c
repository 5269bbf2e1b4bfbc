/* Stands before one function of the library on purpose, as a tracer does. */
int ffg_counter_add(int counter, int by) { return counter + by; }

/* Of its own. */
int ffg_traced(void) { return 1; }
