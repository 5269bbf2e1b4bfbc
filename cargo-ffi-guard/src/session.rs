//! What the subcommand tells the wrappers that cargo starts: a file, named by a variable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The variable that names the session's file.
pub(crate) const VARIABLE: &str = "CARGO_FFI_GUARD_SESSION";

/// The settings of one run, the same for each crate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The folder of this tool below the target folder: what it keeps lies there.
    pub folder: PathBuf,
    /// The folder of the workspace: paths may lead from one of its packages to another.
    pub workspace: PathBuf,
    /// The triple that the program is built for.
    pub target: String,
    /// The wrapper that the user had set, through which rustc is run.
    pub chained: Option<PathBuf>,
    /// The crates whose blocks are put under the guard; all of them if empty.
    pub only: Vec<String>,
    /// Functions, as `crate::function`, and crates that are left alone.
    pub skip: Vec<String>,
    /// Rules that are not computed for blocks without attributes of their own.
    pub allow: Vec<String>,
    /// True if a stale word is only told of where a type says that it is a pointer.
    pub fields_by_type: bool,
    /// The user's files of contracts.
    pub contracts: Vec<PathBuf>,
    /// True if the user's libraries bring the allocator along, for their doc tests: not if a crate
    /// of the program declares one.
    pub allocator_in_libraries: bool,
    /// Names that the program's crates pass on as values: a function of such a name keeps C's type.
    #[serde(default)]
    pub taken: BTreeSet<String>,
    /// ffi-guard itself as this toolchain built it.
    pub runtime: Runtime,
}

/// The libraries that each crate is linked with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Runtime {
    /// `libffi_guard-*.rlib`.
    pub library: PathBuf,
    /// The crate that declares the allocator.
    pub allocator: PathBuf,
    /// The folder in which rustc finds both, and all that they depend on.
    pub dependencies: PathBuf,
    /// The folder of the proc macros, which are built for the host.
    pub host_dependencies: PathBuf,
}

impl Session {
    /// The file of the session.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("session.json")
    }

    /// Writes the file. Left as it is if it says the same already.
    pub(crate) fn write(&self) -> std::io::Result<PathBuf> {
        let path = self.path();
        write_if_changed(&path, &serde_json::to_string_pretty(self)?)?;
        Ok(path)
    }

    /// The folder of the mirrored packages.
    pub(crate) fn mirrors(&self) -> PathBuf {
        self.folder.join("mirror")
    }

    /// The file that says that something was learnt by which another build may succeed.
    pub(crate) fn again(&self) -> PathBuf {
        self.folder.join("again")
    }

    /// True if the blocks of the crate are to be put under the guard.
    pub(crate) fn covers(&self, package: &str) -> bool {
        let is = |name: &String| name.replace('-', "_") == package.replace('-', "_");
        (self.only.is_empty() || self.only.iter().any(is)) && !self.skip.iter().any(is)
    }

    /// The functions of the crate that are left bare by `--skip`.
    pub(crate) fn skipped_in(&self, package: &str) -> Vec<String> {
        let package = package.replace('-', "_");
        let of = |line: &String| line.split_once("::").map(|(krate, name)| (krate.replace('-', "_"), name.to_owned()));
        self.skip.iter().filter_map(of).filter(|(krate, _)| *krate == package).map(|(_, name)| name).collect()
    }
}

/// The session of the cargo that started this process.
pub(crate) fn of_this_process() -> Option<Session> {
    let path = std::env::var_os(VARIABLE)?;
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str(&text).ok()
}

/// Writes a file as a whole or not at all, and not if it has that content already: what depends on
/// its time stamp is built again only if something changed.
pub(crate) fn write_if_changed(path: &Path, content: &str) -> std::io::Result<bool> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // The process's number: two rustcs may write one file at the same time.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    std::fs::write(&new, content)?;
    std::fs::rename(&new, path)?;
    Ok(true)
}
