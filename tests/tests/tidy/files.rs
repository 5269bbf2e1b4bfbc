//! The files of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// A text of the workspace.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file that is not built, relative to the workspace: those that git has, or all where there is no git.
pub(crate) fn all() -> Vec<PathBuf> {
    let git = std::process::Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let mut files: Vec<PathBuf> = match git {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let names = String::from_utf8(output.stdout).expect("names in UTF-8");
            names.split_terminator('\0').map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
        }
        _ => {
            let mut files = Vec::new();
            walk(root(), &mut files);
            files
        }
    };
    files.sort();
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let built = name.starts_with("target") || name == ".git" || path == root().join("docs/book");
        if path.is_dir() && !built {
            walk(&path, files);
        } else if path.is_file() {
            files.push(path.strip_prefix(root()).expect("inside").to_path_buf());
        }
    }
}
