//! The published packages, their dependencies and licences, from `cargo metadata`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The packages that are published.
const PUBLISHED: [&str; 2] = ["ffi-guard", "ffi-guard-macros"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package of the workspace")
}

fn metadata() -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version=1", "--locked", "--all-features"]).current_dir(root());
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().expect("packages")
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

/// The packages that the published ones bring along, with the features that they ask for: not those
/// of their tests, nor features that only a test asks for.
fn brought(metadata: &Value) -> Vec<&Value> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--locked", "--all-features", "--target=all", "--edges=normal,build", "--prefix=none"]);
    command.args(["--format={p}"]).args(PUBLISHED.iter().flat_map(|name| ["--package", name])).current_dir(root());
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    let found: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or(rest)))
        .collect();
    let is_found = |package: &&Value| found.contains(&(text(package, "name"), text(package, "version")));
    packages(metadata).iter().filter(is_found).collect()
}

#[test]
fn what_is_published_says_what_it_is_and_nothing_else_is_published() {
    let metadata = metadata();
    let mut seen = 0;
    for package in packages(&metadata).iter().filter(|package| package["source"].is_null()) {
        let name = text(package, "name");
        if !PUBLISHED.contains(&name) {
            assert_eq!(package["publish"], serde_json::json!([]), "{name} could be published by mistake");
            continue;
        }
        seen += 1;
        for key in ["description", "license", "repository", "readme", "rust_version"] {
            assert!(!text(package, key).is_empty(), "{name} has no {key}");
        }
        for key in ["keywords", "categories"] {
            let count = package[key].as_array().map_or(0, Vec::len);
            assert!((1..=5).contains(&count), "{name} has {count} {key}");
        }
        let folder = Path::new(text(package, "manifest_path")).parent().expect("a folder");
        for file in ["LICENSE-MIT", "LICENSE-APACHE", text(package, "readme")] {
            assert!(folder.join(file).is_file(), "{name} has no {file}");
        }
    }
    assert_eq!(seen, PUBLISHED.len());
}

/// The licences that deny.toml allows.
fn allowed() -> Vec<String> {
    let config = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let list = config.lines().find_map(|line| line.strip_prefix("allow = [")).expect("a list of licences");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// True if the terms can be kept with the allowed licences alone: of each `OR` one, of each `AND`
/// all. An old `/` is an `OR`; brackets hold an `OR`, as they do in every package that is here.
fn is_allowed(terms: &str, allowed: &[String]) -> bool {
    let terms = terms.replace('/', " OR ");
    let every = terms.split(") AND ").flat_map(|part| match part.strip_prefix('(') {
        Some(choice) => vec![choice],
        None => part.split(" AND ").collect(),
    });
    every.into_iter().all(|part| {
        part.trim_matches(['(', ')']).split(" OR ").any(|licence| allowed.iter().any(|one| one == licence.trim()))
    })
}

#[test]
fn every_licence_is_one_of_denys_list() {
    let allowed = allowed();
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed) && is_allowed("Unlicense/MIT", &allowed));
    assert!(!is_allowed("GPL-3.0", &allowed) && !is_allowed("MIT AND GPL-3.0", &allowed) && !is_allowed("", &allowed));
    let metadata = metadata();
    for package in packages(&metadata) {
        let terms = text(package, "license");
        assert!(is_allowed(terms, &allowed), "{}: {terms:?}", text(package, "name"));
    }
}

#[test]
fn what_is_published_brings_each_package_once_and_none_that_wants_a_newer_rust() {
    let metadata = metadata();
    let brought = brought(&metadata);
    assert!(brought.len() > 10, "{}", brought.len());
    // Neither of 1.88.0 and 1.88 is newer.
    let number = |version: &str| -> Vec<u32> {
        version.split('.').take(2).map(|part| part.parse().expect("a number")).collect()
    };
    let ours = packages(&metadata).iter().find(|package| text(package, "name") == PUBLISHED[0]).expect("ours");
    let oldest = number(text(ours, "rust_version"));
    let mut names = BTreeSet::new();
    for package in brought {
        let name = text(package, "name");
        assert!(names.insert(name), "{name} comes in two versions");
        let wanted = text(package, "rust_version");
        if wanted.is_empty() {
            continue;
        }
        let wanted = number(wanted);
        assert!(wanted <= oldest, "{name} wants Rust {wanted:?}, and we promise {oldest:?}");
    }
}

#[test]
fn every_package_comes_from_the_registry_that_cargo_has_by_itself() {
    let metadata = metadata();
    let sources: BTreeSet<&str> =
        packages(&metadata).iter().map(|package| text(package, "source")).filter(|source| !source.is_empty()).collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|source| source.starts_with("registry+")), "{sources:?}");
}
