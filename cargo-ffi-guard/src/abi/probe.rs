//! What headers declare, for functions whose library says nothing: a file of C that includes the
//! headers and uses each function, compiled with debug information.
//!
//! A compiler says of a declaration what it says of a definition, if the declaration is used. GCC
//! writes the declaration itself; others at least the type of the variable that is made here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::libraries::{WHOLE, compiler};
use super::list::List;
use crate::obstacle::cannot_write;

/// How often the file is written again without what does not compile in it.
const MOST_ATTEMPTS: usize = 8;

/// The line of the request for what the headers declare of functions that were not compared.
///
/// # Errors
///
/// A header that does not compile, in the compiler's words.
pub(super) fn lines(headers: &[PathBuf], list: &List, folder: &Path) -> Result<Vec<String>, String> {
    if headers.is_empty() {
        return Ok(Vec::new());
    }
    let (object, linked) = (folder.join("probe.o"), folder.join("probe"));
    let (source, includes) = including(headers, folder)?;
    let text = preprocessed(headers, folder)?;
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut symbols: Vec<&str> = list.not_compared().into_iter().filter(|symbol| words.contains(symbol)).collect();
    for _ in 0..MOST_ATTEMPTS {
        if symbols.is_empty() {
            return Ok(Vec::new());
        }
        // A macro of the name is what C's callers use, and not what Rust is linked with.
        let line = |name: &&str| {
            format!("#undef {name}\n#line 1 \"{name}\"\n__typeof__({name}) *ffi_guard_type_of_{name} = {name};\n")
        };
        write(&source, &(includes.clone() + &symbols.iter().map(line).collect::<String>()))?;
        let done = compile(headers, &["-g", "-O0", "-c"], &source, Some(&object))?;
        if done.status.success() {
            let mut command = Command::new(compiler());
            command.args(WHOLE).arg("-o").arg(&linked).arg(&object);
            let done = command.output().map_err(|error| cannot_run(&error))?;
            return match done.status.success() {
                true => Ok(vec![format!("probe {}", linked.display())]),
                false => Err(format!("--header: {}", first_error(&done))),
            };
        }
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let before = symbols.len();
        symbols.retain(|name| !said.lines().any(|line| line.starts_with(&format!("{name}:1:"))));
        if symbols.len() == before {
            return Err(format!("--header: {}", first_error(&done)));
        }
    }
    Err("--header: the compiler takes none of the functions".into())
}

/// What the preprocessor leaves of the headers.
///
/// # Errors
///
/// A header that does not compile, in the compiler's words.
pub(super) fn preprocessed(headers: &[PathBuf], folder: &Path) -> Result<String, String> {
    let (source, _) = including(headers, folder)?;
    let checked = compile(headers, &["-fsyntax-only"], &source, None)?;
    if !checked.status.success() {
        return Err(format!("--header: {}", first_error(&checked)));
    }
    let read = compile(headers, &["-E", "-P"], &source, None)?;
    Ok(String::from_utf8_lossy(&read.stdout).into_owned())
}

/// The file of C, which includes the headers and holds nothing else yet, and its text.
fn including(headers: &[PathBuf], folder: &Path) -> Result<(PathBuf, String), String> {
    let source = folder.join("probe.c");
    let includes: String = headers.iter().map(|header| include(header)).collect();
    write(&source, &includes)?;
    Ok((source, includes))
}

/// A path, or what the compiler finds by itself.
fn include(header: &Path) -> String {
    match std::fs::canonicalize(header) {
        Ok(path) => format!("#include \"{}\"\n", path.display()),
        Err(_) => format!("#include <{}>\n", header.display()),
    }
}

fn compile(headers: &[PathBuf], options: &[&str], source: &Path, into: Option<&Path>) -> Result<Output, String> {
    let mut command = Command::new(compiler());
    command.args(options).args(["-w", "-x", "c"]);
    for header in headers {
        let folder = std::fs::canonicalize(header).ok().and_then(|path| Some(path.parent()?.to_path_buf()));
        command.args(folder.map(|folder| format!("-I{}", folder.display())));
    }
    command.args(std::env::var("CFLAGS").unwrap_or_default().split_whitespace()).arg(source);
    if let Some(into) = into {
        command.arg("-o").arg(into);
    }
    command.env("LC_ALL", "C").output().map_err(|error| cannot_run(&error))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| cannot_write(path, &error))
}

fn cannot_run(error: &std::io::Error) -> String {
    format!("{} cannot be run: {error}", compiler().display())
}

/// The first line of an error, in the compiler's words.
fn first_error(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| line.contains("error")).or_else(|| said.lines().next());
    error.unwrap_or("the compiler says not why").trim().to_owned()
}
