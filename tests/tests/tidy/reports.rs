//! The programs and the reports that the documents quote are the real ones.

use std::process::Command;

use crate::files::{read, root};
use crate::rules::built;

/// Runs an example in the way that the documents give. What it prints to both ends.
fn run(example: &str) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--locked", "--example", example]).current_dir(root());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name == "GUARD" || name.starts_with("GUARD_")) {
            command.env_remove(name);
        }
    }
    let output = command.env("RUST_BACKTRACE", "0").env("LC_ALL", "C.UTF-8").output().expect("cargo runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The report of a rule: from its first line to its summary.
fn report(text: &str, rule: &str) -> Option<String> {
    let start = text.find(&format!("ffi-guard[{rule}]: "))?;
    let text = &text[start..];
    let summary = text.find("\nsummary: ")? + 1;
    let end = text[summary..].find('\n').map_or(text.len(), |end| summary + end);
    Some(text[..end].to_string())
}

/// Without what differs from run to run: addresses, and the number of frames below `main`.
fn normalised(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(at) = rest.find("0x") {
            let (before, address) = rest.split_at(at);
            let digits = address[2..].find(|c: char| !c.is_ascii_hexdigit()).map_or(address.len(), |end| end + 2);
            out.push_str(before);
            out.push_str("ADDRESS");
            rest = &address[digits..];
        }
        out.push_str(rest);
        if out.ends_with(" frames left out: GUARD_BACKTRACE=full shows all") {
            let start = out.rfind('\n').map_or(0, |at| at + 1);
            out.replace_range(start.., "note: some frames left out");
        }
        out.push('\n');
    }
    out
}

/// The code blocks of a document with this first line.
fn blocks<'a>(document: &'a str, fence: &str) -> Vec<&'a str> {
    let open = format!("\n```{fence}\n");
    let after = document.match_indices(&open).map(|(at, open)| &document[at + open.len()..]);
    after.filter_map(|block| block.find("\n```").map(|end| &block[..=end])).collect()
}

/// The first line of `lines` that does not follow, in order, in `text`.
fn first_missing<'a>(lines: impl Iterator<Item = &'a str>, text: &str) -> Option<&'a str> {
    let mut rest = text.lines();
    lines.into_iter().find(|line| !rest.any(|other| other == *line))
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", debug_assertions))]
fn the_readme_and_the_guide_show_the_report_that_kept_prints() {
    let printed = run("kept");
    let expected = normalised(&report(&printed, "retained_pointer").unwrap_or_else(|| panic!("no report:\n{printed}")));
    for document in ["README.md", "docs/src/reading-a-report.md"] {
        let text = read(document);
        let shown = blocks(&text, "text").into_iter().find(|block| block.starts_with("ffi-guard["));
        let shown = normalised(shown.unwrap_or_else(|| panic!("{document} shows no report")));
        assert!(shown == expected, "{document} shows\n{shown}\nand `cargo run --example kept` prints\n{expected}");
    }
}

#[test]
fn the_readme_shows_the_program_kept() {
    let (readme, program) = (read("README.md"), read("tests/examples/kept/main.rs"));
    let shown = *blocks(&readme, "rust").first().expect("a program in README.md");
    // The README sets C's side beside Rust's, in comments.
    let code = shown.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    let missing = first_missing(code.filter(|line| !line.is_empty()), &program);
    assert_eq!(missing, None, "a line of README.md's program is not in tests/examples/kept/main.rs");
}

#[test]
fn every_page_shows_its_program() {
    for rule in built() {
        let (page, program) =
            (read(format!("docs/src/rules/{rule}.md")), read(format!("tests/examples/rules/{rule}.rs")));
        let code: String = program.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).fold(
            String::new(),
            |mut code, line| {
                code.push_str(line);
                code.push('\n');
                code
            },
        );
        let shown = blocks(&page, "rust,no_run");
        assert!(shown.contains(&code.as_str()), "the page of {rule} does not show tests/examples/rules/{rule}.rs");
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", debug_assertions))]
fn every_page_quotes_the_report_of_its_program() {
    let printed = run("rules");
    for rule in built() {
        let expected = report(&printed, rule).unwrap_or_else(|| panic!("`rules` broke no {rule}:\n{printed}"));
        let expected = normalised(&expected);
        let page = read(format!("docs/src/rules/{rule}.md"));
        let quoted = blocks(&page, "text").into_iter().find(|block| block.starts_with("ffi-guard["));
        let quoted = normalised(quoted.unwrap_or_else(|| panic!("the page of {rule} quotes no report")));
        // A line of its own that is an ellipsis stands for what was left out.
        let lines = quoted.lines().filter(|line| line.trim() != "…");
        let missing = first_missing(lines, &expected);
        assert_eq!(missing, None, "the page of {rule} quotes a line that is not in its report:\n{expected}");
    }
}
