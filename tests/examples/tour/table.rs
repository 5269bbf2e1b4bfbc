//! The table: its rows in the order of the talk, and how they are printed.

use std::process::ExitCode;

use crate::came::Came;
use crate::row::{Outcome, Plan, Row};
use crate::{big_data, builds, c_memory, callbacks, checklist, complex, crossing, handle, kept, lent, sqlite};

/// Every row and its index, which identifies it in a process of its own.
pub(crate) fn rows() -> Vec<(usize, &'static Row)> {
    let groups = [
        lent::ROWS,
        kept::ROWS,
        c_memory::ROWS,
        sqlite::ROWS,
        c_memory::ARENA,
        big_data::ROWS,
        complex::ROWS,
        callbacks::ROWS,
        handle::ROWS,
        crossing::ROWS,
        builds::ROWS,
        checklist::ROWS,
    ];
    groups.iter().flat_map(|group| group.iter()).enumerate().collect()
}

/// The rows of one slide.
pub(crate) fn rows_of(slide: &str) -> Result<Vec<(usize, &'static Row)>, String> {
    let Ok(number) = slide.parse::<u8>() else {
        return Err(format!("`{slide}` is not the number of a slide"));
    };
    let mut rows = rows();
    rows.retain(|(_, row)| row.slides.iter().any(|slides| slides.contains(&number)));
    // The checklist spans slides that have rows of their own; those rows are meant then.
    if rows.iter().any(|(_, row)| !matches!(row.plan, Plan::Whole(..))) {
        rows.retain(|(_, row)| !matches!(row.plan, Plan::Whole(..)));
    }
    match rows.len() {
        0 => Err(format!("the table has no row for slide {number}; it has rows for {}", known())),
        _ => Ok(rows),
    }
}

/// The slides that have rows, as the table writes them.
fn known() -> String {
    let mut labels: Vec<String> = rows().iter().map(|(_, row)| row.label()).collect();
    labels.dedup();
    labels.join(", ")
}

/// How much of each row is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Print {
    /// A line; the whole report only if the result was not the expected one.
    Lines,
    /// A line, and the whole report below it.
    Reports,
}

/// Runs the rows, prints the result of each, and a line on all of them.
pub(crate) fn run(rows: &[(usize, &Row)], print: Print) -> ExitCode {
    let (mut as_expected, mut skipped, mut otherwise) = (0, 0, 0);
    let mut came = Came::default();
    for &(index, row) in rows {
        let outcome = row.run(index, &mut came);
        came.note(index, row, &outcome);
        println!("{}", line(row, &outcome));
        let is_as_expected = row.is_as_expected(&outcome);
        match &row.plan {
            _ if matches!(outcome, Outcome::Skipped(_)) => skipped += 1,
            _ if is_as_expected => as_expected += 1,
            Plan::Here(_, expected)
            | Plan::At(_, _, expected)
            | Plan::Counted(_, _, expected)
            | Plan::Built(_, expected)
            | Plan::Whole(_, expected) => {
                otherwise += 1;
                println!("         ^ OTHERWISE: the table says {expected}");
            }
        }
        let is_told = is_as_expected || matches!(outcome, Outcome::Skipped(_));
        if print == Print::Reports || !is_told {
            println!("\n{}\n", outcome.text());
        }
    }
    println!("\n{as_expected} rows as the table says, {skipped} skipped");
    if otherwise > 0 {
        println!("{otherwise} rows came out otherwise");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// One row: slides, what was done, the rule or `clean`, what was said.
fn line(row: &Row, outcome: &Outcome) -> String {
    let line = format!("{:>7}  {:<58}  {:<20}  {}", row.label(), row.what, outcome.name(), outcome.headline());
    shorten(&line, width())
}

/// The terminal's width, if the shell exports it.
fn width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .filter(|&columns| columns >= 80)
        .unwrap_or(160)
}

/// Cuts a line to `width` letters.
fn shorten(line: &str, width: usize) -> String {
    match line.char_indices().nth(width) {
        None => line.into(),
        Some(_) => line.chars().take(width - 1).chain(['…']).collect(),
    }
}
