//! What cargo says that it built: the programs, and the libraries that build scripts name.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, ExitStatus};

use cargo_metadata::{Message, Metadata};

/// What cargo built.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(super) executables: Vec<PathBuf>,
    pub(super) libraries: Vec<Library>,
}

/// The libraries that one build script names.
#[derive(Debug)]
pub(super) struct Library {
    /// The package's name, with `_` for `-`.
    pub(super) krate: String,
    pub(super) folders: Vec<PathBuf>,
    /// `z`, of `static=z`.
    pub(super) archives: Vec<String>,
    /// `z`, of `dylib=z` or `z`.
    pub(super) shared: Vec<String>,
}

impl Built {
    /// Runs cargo, and reads what it says on standard output.
    pub(crate) fn by(command: &mut std::process::Command, metadata: &Metadata) -> std::io::Result<(ExitStatus, Built)> {
        let mut child = command.stdout(std::process::Stdio::piped()).spawn()?;
        let built = child.stdout.take().map(|output| Built::read(output, metadata)).unwrap_or_default();
        Ok((child.wait()?, built))
    }

    fn read(output: ChildStdout, metadata: &Metadata) -> Built {
        let mut built = Built::default();
        for message in Message::parse_stream(BufReader::new(output)).flatten() {
            match message {
                Message::CompilerArtifact(artifact) => {
                    built.executables.extend(artifact.executable.map(|path| path.into_std_path_buf()));
                }
                Message::BuildScriptExecuted(script) => {
                    let package = metadata.packages.iter().find(|package| package.id == script.package_id);
                    let Some(package) = package else { continue };
                    let kind =
                        |path: &str| Path::new(path.split_once('=').map_or(path, |(_, path)| path)).to_path_buf();
                    let folders = script.linked_paths.iter().map(|path| kind(path.as_str())).collect();
                    let (mut archives, mut shared) = (Vec::new(), Vec::new());
                    for library in &script.linked_libs {
                        let library = library.as_str();
                        match library.split_once('=') {
                            Some((kind, name)) if kind.starts_with("static") => archives.push(renamed(name)),
                            Some((kind, name)) if kind.starts_with("dylib") => shared.push(renamed(name)),
                            Some(_) => {}
                            None => shared.push(renamed(library)),
                        }
                    }
                    let krate = package.name.replace('-', "_");
                    built.libraries.push(Library { krate, folders, archives, shared });
                }
                _ => {}
            }
        }
        built
    }

    /// The folders in which build scripts have libraries.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.libraries.iter().flat_map(|library| library.folders.iter().cloned()).collect()
    }
}

/// The name without what follows it: `z:renamed`.
fn renamed(name: &str) -> String {
    name.split(':').next().unwrap_or(name).to_owned()
}
