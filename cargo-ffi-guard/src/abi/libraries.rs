//! The libraries that define functions which the linker did not take: nothing calls them, and so
//! neither they nor their debug information are in the program.
//!
//! An archive is made of objects whose debug information still has to be linked. So each archive
//! is linked whole into a program without a start, which is read and never run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::built::{Built, Library};
use super::list::List;

/// The options by which an archive becomes a file in which each address is settled. Functions that
/// others define may be missing, and one that is there twice counts once.
pub(super) const WHOLE: [&str; 8] = [
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--unresolved-symbols=ignore-all",
    "-Wl,-z,muldefs",
    "-Wl,--no-gc-sections",
    "-Wl,-e,0",
    "-Wl,--no-warnings",
];

/// The lines of the request for libraries of crates that have functions which were not found.
pub(super) fn of_missing(list: &List, built: &Built, folder: &Path) -> Vec<String> {
    let missing = list.not_linked();
    if missing.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for library in &built.libraries {
        let line = |path: PathBuf| format!("library {} {}", library.krate, path.display());
        let archives = library.archives.iter().filter_map(|name| archive(library, name));
        lines.extend(archives.filter_map(|archive| whole(&library.krate, &archive, folder)).map(line));
        lines.extend(library.shared.iter().filter_map(|name| shared(library, name)).map(line));
    }
    lines
}

/// The archive of this name, in the folders that the build script names.
fn archive(library: &Library, name: &str) -> Option<PathBuf> {
    library.folders.iter().map(|folder| folder.join(format!("lib{name}.a"))).find(|path| path.is_file())
}

/// The shared library of this name, where the linker finds it.
fn shared(library: &Library, name: &str) -> Option<PathBuf> {
    let file = format!("lib{name}.so");
    let named = library.folders.iter().map(|folder| folder.join(&file)).find(|path| path.is_file());
    named.or_else(|| {
        let said = Command::new(compiler()).arg(format!("-print-file-name={file}")).output().ok()?;
        let path = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
        // What it does not find it gives back as it was.
        path.is_absolute().then_some(path)
    })
}

/// The archive linked as a whole; made again if the archive is newer.
fn whole(krate: &str, archive: &Path, folder: &Path) -> Option<PathBuf> {
    // By the archive's own name, which the reports have.
    let folder = folder.join(krate);
    let linked = folder.join(archive.file_name()?);
    let time = |path: &Path| std::fs::metadata(path).and_then(|it| it.modified()).ok();
    if time(&linked).is_some_and(|linked| time(archive).is_some_and(|archive| archive < linked)) {
        return Some(linked);
    }
    std::fs::create_dir_all(&folder).ok()?;
    let mut command = Command::new(compiler());
    command.args(WHOLE).arg("-o").arg(&linked).arg("-Wl,--whole-archive").arg(archive).arg("-Wl,--no-whole-archive");
    let done = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().ok()?;
    if done.status.success() {
        return Some(linked);
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says not why");
    eprintln!("warning: {}: the linker cannot put it together: {first}", archive.display());
    None
}

/// The C compiler.
pub(super) fn compiler() -> std::ffi::OsString {
    std::env::var_os("CC").unwrap_or_else(|| "cc".into())
}
