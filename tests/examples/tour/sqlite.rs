//! Slide 33: a wrapper type over SQLite, and real work for it.

use ffi_guard_tests::sqlite::{Db, expected_sum, write_and_read_back};

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[33..=33],
        what: "100,000 rows through real SQLite, GUARD=1",
        plan: Plan::At("1", hundred_thousand_rows, Expected::Clean),
    },
    Row {
        slides: &[33..=33],
        what: "100,000 rows through real SQLite, GUARD=2",
        plan: Plan::At("2", hundred_thousand_rows, Expected::Clean),
    },
    Row {
        slides: &[33..=33],
        what: "the talk's own leak: a CString that nobody frees",
        plan: Plan::NotYet("leaked_ownership comes with ownership over the border"),
    },
];

const ROW_COUNT: u32 = 100_000;

fn hundred_thousand_rows() -> String {
    let db = Db::open(":memory:").expect("a database in memory opens");
    let sum = write_and_read_back(&db, ROW_COUNT).expect("SQLite writes and reads");
    drop(db);
    assert_eq!(sum, expected_sum(ROW_COUNT), "what was read is what was written");
    format!("{ROW_COUNT} rows written, read back and summed to {sum}, as they should be; closed")
}
