//! `cargo ffi-guard abi`: all declarations of a program's crates beside what C defines, at once.
//!
//! ```text
//!  cargo test --no-run ──> built: executables, libraries ──> program, asked at its start ──> list
//!                              └── libraries: those of which the linker took not all ──┘       │
//!                              headers ──> probe ──────────────────────────────────────┘     show
//! ```
//!
//! The program compares, for it has Rust's types. It is asked twice: what is missing after the first
//! time decides which libraries are put together, and what the probe of the headers uses.

mod attributes;
mod built;
mod c_text;
mod libraries;
mod list;
mod probe;
mod show;

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use built::Built;

use cargo_metadata::Metadata;

use crate::cargo_options::{value_of, values_of};
use crate::cli::Abi;
use crate::obstacle::cannot_write;
use list::{Line, List};

/// Status of a run that found a mismatch.
pub(crate) const FOUND: u8 = 1;
/// Status of a run that could not be made.
pub(crate) const WRONG: u8 = 2;

/// The variable that names the request, and stands in each program that answers one.
const REQUEST: &str = "CARGO_FFI_GUARD_COMPARE";

/// The options that cargo gets for the build: all that C and Rust can say of their types.
pub(crate) fn of_the_build(options: &[String]) -> Vec<String> {
    let profiles = match value_of(options, "--profile") {
        Some(profile) => vec![profile],
        None if options.iter().any(|word| word == "--release" || word == "-r") => vec!["release".into()],
        None => vec!["dev".into(), "test".into()],
    };
    let mut words = vec!["--no-run".to_owned(), "--message-format=json-render-diagnostics".to_owned()];
    let settings = ["debug=2", "strip=\"none\"", "split-debuginfo=\"off\"", "package.\"*\".debug=2"];
    for setting in profiles.iter().flat_map(|profile| settings.map(|setting| format!("profile.{profile}.{setting}"))) {
        words.extend(["--config".to_owned(), setting]);
    }
    words
}

/// Refuses a target whose programs are not compared.
///
/// # Errors
///
/// The words for the user.
pub(crate) fn can_compare(target: &str, host: &str) -> Result<(), String> {
    let is_known = target.contains("-linux-") && ["x86_64", "aarch64"].iter().any(|arch| target.starts_with(arch));
    match (is_known, target == host) {
        (false, _) => Err(format!("{target}: declarations are compared on Linux with 64 bits")),
        (true, false) => {
            Err(format!("{target}: the program compares its declarations itself, and does not run on {host}"))
        }
        (true, true) => Ok(()),
    }
}

/// Options of cargo that choose what is built of a package.
const CHOOSES: [&str; 9] =
    ["--lib", "--bins", "--bin", "--examples", "--example", "--tests", "--test", "--benches", "--bench"];

/// The options that have cargo build libraries and programs, and no tests beside them: unless the
/// user chooses.
pub(crate) fn of_the_targets(options: &[String], metadata: &Metadata) -> Vec<&'static str> {
    let is_choice =
        |word: &String| word == "--all-targets" || CHOOSES.contains(&word.split('=').next().unwrap_or(word));
    if options.iter().take_while(|word| *word != "--").any(is_choice) {
        return Vec::new();
    }
    let names = values_of(options, &["-p", "--package"]);
    let is_all = options.iter().any(|word| word == "--workspace" || word == "--all");
    let packages = metadata.packages.iter().filter(|package| match (names.is_empty(), is_all) {
        (false, _) => names.iter().any(|name| name.split('@').next() == Some(package.name.as_str())),
        (true, true) => metadata.workspace_members.contains(&package.id),
        (true, false) if metadata.workspace_default_members.is_available() => {
            metadata.workspace_default_members.contains(&package.id)
        }
        (true, false) => metadata.workspace_members.contains(&package.id),
    });
    let targets: Vec<_> = packages.flat_map(|package| &package.targets).collect();
    let mut words = Vec::new();
    if targets.iter().any(|target| {
        target.is_lib() || target.is_rlib() || target.is_cdylib() || target.is_dylib() || target.is_staticlib()
    }) {
        words.push("--lib");
    }
    if targets.iter().any(|target| target.is_bin()) {
        words.push("--bins");
    }
    words
}

/// Asks what was built, and shows what it says. True if a declaration differs.
///
/// # Errors
///
/// The words for the user.
pub(crate) fn run(abi: &Abi, built: &Built, folder: &Path) -> Result<bool, String> {
    let folder = folder.join("abi");
    std::fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
    let mut programs: Vec<&Path> = Vec::new();
    let mut silent = Vec::new();
    for program in &built.executables {
        match answers(program) {
            true => programs.push(program),
            false => silent.push(program.display().to_string()),
        }
    }
    if programs.is_empty() {
        let why = match silent.is_empty() {
            true => "there is no library and no program to ask".to_owned(),
            false => format!("{}: its allocator is not ffi-guard's, and so it is not asked", silent.join(", ")),
        };
        return Err(why);
    }
    for program in silent {
        eprintln!("warning: {program}: its allocator is not ffi-guard's, and so it is not asked");
    }
    let given: Vec<String> = abi.library.iter().map(|file| format!("library-of-all {}", absolute(file))).collect();
    let mut list = ask_all(&programs, &given, built, &folder)?;
    if let Some(file) = list.unread.first() {
        return Err(format!("--library {file}: it is no library of this system"));
    }
    let mut more = libraries::of_missing(&list, built, &folder);
    more.extend(probe::lines(&abi.header, &list, &folder)?);
    if !more.is_empty() {
        more.extend(given);
        list = ask_all(&programs, &more, built, &folder)?;
    }
    let contracts = match abi.attributes {
        Some(_) => Some(contracts(&abi.header, &list, &folder)?),
        None => None,
    };
    show::all(abi, &list, contracts.as_deref())
}

/// What the attributes in the headers say of the functions that the program declares, as a file of
/// contracts.
fn contracts(headers: &[PathBuf], list: &List, folder: &Path) -> Result<String, String> {
    let names: Vec<String> = headers.iter().map(|header| header.display().to_string()).collect();
    let text = probe::preprocessed(headers, folder)?;
    let contracts = attributes::file(&names.join(", "), &text, &list.declared());
    contracts
        .ok_or_else(|| "--attributes: the headers' attributes say nothing of the functions that are declared".into())
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// True for a program that answers in place of running.
fn answers(program: &Path) -> bool {
    let Ok(bytes) = std::fs::read(program) else { return false };
    // One search a start, which is rare: the byte before the last but one.
    let first = REQUEST.as_bytes()[0];
    let mut rest = bytes.as_slice();
    while let Some(place) = rest.iter().position(|&byte| byte == first) {
        rest = &rest[place..];
        if rest.starts_with(REQUEST.as_bytes()) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// Asks all programs. `more`: lines of the request.
fn ask_all(programs: &[&Path], more: &[String], built: &Built, folder: &Path) -> Result<List, String> {
    let mut list = List::default();
    for program in programs {
        list.add(ask(program, more, built, folder)?);
    }
    Ok(list)
}

fn ask(program: &Path, more: &[String], built: &Built, folder: &Path) -> Result<Vec<Line>, String> {
    let (request, into) = (folder.join("request"), folder.join("answer.jsonl"));
    let _ = std::fs::remove_file(&into);
    let text = format!("into {}\n{}\n", into.display(), more.join("\n"));
    std::fs::write(&request, text.trim_end()).map_err(|error| cannot_write(&request, &error))?;
    let mut command = Command::new(program);
    command.env(REQUEST, &request).env("LD_LIBRARY_PATH", library_path(built));
    // What would be said of a run is not asked for here.
    for variable in ["GUARD_REPORT", "GUARD_CALLED", "GUARD_STATS", "GUARD_CRATES", "GUARD_TRACE"] {
        command.env_remove(variable);
    }
    let status = command.status().map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    let answer = std::fs::read_to_string(&into);
    match answer {
        Ok(text) if status.success() => list::read(&text),
        _ => Err(format!("{} gave no answer: {status}", program.display())),
    }
}

/// Where the loader finds the libraries of the program, as cargo would have it.
fn library_path(built: &Built) -> std::ffi::OsString {
    let known = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let of_rustc = Command::new(rustc).args(["--print", "target-libdir"]).output().ok();
    let of_rustc = of_rustc.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let folders = built.folders().into_iter().chain(of_rustc).chain(std::env::split_paths(&known));
    std::env::join_paths(folders.collect::<Vec<_>>()).unwrap_or(known)
}
