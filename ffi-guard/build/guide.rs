//! The pages of the guide as modules of the documentation, so that a report can lead there whoever
//! depends on the crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Writes a module for each page into the folder of the build, under the name of the page.
pub(crate) fn write() {
    // A link to the guide's own folder, which a package has a copy of.
    const GUIDE: &str = "guide";
    println!("cargo::rerun-if-changed=build/guide.rs");
    // It names every page. A change of a page's text is no reason to build the library again, and
    // all that depends on it; `cargo doc` has the text of the last build then.
    println!("cargo::rerun-if-changed={GUIDE}/SUMMARY.md");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let pages = pages(Path::new(GUIDE));
    let mut modules = String::new();
    for (stem, text) in &pages {
        let name = name(stem);
        modules += &format!("#[doc = include_str!(concat!(env!(\"OUT_DIR\"), \"/{name}.md\"))]\npub mod {name} {{}}\n");
        save(&out.join(format!("{name}.md")), &with_links(text, &pages));
    }
    save(&out.join("guide.rs"), &modules);
}

/// The pages by their names, those of the rules with the others: no two have the same. None where
/// links to folders are not kept.
fn pages(guide: &Path) -> BTreeMap<String, String> {
    let files = [guide.to_path_buf(), guide.join("rules")].into_iter().filter_map(|folder| fs::read_dir(folder).ok());
    let paths = files.flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let page = |path: PathBuf| {
        let stem = path.file_stem()?.to_str()?.to_owned();
        let is_page = path.extension().is_some_and(|it| it == "md") && stem != "SUMMARY";
        is_page.then(|| fs::read_to_string(&path).ok()).flatten().map(|text| (stem, text))
    };
    paths.filter_map(page).collect()
}

/// The name of a page's module.
fn name(stem: &str) -> String {
    stem.replace('-', "_")
}

/// The text with its links to pages of the guide as links to those modules.
fn with_links(text: &str, pages: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("](");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let module = part.split_once(')').and_then(|(target, rest)| {
            let (path, anchor) = target.split_once(".md")?;
            let stem = path.rsplit('/').next().filter(|stem| pages.contains_key(*stem))?;
            Some(format!("../{}/index.html{anchor}){rest}", name(stem)))
        });
        out += "](";
        out += module.as_deref().unwrap_or(part);
    }
    out
}

fn save(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
