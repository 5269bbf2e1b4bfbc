/* use_after_free: C that writes to memory that Rust has freed. */
#ifndef FFG_USE_AFTER_FREE_H
#define FFG_USE_AFTER_FREE_H

/* Keeps the buffer, or lets go of it (null). */
void ffg_set_log(char *buffer, unsigned long length);
/* Writes to the buffer that was kept, if there is one. */
void ffg_log_letter(char letter, unsigned long at);

#endif
