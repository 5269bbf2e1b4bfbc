// A C library that keeps rows in a SQLite of its own, as an indexer or a certificate store does.
#include <stddef.h>

typedef struct sqlite3 sqlite3;
int sqlite3_open(const char *name, sqlite3 **db);
int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *user, char **message);
int sqlite3_changes(sqlite3 *db);
int sqlite3_close(sqlite3 *db);

// The rows that were written, or -1.
int ffg_store_rows(void) {
    sqlite3 *db = NULL;
    int rows = -1;
    if (sqlite3_open(":memory:", &db) == 0 &&
        sqlite3_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3)", NULL, NULL, NULL) == 0)
        rows = sqlite3_changes(db);
    sqlite3_close(db);
    return rows;
}
