//! The talk "From cgo back to Go", slide by slide, as programs that run.
//!
//! `cargo run --example tour` runs every row of the table and says what came of it, one line a row;
//! `cargo run --example tour -- 45` runs the rows of one slide and prints their whole reports.
//!
//! The exit status is 0 if every row came out as the table says, 1 if one did not, and 2 if there
//! is nothing to run.

// A `Vec` lies on the heap and an array does not, and where a block lies is what this is about.
#![allow(clippy::useless_vec)]

mod big_data;
mod builds;
mod c_memory;
mod callbacks;
mod came;
mod checklist;
mod complex;
mod crossing;
mod handle;
mod kept;
mod lent;
mod process;
mod row;
mod sqlite;
mod table;

use std::process::ExitCode;

use table::Print;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        // A row that needs another level runs itself like this.
        [process::ROW, index] => process::run_row(index),
        [] => process::at_full_level(|| table::run(&table::rows(), Print::Lines)),
        [slide] => match table::rows_of(slide) {
            Ok(rows) => process::at_full_level(|| table::run(&rows, Print::Reports)),
            Err(message) => nothing_to_run(&message),
        },
        _ => nothing_to_run("one slide at a time, or none for all of them"),
    }
}

fn nothing_to_run(message: &str) -> ExitCode {
    eprintln!("tour: {message}\n\nUsage: cargo run --example tour [-- <slide>]");
    ExitCode::from(2)
}
