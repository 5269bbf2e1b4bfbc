//! The table of capabilities in `docs/src/limits.md` is the library's own list.
#![allow(dead_code, reason = "the list is the build script's, which uses all of it")]

#[path = "../../ffi-guard/src/platform/capabilities.rs"]
mod capabilities;

use std::fmt::Write as _;
use std::path::Path;

use capabilities::{ALL, Target};

/// Lines around the table.
const MARKS: [&str; 2] =
    ["<!-- capabilities: `cargo test -p ffi-guard-tests --test platforms` -->\n", "<!-- end -->\n"];

/// The columns, by cargo's names.
const COLUMNS: [(&str, &str, bool, &str, &str); 6] = [
    ("Linux, x86-64", "linux", true, "x86_64", "gnu"),
    ("with musl", "linux", true, "x86_64", "musl"),
    ("Linux, 64-bit ARM", "linux", true, "aarch64", "gnu"),
    ("macOS, other Unixes", "macos", true, "aarch64", ""),
    ("Windows", "windows", false, "x86_64", "gnu"),
    ("others", "wasi", false, "wasm64", ""),
];

fn table() -> String {
    let mut table = String::from("| |");
    COLUMNS.iter().for_each(|(name, ..)| _ = write!(table, " {name} |"));
    table.push_str("\n| --- |");
    COLUMNS.iter().for_each(|_| table.push_str(" --- |"));
    for capability in &ALL {
        let _ = write!(table, "\n| {} |", capability.what);
        for (_, system, is_unix, processor, library) in COLUMNS {
            let is_on = (capability.is_on)(&Target::of(system, is_unix, processor, library));
            table.push_str(if is_on { " yes |" } else { " no |" });
        }
    }
    table + "\n"
}

#[test]
fn the_guide_has_the_capabilities_of_each_platform() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/limits.md");
    let text = std::fs::read_to_string(&path).expect("the guide is there");
    let [before, after] = MARKS;
    let (start, rest) = text.split_once(before).expect("the table begins");
    let (table_of_guide, end) = rest.split_once(after).expect("the table ends");
    if std::env::var_os("GUARD_BLESS").is_some_and(|set| set == "1") {
        std::fs::write(&path, [start, before, &table(), after, end].concat()).expect("it can be written");
        return;
    }
    assert!(table_of_guide == table(), "other than the list (GUARD_BLESS=1 writes it):\n{}", table());
}
