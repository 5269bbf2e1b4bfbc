//! rusqlite 0.22.0 takes a borrowed module of a virtual table, which SQLite keeps
//! (RUSTSEC-2020-0014); since 0.23.0 it has to be static.

use rusqlite::vtab::{Context, CreateVTab, IndexInfo, VTab, VTabConnection, VTabCursor, Values, read_only_module};
use rusqlite::{Connection, Result, ffi};

#[repr(C)]
struct Table(ffi::sqlite3_vtab);
#[repr(C)]
struct Cursor(ffi::sqlite3_vtab_cursor);

impl VTab for Table { // repaired: unsafe impl VTab for Table {
    type Aux = ();
    type Cursor = Cursor;
    fn connect(_: &mut VTabConnection, _: Option<&()>, _: &[&[u8]]) -> Result<(String, Table)> {
        Ok(("CREATE TABLE x(value)".into(), Table(ffi::sqlite3_vtab::default())))
    }
    fn best_index(&self, _: &mut IndexInfo) -> Result<()> {
        Ok(())
    }
    fn open(&self) -> Result<Cursor> {
        Ok(Cursor(ffi::sqlite3_vtab_cursor::default()))
    }
}

impl CreateVTab for Table {}

impl VTabCursor for Cursor { // repaired: unsafe impl VTabCursor for Cursor {
    fn filter(&mut self, _: i32, _: Option<&str>, _: &Values<'_>) -> Result<()> {
        Ok(())
    }
    fn next(&mut self) -> Result<()> {
        Ok(())
    }
    fn eof(&self) -> bool {
        true
    }
    fn column(&self, _: &mut Context, _: i32) -> Result<()> {
        Ok(())
    }
    fn rowid(&self) -> Result<i64> {
        Ok(0)
    }
}

fn main() {
    let db = Connection::open_in_memory().expect("it can be opened");
    let module = Box::new(read_only_module::<Table>(1)); // repaired: let module = read_only_module::<Table>();
    db.create_module("hollow", &module, None).expect("it can be made"); // repaired: db.create_module("hollow", module, None).expect("it can be made");
    drop(module); // before
    db.execute_batch("CREATE VIRTUAL TABLE x USING hollow").expect("it can be made");
    println!("made");
}
