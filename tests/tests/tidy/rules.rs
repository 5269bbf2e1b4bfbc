//! A rule is whole: check, page, fixture, programs, golden report.

use std::path::Path;

use ffi_guard::Rule;

use crate::files::{all, read, root};

/// The rules that are built: those with a file of their own.
pub(crate) fn built() -> Vec<&'static str> {
    let has_file = |name: &&str| root().join(format!("ffi-guard/src/rules/{name}.rs")).exists();
    Rule::ALL.iter().map(|rule| rule.name()).filter(has_file).collect()
}

#[test]
fn every_rule_that_is_built_has_all_that_belongs_to_it() {
    assert!(!built().is_empty());
    let mut missing = Vec::new();
    for rule in built() {
        for file in [
            format!("docs/src/rules/{rule}.md"),
            format!("c-fixtures/c/{rule}.c"),
            format!("c-fixtures/include/{rule}.h"),
            format!("c-fixtures/src/{rule}.rs"),
            format!("tests/tests/rules/{rule}.rs"),
            format!("tests/examples/rules/{rule}.rs"),
        ] {
            if !root().join(&file).is_file() {
                missing.push(file);
            }
        }
        let golden = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            path.starts_with("ffi-guard/tests/golden") && name.starts_with(rule)
        };
        if !all().iter().any(|path| golden(path)) {
            missing.push(format!("ffi-guard/tests/golden/{rule}.txt"));
        }
        for (document, link) in [("README.md", "docs/src/rules/"), ("docs/src/rules.md", "rules/")] {
            if !read(document).contains(&format!("]({link}{rule}.md)")) {
                missing.push(format!("{document}: a link to the page of {rule}"));
            }
        }
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

#[test]
fn every_rule_that_is_built_has_its_three_programs() {
    for rule in built() {
        let path = format!("tests/tests/rules/{rule}.rs");
        let text = read(&path);
        let variant: String = rule.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        for (program, sign) in [
            ("one that breaks it", format!("Rule::{variant}")),
            ("a correct one", "clean".to_string()),
            ("a repaired one", "fn repaired".to_string()),
        ] {
            assert!(text.contains(&sign), "{path} has no program for {rule}: {program} (looked for `{sign}`)");
        }
    }
}

#[test]
fn the_guide_names_every_rule_and_promises_no_more_than_there_are() {
    let index = read("docs/src/rules.md");
    for rule in Rule::ALL {
        let name = rule.name();
        let expected = if built().contains(&name) { format!("[{name}](") } else { format!("| `{name}` |") };
        assert!(index.contains(&expected), "docs/src/rules.md has no {expected}");
        let page = root().join(format!("docs/src/rules/{name}.md"));
        assert_eq!(page.exists(), built().contains(&name), "a page for a rule that is built, and for no other: {name}");
    }
}
