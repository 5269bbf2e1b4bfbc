//! Keeps the guide true: its programs are the examples, its reports are what they print, its links
//! have headings.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ffi_guard::Rule;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package of the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rules that are built: those with a file of their own.
fn built() -> Vec<&'static str> {
    let has_file = |name: &&str| root().join(format!("ffi-guard/src/rules/{name}.rs")).exists();
    Rule::ALL.iter().map(|rule| rule.name()).filter(has_file).collect()
}

/// The pages, as paths from `docs/src`, the summary left out.
fn pages() -> Vec<PathBuf> {
    let folder = root().join("docs/src");
    let below = |folder: PathBuf| {
        let entries = fs::read_dir(folder).expect("a folder of the guide");
        entries.map(|entry| entry.expect("an entry").path())
    };
    let mut pages: Vec<PathBuf> = below(folder.clone()).chain(below(folder.join("rules"))).collect();
    pages.retain(|page| page.extension().is_some_and(|end| end == "md") && !page.ends_with("SUMMARY.md"));
    pages.into_iter().map(|page| page.strip_prefix(&folder).expect("below").to_path_buf()).collect()
}

/// The code blocks that open with exactly this.
fn blocks<'a>(page: &'a str, info: &str) -> Vec<&'a str> {
    let open = format!("\n```{info}\n");
    let after = page.match_indices(&open).map(|(at, open)| &page[at + open.len()..]);
    after.filter_map(|block| block.find("\n```").map(|end| &block[..=end])).collect()
}

/// The first line that does not follow, in order, in `text`.
fn first_missing<'a>(mut lines: impl Iterator<Item = &'a str>, text: &str) -> Option<&'a str> {
    let mut rest = text.lines();
    lines.find(|line| !rest.any(|other| other == *line))
}

/// The text without addresses, which differ from run to run, and without the number of frames left
/// out, which differs from build to build, because an incremental one has other inlining.
fn normal(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        normal += "ADDRESS";
        normal += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    let lines = normal.lines().map(|line| match line.split_once(" frames left out: ") {
        Some((_, rest)) => format!("note: SOME frames left out: {rest}\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn every_page_is_in_the_summary_and_its_code_is_compiled() {
    let (summary, book) = (read("docs/src/SUMMARY.md"), read("tests/src/book.rs"));
    for page in pages() {
        let page = page.to_str().expect("UTF-8");
        assert!(summary.contains(&format!("({page})")), "docs/src/SUMMARY.md leaves out {page}");
        assert!(book.contains(&format!("\"{page}\"")), "tests/src/book.rs leaves out {page}");
    }
}

#[test]
fn the_rules_page_names_every_rule_and_links_to_those_that_are_built() {
    let (rules, built) = (read("docs/src/rules.md"), built());
    assert!(!built.is_empty());
    for name in Rule::ALL.iter().map(|rule| rule.name()) {
        let is_built = built.contains(&name);
        let expected = if is_built { format!("[{name}](rules/{name}.md)") } else { format!("- `{name}`: ") };
        assert!(rules.contains(&expected), "docs/src/rules.md has no {expected}");
        let page = root().join(format!("docs/src/rules/{name}.md"));
        assert_eq!(page.exists(), is_built, "{name}: a page for a rule that is built, and for no other");
    }
}

#[test]
fn the_comparison_has_a_row_for_each_rule_and_there_is_one_who_finds_it() {
    let page = read("docs/src/comparison.md");
    for rule in built() {
        let first = page.lines().find(|line| line.starts_with(&format!("| [{rule}](rules/{rule}.md) | ")));
        let first =
            first.unwrap_or_else(|| panic!("docs/src/comparison.md has no row of {rule}: tests/compare/run.sh"));
        assert!(first.contains("**found**"), "nobody finds {rule} in docs/src/comparison.md");
    }
}

#[test]
fn the_readme_has_a_row_for_each_rule_under_what_it_catches() {
    let readme = read("README.md");
    let (_, catches) = readme.split_once("\n## What it catches\n").expect("the section");
    let (catches, _) = catches.split_once("\n## ").expect("another section after it");
    for rule in built() {
        let link = format!("[{rule}](docs/src/rules/{rule}.md)");
        assert!(
            catches.lines().any(|line| line.starts_with('|') && line.contains(&link)),
            "README.md has no row of {rule} under \"What it catches\""
        );
    }
}

/// The cells of a row of a table: a bar between backticks separates them, too.
fn cells(row: &str) -> usize {
    row.matches('|').count() - row.matches("\\|").count()
}

#[test]
fn every_row_of_a_table_has_as_many_cells_as_its_head() {
    let mut wrong = Vec::new();
    for page in pages().into_iter().map(|page| Path::new("docs/src").join(page)).chain(["README.md".into()]) {
        let (mut head, mut is_code) = (None, false);
        for (number, line) in (1..).zip(read(&page).lines()) {
            is_code ^= line.trim_start().starts_with("```");
            if is_code || !line.starts_with('|') {
                head = None;
            } else if *head.get_or_insert(cells(line)) != cells(line) {
                wrong.push(format!("{}:{number}: {line}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The anchors that renderers make of the headings.
fn anchors(page: &str) -> HashSet<String> {
    let kept = |c: &char| c.is_alphanumeric() || *c == '-' || *c == '_';
    let headings = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings.map(|heading| heading.to_lowercase().replace(' ', "-").chars().filter(kept).collect()).collect()
}

#[test]
fn every_link_to_a_heading_finds_it() {
    let mut missing = Vec::new();
    for page in pages().into_iter().map(|page| Path::new("docs/src").join(page)).chain(["README.md".into()]) {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let Some((file, anchor)) = link.split_once('#').filter(|(file, _)| !file.contains("://")) else { continue };
            let target = if file.is_empty() { page.clone() } else { page.with_file_name("").join(file) };
            if !anchors(&read(&target)).contains(anchor) {
                missing.push(format!("{}: {link}: no such heading", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_readme_shows_the_example_kept() {
    let (readme, program) = (read("README.md"), read("tests/examples/kept/main.rs"));
    let shown = *blocks(&readme, "rust").first().expect("a program in README.md");
    // C's side stands beside it, in comments.
    let code = shown.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    let missing = first_missing(code.filter(|line| !line.is_empty()), &program);
    assert_eq!(missing, None, "a line of README.md's program that tests/examples/kept/main.rs has not");
}

#[test]
fn every_rules_page_shows_its_example() {
    for rule in built() {
        let (page, program) =
            (read(format!("docs/src/rules/{rule}.md")), read(format!("tests/examples/rules/{rule}.rs")));
        let start = program.find("\nuse ").expect("a program uses the fixtures") + 1;
        let shown = blocks(&page, "rust,no_run").contains(&&program[start..]);
        assert!(shown, "the page of {rule} does not show tests/examples/rules/{rule}.rs as it is");
    }
}

#[test]
fn every_rules_page_quotes_its_example() {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    command.args(["run", "--quiet", "--example", "rules"]).current_dir(root()).env("LC_ALL", "C.UTF-8");
    let output = command.output().expect("cargo runs");
    let printed = normal(&String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for rule in built() {
        let first = format!("ffi-guard[{rule}]: ");
        let start = printed.find(&first).unwrap_or_else(|| panic!("no report of {rule}:\n{printed}"));
        let report = printed[start..].split("\n\nffi-guard[").next().unwrap_or_default();
        let page = read(format!("docs/src/rules/{rule}.md"));
        let quoted = blocks(&page, "text").into_iter().find(|block| block.starts_with(&first));
        let quoted = normal(quoted.unwrap_or_else(|| panic!("the page of {rule} quotes no report")));
        let missing = first_missing(quoted.lines(), report);
        assert_eq!(missing, None, "the page of {rule} quotes a line that its report has not:\n{report}");
    }
}

#[test]
fn the_report_that_is_explained_is_a_golden_one() {
    let page = read("docs/src/reading-a-report.md");
    let shown = *blocks(&page, "text").first().expect("a report");
    let golden = fs::read_dir(root().join("ffi-guard/tests/golden")).expect("the golden reports");
    let mut golden = golden.filter_map(|entry| fs::read_to_string(entry.expect("an entry").path()).ok());
    assert!(
        golden.any(|report| report.trim_end() == shown.trim_end()),
        "no golden report is the one that is explained"
    );
}

#[test]
fn what_the_guide_shows_of_other_files_is_what_they_are() {
    let whole = |path: &str| read(path).trim_end().to_owned();
    assert!(blocks(&read("docs/src/ci.md"), "sh").contains(&&*(whole("docs/guard-ci.sh") + "\n")), "docs/guard-ci.sh");
    let bindgen = read("docs/src/bindgen.md");
    assert!(blocks(&bindgen, "rust,ignore").contains(&&*(whole("tests/bindgen/build.rs") + "\n")), "build.rs");
}

#[test]
fn the_page_of_level_3_quotes_the_tour() {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    command.args(["run", "--quiet", "--example", "tour", "--", "21"]).current_dir(root());
    let output = command.output().expect("cargo runs");
    let printed = normal(&String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{printed}");
    let page = read("docs/src/level-3.md");
    let quoted = normal(blocks(&page, "text").first().expect("a report"));
    // Lists of addresses are cut short on the page, and which line of the tour runs a row is no
    // matter.
    let whole = quoted.lines().filter(|line| !line.ends_with('…') && !line.contains("/process.rs:"));
    assert_eq!(first_missing(whole, &printed), None, "a line that the report has not:\n{printed}");
}

#[test]
fn each_key_of_a_report_is_explained() {
    let page = read("docs/src/reading-a-report.md");
    let mut missing = HashSet::new();
    for entry in fs::read_dir(root().join("ffi-guard/tests/golden")).expect("the golden reports") {
        let report = fs::read_to_string(entry.expect("an entry").path()).expect("a report");
        // The story stands before the picture and the helps; its keys end in column 14.
        for line in report.lines().take_while(|line| !line.starts_with("help: ")) {
            let Some((key, _)) = line.split_once(": ").filter(|(key, _)| key.len() == 14) else { continue };
            let key = key.trim_start();
            let is_key = key.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
            if is_key && !key.is_empty() && !page.contains(&format!("`{key}`")) {
                missing.insert(key.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "docs/src/reading-a-report.md explains no {missing:?}");
}

/// The programs, tests, measurements and scripts that a text tells the reader to run.
fn named(text: &str) -> Vec<(&str, &str)> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || matches!(c, '`' | '(' | ')')).collect();
    let pairs = words
        .iter()
        .zip(words.iter().skip(1))
        .map(|(option, name)| (*option, name.trim_end_matches(['.', ',', ';', ':'])));
    pairs
        .filter(|(option, name)| match *option {
            "--example" | "--test" | "--bench" => !name.is_empty(),
            "bash" | "sh" => name.ends_with(".sh"),
            _ => false,
        })
        .collect()
}

#[test]
fn what_a_command_of_the_guide_names_is_there() {
    let exists = |paths: &[String]| paths.iter().any(|path| root().join(path).is_file());
    let mut missing = Vec::new();
    for page in pages().into_iter().map(|page| Path::new("docs/src").join(page)).chain(["README.md".into()]) {
        for (option, name) in named(&read(&page)) {
            let there = match option {
                "--example" => exists(&[
                    format!("tests/examples/{name}/main.rs"),
                    format!("c-fixtures/examples/{name}.rs"),
                    format!("examples/{name}/src/main.rs"),
                ]),
                "--test" => exists(&[format!("tests/tests/{name}.rs"), format!("tests/tests/{name}/main.rs")]),
                "--bench" => exists(&[format!("benches/benches/{name}.rs")]),
                _ => exists(&[name.to_owned()]),
            };
            if !there {
                missing.push(format!("{}: {option} {name}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
