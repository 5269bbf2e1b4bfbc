//! Work for SQLite: rows with a text and a blob go in, come back, and are summed.

use super::{Db, SqliteError};

/// Creates a table, inserts `count` rows in one transaction, reads them back and returns the sum
/// over all that was read, which is [`expected_sum`] if nothing was lost.
///
/// # Errors
///
/// The error that SQLite reports.
pub fn write_and_read_back(db: &Db, count: u32) -> Result<i64, SqliteError> {
    db.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT NOT NULL, payload BLOB NOT NULL)")?;
    db.exec("BEGIN")?;
    {
        let mut insert = db.prepare("INSERT INTO rows (id, name, payload) VALUES (?1, ?2, ?3)")?;
        for id in 0..count {
            insert.bind_int(1, i64::from(id))?;
            // Both die at the end of this turn, before SQLite has written anything: it must have
            // copied them.
            insert.bind_text(2, &name(id))?;
            insert.bind_blob(3, &payload(id))?;
            assert!(insert.step()?.is_none(), "an INSERT yields no row");
            insert.reset()?;
        }
    }
    db.exec("COMMIT")?;

    let mut select = db.prepare("SELECT id, name, payload FROM rows ORDER BY id")?;
    let mut sum = 0;
    while let Some(row) = select.step()? {
        sum += weight(row.int(0), row.text(1), row.blob(2));
    }
    Ok(sum)
}

/// The sum that [`write_and_read_back`] must return, computed without a database.
#[must_use]
pub fn expected_sum(count: u32) -> i64 {
    (0..count).map(|id| weight(i64::from(id), &name(id), &payload(id))).sum()
}

/// Some letters, now and then not ASCII, now and then none.
fn name(id: u32) -> String {
    if id.is_multiple_of(97) { String::new() } else { format!("row {id} of 100 000, naïve") }
}

/// 0 to 63 bytes.
fn payload(id: u32) -> Vec<u8> {
    (0..id % 64).map(|i| (id ^ i).to_le_bytes()[0]).collect()
}

/// One number that depends on all three.
fn weight(id: i64, name: &str, payload: &[u8]) -> i64 {
    let bytes: i64 = name.bytes().chain(payload.iter().copied()).map(i64::from).sum();
    3 * id + bytes
}
