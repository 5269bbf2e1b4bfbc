//! The guide's first page, as a new user follows it: its commands, pasted in order, make the
//! program that it shows and the report that it quotes.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The page's code blocks: the info string of the fence, and the text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

/// A folder of the test's own, outside of this workspace: `cargo new` would add its package to it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Pastes a block into a shell.
fn paste(folder: &Path, commands: &str) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let target = std::env::current_exe().expect("a running program has a path");
    // In a folder in which most of the packages are built already.
    let target = target.ancestors().nth(3).expect("cargo put it there");
    let clone = root.join("ffi-guard").to_str().expect("UTF-8").to_owned();
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            shell.env_remove(name);
        }
    }
    // The clone lies elsewhere, and every package that is needed is here already.
    shell.arg("-ec").arg(commands.replace("../ffi-guard/ffi-guard", &clone)).current_dir(folder);
    shell.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true").env("CARGO_TERM_QUIET", "true");
    shell.env("LC_ALL", "C.UTF-8").env("RUST_BACKTRACE", "0").env("NO_COLOR", "1").output().expect("sh runs")
}

#[test]
fn the_commands_make_the_program_and_its_report() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let page = fs::read_to_string(root.join("docs/src/getting-started.md")).expect("the page");
    let blocks = blocks(&page);
    let block = |info: &str, with: &str| {
        let found = blocks.iter().find(|(fence, text)| *fence == info && text.contains(with));
        found.unwrap_or_else(|| panic!("no {info} block with {with}")).1
    };
    let folder = std::env::temp_dir().join(format!("ffi-guard-start-{}", std::process::id()));
    let folder = Folder(folder);
    let (clone, first) = (folder.0.join("ffi-guard"), folder.0.join("first"));
    fs::create_dir_all(&clone).expect("a folder");

    let made = paste(&clone, block("sh", "cargo new"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // The tested versions, which are already here.
    fs::copy(root.join("Cargo.lock"), first.join("Cargo.lock")).expect("a copy");

    let program = block("rust,should_panic", "fn main");
    fs::write(first.join("src/main.rs"), format!("{program}\n")).expect("a program");
    let ran = paste(&first, "cargo run");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(101), "{said}");
    let mut rest = said.lines();
    for line in block("text", "ffi-guard[").lines() {
        assert!(rest.any(|other| other == line), "the page quotes\n{line}\nand the report is\n{said}");
    }

    // The lines that the page writes instead of the last ones.
    let repaired = block("rust", "CString");
    let (kept, _) = program.split_once("fn main").expect("a main");
    let (_, main) = repaired.split_once("\nfn main").expect("a main");
    fs::write(first.join("src/main.rs"), format!("{kept}fn main{main}\n")).expect("a program");
    let ran = paste(&first, "cargo run");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "42\n", "{}", String::from_utf8_lossy(&ran.stderr));
    let tested = paste(&first, &format!("{}\ntest ! -e guard.jsonl", block("sh", "GUARD_REPORT")));
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
}
