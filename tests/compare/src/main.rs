//! One program of the comparison: `compare nested_pointer wrong`, `compare nested_pointer right`,
//! `compare sqlite`, `compare --list`.
//!
//! Each is written as a user would write it, and does not catch what the guard throws. Without the
//! feature `guard` the declarations are bare and the guard has no part in the program.

mod programs;

use std::process::ExitCode;

#[cfg(feature = "guard")]
#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[cfg(feature = "sqlite")]
fn sqlite() -> ExitCode {
    use ffi_guard_tests::sqlite::{Db, expected_sum, write_and_read_back};

    const ROWS: u32 = 100_000;
    let db = Db::open(":memory:").expect("a database in memory opens");
    let sum = write_and_read_back(&db, ROWS).expect("SQLite writes and reads");
    drop(db);
    assert_eq!(sum, expected_sum(ROWS), "what was read is what was written");
    ExitCode::SUCCESS
}

#[cfg(not(feature = "sqlite"))]
fn sqlite() -> ExitCode {
    eprintln!("compare: built without the feature `sqlite`");
    ExitCode::from(2)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let find = |name: &str| programs::ALL.iter().find(|program| program.name == name);
    match arguments[..] {
        ["--list"] => programs::ALL.iter().for_each(|p| println!("{}\t{}\t{}", p.name, p.rule, p.what)),
        ["sqlite"] => return sqlite(),
        [name, twin @ ("wrong" | "right")] if find(name).is_some() => {
            let program = find(name).expect("asked above");
            if twin == "wrong" { (program.wrong)() } else { (program.right)() }
        }
        _ => {
            eprintln!("compare: PROGRAM wrong|right, sqlite, or --list");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
