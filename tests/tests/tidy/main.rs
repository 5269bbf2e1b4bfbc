//! What the compiler does not keep in step: rules and their pages, variables and their tables, the reports that the
//! documents quote and those that the programs print.

mod files;
mod reports;
mod rules;

use std::collections::HashSet;
use std::path::Path;

use files::{all, read, root};

#[test]
fn every_variable_is_in_the_readme_and_in_the_guide() {
    let config = read("ffi-guard/src/config.rs");
    let code = config.split("#[cfg(test)]").next().expect("the code before the tests");
    let variables: HashSet<&str> =
        code.split("c\"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|v| !v.is_empty()).collect();
    assert!(variables.contains("GUARD") && variables.len() > 10, "what the configuration reads: {variables:?}");
    for document in ["README.md", "docs/src/levels.md"] {
        let text = read(document);
        for variable in variables.iter().filter(|variable| variable.starts_with("GUARD")) {
            assert!(text.contains(&format!("`{variable}`")), "{document} has no `{variable}`");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in all().iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = read(document);
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document.clone() } else { document.with_file_name("").join(path) };
            if !root().join(&target).exists() {
                wrong.push(format!("{}: {link}", document.display()));
            } else if !anchor.is_empty() && !anchors(&read(&target)).contains(anchor) {
                wrong.push(format!("{}: {link}: no such heading", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The targets of `[text](target)`, outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut code = false;
    let prose = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        code ^= fence;
        !code && !fence
    });
    prose.flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next())).collect()
}

/// The headings, as renderers make anchors of them.
fn anchors(text: &str) -> HashSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || *c == '-' || *c == '_';
    headings.map(|heading| heading.to_lowercase().replace(' ', "-").chars().filter(kept).collect()).collect()
}

#[test]
fn every_page_is_in_the_summary_and_compiled() {
    let (summary, book) = (read("docs/src/SUMMARY.md"), read("tests/src/book.rs"));
    for page in all() {
        let Ok(page) = page.strip_prefix("docs/src") else { continue };
        let page = page.to_str().expect("UTF-8");
        if page == "SUMMARY.md" {
            continue;
        }
        assert!(summary.contains(&format!("({page})")), "docs/src/SUMMARY.md leaves out {page}");
        assert!(book.contains(&format!("\"{page}\"")), "tests/src/book.rs leaves out {page}");
    }
}

#[test]
fn the_readme_has_its_two_commands() {
    let readme = read("README.md");
    for command in ["cargo run --example tour", "cargo test --workspace"] {
        let fences = |line: usize| readme.lines().take(line).filter(|line| line.starts_with("```")).count();
        let at = readme.lines().position(|line| line == command);
        assert!(at.is_some_and(|line| fences(line) % 2 == 1), "no code block of README.md has the line: {command}");
    }
}

#[test]
fn no_source_file_is_longer_than_a_sitting() {
    let long: Vec<String> = all()
        .iter()
        .filter(|path| path.starts_with("ffi-guard/src") || path.starts_with("ffi-guard-macros/src"))
        .map(|path| (path, read(path).lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "more than 600 lines:\n{}", long.join("\n"));
}

#[test]
fn nothing_is_left_undone_and_no_path_of_a_machine_is_written_down() {
    // In pieces, so that this file is none of them.
    let undone = concat!("to", "do!(");
    let folders = [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    // The made-up path that the report's own tests shorten.
    let made_up = concat!("/ho", "me/u/.cargo/");
    let mut wrong = Vec::new();
    for path in all() {
        // Binary files are not ours to read.
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let line = line.replace(made_up, "");
            if line.contains(undone) || folders.iter().any(|folder| line.contains(folder)) {
                wrong.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_workspace_was_found() {
    assert!(all().iter().any(|path| path == Path::new("README.md")) && all().len() > 100);
}
