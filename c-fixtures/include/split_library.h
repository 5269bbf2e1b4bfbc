/* A library that tells its version. */
#ifndef FFG_SPLIT_LIBRARY_H
#define FFG_SPLIT_LIBRARY_H

int ffg_bad_meter_version(void);
int ffg_bad_meter_add(int by);
int ffg_ok_meter_version(void);
int ffg_ok_meter_add(int by);

#endif
