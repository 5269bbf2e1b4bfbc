/* A library that has the other one inside. */
int ffg_counter_new(void);
int ffg_counter_add(int counter, int by);

int ffg_user(void) { return ffg_counter_add(ffg_counter_new(), 3); }
