//! Tests of the repository itself: each rule has all its parts, the guide is complete, links lead
//! somewhere, files are small, comments are readable.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package of the workspace").to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder whose names end with `end`, as paths from the root.
fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                let short = path.strip_prefix(root()).expect("below the root");
                found.push(short.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {end} below {folder}");
    found
}

/// The text files that git keeps, with their texts. `None` if this is not a checkout but, say, an
/// unpacked archive.
fn tracked() -> Option<Vec<(String, String)>> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let names = String::from_utf8(output.stdout).ok().filter(|names| output.status.success() && !names.is_empty())?;
    let text = |name: &str| Some((name.to_owned(), fs::read_to_string(root().join(name)).ok()?));
    Some(names.split('\0').filter(|name| !name.is_empty()).filter_map(text).collect())
}

#[track_caller]
fn none(missing: &[String]) {
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}

#[test]
fn each_rule_has_a_page_a_fixture_tests_and_a_golden_report() {
    // Parts of `rules/` that several rules share.
    const NO_RULES: [&str; 9] =
        ["damage", "dangling", "difference", "held", "mod", "nowhere", "pointers", "touched", "wrong_free"];
    let golden = files("ffi-guard/tests/golden", ".txt");
    let main = read("tests/tests/rules/main.rs");
    let summary = read("docs/src/SUMMARY.md");
    let mut missing = Vec::new();
    for file in files("ffi-guard/src/rules", ".rs") {
        let rule = Path::new(&file).file_stem().and_then(|stem| stem.to_str()).expect("a name");
        if NO_RULES.contains(&rule) || file.contains("rules/words/") {
            continue;
        }
        assert!(rule.parse::<ffi_guard::Rule>().is_ok(), "{file} is no rule's");
        for part in [
            format!("docs/src/rules/{rule}.md"),
            format!("c-fixtures/c/{rule}.c"),
            format!("tests/tests/rules/{rule}.rs"),
        ] {
            if !root().join(&part).is_file() {
                missing.push(format!("{rule}: no {part}"));
            }
        }
        if !main.lines().any(|line| line == format!("mod {rule};")) {
            missing.push(format!("{rule}: its tests do not run: no `mod {rule};` in tests/tests/rules/main.rs"));
        }
        if !summary.contains(&format!("(rules/{rule}.md)")) {
            missing.push(format!("{rule}: not in docs/src/SUMMARY.md"));
        }
        let text = read(&file);
        let docs: Vec<_> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        if !docs.iter().any(|line| line.starts_with("//! Checked by ") || line.starts_with("//! Found by ")) {
            missing.push(format!("{rule}: {file} does not name its check, or the probe that finds it"));
        }
        // The files that it names exist, below `src` or beside it.
        for name in docs.iter().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|name| name.ends_with(".rs"))
        {
            if !["ffi-guard/src", "ffi-guard/src/rules"].iter().any(|folder| root().join(folder).join(name).is_file()) {
                missing.push(format!("{rule}: {file} names {name}, which is no file"));
            }
        }
        let first = format!("ffi-guard[{rule}]: ");
        if !golden.iter().any(|name| read(name).starts_with(&first)) {
            missing.push(format!("{rule}: no report in ffi-guard/tests/golden"));
        }
    }
    none(&missing);
}

/// True if `name` is in the text as a whole word: `GUARD` is not in `GUARD_STATS`.
fn names(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !word(c)).any(|found| found == name)
}

#[test]
fn each_variable_is_in_the_guide_and_in_the_readme() {
    let config = read("ffi-guard/src/config.rs");
    let mut variables: Vec<_> = config
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("GUARD_") && word.len() > "GUARD_".len())
        .chain(["GUARD", "NO_COLOR"])
        .collect();
    variables.sort_unstable();
    variables.dedup();
    assert!(variables.len() > 10, "{variables:?}");
    let mut missing = Vec::new();
    for page in ["docs/src/levels.md", "README.md"] {
        let text = read(page);
        let absent = variables.iter().filter(|variable| !names(&text, variable));
        missing.extend(absent.map(|variable| format!("{variable}: not in {page}")));
    }
    none(&missing);
}

/// The targets of the links in Markdown, code left out.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every second part is between backquotes, and so code.
            let prose: String = line.split('`').step_by(2).collect();
            found.extend(prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        }
    }
    found
}

#[test]
fn each_relative_link_leads_to_a_file() {
    let mut missing = Vec::new();
    for page in files("docs/src", ".md").into_iter().chain(["README.md".to_owned()]) {
        let path = root().join(&page);
        for link in links(&read(&page)) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !path.with_file_name(target).is_file() {
                missing.push(format!("{page}: {link} leads nowhere"));
            }
        }
    }
    none(&missing);
}

#[test]
fn the_readme_has_the_commands() {
    let readme = read("README.md");
    for command in ["cargo run --example tour", "cargo test --workspace"] {
        assert!(readme.lines().any(|line| line == command), "no line `{command}` in README.md");
    }
}

/// The report from the rule's name to its last line, without what differs from run to run.
fn report(text: &str) -> Option<String> {
    let start = text.find("ffi-guard[retained_pointer]")?;
    let text = &text[start..];
    let summary = text.find("\nsummary: ").map(|at| at + 1)?;
    let end = text[summary..].find('\n').map_or(text.len(), |length| summary + length);
    let lines = text[..end].lines().map(|line| {
        // Frames below `main` are the standard library's and the system's.
        if line.starts_with("note: ") && line.contains(" frames left out: ") {
            return "note: N frames left out: GUARD_BACKTRACE=full shows all".to_owned();
        }
        let line = line.replace(&format!("{}/", root().display()), "");
        let mut parts = line.split("0x");
        let mut normal = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            normal += "ADDR";
            normal += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        }
        normal.trim_end().to_owned()
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_readme_shows_what_the_example_prints() {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            command.env_remove(name);
        }
    }
    command.args(["run", "--quiet", "--example", "kept"]).current_dir(root());
    let output = command.env("LC_ALL", "C.UTF-8").env("RUST_BACKTRACE", "0").output().expect("cargo runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    let printed = report(&printed).unwrap_or_else(|| panic!("the example printed no report:\n{printed}"));
    let readme = read("README.md");
    let block = readme.split("```text\n").skip(1).find(|block| block.starts_with("ffi-guard[retained_pointer]"));
    let block = block.and_then(|block| block.split("```").next()).expect("a block of text with the report");
    let shown = report(block).expect("the whole report, down to its summary");
    assert!(shown == printed, "README.md shows\n\n{shown}\n\nand the example prints\n\n{printed}\n");
}

#[test]
fn no_source_file_is_long() {
    let mut long = Vec::new();
    for file in files("ffi-guard/src", ".rs").into_iter().chain(files("ffi-guard-macros/src", ".rs")) {
        let lines = read(&file).lines().count();
        if lines > 600 {
            long.push(format!("{file} has {lines} lines; 600 is the limit"));
        }
    }
    none(&long);
}

/// True if `folder` is the first part of an absolute path in the line: `/srv`, and not `a/srv` or
/// `/srvs`.
fn is_absolute(line: &str, folder: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '}' | ')');
    line.match_indices(folder).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + folder.len()..]);
        !before.ends_with(part) && !after.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    })
}

#[test]
fn nothing_is_left_to_do_and_nothing_names_a_machine() {
    // Cargo writes the registry into its lock files.
    const MAY_NAME_THEM: [&str; 3] =
        ["Cargo.lock", "tests/published/triangle/Cargo.lock", "tests/published/getgrouplist/Cargo.lock"];
    // In pieces, so that this file has none of them.
    let unfinished = concat!("to", "do!(");
    let folders = [concat!("/ro", "ot"), concat!("/ho", "me"), concat!("/wo", "rk")];
    let hosts = [concat!("crates", ".io"), concat!("pypi", ".org"), concat!("npmjs", ".org")];
    let Some(tracked) = tracked() else { return };
    let mut found = Vec::new();
    for (name, text) in tracked {
        for (number, line) in (1..).zip(text.lines()) {
            let place = || format!("{name}:{number}: {}", line.trim());
            let named =
                folders.iter().any(|folder| is_absolute(line, folder)) || hosts.iter().any(|h| line.contains(h));
            if name.ends_with(".rs") && line.contains(unfinished) || named && !MAY_NAME_THEM.contains(&name.as_str()) {
                found.push(place());
            }
        }
    }
    none(&found);
}

/// What only `platform/` may say: the system by name, and the functions of C's library.
#[test]
fn only_the_platform_names_the_system() {
    const NAMES: [&str; 8] = [
        "target_os",
        "target_env",
        "target_family",
        "target_vendor",
        "target_pointer_width",
        "cfg(unix",
        "cfg(windows",
        "libc::",
    ];
    let mut found = Vec::new();
    const PLATFORM: &str = "ffi-guard/src/platform/";
    let elsewhere = |file: &String| !file.starts_with(PLATFORM);
    for file in files("ffi-guard/src", ".rs").into_iter().filter(elsewhere) {
        for (number, line) in (1..).zip(read(&file).lines()) {
            // Reports tell their readers of `libc::free`, and `glibc` is a module.
            let code = line.replace("`libc::", "").replace("glibc::", "");
            if !code.trim_start().starts_with("//") && NAMES.iter().any(|name| code.contains(name)) {
                found.push(format!("{file}:{number}: {}", line.trim()));
            }
        }
    }
    none(&found);
}

#[test]
fn each_capability_of_a_platform_is_asked_for() {
    let list = read("ffi-guard/src/platform/capabilities.rs");
    let names: Vec<_> = list.split("name: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 3, "{names:?}");
    let sources: Vec<_> = files("ffi-guard/src", ".rs").iter().map(|file| read(file)).collect();
    let lines: Vec<_> = sources.iter().flat_map(|text| text.lines()).filter(|line| line.contains("cfg")).collect();
    let unused = names.iter().filter(|name| !lines.iter().any(|line| self::names(line, name)));
    none(&unused.map(|name| format!("{name}: no `cfg` asks for it")).collect::<Vec<_>>());
}

/// The folders whose comments the tests below read.
const COMMENTED: [&str; 6] = ["ffi-guard", "ffi-guard-macros", "c-fixtures", "tests", "benches", "examples"];

/// The lines of a Rust file that are comments, with their numbers: each without its `//`, `///` or
/// `//!`, and `None` for those that are no prose, in a block of code or a table.
fn comments(text: &str) -> Vec<(usize, Option<&str>)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines().map(str::trim_start)) {
        let Some(comment) = line.strip_prefix("//") else {
            fenced = false;
            continue;
        };
        let comment = comment.strip_prefix(['/', '!']).unwrap_or(comment).trim_start();
        let fence = comment.starts_with("```");
        found.push((number, (!fenced && !fence && !comment.starts_with('|')).then_some(comment)));
        fenced ^= fence;
    }
    found
}

/// Every comment line of the folders that is prose: where it stands, the whole line, and its text.
fn each_comment(mut see: impl FnMut(String, &str, &str)) {
    for file in COMMENTED.iter().flat_map(|folder| files(folder, ".rs")) {
        if file.split('/').any(|part| part == "target") {
            continue;
        }
        let text = read(&file);
        let lines: Vec<&str> = text.lines().collect();
        for (number, comment) in comments(&text) {
            if let Some(comment) = comment {
                see(format!("{file}:{number}"), lines[number - 1], comment);
            }
        }
    }
}

#[test]
fn comments_are_wrapped() {
    const COLUMNS: usize = 100;
    let mut long = Vec::new();
    each_comment(|place, line, _| {
        let columns = line.chars().count();
        if columns > COLUMNS && !line.contains("://") {
            long.push(format!("{place}: {columns} columns; a comment has at most {COLUMNS}"));
        }
    });
    none(&long);
}

#[test]
fn a_comment_can_be_read_alone() {
    // Each leans on another item, or says with a clause what a noun or a number says.
    const OPENINGS: [&str; 5] = ["The same of", "The same,", "So many", "As many as", "Of what"];
    const WORDS: [&str; 2] = ["nobody", "anew"];
    let mut found = Vec::new();
    each_comment(|place, _, comment| {
        let opening = OPENINGS.iter().find(|opening| comment.starts_with(**opening));
        let word = WORDS.iter().find(|word| names(comment, word));
        found.extend(opening.or(word).map(|tic| format!("{place}: \"{tic}\"")));
    });
    none(&found);
}

/// The rows of the table of layers in `docs/design/architecture.md`: a folder or file of the
/// library, and what it may import.
fn layers() -> Vec<(String, Vec<String>)> {
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let page = read("docs/design/architecture.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| folder")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let layers: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').collect();
            (quoted(cells[1])[0].clone(), quoted(cells[2]))
        })
        .collect();
    assert!(layers.len() > 20, "the table of layers is not read: {layers:?}");
    layers
}

/// The modules of the library that a file names, but for those of its unit tests.
fn imports(text: &str) -> Vec<String> {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let word =
        |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => {
                found.extend(list.split(['}', ';']).next().unwrap_or_default().split(',').map(|it| word(it.trim())))
            }
            None => found.push(word(rest)),
        }
    }
    found.retain(|name| !name.is_empty() && !name.starts_with("__"));
    found
}

#[test]
fn each_folder_imports_only_from_those_below_it() {
    let layers = layers();
    let mut wrong = Vec::new();
    for (at, (folder, allowed)) in layers.iter().enumerate() {
        for above in allowed.iter().filter(|name| !layers[..at].iter().any(|(below, _)| below == *name)) {
            wrong.push(format!("architecture.md: `{folder}` may import `{above}`, which is no row above it"));
        }
    }
    for file in files("ffi-guard/src", ".rs") {
        let inside = file.strip_prefix("ffi-guard/src/").expect("a file of the library");
        let folder = inside.split(['/', '.']).next().expect("a name");
        if folder == "lib" || inside.contains("/tests/") || inside.ends_with("/tests.rs") {
            continue;
        }
        let Some((_, allowed)) = layers.iter().find(|(name, _)| name == folder) else {
            wrong.push(format!("{file}: `{folder}` has no row in docs/design/architecture.md"));
            continue;
        };
        for name in imports(&read(&file)) {
            let is_layer = layers.iter().any(|(layer, _)| *layer == name);
            if is_layer && name != folder && !allowed.contains(&name) {
                wrong.push(format!("{file}: `{folder}` imports `{name}`, which the table of layers does not allow"));
            }
        }
    }
    wrong.dedup();
    none(&wrong);
}

#[test]
fn each_path_in_contributing_is_there() {
    let page = read("CONTRIBUTING.md");
    let quoted = page.split('`').skip(1).step_by(2);
    let paths = quoted.filter(|it| it.contains('/') && !it.contains(char::is_whitespace) && !it.contains('*'));
    let paths: Vec<_> = paths.collect();
    assert!(paths.len() > 30, "{paths:?}");
    let absent = paths.iter().filter(|path| !root().join(path).exists());
    none(&absent.map(|path| format!("CONTRIBUTING.md: no {path}")).collect::<Vec<_>>());
}
